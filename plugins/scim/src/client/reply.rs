//! An answer, and what it means for a write.

use grantry_sdk::http::Response;
use grantry_sdk::types::{Error, Result};
use serde_json::Value;

use crate::resource::{field, text};

/// An answer with its body as JSON (`null` if it has none).
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The resource's version, from the header or else `meta.version`.
    pub etag: Option<String>,
    /// The new resource's url.
    pub location: Option<String>,
    raw: Response,
    /// What was asked, such as `GET /Users`.
    what: String,
}

impl Reply {
    /// The answer to a request.
    pub fn new(raw: Response, method: &str, path: &str) -> Self {
        let body = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
        let version = field(&body, "meta").and_then(|meta| text(meta, "version"));
        Self {
            status: raw.status,
            etag: raw.header("etag").map(str::to_owned).or(version),
            location: raw.header("location").map(str::to_owned),
            body,
            raw: Response { body: Vec::new(), ..raw },
            what: format!("{method} {}", collection_of(path)),
        }
    }
}

/// How a write ended, before it is read back.
#[derive(Debug)]
pub enum Written {
    /// The server says that it did it. It may not have.
    Accepted(Box<Reply>),
    /// The server did nothing; another form of the same request may succeed.
    Refused(Error),
    /// The server failed, and in the same way for everybody (500).
    Failed(Error),
    /// The resource changed in between (412).
    Outdated,
    /// It may have happened, or still be about to.
    Unclear(Error),
    /// Nothing was done and no other form will help now.
    Stopped(Error),
}

impl Reply {
    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        self.raw.is_success()
    }

    /// What a failed request says. SCIM's own code refines the status (RFC 7644 section 3.12); its
    /// `detail` stays out, as it may hold a person's data.
    pub fn to_error(&self, is_write: bool) -> Error {
        let code = text(&self.body, "scimType").unwrap_or_default();
        match (self.status, code.as_str()) {
            (400, "invalidCursor" | "expiredCursor") => Error::CursorExpired,
            (400 | 409, "uniqueness") => Error::AlreadyExists(None),
            (400, "") => self.raw.to_error(is_write),
            (400, code) => {
                let message = format!("the server refused the input ({code})");
                Error::invalid_input("", "refused", message)
            }
            (403, _) => Error::PermissionDenied(vec![self.what.clone()]),
            _ => self.raw.to_error(is_write),
        }
    }

    /// What the answer to a write means.
    pub fn written(self) -> Written {
        match self.status {
            200..=299 => Written::Accepted(Box::new(self)),
            412 => Written::Outdated,
            500 => Written::Failed(self.to_error(true)),
            400 | 403..=407 | 409..=411 | 413..=428 | 501 => Written::Refused(self.to_error(true)),
            401 | 429 | 503 | 300..=399 => Written::Stopped(self.to_error(true)),
            _ => Written::Unclear(match self.to_error(true) {
                unknown @ Error::OutcomeUnknown(_) => unknown,
                _ => Error::OutcomeUnknown(format!("the server answered {}", self.status)),
            }),
        }
    }

    /// The body of a success.
    ///
    /// # Errors
    /// What the status says.
    pub fn success(self) -> Result<Self> {
        if self.is_success() { Ok(self) } else { Err(self.to_error(false)) }
    }
}

/// `/Users` of `/Users/42?…`: ids and filters are nobody's business.
fn collection_of(path: &str) -> &str {
    let end = path.char_indices().skip(1).find(|(_, c)| matches!(c, '/' | '?')).map(|(at, _)| at);
    &path[..end.unwrap_or(path.len())]
}
