//! Who may call: a bearer token, a user with a password, or an OAuth 2.0 client's tokens.

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded;

/// Where an OAuth 2.0 client gets its tokens (RFC 6749 section 4.4).
pub(super) const TOKEN_PATH: &str = "/oauth/token";

/// What the directory accepts.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) token: String,
    pub(super) user: Option<(String, String)>,
    pub(super) client: Option<Client>,
    /// The issued tokens that still work.
    valid: Vec<String>,
    issued: usize,
}

/// An OAuth 2.0 client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
    /// What a token's answer says of its life; the directory itself does not end it.
    pub(super) lifetime_s: u32,
    /// False: tokens are issued that do not work.
    pub(super) is_honoured: bool,
}

impl Access {
    pub(super) fn new(
        token: String,
        user: Option<(String, String)>,
        client: Option<Client>,
    ) -> Self {
        Self { token, user, client, valid: Vec::new(), issued: 0 }
    }

    /// Whether the request may be answered.
    pub(super) fn is_authenticated(&self, parts: &Parts) -> bool {
        match credential(parts) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                token == self.token || self.valid.contains(&token)
            }
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                self.user.is_some() && decoded(&pair) == self.user
            }
            _ => false,
        }
    }

    /// Every token that was issued so far stops working.
    pub(super) fn revoke(&mut self) {
        self.valid.clear();
    }

    /// The answer to a token request (RFC 6749 sections 4.4.2 and 5).
    pub(super) fn issue(&mut self, parts: &Parts, body: &[u8]) -> (StatusCode, Value) {
        let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let is_grant =
            form.iter().any(|(name, value)| name == "grant_type" && value == "client_credentials");
        let Some(client) = self.client.as_ref().filter(|_| is_grant) else {
            return (StatusCode::BAD_REQUEST, json!({ "error": "unsupported_grant_type" }));
        };
        let pair = credential(parts).and_then(|(_, pair)| decoded(&pair));
        let pair = pair.map(|(id, secret)| (unescaped(&id), unescaped(&secret)));
        if pair != Some((client.id.clone(), client.secret.clone())) {
            return (StatusCode::UNAUTHORIZED, json!({ "error": "invalid_client" }));
        }
        self.issued += 1;
        let token = format!("issued-token-{:04}", self.issued);
        if client.is_honoured {
            self.valid.push(token.clone());
        }
        let answer = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": client.lifetime_s,
        });
        (StatusCode::OK, answer)
    }
}

fn credential(parts: &Parts) -> Option<(String, String)> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.split_once(' ').map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned()))
}

/// RFC 7617 section 2.
fn decoded(pair: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// RFC 6749 section 2.3.1: both halves are form-encoded before they are put together.
fn unescaped(text: &str) -> String {
    let form = format!("x={text}");
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap_or_default()
}
