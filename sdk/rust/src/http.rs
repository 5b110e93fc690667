//! Requests to the hosts that the admin approved.
//!
//! [`Request`] is built up and sent; [`Transport`] is who sends it: the [`Host`], or a script in a
//! native test. What the host refuses becomes an [`Error`] that tells a read from a write: after a
//! write whose answer was lost nobody knows whether it happened.

mod answer;

use serde::Serialize;

pub use crate::bindings::grantry::plugin::http::{HttpError, Request as RawRequest, Response};
use crate::types::{Backoff, Error, Result};

/// Who sends requests.
pub trait Transport {
    /// Sends one request.
    ///
    /// # Errors
    /// Why there is no whole answer.
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError>;
}

/// The host: the only way out of a plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

impl Transport for Host {
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError> {
        crate::bindings::grantry::plugin::http::send(request)
    }
}

/// A request that is being built.
#[derive(Clone, Debug)]
pub struct Request {
    raw: RawRequest,
    /// Why it could not be built.
    fault: Option<Error>,
}

impl Request {
    /// `method` is one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let raw = RawRequest {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            auth: None,
            timeout_ms: 0,
        };
        Self { raw, fault: None }
    }

    /// Reads.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Creates or acts.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Replaces.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// Changes in part.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// Deletes.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// The host places the credential of this scheme of the manifest.
    #[must_use]
    pub fn auth(mut self, scheme: impl Into<String>) -> Self {
        self.raw.auth = Some(scheme.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.raw.headers.push((name.into(), value.into()));
        self
    }

    /// A JSON body, as `application/json` unless a `content-type` was set before.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.raw.body = bytes,
            Err(error) => {
                self.fault = Some(Error::Internal(format!("could not write a body: {error}")))
            }
        }
        let is_typed = self.raw.headers.iter().any(|(name, _)| name == "content-type");
        if is_typed { self } else { self.header("content-type", "application/json") }
    }

    /// A body of any kind.
    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Self {
        self.raw.body = bytes;
        self.header("content-type", content_type)
    }

    /// Instead of the host's own limit.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.raw.timeout_ms = timeout_ms;
        self
    }

    /// Sends it through the host.
    ///
    /// # Errors
    /// Only for a missing answer; every status is an `Ok`. See [`Response::success`].
    pub fn send(self) -> Result<Response> {
        self.send_with(&Host)
    }

    /// Sends it through `transport`.
    ///
    /// # Errors
    /// As [`Request::send`].
    pub fn send_with(self, transport: &(impl Transport + ?Sized)) -> Result<Response> {
        let is_write = is_write(&self.raw.method);
        let answer = transport.send(&self.into_raw()?);
        answer.map_err(|error| Error::from_http(error, is_write))
    }

    /// What would be sent, for those who tell the host's errors apart themselves.
    ///
    /// # Errors
    /// [`Error::Internal`] if the body could not be written.
    pub fn into_raw(self) -> Result<RawRequest> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.raw),
        }
    }
}

/// Percent-encodes a path segment or a query value: all but RFC 3986's unreserved characters.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Whether a lost answer leaves the outcome unknown.
fn is_write(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD")
}

impl Error {
    /// What a missing answer means. After a write that may have arrived the outcome is unknown.
    pub fn from_http(error: HttpError, is_write: bool) -> Self {
        let lost =
            |what: &str| Self::OutcomeUnknown(format!("{what}; the write may have happened"));
        match error {
            HttpError::Denied(code) => Error::EgressDenied(code),
            HttpError::Connect(_) => Error::Unavailable(Backoff::unknown()),
            HttpError::TimedOut if is_write => lost("the target did not answer in time"),
            HttpError::TimedOut => Error::TimedOut,
            HttpError::Protocol(_) if is_write => lost("the target's answer did not come whole"),
            HttpError::Protocol(_) => Error::Unavailable(Backoff::unknown()),
            HttpError::TooLarge if is_write => lost("the target's answer was too large"),
            HttpError::TooLarge => {
                Error::BadData("the target's answer is larger than allowed".into())
            }
            HttpError::RateWaitExceeded(after_ms) => {
                Error::RateLimited(Backoff::after_ms(after_ms))
            }
            HttpError::QuotaExceeded(what) => Error::QuotaExceeded(what),
            HttpError::Cancelled if is_write => lost("the call was cancelled"),
            HttpError::Cancelled => Error::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_path_segment() {
        assert_eq!(encode("a/b?c=é #"), "a%2Fb%3Fc%3D%C3%A9%20%23");
    }

    struct Failing(HttpError);

    impl Transport for Failing {
        fn send(&self, _: &RawRequest) -> Result<Response, HttpError> {
            Err(self.0.clone())
        }
    }

    #[test]
    fn a_lost_answer_to_a_write_leaves_the_outcome_unknown() {
        for error in [HttpError::TimedOut, HttpError::Protocol("reset".into()), HttpError::TooLarge]
        {
            let failure = Request::patch("https://x").send_with(&Failing(error)).unwrap_err();
            assert!(matches!(failure, Error::OutcomeUnknown(_)), "{failure:?}");
        }
    }

    #[test]
    fn a_lost_answer_to_a_read_may_be_tried_again() {
        let timed_out = Request::get("https://x").send_with(&Failing(HttpError::TimedOut));
        assert_eq!(timed_out.unwrap_err(), Error::TimedOut);
        let broken =
            Request::get("https://x").send_with(&Failing(HttpError::Protocol("eof".into())));
        assert_eq!(broken.unwrap_err(), Error::Unavailable(Backoff::unknown()));
    }

    #[test]
    fn a_refused_connection_never_leaves_the_outcome_unknown() {
        let failure =
            Request::put("https://x").send_with(&Failing(HttpError::Connect("no".into())));
        assert_eq!(failure.unwrap_err(), Error::Unavailable(Backoff::unknown()));
    }
}
