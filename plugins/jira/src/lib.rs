//! Tickets in Jira Cloud: opened once, and followed until somebody closes them (PRV-4).
//!
//! [`desk`] speaks to Jira over a [`grantry_sdk::http::Transport`], so that the tests run natively.

pub mod connection;
pub mod desk;
pub mod document;
pub mod manifest;

use grantry_sdk::http::Host;
use grantry_sdk::lifecycle::{ConnectionReport, Manifest, TestDepth};
use grantry_sdk::tickets::{SchemaPage, Ticket, TicketRequest};
use grantry_sdk::types::{Cursor, FieldIssue};
use grantry_sdk::{Lifecycle, Result, Tickets, run};

use connection::Connection;
use desk::Desk;

/// The plugin.
#[derive(Debug)]
pub struct Jira;

impl Lifecycle for Jira {
    fn describe() -> Manifest {
        manifest::describe()
    }

    fn validate_config(connection: String) -> Vec<FieldIssue> {
        connection::validate(&connection)
    }

    fn test_connection(_: TestDepth) -> Result<ConnectionReport> {
        let connection: Connection = run::connection()?;
        Desk::new(&Host, &connection).test()
    }
}

impl Tickets for Jira {
    fn schemas(_: Option<Cursor>) -> Result<SchemaPage> {
        let connection: Connection = run::connection()?;
        Ok(SchemaPage { items: Desk::new(&Host, &connection).schemas()?, next: None })
    }

    fn create(request: TicketRequest) -> Result<Ticket> {
        let connection: Connection = run::connection()?;
        Desk::new(&Host, &connection).create(&request)
    }

    fn get(id: String) -> Result<Ticket> {
        let connection: Connection = run::connection()?;
        Desk::new(&Host, &connection).ticket(&id)
    }
}

grantry_sdk::export!(Jira: Lifecycle, Tickets);
