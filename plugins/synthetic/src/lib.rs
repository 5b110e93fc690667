//! A directory made of numbers, for tests and benchmarks of the host.
//!
//! It sends no request: the connection says how many users, groups and assignments there are, and
//! which fault a listing should have. The same connection always gives the same rows.

pub mod connection;
pub mod directory;
mod feed;
pub mod listing;
mod manifest;
mod validated;

use grantry_sdk::aggregate::{Page, PageRequest};
use grantry_sdk::lifecycle::Manifest;
use grantry_sdk::provision::{Operation, OperationContext, Outcome, PlanResult};
use grantry_sdk::types::{Error, FieldIssue, Object, ObjectRef};
use grantry_sdk::{Aggregate, Lifecycle, Provision, Result, run};

use connection::Connection;

/// The plugin.
#[derive(Debug)]
pub struct Synthetic;

impl Lifecycle for Synthetic {
    fn describe() -> Manifest {
        manifest::describe()
    }

    fn validate_config(connection: String) -> Vec<FieldIssue> {
        connection::validate(&connection)
    }
}

impl Aggregate for Synthetic {
    fn read_page(request: PageRequest) -> Result<Page> {
        let connection: Connection = run::connection()?;
        match validated::unchanged(&connection, &request) {
            Some(page) => Ok(page),
            None => {
                validated::sign(&connection, &request, listing::read_page(&connection, &request)?)
            }
        }
    }

    fn get(id: ObjectRef) -> Result<Option<Object>> {
        let connection: Connection = run::connection()?;
        Ok(directory::get(&connection, &id))
    }

    fn count(kind: String) -> Result<Option<u64>> {
        let connection: Connection = run::connection()?;
        Ok(directory::count(&connection, &kind))
    }
}

impl Provision for Synthetic {
    fn plan(_: Operation, _: OperationContext) -> Result<PlanResult> {
        Err(read_only())
    }

    fn apply(_: Operation, _: OperationContext) -> Result<Outcome> {
        Err(read_only())
    }
}

/// Its directory is computed, so there is nothing that a write could change.
fn read_only() -> Error {
    Error::Unsupported("the synthetic directory is read-only".into())
}

grantry_sdk::export!(Synthetic: Lifecycle, Aggregate, Changes, Provision);
