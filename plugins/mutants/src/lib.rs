//! A connector with a mistake of your choice, for tests of the conformance suite.
//!
//! Without a mistake it is an honest connector to a SCIM directory of moderate size. The connection's
//! `mutant` names one mistake, such as an author makes; those of `describe`, which sees no connection,
//! are written over [`manifest::MARK`] in the component's bytes. Each `is("…")` is one of them; a few
//! are no mistakes, but what an honest connector may do without.

pub mod connection;
pub mod directory;
pub mod manifest;
pub mod reading;
pub mod writing;

use grantry_sdk::aggregate::{Page, PageRequest};
use grantry_sdk::lifecycle::{ConnectionReport, KindClass, KindSchema, Manifest, TestDepth};
use grantry_sdk::provision::{Operation, OperationContext, Outcome, PlanResult, Verification};
use grantry_sdk::types::{Error, FieldIssue, Object, ObjectRef};
use grantry_sdk::{Aggregate, Lifecycle, Provision, Result, run};

use connection::Connection;
use directory::Directory;

/// The plugin.
#[derive(Debug)]
pub struct Mutants;

fn directory() -> Result<Directory> {
    Ok(Directory { connection: run::connection::<Connection>()? })
}

impl Lifecycle for Mutants {
    fn describe() -> Manifest {
        manifest::describe()
    }

    fn validate_config(connection: String) -> Vec<FieldIssue> {
        connection::validate(&connection)
    }

    fn test_connection(_: TestDepth) -> Result<ConnectionReport> {
        let directory = directory()?;
        let is = |mutant| directory.is(mutant);
        if is("test-always-works") || is("validates-anything") {
            return Ok(ConnectionReport::of(manifest::kinds()));
        }
        if is("test-always-fails") {
            return Err(Error::PermissionDenied(vec!["everything".into()]));
        }
        if is("test-writes") {
            let _ = directory.send("POST", "/Users", None);
        }
        directory.get("/Users?startIndex=1&count=1")?;
        Ok(ConnectionReport::of(manifest::kinds()))
    }

    fn discover_schema() -> Result<Vec<KindSchema>> {
        let mut kinds = manifest::kinds();
        if directory()?.is("kind-of-its-own") {
            kinds.push(KindSchema::new("Printer", KindClass::Device, "Printer"));
        }
        Ok(kinds)
    }
}

impl Aggregate for Mutants {
    fn read_page(request: PageRequest) -> Result<Page> {
        reading::read_page(&directory()?, &request)
    }

    fn get(id: ObjectRef) -> Result<Option<Object>> {
        reading::get(&directory()?, &id)
    }

    fn count(kind: String) -> Result<Option<u64>> {
        let directory = directory()?;
        let count = directory.count(&kind)?;
        Ok(Some(if directory.is("counts-one-more") { count + 1 } else { count }))
    }
}

impl Provision for Mutants {
    fn plan(operation: Operation, _: OperationContext) -> Result<PlanResult> {
        writing::plan(&directory()?, &operation)
    }

    fn apply(operation: Operation, context: OperationContext) -> Result<Outcome> {
        writing::apply(&directory()?, &operation, context.attempt)
    }

    fn verify(operation: Operation, _: OperationContext) -> Result<Verification> {
        writing::verify(&directory()?, &operation)
    }
}

grantry_sdk::export!(Mutants: Lifecycle, Aggregate, Provision);
