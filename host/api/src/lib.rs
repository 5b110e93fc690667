//! The wire types of the HTTP API: what goes in, what comes out, and how errors look.
//!
//! Everything here is plain data with serde and OpenAPI schemas; the doc comments are the API's
//! reference text. Names are snake_case, times are Unix milliseconds and named `…_ms`, and inputs
//! refuse fields that they do not know. Not here: any rule about what is allowed.

pub mod access_profiles;
pub mod aggregations;
pub mod app_webhooks;
pub mod application_types;
pub mod apps;
pub mod audit;
pub mod audit_sinks;
pub mod catalogue;
pub mod channels;
#[cfg(feature = "client")]
pub mod client;
pub mod clients;
pub mod data_sources;
pub mod deletion_guards;
pub mod deliveries;
pub mod entitlement_search;
pub mod entitlement_types;
#[cfg(feature = "client")]
pub mod events;
pub mod external_changes;
pub mod headers;
pub mod integrations;
pub mod issuers;
pub mod jobs;
pub mod mappings;
pub mod me;
pub mod memberships;
pub mod page;
pub mod people;
pub mod permissions;
pub mod plugins;
pub mod problem;
pub mod publishers;
pub mod registries;
pub mod removals;
pub mod request_rules;
pub mod requests;
pub mod resources;
pub mod run_changes;
pub mod schedules;
pub mod settings;
pub mod sign_in;
pub mod tasks;
pub mod templates;
pub mod ticket_desks;
pub mod uploads;
pub mod versions;
pub mod workflows;

pub use page::{List, ListQuery};
pub use problem::{FieldProblem, Problem};
