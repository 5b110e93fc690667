//! Each listing of all objects of a kind is one scope, which changes with the connection alone.

use grantry_sdk::aggregate::{Disposition, Page, PageRequest, Scope, Target};
use grantry_sdk::{Result, run};

use crate::connection::Connection;

/// The scope of a listing; nothing where listings are not validated, or for that of a single object.
fn scope(connection: &Connection, request: &PageRequest) -> Option<String> {
    let key = match &request.target {
        Target::Objects(kind) => format!("objects {kind}"),
        Target::EntitlementsOfKind(kind) => format!("entitlements {kind}"),
        Target::AssignmentsOfKind(kind) => format!("assignments {kind}"),
        Target::EntitlementsOf(_) | Target::AssignmentsOf(_) => return None,
    };
    connection.validators.then_some(key)
}

fn validator(connection: &Connection) -> String {
    let Connection { users, groups, assignments, seed, .. } = connection;
    format!("{users}-{groups}-{assignments}-{seed}")
}

/// The whole listing in one page without rows, if the host holds its validator.
pub fn unchanged(connection: &Connection, request: &PageRequest) -> Option<Page> {
    let key = scope(connection, request).filter(|_| request.at.is_none())?;
    let is_so = run::scope_validator(&key)? == validator(connection);
    is_so.then(|| Page { is_complete: true, ..Page::unchanged(key) })
}

/// The page as part of its scope, with the validator on the last one.
pub fn sign(connection: &Connection, request: &PageRequest, mut page: Page) -> Result<Page> {
    page.scope = scope(connection, request).map(|key| Scope {
        key,
        disposition: Disposition::Fresh,
        validator: page.is_complete.then(|| validator(connection)),
    });
    Ok(page)
}
