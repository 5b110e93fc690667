//! From the engine's words to the wire's and back: plain, total, without decisions.

pub(crate) mod access_profiles;
pub(crate) mod aggregations;
pub(crate) mod app_webhooks;
pub(crate) mod application_types;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod audit_sinks;
pub(crate) mod catalogue;
pub(crate) mod channels;
pub(crate) mod clients;
pub(crate) mod data_sources;
pub(crate) mod deletion_guards;
pub(crate) mod deliveries;
pub(crate) mod entitlement_search;
pub(crate) mod entitlement_types;
pub(crate) mod external_changes;
pub(crate) mod integrations;
pub(crate) mod issuers;
pub(crate) mod jobs;
pub(crate) mod mappings;
pub(crate) mod me;
pub(crate) mod memberships;
pub(crate) mod people;
pub(crate) mod permissions;
pub(crate) mod plugins;
pub(crate) mod publishers;
pub(crate) mod registries;
pub(crate) mod removals;
pub(crate) mod request_rules;
pub(crate) mod requests;
pub(crate) mod resources;
pub(crate) mod run_changes;
pub(crate) mod schedules;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod tasks;
pub(crate) mod templates;
pub(crate) mod ticket_desks;
pub(crate) mod token_requests;
pub(crate) mod uploads;
pub(crate) mod versions;
pub(crate) mod workflows;

use serde::Serialize;
use serde_json::Value;

/// The name that serde gives to a unit case, such as `oauth2_client_credentials`.
fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

/// JSON that came as text.
fn stored_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
