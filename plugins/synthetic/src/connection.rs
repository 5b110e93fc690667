//! The connection: the directory's size and the fault that its listings have.

use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Error, FieldIssue};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the directory is like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// How many users there are.
    pub users: u64,
    /// How many groups there are.
    pub groups: u64,
    /// How many memberships there are, spread evenly over the groups.
    pub assignments: u64,
    /// Another seed gives other names and memberships, not other numbers of them.
    #[serde(default)]
    pub seed: u64,
    /// Whether its listings are validated: then one that is as it was has no rows.
    #[serde(default)]
    pub validators: bool,
    /// Whether there is a log of its changes.
    #[serde(default)]
    pub feed: bool,
    /// What is wrong with its listings.
    pub fault: Option<Fault>,
}

/// What is wrong with the listings. Pages count from 0.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// From its second page on, the listing gives the same cursor again.
    pub cursor_loop: bool,
    /// The listing never ends, with ever new ids.
    pub endless: bool,
    /// The second row of a page has the id of the first.
    pub duplicate_ids: bool,
    /// This page answers `unavailable`.
    pub error_at_page: Option<u64>,
    /// Nothing is there, and it says so with confidence.
    pub empty: bool,
    /// Every tenth membership is of a user whom nobody listed.
    pub dangling: bool,
    /// So many percent of the users, groups and memberships are gone.
    pub shrink: u64,
    /// This page ends in a trap.
    pub trap_at_page: Option<u64>,
    /// Only these kinds have the fault; all of them if there are none. Memberships are `Member`.
    pub only: Vec<String>,
}

impl Connection {
    /// The fault of a kind's listing.
    pub fn fault_of(&self, kind: &str) -> Fault {
        let fault = self.fault.clone().unwrap_or_default();
        let is_meant = fault.only.is_empty() || fault.only.iter().any(|only| only == kind);
        if is_meant { fault } else { Fault::default() }
    }
}

/// JSON Schema 2020-12 of the connection.
pub fn schema() -> Value {
    let count = |title: &str| json!({ "type": "integer", "minimum": 0, "maximum": 100_000_000, "title": title });
    let page = || json!({ "type": "integer", "minimum": 0 });
    let flag = || json!({ "type": "boolean" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["users", "groups", "assignments"],
        "properties": {
            "users": count("Users"),
            "groups": count("Groups"),
            "assignments": count("Memberships"),
            "seed": { "type": "integer", "minimum": 0, "title": "Seed" },
            "validators": { "type": "boolean", "title": "Validators" },
            "feed": { "type": "boolean", "title": "Change log" },
            "fault": {
                "type": "object",
                "title": "Fault",
                "additionalProperties": false,
                "properties": {
                    "cursor_loop": flag(), "endless": flag(), "duplicate_ids": flag(),
                    "error_at_page": page(), "empty": flag(), "dangling": flag(),
                    "shrink": { "type": "integer", "minimum": 0, "maximum": 100 },
                    "trap_at_page": page(),
                    "only": { "type": "array", "items": { "enum": ["User", "Group", "Member"] } }
                }
            }
        }
    })
}

/// A connection that [`schema`] accepts.
pub fn example() -> Value {
    json!({ "users": 1000, "groups": 100, "assignments": 5000, "seed": 1 })
}

/// Faults that the schema cannot express.
pub fn validate(text: &str) -> Vec<FieldIssue> {
    let connection: Connection = match parse_connection(text) {
        Ok(connection) => connection,
        Err(Error::InvalidConfig(issues)) => return issues,
        Err(_) => return Vec::new(),
    };
    let most = connection.users.saturating_mul(connection.groups);
    if connection.assignments <= most {
        return Vec::new();
    }
    let message = format!("there cannot be more than {most} memberships");
    vec![FieldIssue::new("/assignments", "too_many", message)]
}
