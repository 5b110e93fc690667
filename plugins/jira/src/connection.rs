//! The connection: where Jira is, which project takes the tickets, and what a refusal is called there.
//!
//! Secrets never arrive.

use grantry_sdk::lifecycle::{AuthKind, AuthScheme, BasicAuth};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Error, FieldIssue};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the plugin sees of a connection.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    url: String,
    auth: Auth,
    /// The project's key or id.
    pub project: String,
    /// Statuses and resolutions that say that it was not done, by name.
    #[serde(default = "refusals")]
    pub refusals: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Auth {
    #[serde(rename = "type")]
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Bearer,
    Basic,
}

/// What Jira's own workflows call it.
fn refusals() -> Vec<String> {
    ["Declined", "Rejected", "Cancelled", "Canceled", "Won't Do", "Won't Fix", "Duplicate"]
        .map(str::to_owned)
        .to_vec()
}

impl Connection {
    /// The name of the auth scheme, as [`schemes`] declares it.
    pub fn scheme(&self) -> &'static str {
        match self.auth.scheme {
            Scheme::Bearer => "bearer",
            Scheme::Basic => "basic",
        }
    }

    /// The url of a path below `/rest/api/3`.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}/rest/api/3{path}", self.url.trim_end_matches('/'))
    }

    /// Where a person reads a ticket.
    pub fn page(&self, key: &str) -> String {
        format!("{}/browse/{key}", self.url.trim_end_matches('/'))
    }

    /// Whether a status or resolution says that it was not done.
    pub fn is_refusal(&self, name: &str) -> bool {
        self.refusals.iter().any(|refusal| refusal.eq_ignore_ascii_case(name))
    }
}

/// How the host authenticates, by `auth.type`.
pub fn schemes() -> Vec<AuthScheme> {
    let basic = BasicAuth { username: "/auth/username".into(), password: "/auth/token".into() };
    vec![
        AuthScheme { name: "bearer".into(), kind: AuthKind::Bearer("/auth/token".into()) },
        AuthScheme { name: "basic".into(), kind: AuthKind::Basic(basic) },
    ]
}

/// A connection that [`schema`] accepts.
pub fn example() -> Value {
    json!({
        "url": "https://example.atlassian.net",
        "auth": { "type": "basic", "username": "grantry@example.com", "token": "an API token" },
        "project": "ACCESS"
    })
}

/// JSON Schema 2020-12 of the connection.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["url", "auth", "project"],
        "properties": {
            "url": {
                "type": "string", "format": "uri", "minLength": 1, "maxLength": 2048,
                "title": "Jira site", "description": "Such as `https://example.atlassian.net`"
            },
            "auth": {
                "type": "object",
                "title": "Authentication",
                "additionalProperties": false,
                "required": ["type", "token"],
                "properties": {
                    "type": { "enum": ["bearer", "basic"], "title": "Kind" },
                    "username": {
                        "type": "string", "minLength": 1, "title": "E-mail address of the Jira user"
                    },
                    "token": {
                        "type": "string", "minLength": 1, "writeOnly": true, "title": "API token"
                    }
                },
                "if": { "properties": { "type": { "const": "basic" } } },
                "then": { "required": ["username"] }
            },
            "project": {
                "type": "string", "pattern": "^[A-Za-z0-9_]{1,255}$", "title": "Project",
                "description": "Its key, such as `ACCESS`"
            },
            "refusals": {
                "type": "array", "maxItems": 50, "title": "Refusals",
                "description": "Statuses and resolutions of a closed ticket that was not done",
                "items": { "type": "string", "minLength": 1, "maxLength": 255 }
            }
        }
    })
}

/// Faults that the schema cannot express.
pub fn validate(text: &str) -> Vec<FieldIssue> {
    let connection: Connection = match parse_connection(text) {
        Ok(connection) => connection,
        Err(Error::InvalidConfig(issues)) => return issues,
        Err(_) => return Vec::new(),
    };
    if connection.url.contains("/rest/") {
        let message = "enter the site alone: `/rest/api/3` is added by the plugin";
        return vec![FieldIssue::new("/url", "not_the_site", message)];
    }
    Vec::new()
}
