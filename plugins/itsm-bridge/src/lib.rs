//! A bridge from a service desk: an approved ticket in Jira becomes an app membership in Grantry.
//!
//! It has no authority of its own. What it may read and grant is what its integration's principal
//! holds, so the same component installed twice can serve two desks with different reach. The work of
//! one run is [`bridge`]; [`desk`] speaks to Jira and [`directory`] to Grantry. Both are traits or
//! built on one, so that the tests run natively.

pub mod bridge;
pub mod connection;
pub mod desk;
pub mod directory;
pub mod manifest;

use grantry_sdk::aggregate::{Page, PageRequest, Target};
use grantry_sdk::http::Host;
use grantry_sdk::lifecycle::{ConnectionReport, Manifest, TestDepth};
use grantry_sdk::types::{Error, FieldIssue};
use grantry_sdk::{Aggregate, Lifecycle, Result, run};

use connection::Connection;
use desk::Desk;
use directory::Grantry;

/// The plugin.
#[derive(Debug)]
pub struct ItsmBridge;

impl Lifecycle for ItsmBridge {
    fn describe() -> Manifest {
        manifest::describe()
    }

    fn validate_config(connection: String) -> Vec<FieldIssue> {
        connection::validate(&connection)
    }

    fn test_connection(_: TestDepth) -> Result<ConnectionReport> {
        let connection: Connection = run::connection()?;
        bridge::test(&Desk::new(&Host, &connection), &Grantry)
    }
}

impl Aggregate for ItsmBridge {
    fn read_page(request: PageRequest) -> Result<Page> {
        let connection: Connection = run::connection()?;
        match &request.target {
            Target::Objects(kind) if kind == manifest::TICKET => {
                bridge::work(&Desk::new(&Host, &connection), &Grantry, request.at)
            }
            Target::Objects(kind) => Err(Error::Unsupported(format!("there is no kind `{kind}`"))),
            _ => Ok(Page { is_complete: true, ..Page::empty() }),
        }
    }
}

grantry_sdk::export!(ItsmBridge: Lifecycle, Aggregate);
