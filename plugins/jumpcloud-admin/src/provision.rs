//! Writing: roles of administrators, and administrators themselves.

pub mod account;
pub mod roles;

use grantry_sdk::provision::{Operation, Outcome, PlanResult, PlannedCall, Verification};
use grantry_sdk::types::{Error, Result};

use crate::client::Client;
use roles::Change;

/// Makes JumpCloud as the operation wants it. `attempt` counts from 1.
///
/// # Errors
/// [`Error::OutcomeUnknown`] whenever the write may have happened.
pub fn apply(client: &Client<'_>, operation: &Operation, attempt: u32) -> Result<Outcome> {
    match operation {
        Operation::Grant(request) => roles::grant(client, &Change::grant(request)?),
        Operation::Revoke(request) => roles::revoke(client, &Change::revoke(request)?),
        Operation::Create(request) => account::create(client, request, attempt),
        Operation::Update(request) => account::update(client, request),
        Operation::Delete(request) => account::delete(client, &request.about),
        other => Err(unsupported(other)),
    }
}

/// Reads back what the operation wants.
///
/// # Errors
/// As JumpCloud says.
pub fn verify(client: &Client<'_>, operation: &Operation) -> Result<Verification> {
    let is_so = match operation {
        Operation::Grant(request) => roles::is_held(client, &Change::grant(request)?)?,
        Operation::Revoke(request) => !roles::is_held(client, &Change::revoke(request)?)?,
        Operation::Create(request) => account::is_created(client, request)?,
        Operation::Update(request) => account::is_updated(client, request)?,
        Operation::Delete(request) => client.administrator(&request.about.id)?.is_none(),
        other => return Ok(Verification::CannotTell(unsupported(other).to_string())),
    };
    Ok(if is_so { Verification::Holds } else { Verification::Absent })
}

/// The call that `apply` would begin with, from reads alone.
///
/// # Errors
/// As `apply`, where it would refuse.
pub fn plan(client: &Client<'_>, operation: &Operation) -> Result<PlanResult> {
    let (method, path, summary) = match operation {
        Operation::Grant(request) => {
            let change = Change::grant(request)?;
            if roles::is_held(client, &change)? {
                return Ok(nothing_to_do());
            }
            ("PUT", format!("/api/users/{}", change.holder.id), "add one role")
        }
        Operation::Revoke(request) => {
            let change = Change::revoke(request)?;
            if !roles::is_held(client, &change)? {
                return Ok(nothing_to_do());
            }
            ("PUT", format!("/api/users/{}", change.holder.id), "take one role away")
        }
        Operation::Create(request) => {
            account::new_administrator(client, request)?;
            ("POST", "/api/users".into(), "create an administrator, who is sent an invitation")
        }
        Operation::Update(request) => {
            account::changes(request)?;
            ("PUT", format!("/api/users/{}", request.about.id), "change an administrator")
        }
        Operation::Delete(request) => {
            ("DELETE", format!("/api/users/{}", request.about.id), "delete an administrator")
        }
        other => return Err(unsupported(other)),
    };
    let call = PlannedCall {
        method: method.into(),
        url: client.connection.endpoint(&path),
        summary: summary.into(),
        is_destructive: matches!(operation, Operation::Revoke(_) | Operation::Delete(_)),
    };
    Ok(PlanResult { calls: vec![call], warnings: Vec::new() })
}

fn nothing_to_do() -> PlanResult {
    let warning = "it is already so; nothing would be written";
    PlanResult { calls: Vec::new(), warnings: vec![warning.into()] }
}

fn unsupported(operation: &Operation) -> Error {
    Error::Unsupported(match operation {
        Operation::Extend(_) | Operation::Renew(_) => "JumpCloud knows no roles that end".into(),
        Operation::Enable(_) | Operation::Disable(_) => {
            "JumpCloud's API does not suspend administrators".into()
        }
        _ => "the connector does not offer this operation".into(),
    })
}
