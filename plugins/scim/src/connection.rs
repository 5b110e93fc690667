//! The connection: where the server is and how the host authenticates to it.
//!
//! Secrets never arrive here; only the name of the scheme does. The host finds them by the pointers
//! of [`schemes`].

use grantry_sdk::lifecycle::{AuthKind, AuthScheme, BasicAuth, ClientCredentials};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Error, FieldIssue};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the plugin sees of a connection.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    /// The base of the service, such as `https://idp.example.com/scim/v2`.
    pub url: String,
    auth: Auth,
}

#[derive(Clone, Debug, Deserialize)]
struct Auth {
    #[serde(rename = "type")]
    scheme: Scheme,
    token_url: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Bearer,
    Basic,
    OAuth2,
}

impl Connection {
    /// The name of the auth scheme, as [`schemes`] declares it.
    pub fn scheme(&self) -> &'static str {
        match self.auth.scheme {
            Scheme::Bearer => "bearer",
            Scheme::Basic => "basic",
            Scheme::OAuth2 => "oauth2",
        }
    }

    /// The url of an endpoint, such as `/Users`.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }
}

/// How the host authenticates, by `auth.type`.
pub fn schemes() -> Vec<AuthScheme> {
    let scheme = |name: &str, kind| AuthScheme { name: name.into(), kind };
    let basic = BasicAuth { username: "/auth/username".into(), password: "/auth/password".into() };
    let oauth2 = ClientCredentials {
        token_url: "/auth/token_url".into(),
        client_id: "/auth/client_id".into(),
        client_secret: "/auth/client_secret".into(),
        scope: Some("/auth/scope".into()),
    };
    vec![
        scheme("bearer", AuthKind::Bearer("/auth/token".into())),
        scheme("basic", AuthKind::Basic(basic)),
        scheme("oauth2", AuthKind::Oauth2ClientCredentials(oauth2)),
    ]
}

/// A connection that [`schema`] accepts.
pub fn example() -> Value {
    json!({
        "url": "https://idp.example.com/scim/v2",
        "auth": { "type": "bearer", "token": "the token of the SCIM service" }
    })
}

/// JSON Schema 2020-12 of the connection.
pub fn schema() -> Value {
    let when = |kind: &str, required: &[&str]| {
        json!({
            "if": { "properties": { "type": { "const": kind } } },
            "then": { "required": required }
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["url", "auth"],
        "properties": {
            "url": {
                "type": "string", "format": "uri", "minLength": 1, "maxLength": 2048,
                "title": "Base URL",
                "description": "Where the SCIM 2.0 service begins; `/Users` and `/Groups` follow it"
            },
            "auth": {
                "type": "object",
                "title": "Authentication",
                "additionalProperties": false,
                "required": ["type"],
                "properties": {
                    "type": { "enum": ["bearer", "basic", "oauth2"], "title": "Kind" },
                    "token": secret("Bearer token"),
                    "username": { "type": "string", "title": "User name" },
                    "password": secret("Password"),
                    "token_url": { "type": "string", "format": "uri", "title": "OAuth 2 token URL" },
                    "client_id": { "type": "string", "title": "OAuth 2 client id" },
                    "client_secret": secret("OAuth 2 client secret"),
                    "scope": { "type": "string", "title": "OAuth 2 scope" }
                },
                "allOf": [
                    when("bearer", &["token"]),
                    when("basic", &["username", "password"]),
                    when("oauth2", &["token_url", "client_id", "client_secret"])
                ]
            }
        }
    })
}

fn secret(title: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "writeOnly": true, "title": title })
}

/// Faults that the schema cannot express.
pub fn validate(text: &str) -> Vec<FieldIssue> {
    let connection: Connection = match parse_connection(text) {
        Ok(connection) => connection,
        Err(Error::InvalidConfig(issues)) => return issues,
        Err(_) => return Vec::new(),
    };
    let token_url = connection.auth.token_url.as_deref().map(|url| ("/auth/token_url", url));
    let urls = [Some(("/url", connection.url.as_str())), token_url];
    urls.into_iter().flatten().filter_map(|(path, url)| url_issue(path, url)).collect()
}

fn url_issue(path: &str, url: &str) -> Option<FieldIssue> {
    let issue = |code: &str, message: &str| Some(FieldIssue::new(path, code, message));
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return issue("invalid_scheme", "the URL must begin with `https://`");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return issue("missing_host", "the URL names no host");
    }
    if authority.contains('@') {
        return issue("credential_in_url", "put the credential into `auth`, not into the URL");
    }
    if url.contains(['?', '#']) || url.chars().any(char::is_whitespace) {
        return issue("invalid_url", "the URL must end with its path, such as `/scim/v2`");
    }
    let last = rest.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    if path == "/url" && ["users", "groups"].contains(&last.to_ascii_lowercase().as_str()) {
        return issue(
            "not_the_base",
            "leave out the last part: `/Users` is added by the connector",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(url: &str) -> Vec<String> {
        let text = json!({ "url": url, "auth": { "type": "bearer" } }).to_string();
        validate(&text).into_iter().map(|issue| issue.code).collect()
    }

    #[test]
    fn a_good_connection_has_no_issues() {
        assert!(codes("https://idp.example.com/scim/v2/").is_empty());
        assert!(validate(&example().to_string()).is_empty());
    }

    #[test]
    fn each_fault_of_a_url_is_named() {
        assert_eq!(codes("idp.example.com"), ["invalid_scheme"]);
        assert_eq!(codes("https:///v2"), ["missing_host"]);
        assert_eq!(codes("https://ada:pw@idp/v2"), ["credential_in_url"]);
        assert_eq!(codes("https://idp/v2?x=1"), ["invalid_url"]);
        assert_eq!(codes("https://idp/v2/Users/"), ["not_the_base"]);
    }

    #[test]
    fn the_scheme_is_known_without_its_secret() {
        let text = r#"{"url":"https://a","auth":{"type":"oauth2","token_url":"https://b/t"}}"#;
        let connection: Connection = parse_connection(text).unwrap();
        assert_eq!(connection.scheme(), "oauth2");
    }

    #[test]
    fn every_pointer_of_a_scheme_is_in_the_schema_and_its_secrets_are_write_only() {
        let schema = schema();
        let at = |pointer: &str| {
            let path = pointer.replace('/', "/properties/");
            schema.pointer(&path).unwrap_or_else(|| panic!("`{pointer}`")).clone()
        };
        for secret in ["/auth/token", "/auth/password", "/auth/client_secret"] {
            assert_eq!(at(secret)["writeOnly"], true);
        }
        for plain in ["/auth/username", "/auth/token_url", "/auth/client_id", "/auth/scope"] {
            assert_eq!(at(plain)["type"], "string");
        }
    }
}
