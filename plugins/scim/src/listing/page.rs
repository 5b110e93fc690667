//! One page of a list, as large as the server and the host allow.

use grantry_sdk::http::HttpError;
use grantry_sdk::types::{Error, Result};
use serde_json::Value;

use crate::client::{Client, Reply};
use crate::resource::{field, text, whole_number};

/// The most that is asked for at once where the server names no limit.
pub const COUNT_MAX: u64 = 500;
/// Below this a refused `count` is not the reason of a refusal.
const COUNT_SURELY_ALLOWED: u64 = 20;
const WITHOUT_MEMBERS: &str = "&excludedAttributes=members";

/// A collection to list.
pub struct Source<'a> {
    /// The way to the server.
    pub client: &'a Client<'a>,
    /// `/Users` or `/Groups`.
    pub collection: &'a str,
    /// Members are not needed and often large.
    pub is_without_members: bool,
}

/// A page, or the server's refusal to give one.
#[derive(Debug)]
pub enum Fetched {
    /// A page.
    Page(ListPage),
    /// A status 400 to 499 (except those on the credential and the rate).
    Refused(Error),
}

/// A `ListResponse` (RFC 7644 section 3.4.2).
#[derive(Debug)]
pub struct ListPage {
    /// The resources.
    pub resources: Vec<Value>,
    /// `totalResults`.
    pub total: Option<u64>,
    /// RFC 9865.
    pub next_cursor: Option<String>,
    /// Read without members, as it was too large with them.
    pub is_cut: bool,
}

impl Source<'_> {
    /// Reads a page at `place` of at most `wanted` resources, or of fewer if it is too large.
    /// `count_max` remembers what the server or the host could not bear.
    ///
    /// # Errors
    /// As the server says, if a smaller page would not help.
    pub fn fetch(&self, place: &str, wanted: u64, count_max: &mut u64) -> Result<Fetched> {
        let mut is_without_members = self.is_without_members;
        let mut count = wanted.min(*count_max).max(1);
        // Bound: the count halves with every turn, and each switch turns once.
        loop {
            let extra = if is_without_members { WITHOUT_MEMBERS } else { "" };
            let path = format!("{}?{place}&count={count}{extra}", self.collection);
            match self.client.try_get(&path)? {
                Err(HttpError::TooLarge) if count > 1 => count /= 2,
                Err(HttpError::TooLarge) if !is_without_members => is_without_members = true,
                Err(error) => return Err(Error::from_http(error, false)),
                Ok(reply) if matches!(reply.status, 400 | 413) && count > COUNT_SURELY_ALLOWED => {
                    count = (count / 2).max(COUNT_SURELY_ALLOWED);
                }
                Ok(reply)
                    if reply.status == 400 && self.is_without_members && is_without_members =>
                {
                    is_without_members = false;
                }
                Ok(reply) => {
                    if count < wanted.min(*count_max) {
                        *count_max = count;
                    }
                    let is_cut = is_without_members && !self.is_without_members;
                    return understand(reply, is_cut);
                }
            }
        }
    }
}

fn understand(reply: Reply, is_cut: bool) -> Result<Fetched> {
    if reply.is_success() {
        return ListPage::parse(reply.body, is_cut).map(Fetched::Page);
    }
    let error = reply.to_error(false);
    match (reply.status, error) {
        (401 | 403 | 408 | 429, error) | (_, error @ Error::CursorExpired) => Err(error),
        (400..=499 | 501, error) => Ok(Fetched::Refused(error)),
        (_, error) => Err(error),
    }
}

impl ListPage {
    /// Reads a `ListResponse`; anything else is an error, never an empty list.
    ///
    /// # Errors
    /// [`Error::BadData`].
    pub fn parse(mut body: Value, is_cut: bool) -> Result<Self> {
        let total = field(&body, "totalResults").and_then(whole_number);
        let next_cursor = text(&body, "nextCursor");
        let key = body
            .as_object()
            .and_then(|map| map.keys().find(|key| key.eq_ignore_ascii_case("Resources")).cloned());
        let resources = match key.and_then(|key| body.get_mut(&key)).map(Value::take) {
            Some(Value::Array(resources)) => resources,
            // RFC 7644 lets an empty list leave it out.
            None | Some(Value::Null) if total.is_some() => Vec::new(),
            _ => return Err(Error::BadData("the server's answer is not a SCIM list".into())),
        };
        Ok(Self { resources, total, next_cursor, is_cut })
    }
}
