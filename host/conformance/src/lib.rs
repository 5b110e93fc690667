//! What an author of a plugin needs before there is a server: run a component, and judge it.
//!
//! ```text
//! let sandbox = Sandbox::open(component, settings).await?;    // as the host would at install
//! let session = sandbox.session(&connection, &approval)?;     // one connection, nothing stored
//! let report = manifest::check(&sandbox).await;               // needs no connection
//! ```
//!
//! Everything runs in the host's own runtime, with its limits and its egress rules. Not here:
//! databases, routes, people. Start with [`Sandbox`], then [`manifest`].

pub mod approval;
pub mod checks;
pub mod manifest;
pub mod report;
pub mod sandbox;

pub use report::{Check, Finding, Outcome, Report};
pub use sandbox::{Sandbox, SandboxError, Session};
