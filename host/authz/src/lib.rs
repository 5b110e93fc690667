//! The permission decision, and the proof that it was made.
//!
//! [`decide`] is one pure and total function, used for HTTP clients, plugins and people alike
//! (PRM-4). A [`Permit`] is its proof: nothing outside this crate can make one, and the store's
//! writes take one. Start with [`Permissions`].

mod decision;
mod permissions;
mod permit;

pub use decision::{
    Decision, Reason, decide, decide_admin, decide_any, decide_integration, decide_resource,
};
pub use permissions::{Permissions, Relation, Role, Scope, Visible};
pub use permit::{Actor, Door, Permit, Provenance, Refusal, actions};
