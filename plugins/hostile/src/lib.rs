//! A plugin that misbehaves as its connection tells it, for tests of the sandbox.
//!
//! The behaviour runs inside `test-connection`, `read-page` and `on-event` alike. What it got for
//! its trouble is returned in the report's warnings. Faults that Rust cannot write (bad pointers,
//! loops in a start function, forbidden imports) are not here: the host's tests write them as WAT.

mod behaviour;
mod calls;
mod connection;
mod exhaust;

use grantry_sdk::aggregate::{Page, PageRequest};
use grantry_sdk::lifecycle::{ConnectionReport, KindClass, KindSchema, Manifest, TestDepth};
use grantry_sdk::types::Object;
use grantry_sdk::webhook::{Event, Reply};
use grantry_sdk::{Aggregate, Lifecycle, Result, WebhookLogic, run};

use behaviour::behave;
use connection::Connection;

/// Rows of a page, whatever there is to tell.
const ROWS_MIN: usize = 3;

/// The plugin.
#[derive(Debug)]
pub struct Hostile;

impl Lifecycle for Hostile {
    fn describe() -> Manifest {
        connection::describe(vec![KindSchema::new("User", KindClass::Account, "User")])
    }

    fn test_connection(_: TestDepth) -> Result<ConnectionReport> {
        let connection: Connection = run::connection()?;
        let warnings = behave(&connection)?;
        Ok(ConnectionReport { warnings, ..ConnectionReport::of(Self::describe().kinds) })
    }
}

impl Aggregate for Hostile {
    fn read_page(_: PageRequest) -> Result<Page> {
        let connection: Connection = run::connection()?;
        let findings = behave(&connection)?;
        let mut page = Page { is_complete: true, ..Page::empty() };
        let rows = findings.len().max(ROWS_MIN);
        let mut findings = findings.into_iter();
        for number in 0..rows {
            let mut user = Object::new("User", format!("u{number}"));
            user.description = findings.next();
            page.objects.push(user);
        }
        Ok(page)
    }
}

impl WebhookLogic for Hostile {
    fn on_event(event: Event) -> Result<Reply> {
        let connection: Connection = run::connection()?;
        let findings = behave(&connection)?;
        Ok(Reply::Done(Some(format!("{}: {}", event.kind, findings.join("; ")))))
    }
}

grantry_sdk::export!(Hostile: Lifecycle, Aggregate, WebhookLogic);
