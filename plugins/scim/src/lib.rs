//! The connector to SCIM 2.0 servers (RFC 7643, RFC 7644, RFC 9865).
//!
//! This file only binds the modules to the contract. Reading starts in [`aggregate`], writing in
//! [`provision`]; [`client`] is the way to the server and [`listing`] knows how servers page. The
//! logic is native Rust over [`Transport`](grantry_sdk::http::Transport): the tests script servers
//! with known quirks.

pub mod aggregate;
pub mod attributes;
pub mod check;
pub mod client;
pub mod connection;
pub mod filter;
pub mod listing;
pub mod manifest;
pub mod provision;
pub mod resource;
pub mod service;

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
pub struct Scim;

/// Runs `call` with a client for this call's connection.
fn with_client<T>(call: impl FnOnce(&Client<'_>) -> Result<T>) -> Result<T> {
    let connection: Connection = run::connection()?;
    call(&Client::new(&Host, &connection))
}

impl Lifecycle for Scim {
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
        with_client(check::discover_schema)
    }
}

impl Aggregate for Scim {
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

impl Provision for Scim {
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

grantry_sdk::export!(Scim: Lifecycle, Aggregate, Provision);
