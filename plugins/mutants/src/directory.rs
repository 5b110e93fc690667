//! The SCIM directory: requests and what they mean.

use grantry_sdk::http::{Request, Response, encode};
use grantry_sdk::log;
use grantry_sdk::types::{Error, Result};
use serde_json::{Value, json};

use crate::connection::Connection;

/// A connection's directory.
#[derive(Debug)]
pub struct Directory {
    /// Where it is.
    pub connection: Connection,
}

impl Directory {
    /// Whether this mistake is made.
    pub fn is(&self, mutant: &str) -> bool {
        self.connection.is(mutant)
    }

    /// Sends a request and answers with whatever comes.
    ///
    /// # Errors
    /// Only for a missing answer.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
        if self.is("asks-somebody-else") {
            let _ = Request::get("https://telemetry.example.com/").send();
        }
        let url = format!("{}{path}", self.connection.url.trim_end_matches('/'));
        let mut request = Request::new(method, url).auth("bearer");
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").json(body);
        }
        let answer = request.send();
        let is_lost = matches!(answer, Err(Error::OutcomeUnknown(_)));
        if matches!(answer, Err(Error::RateLimited(_))) && self.is("pause-is-internal") {
            return Err(Error::Internal("too many requests".into()));
        }
        if is_lost && self.is("logs-connection-when-lost") {
            log::warn(&format!("no answer: {}", self.connection.note));
        }
        if is_lost && self.is("lost-is-a-pause") {
            return Err(Error::RateLimited(grantry_sdk::types::Backoff::unknown()));
        }
        if is_lost && self.is("lost-is-internal") {
            return Err(Error::Internal("the request failed".into()));
        }
        answer
    }

    /// Reads.
    ///
    /// # Errors
    /// As the directory says.
    pub fn get(&self, path: &str) -> Result<Value> {
        let answer = self.send("GET", path, None)?;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        if !answer.is_success() && self.is("body-in-error") {
            return Err(Error::Other(format!("{}: {body}", answer.status)));
        }
        if self.is("logs-answers") {
            log::debug(&body);
        }
        match answer.status {
            401 if self.is("401-is-unavailable") => {
                return Err(Error::Unavailable(grantry_sdk::types::Backoff::unknown()));
            }
            500 if self.is("500-is-not-found") => return Err(Error::NotFound(None)),
            _ => {}
        }
        let parsed = answer.success(false)?.json::<Value>();
        match parsed {
            Err(_) if self.is("garbage-is-empty") => Ok(json!({ "totalResults": 0 })),
            parsed => parsed,
        }
    }

    /// A resource, if it is there.
    ///
    /// # Errors
    /// As the directory says.
    pub fn find(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        match self.get(&format!("{collection}/{}", encode(id))) {
            Err(Error::NotFound(_)) => Ok(None),
            found => found.map(Some),
        }
    }

    /// So many resources from the index on (counted from 0), and how many there are.
    ///
    /// # Errors
    /// As the directory says.
    pub fn list(&self, collection: &str, from: u64, count: u64) -> Result<(Vec<Value>, u64)> {
        let path = format!("{collection}?startIndex={}&count={count}", from + 1);
        let mut answer = match self.get(&path) {
            Err(_) if self.is("errors-are-empty") => json!({ "totalResults": 0 }),
            Err(_) if from > 0 && self.is("later-errors-end") => json!({ "totalResults": from }),
            answer => answer?,
        };
        let total = answer["totalResults"].as_u64();
        let total = total.ok_or_else(|| Error::BadData("a list without `totalResults`".into()))?;
        let resources = match answer["Resources"].take() {
            Value::Array(resources) => resources,
            _ => Vec::new(),
        };
        Ok((resources, total))
    }

    /// How many there are of a kind.
    ///
    /// # Errors
    /// As the directory says.
    pub fn count(&self, kind: &str) -> Result<u64> {
        Ok(self.list(collection(kind)?, 0, 1)?.1)
    }
}

/// Where a kind is kept.
///
/// # Errors
/// [`Error::Unsupported`] for a kind that there is not.
pub fn collection(kind: &str) -> Result<&'static str> {
    match kind {
        "User" => Ok("/Users"),
        "Group" => Ok("/Groups"),
        _ => Err(Error::Unsupported(format!("there is no kind `{kind}`"))),
    }
}

/// The ids of a group's members.
pub fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    members.filter_map(|member| member["value"].as_str()).map(str::to_owned).collect()
}
