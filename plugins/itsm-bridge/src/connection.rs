//! The connection: where Jira is, which tickets count, and which of their fields say what.
//!
//! Custom fields have other ids in every Jira, so they are named here. Secrets never arrive.

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
    /// Finds the tickets that somebody approved and nobody carried out.
    pub jql: String,
    /// Ids of the fields.
    pub fields: Fields,
    /// Ids of the transitions.
    pub transitions: Transitions,
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

/// Which field holds what.
#[derive(Clone, Debug, Deserialize)]
pub struct Fields {
    /// The app: its name or id.
    pub app: String,
    /// The role: its name or id.
    pub role: String,
    /// The id of the account in Grantry.
    pub account: String,
    /// The day after which the membership ends, as Jira's date or date-time field.
    pub until: Option<String>,
}

/// Where a ticket goes.
#[derive(Clone, Debug, Deserialize)]
pub struct Transitions {
    /// When the membership was granted.
    pub granted: String,
    /// When it cannot be granted as the ticket asks.
    pub refused: String,
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
        "jql": "project = ACCESS AND status = Approved",
        "fields": {
            "app": "customfield_10050", "role": "customfield_10051",
            "account": "customfield_10052", "until": "duedate"
        },
        "transitions": { "granted": "31", "refused": "41" }
    })
}

/// JSON Schema 2020-12 of the connection.
pub fn schema() -> Value {
    let text = |title: &str| json!({ "type": "string", "minLength": 1, "title": title });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["url", "auth", "jql", "fields", "transitions"],
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
                    "username": text("E-mail address of the Jira user"),
                    "token": {
                        "type": "string", "minLength": 1, "writeOnly": true, "title": "API token"
                    }
                },
                "if": { "properties": { "type": { "const": "basic" } } },
                "then": { "required": ["username"] }
            },
            "jql": {
                "type": "string", "minLength": 1, "maxLength": 4000, "title": "Tickets to carry out",
                "description": "A JQL query for approved tickets; `ORDER BY` is added"
            },
            "fields": {
                "type": "object", "title": "Fields", "additionalProperties": false,
                "required": ["app", "role", "account"],
                "properties": {
                    "app": text("App"), "role": text("Role"), "account": text("Account"),
                    "until": text("Until")
                }
            },
            "transitions": {
                "type": "object", "title": "Transitions", "additionalProperties": false,
                "required": ["granted", "refused"],
                "properties": { "granted": text("Granted"), "refused": text("Refused") }
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
    let mut issues = Vec::new();
    if connection.url.contains("/rest/") {
        let message = "enter the site alone: `/rest/api/3` is added by the bridge";
        issues.push(FieldIssue::new("/url", "not_the_site", message));
    }
    if connection.jql.to_ascii_lowercase().contains("order by") {
        let message = "leave out `ORDER BY`: the bridge works through the oldest tickets first";
        issues.push(FieldIssue::new("/jql", "has_order", message));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_no_issues() {
        assert!(validate(&example().to_string()).is_empty());
    }

    #[test]
    fn a_url_with_its_path_and_a_query_with_an_order_are_named() {
        let mut connection = example();
        connection["url"] = "https://example.atlassian.net/rest/api/3".into();
        connection["jql"] = "project = A order by key".into();
        let issues = validate(&connection.to_string());
        let codes: Vec<_> = issues.iter().map(|issue| issue.code.as_str()).collect();
        assert_eq!(codes, ["not_the_site", "has_order"]);
    }
}
