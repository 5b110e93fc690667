//! Its change log, where the connection asks for one: nothing ever happens in a directory of numbers.

use grantry_sdk::changes::{ChangePage, Changes, Feed};
use grantry_sdk::run;
use grantry_sdk::types::{Cursor, Error, Result};

use crate::Synthetic;
use crate::connection::Connection;

/// The one place that there is in the log.
const HERE: &[u8] = b"here";

impl Changes for Synthetic {
    fn feeds() -> Vec<Feed> {
        let connection = run::connection::<Connection>();
        if !connection.is_ok_and(|connection| connection.feed) {
            return Vec::new();
        }
        vec![Feed {
            id: "numbers".into(),
            display: "Changes of the numbers".into(),
            kinds: vec!["User".into(), "Group".into()],
            is_ordered: true,
            min_poll_ms: 0,
            retention_ms: None,
        }]
    }

    fn latest(_: String) -> Result<Cursor> {
        Ok(HERE.to_vec())
    }

    fn poll(_: String, since: Option<Cursor>, _: u32) -> Result<ChangePage> {
        if since.is_some_and(|since| since != HERE) {
            return Err(Error::CursorExpired);
        }
        Ok(ChangePage { events: Vec::new(), next: HERE.to_vec(), has_more: false })
    }
}
