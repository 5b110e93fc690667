//! What Grantry talks about, as plain types and pure functions.
//!
//! Here: ids, the vocabulary of the plugin contract, the state machines of memberships, jobs and
//! aggregations, and the traits by which the outer crates meet. Not here: any I/O, database, HTTP
//! or Wasm. Start with [`catalogue`] and [`runner`].

pub mod aggregation;
pub mod approval;
pub mod catalogue;
pub mod changes;
pub mod clock;
pub mod connection;
pub mod csv;
pub mod deletion_guard;
pub mod delivery;
pub mod effective;
pub mod entitlement_search;
pub mod entitlement_types;
pub mod fault;
pub mod fingerprint;
pub mod gate;
pub mod identity;
pub mod ids;
pub mod job;
pub mod mapping;
pub mod membership;
pub mod method;
pub mod notification;
pub mod oidc;
pub mod package;
pub mod permission;
pub mod platform;
pub mod plugin;
pub mod provision;
pub mod registry;
pub mod removal;
pub mod request;
pub mod request_rules;
pub mod runner;
pub mod schedule;
pub mod secret;
pub mod selection;
pub mod settings;
pub mod signature;
pub mod task;
pub mod text;
pub mod ticket;
pub mod upload;
pub mod workflow;
