//! What changed since a moment, where the target keeps a log of it.

use crate::bindings::exports::grantry::plugin::changes::Guest;
pub use crate::bindings::exports::grantry::plugin::changes::{
    Change, ChangePage, Event, Feed, PartialChange, Usage,
};
use crate::types::{Cursor, Error, Result};

/// Follows a target's change log. The manual is `wit/aggregate.wit`.
pub trait Changes {
    /// The logs that the target keeps.
    fn feeds() -> Vec<Feed>;

    /// The feed's newest position, from which a full aggregation is caught up.
    ///
    /// # Errors
    /// As the target says.
    fn latest(feed: String) -> Result<Cursor>;

    /// # Errors
    /// As the target says; [`Error::CursorExpired`] if `since` is older than what it keeps.
    fn poll(feed: String, since: Option<Cursor>, max_items: u32) -> Result<ChangePage>;

    /// Reads events that the target pushed.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless overridden.
    fn decode_push(
        feed: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Vec<Event>> {
        let _ = (headers, body);
        Err(Error::Unsupported(format!("feed `{feed}` is not pushed")))
    }
}

impl<T: Changes> Guest for T {
    fn feeds() -> Vec<Feed> {
        crate::panics::log_them();
        T::feeds()
    }

    fn latest(feed: String) -> Result<Cursor> {
        crate::panics::log_them();
        T::latest(feed)
    }

    fn poll(feed: String, since: Option<Cursor>, max_items: u32) -> Result<ChangePage> {
        crate::panics::log_them();
        T::poll(feed, since, max_items)
    }

    fn decode_push(
        feed: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Vec<Event>> {
        crate::panics::log_them();
        T::decode_push(feed, headers, body)
    }
}
