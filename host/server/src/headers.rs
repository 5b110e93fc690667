//! Request headers with a meaning of their own: Idempotency-Key and If-Match.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_engine::{Answer, Idempotent};
use grantry_model::plugin::Digest;
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};

use crate::problem::Problem;
use crate::state::Server;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PLUGIN_SIGNATURE: HeaderName = HeaderName::from_static("plugin-signature");
const KEY_BYTES_MAX: usize = 255;

/// The Idempotency-Key of a POST (security.md rows 17 to 19), with what tells its request from
/// others.
pub(crate) struct Once {
    key: String,
    request: String,
}

impl Once {
    /// The request of this key with its body.
    pub(crate) fn with(self, body: &[u8]) -> Self {
        Self { request: format!("{} {}", self.request, Digest::of(body)), ..self }
    }

    /// The request of this key with a body that was not held, by its digest.
    pub(crate) fn with_digest(self, digest: &str) -> Self {
        Self { request: format!("{} {digest}", self.request), ..self }
    }

    /// The request as the engine wants it, with the way to put its result on the wire.
    pub(crate) fn answered<'a, T>(
        &'a self,
        answer: &'a (dyn Fn(&T) -> Answer + Send + Sync),
    ) -> Idempotent<'a, T> {
        Idempotent { key: &self.key, request: self.request.as_bytes(), answer }
    }
}

impl FromRequestParts<Server> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(key) = keys.next() else {
            let detail = "send an `Idempotency-Key` header: any text of your own that is unique to \
                          this request; a repeated request with the same key is carried out once";
            return Err(Problem::new("idempotency_key_required", detail));
        };
        let key = key.as_bytes();
        let is_visible = key.iter().all(|b| b.is_ascii_graphic());
        if keys.next().is_some() || !is_visible || key.is_empty() || key.len() > KEY_BYTES_MAX {
            let detail = "an `Idempotency-Key` has 1 to 255 visible ASCII characters";
            return Err(Problem::new("idempotency_key_invalid", detail));
        }
        let key = String::from_utf8_lossy(key).into_owned();
        Ok(Self { key, request: format!("{} {}", parts.method, parts.uri) })
    }
}

/// The Idempotency-Key where it is optional: without one, the request is one of its own.
pub(crate) struct MaybeOnce(pub Once);

impl FromRequestParts<Server> for MaybeOnce {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        if !parts.headers.contains_key(IDEMPOTENCY_KEY) {
            let trace = crate::access::Trace::of(&parts.extensions);
            let request = format!("{} {}", parts.method, parts.uri);
            return Ok(Self(Once { key: trace.request_id.clone(), request }));
        }
        Once::from_request_parts(parts, server).await.map(Self)
    }
}

/// The text of the `.minisig` file of an uploaded component, where it has one.
pub(crate) struct PluginSignature(pub Option<String>);

impl FromRequestParts<Server> for PluginSignature {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(PLUGIN_SIGNATURE).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = STANDARD.decode(value.as_bytes()).ok().and_then(|b| String::from_utf8(b).ok());
        let Some(text) = text.filter(|_| values.next().is_none()) else {
            let detail = "send one `Plugin-Signature` header with the `.minisig` file in base64";
            return Err(Problem::new("plugin_signature_invalid", detail));
        };
        Ok(Self(Some(text)))
    }
}

/// The version that a change expects (row 20).
pub(crate) struct IfMatch(pub i64);

impl FromRequestParts<Server> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, Problem> {
        let mut tags = parts.headers.get_all(header::IF_MATCH).iter();
        let tag = tags.next().and_then(|tag| tag.to_str().ok()).map(str::trim);
        let Some(tag) = tag.filter(|tag| tag.ends_with('"')) else {
            let detail = "send an `If-Match` header with the `ETag` of what you read, so that \
                          nobody else's change is lost";
            return Err(Problem::new("precondition_required", detail));
        };
        let unmatched = || {
            let detail = "the `If-Match` header names no version of this: read it again and \
                          repeat the change";
            Problem::new("version_conflict", detail)
        };
        version(tag).filter(|_| tags.next().is_none()).map(Self).ok_or_else(unmatched)
    }
}

fn version(tag: &str) -> Option<i64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The ETag of a version.
pub(crate) fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("digits in quotes are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_strong_tag_of_ours_names_a_version() {
        assert_eq!(version("\"7\""), Some(7));
        for tag in ["7", "W/\"7\"", "*", "\"7\", \"8\"", "\"x\"", ""] {
            assert_eq!(version(tag), None, "{tag}");
        }
    }
}
