//! The connection: which JumpCloud, and whether roles may replace each other.

use grantry_sdk::lifecycle::{AuthKind, AuthScheme, HeaderAuth};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Error, FieldIssue};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the plugin sees of a connection. The token never arrives.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    url: String,
    /// For an API key that reaches several organizations.
    pub organization: Option<String>,
    /// Where an administrator can have one role only, a grant may replace it.
    #[serde(default)]
    pub may_replace_role: bool,
}

impl Connection {
    /// The url of a path such as `/api/users`.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }
}

/// The name of the only auth scheme.
pub const SCHEME: &str = "api-key";

/// How the host authenticates.
pub fn schemes() -> Vec<AuthScheme> {
    let header =
        HeaderAuth { header: "x-api-key".into(), prefix: String::new(), secret: "/token".into() };
    vec![AuthScheme { name: SCHEME.into(), kind: AuthKind::Header(header) }]
}

/// A connection that [`schema`] accepts.
pub fn example() -> Value {
    json!({ "url": "https://console.jumpcloud.com", "token": "the API key of an administrator" })
}

/// JSON Schema 2020-12 of the connection.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["url", "token"],
        "properties": {
            "url": {
                "type": "string", "format": "uri", "minLength": 1, "maxLength": 2048,
                "title": "URL of the console",
                "description": "`https://console.jumpcloud.com`, or `console.eu.` or `console.in.` there",
                "default": "https://console.jumpcloud.com"
            },
            "token": {
                "type": "string", "minLength": 1, "writeOnly": true, "title": "API key"
            },
            "organization": {
                "type": "string", "minLength": 1, "title": "Organization id",
                "description": "Only for an API key that reaches several organizations"
            },
            "may_replace_role": {
                "type": "boolean", "default": false, "title": "A grant may replace a role",
                "description": "For organizations where an administrator has one role at a time"
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
    let issue = |code: &str, message: &str| vec![FieldIssue::new("/url", code, message)];
    let url = connection.url.trim_end_matches('/');
    let Some((_, rest)) = url.split_once("://") else {
        return issue("invalid_scheme", "the URL must begin with `https://`");
    };
    match rest.split_once('/') {
        Some(_) => issue("not_the_console", "leave out the path: `/api` is added by the connector"),
        None if rest.contains('@') => issue("credential_in_url", "the API key belongs in `token`"),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_no_issues_and_faults_of_the_url_are_named() {
        assert!(validate(&example().to_string()).is_empty());
        for (url, code) in [
            ("console.jumpcloud.com", "invalid_scheme"),
            ("https://console.jumpcloud.com/api/", "not_the_console"),
            ("https://key@console.jumpcloud.com", "credential_in_url"),
        ] {
            assert_eq!(validate(&json!({ "url": url }).to_string())[0].code, code, "{url}");
        }
    }
}
