//! Writing: memberships, accounts and groups.
//!
//! Every write is made in its smallest form, then read back, because servers answer `200` to what
//! they ignore. A form that is refused or ignored is followed by the next ([`forms`]); what is still
//! not so in the end is an error, never a success.

pub mod account;
pub mod delete;
pub mod forms;
pub mod lookup;
pub mod membership;
pub mod plan;
pub mod update;

use grantry_sdk::provision::{GrantRequest, Operation, Outcome, Verification};
use grantry_sdk::types::{Error, ObjectRef, Result};

use crate::aggregate::entitlement_id;
use crate::client::Client;
use membership::Change;
pub use plan::plan;

/// Makes the target as the operation wants it. `attempt` counts from 1.
///
/// # Errors
/// [`Error::OutcomeUnknown`] whenever the write may have happened.
pub fn apply(client: &Client<'_>, operation: &Operation, attempt: u32) -> Result<Outcome> {
    match operation {
        Operation::Grant(request) => membership::apply(client, &grant(request)?),
        Operation::Revoke(request) => {
            let change = change(&request.entitlement, &request.on, &request.holder, false)?;
            membership::apply(client, &change)
        }
        Operation::Create(request) => account::create(client, request, attempt),
        Operation::Update(request) => update::apply(client, request),
        Operation::Delete(request) => delete::apply(client, request, attempt),
        Operation::Enable(about) => account::set_active(client, about, true),
        Operation::Disable(about) => account::set_active(client, about, false),
        other => Err(unsupported(other)),
    }
}

/// Reads back what the operation wants.
///
/// # Errors
/// As the server says.
pub fn verify(client: &Client<'_>, operation: &Operation) -> Result<Verification> {
    match operation {
        Operation::Grant(request) => membership::verify(client, &grant(request)?),
        Operation::Revoke(request) => {
            let change = change(&request.entitlement, &request.on, &request.holder, false)?;
            membership::verify(client, &change)
        }
        Operation::Create(request) => account::verify_create(client, request),
        Operation::Update(request) => update::verify(client, request),
        Operation::Delete(request) => delete::verify(client, request),
        Operation::Enable(about) => account::verify_active(client, about, true),
        Operation::Disable(about) => account::verify_active(client, about, false),
        other => Ok(Verification::CannotTell(unknown_words(other))),
    }
}

fn grant(request: &GrantRequest) -> Result<Change<'_>> {
    change(&request.entitlement, &request.on, &request.holder, true)
}

/// What a grant or revocation changes.
fn change<'a>(
    entitlement: &str,
    on: &'a ObjectRef,
    holder: &'a ObjectRef,
    wants_member: bool,
) -> Result<Change<'a>> {
    if on.kind != "Group" || entitlement != entitlement_id(&on.id) {
        let message = format!("`{entitlement}` is not the membership of `{}`", on.id);
        return Err(Error::invalid_input("/entitlement", "unknown_entitlement", message));
    }
    if !["User", "Group"].contains(&holder.kind.as_str()) {
        let message = format!("a `{}` cannot be a member of a group", holder.kind);
        return Err(Error::invalid_input("/holder", "unknown_kind", message));
    }
    Ok(Change { group: on, member: holder, wants_member })
}

fn unsupported(operation: &Operation) -> Error {
    Error::Unsupported(unknown_words(operation))
}

fn unknown_words(operation: &Operation) -> String {
    let what = match operation {
        Operation::Extend(_) | Operation::Renew(_) => "memberships that end",
        Operation::Unlock(_) => "locked accounts",
        Operation::SetPassword(_)
        | Operation::RotateCredential(_)
        | Operation::IssueCredential(_)
        | Operation::RevokeCredential(_) => "credentials",
        Operation::Link(_) | Operation::Unlink(_) => "linked entitlements",
        _ => "this operation",
    };
    format!("SCIM does not know {what}")
}
