//! What an author of a plugin needs before there is a server: run a component, and judge it.
//!
//! ```text
//! let sandbox = Sandbox::open(component, settings).await?;    // as the host would at install
//! let session = sandbox.session(&connection, &approval)?;     // one connection, nothing stored
//! let report = manifest::check(&sandbox).await;               // needs no connection
//! let report = suite::run(&subject).await?;                   // everything
//! ```
//!
//! Everything runs in the host's own runtime, with its limits and its egress rules. Not here:
//! databases, routes, people. Start with [`Sandbox`], then [`suite`];
//! [`checks`] lists what is judged.

pub mod approval;
pub mod checks;
pub mod config;
pub mod manifest;
mod proxy;
mod reading;
pub mod report;
pub mod sandbox;
pub mod suite;

pub use config::Config;
pub use report::{Check, Finding, Outcome, Report};
pub use sandbox::{Sandbox, SandboxError, Session};
pub use suite::Subject;
