//! Write Grantry plugins in Rust.
//!
//! A plugin is a type that implements the traits of what it can do ([`Lifecycle`] always), and one
//! line that exports them. Only the named interfaces are exported, and what a plugin can do is read
//! from its exports. The comments of `wit/` are the reference manual of every type.
//!
//! ```
//! use grantry_sdk::lifecycle::Manifest;
//! use grantry_sdk::{Lifecycle, types::Error};
//!
//! struct Example;
//!
//! impl Lifecycle for Example {
//!     fn describe() -> Manifest {
//!         Manifest { name: "example".into(), version: "0.1.0".into(), ..Manifest::default() }
//!     }
//! }
//!
//! grantry_sdk::export!(Example: Lifecycle);
//! # fn main() {}
//! ```

#[rustfmt::skip]
#[expect(missing_docs, unsafe_code, reason = "generated; `wit/` is the manual")]
pub mod bindings;

pub mod aggregate;
pub mod changes;
pub mod cursor;
pub mod http;
pub mod kv;
pub mod lifecycle;
pub mod log;
mod panics;
pub mod platform;
pub mod provision;
pub mod run;
pub mod seal;
pub mod step;
pub mod tickets;
pub mod time;
pub mod types;
pub mod webhook;

pub use aggregate::Aggregate;
pub use changes::Changes;
pub use lifecycle::Lifecycle;
pub use provision::Provision;
pub use step::StepLogic;
pub use tickets::Tickets;
pub use types::{Error, Result};
pub use webhook::WebhookLogic;

/// Exports the named interfaces of a plugin: `export!(MyPlugin: Lifecycle, Aggregate, Provision);`
///
/// Outside of WebAssembly it does nothing, so that a plugin's logic can be tested natively.
#[macro_export]
macro_rules! export {
    ($plugin:ident: $($interface:ident),+ $(,)?) => {
        $(
            #[cfg(target_arch = "wasm32")]
            $crate::__export_one!($plugin $interface);
        )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_one {
    ($plugin:ident Lifecycle) => {
        $crate::__export_lifecycle!($plugin);
    };
    ($plugin:ident Aggregate) => {
        $crate::__export_aggregate!($plugin);
    };
    ($plugin:ident Changes) => {
        $crate::__export_changes!($plugin);
    };
    ($plugin:ident Provision) => {
        $crate::__export_provision!($plugin);
    };
    ($plugin:ident Tickets) => {
        $crate::__export_tickets!($plugin);
    };
    ($plugin:ident StepLogic) => {
        $crate::__export_step_logic!($plugin);
    };
    ($plugin:ident WebhookLogic) => {
        $crate::__export_webhook_logic!($plugin);
    };
}
