//! What a token says (RFC 7519), read without guessing: a claim of the wrong type is a missing one.

use grantry_model::clock::UnixMs;
use grantry_model::oidc::{SKEW_S, TokenFault, TrustedIssuer};
use grantry_model::text;
use serde_json::{Map, Value};

/// Longest text of a claim that is used, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// Claims by which somebody is known. They are compared and stored, so nothing may hide in them.
const IDENTIFIERS: [&str; 9] =
    ["iss", "sub", "oid", "tid", "azp", "appid", "client_id", "cid", "nonce"];
/// Claims that people read.
const NAMES: [&str; 4] = ["name", "preferred_username", "upn", "email"];

/// The claims of a token.
#[derive(Debug)]
pub(crate) struct Claims(pub Map<String, Value>);

impl Claims {
    /// A text that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?;
        (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then_some(text)
    }

    /// Whether there is such a claim, of whatever type.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether there is such a claim, and it is the truth value `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    /// No claim that is used may hold a control character, and none by which somebody is known an
    /// invisible one: it would be another somebody who looks the same.
    pub(crate) fn check_texts(&self) -> Result<(), TokenFault> {
        let told = |name: &&str| self.0.get(*name).and_then(Value::as_str);
        let has_control = |text: &str| text.chars().any(char::is_control);
        if IDENTIFIERS.iter().filter_map(told).any(text::is_hiding)
            || NAMES.iter().filter_map(told).any(has_control)
            || self.audiences().into_iter().any(text::is_hiding)
        {
            return Err(TokenFault::Invalid("a claim holds an invisible character"));
        }
        Ok(())
    }

    /// The audiences: one text or a list of texts.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The directory must be the issuer's, where that has one.
    pub(crate) fn check_tenant(&self, issuer: &TrustedIssuer) -> Result<(), TokenFault> {
        match &issuer.tenant_id {
            Some(tenant) if self.text("tid") != Some(tenant) => {
                Err(TokenFault::Invalid("another tenant"))
            }
            _ => Ok(()),
        }
    }

    /// `exp` must be there; `nbf` may be. Both within the skew. Checked last: only a token that is
    /// good otherwise is told that it is late or early.
    pub(crate) fn check_times(&self, now: UnixMs) -> Result<(), TokenFault> {
        let now_s = now.0.div_euclid(1_000);
        let expires = self.seconds("exp").ok_or(TokenFault::Invalid("no end"))?;
        if now_s > expires.saturating_add(SKEW_S) {
            return Err(TokenFault::Expired);
        }
        if !self.has("nbf") {
            return Ok(());
        }
        let begins = self.seconds("nbf").ok_or(TokenFault::Invalid("an unreadable beginning"))?;
        if begins.saturating_sub(SKEW_S) > now_s {
            return Err(TokenFault::NotYetValid);
        }
        Ok(())
    }

    /// A NumericDate, which may have a fraction.
    fn seconds(&self, name: &str) -> Option<i64> {
        let number = self.0.get(name)?.as_number()?;
        number.as_i64().or_else(|| {
            let seconds = number.as_f64()?.floor();
            // Beyond this a date is no date, and casting would be a guess.
            #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
            (seconds.abs() < 1e15).then_some(seconds as i64)
        })
    }
}
