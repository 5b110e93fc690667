//! The connection: where the directory is, and which mistake is made.

use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Error, FieldIssue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::manifest;

/// What the plugin sees of a connection.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    /// The base of the service, such as `https://idp.example.com/scim/v2`.
    pub url: String,
    /// For tests of what comes out.
    #[serde(default)]
    pub note: String,
    /// The mistake; none is the honest connector.
    pub mutant: Option<String>,
}

impl Connection {
    /// Whether this mistake is made.
    pub fn is(&self, mutant: &str) -> bool {
        self.mutant.as_deref() == Some(mutant)
    }
}

/// JSON Schema 2020-12 of the connection.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["url", "token"],
        "properties": {
            "url": { "type": "string", "format": "uri", "title": "Base URL" },
            "token": { "type": "string", "writeOnly": true, "title": "Bearer token" },
            "note": { "type": "string", "title": "Note" },
            "mutant": { "type": "string", "title": "The mistake" }
        }
    })
}

/// A connection that [`schema`] accepts.
pub fn example() -> Value {
    json!({ "url": "https://idp.example.com/scim/v2", "token": "the token of the SCIM service" })
}

/// Faults that the schema cannot express.
pub fn validate(text: &str) -> Vec<FieldIssue> {
    let connection = match parse_connection::<Connection>(text) {
        Ok(connection) if connection.is("validates-anything") => return Vec::new(),
        Ok(connection) => connection,
        Err(error) if manifest::is("validate-unwraps") => panic!("{error:?}"),
        Err(Error::InvalidConfig(issues)) => return issues,
        Err(_) => return Vec::new(),
    };
    let is_web = ["https://", "http://"].iter().any(|scheme| connection.url.starts_with(scheme));
    match is_web {
        true => Vec::new(),
        false => vec![FieldIssue::new("/url", "invalid_scheme", "it begins with `https://`")],
    }
}
