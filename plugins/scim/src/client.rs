//! The way to the server: media types, ids in paths, what an answer means for a write.

mod reply;

use std::cell::Cell;

use grantry_sdk::http::{HttpError, Request, Transport, encode};
use grantry_sdk::types::{Backoff, Error, Result};
use serde_json::Value;

pub use reply::{Reply, Written};

use crate::connection::Connection;

const SCIM_JSON: &str = "application/scim+json";
const JSON: &str = "application/json";
const ACCEPT: &str = "application/scim+json, application/json;q=0.9";

/// Requests with this call's connection.
pub struct Client<'a> {
    transport: &'a dyn Transport,
    connection: &'a Connection,
    /// The server refused `application/scim+json` before, in this call.
    is_plain_json: Cell<bool>,
}

impl<'a> Client<'a> {
    /// A client that sends through `transport`.
    pub fn new(transport: &'a dyn Transport, connection: &'a Connection) -> Self {
        Self { transport, connection, is_plain_json: Cell::new(false) }
    }

    /// The full url of a path, for people.
    pub fn url(&self, path: &str) -> String {
        self.connection.endpoint(path)
    }

    /// Reads. Every status is an `Ok`.
    ///
    /// # Errors
    /// Only for a missing answer.
    pub fn get(&self, path: &str) -> Result<Reply> {
        self.try_get(path)?.map_err(|error| Error::from_http(error, false))
    }

    /// Reads, and leaves the host's errors as they are.
    ///
    /// # Errors
    /// Only if the request could not be built.
    pub fn try_get(&self, path: &str) -> Result<Result<Reply, HttpError>> {
        let reply = self.exchange("GET", path, None, None)?;
        // Some servers know nothing but plain JSON (RFC 7644 section 3.1 allows it).
        if matches!(&reply, Ok(reply) if reply.status == 406) && !self.is_plain_json.replace(true) {
            return self.exchange("GET", path, None, None);
        }
        Ok(reply)
    }

    /// One resource with its version, `None` if there is none.
    ///
    /// # Errors
    /// As the status says; [`Error::BadData`] if the answer is not a resource.
    pub fn resource(&self, path: &str) -> Result<Option<Reply>> {
        let reply = self.get(path)?;
        match reply.status {
            404 | 410 => Ok(None),
            _ if !reply.is_success() => Err(reply.to_error(false)),
            _ if reply.body.is_object() => Ok(Some(reply)),
            _ => Err(Error::BadData("the server answered a read without a resource".into())),
        }
    }

    /// Writes, and says what the answer means before anything is read back.
    ///
    /// # Errors
    /// Only if the request could not be built.
    pub fn write(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Written> {
        let mut answer = self.exchange(method, path, body, if_match)?;
        // 415 says that nothing was done.
        if matches!(&answer, Ok(reply) if reply.status == 415) && !self.is_plain_json.replace(true)
        {
            answer = self.exchange(method, path, body, if_match)?;
        }
        Ok(match answer {
            Ok(reply) => reply.written(),
            Err(HttpError::Connect(_)) => Written::Stopped(Error::Unavailable(Backoff::unknown())),
            Err(error) => match Error::from_http(error, true) {
                unknown @ Error::OutcomeUnknown(_) => Written::Unclear(unknown),
                other => Written::Stopped(other),
            },
        })
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Result<Reply, HttpError>> {
        let is_plain = self.is_plain_json.get();
        let mut request = Request::new(method, self.connection.endpoint(path))
            .auth(self.connection.scheme())
            .header("accept", if is_plain { JSON } else { ACCEPT });
        if let Some(etag) = if_match {
            request = request.header("if-match", etag);
        }
        if let Some(body) = body {
            let media_type = if is_plain { JSON } else { SCIM_JSON };
            request = request.header("content-type", media_type).json(body);
        }
        Ok(self.transport.send(&request.into_raw()?).map(|raw| Reply::new(raw, method, path)))
    }
}

/// `/Users/42`, with the id escaped.
pub fn path_of(collection: &str, id: &str) -> String {
    format!("{collection}/{}", encode(id))
}
