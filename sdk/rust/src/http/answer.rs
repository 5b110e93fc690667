//! What a response means.

use serde::de::DeserializeOwned;

use super::Response;
use crate::types::{Backoff, Error, Result};

impl Response {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::BadData`], without any of the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::BadData(format!(
                "the target answered {} with a body of another shape (line {line}, column {column})",
                self.status
            ))
        })
    }

    /// The response itself if its status is a success.
    ///
    /// # Errors
    /// What the status says; see [`Response::to_error`].
    pub fn success(self, is_write: bool) -> Result<Self> {
        if self.is_success() { Ok(self) } else { Err(self.to_error(is_write)) }
    }

    /// What a status other than a success says (RFC 9110). A failed gateway or server leaves the
    /// outcome of a write unknown; `503` says that it did nothing.
    pub fn to_error(&self, is_write: bool) -> Error {
        let status = self.status;
        match status {
            401 => Error::Unauthenticated("the target refused the credential (401)".into()),
            403 => Error::PermissionDenied(Vec::new()),
            404 | 410 => Error::NotFound(None),
            408 if is_write => Error::OutcomeUnknown("the target timed out (408)".into()),
            408 => Error::TimedOut,
            409 => Error::AlreadyExists(None),
            412 => Error::PreconditionFailed("the object changed in between (412)".into()),
            400 | 422 => Error::invalid_input(
                "",
                "refused",
                format!("the target refused the input ({status})"),
            ),
            429 => Error::RateLimited(self.backoff()),
            405 | 501 => Error::Unsupported(format!("the target does not offer this ({status})")),
            503 => Error::Unavailable(self.backoff()),
            500..=599 if is_write => {
                Error::OutcomeUnknown(format!("the target failed with {status}"))
            }
            500..=599 => Error::Unavailable(self.backoff()),
            300..=399 => {
                Error::BadData(format!("the target redirects ({status}); correct the url"))
            }
            _ => Error::Other(format!("the target answered {status}")),
        }
    }

    /// `Retry-After` in seconds. Its date form is left to the host, which has a clock.
    fn backoff(&self) -> Backoff {
        let seconds = self.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok());
        Backoff { after_ms: seconds.map(|s| s.saturating_mul(1000)), ..Backoff::unknown() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Response {
        let headers = vec![("retry-after".into(), "3".into())];
        Response { status, headers, body: b"secret".to_vec() }
    }

    #[test]
    fn a_server_error_leaves_the_outcome_of_a_write_unknown() {
        assert!(matches!(answer(500).to_error(true), Error::OutcomeUnknown(_)));
        assert!(matches!(answer(500).to_error(false), Error::Unavailable(_)));
    }

    #[test]
    fn the_pause_that_the_target_asks_for_is_kept() {
        assert_eq!(answer(429).to_error(true), Error::RateLimited(Backoff::after_ms(3000)));
    }

    #[test]
    fn a_body_never_reaches_an_error() {
        let text = format!("{:?}", answer(200).json::<u32>().unwrap_err());
        assert!(!text.contains("secret"), "{text}");
    }
}
