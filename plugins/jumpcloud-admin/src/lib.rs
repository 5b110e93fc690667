//! The connector to JumpCloud's administrators and their roles.
//!
//! JumpCloud documents how an administrator is changed, and how roles are listed; listing, creating
//! and deleting administrators are used by its own tools but not documented. This file only binds the
//! modules to the contract: reading starts in [`aggregate`], writing in [`provision`].

pub mod administrator;
pub mod aggregate;
pub mod check;
pub mod client;
pub mod connection;
pub mod manifest;
pub mod provision;

use grantry_sdk::aggregate::{Page, PageRequest};
use grantry_sdk::http::Host;
use grantry_sdk::lifecycle::{ConnectionReport, KindSchema, Manifest, TestDepth};
use grantry_sdk::provision::{Operation, OperationContext, Outcome, PlanResult, Verification};
use grantry_sdk::types::{FieldIssue, Object, ObjectRef};
use grantry_sdk::{Aggregate, Lifecycle, Provision, Result, run};

use client::Client;
use connection::Connection;

/// The plugin.
#[derive(Debug)]
pub struct JumpCloudAdmin;

/// Runs `call` with a client for this call's connection.
fn with_client<T>(call: impl FnOnce(&Client<'_>) -> Result<T>) -> Result<T> {
    let connection: Connection = run::connection()?;
    call(&Client::new(&Host, &connection))
}

impl Lifecycle for JumpCloudAdmin {
    fn describe() -> Manifest {
        manifest::describe()
    }

    fn validate_config(connection: String) -> Vec<FieldIssue> {
        connection::validate(&connection)
    }

    fn test_connection(depth: TestDepth) -> Result<ConnectionReport> {
        with_client(|client| check::test_connection(client, depth))
    }

    fn discover_schema() -> Result<Vec<KindSchema>> {
        Ok(manifest::kinds())
    }
}

impl Aggregate for JumpCloudAdmin {
    fn read_page(request: PageRequest) -> Result<Page> {
        with_client(|client| aggregate::read_page(client, &request))
    }

    fn get(id: ObjectRef) -> Result<Option<Object>> {
        with_client(|client| aggregate::get(client, &id))
    }

    fn count(kind: String) -> Result<Option<u64>> {
        with_client(|client| aggregate::count(client, &kind))
    }
}

impl Provision for JumpCloudAdmin {
    fn plan(operation: Operation, _: OperationContext) -> Result<PlanResult> {
        with_client(|client| provision::plan(client, &operation))
    }

    fn apply(operation: Operation, context: OperationContext) -> Result<Outcome> {
        with_client(|client| provision::apply(client, &operation, context.attempt))
    }

    fn verify(operation: Operation, _: OperationContext) -> Result<Verification> {
        with_client(|client| provision::verify(client, &operation))
    }
}

grantry_sdk::export!(JumpCloudAdmin: Lifecycle, Aggregate, Provision);
