//! A dry run: the calls that `apply` would begin with.

use grantry_sdk::provision::{DeleteMode, Operation, PlanResult, PlannedCall};
use grantry_sdk::types::{ObjectRef, Result};

use super::forms::Form;
use super::membership::{Change, Shown, is_member, show};
use super::{change, grant, unsupported};
use crate::aggregate::collection;
use crate::client::{Client, path_of};
use crate::service::Service;

const READ_BACK: &str = "every write is read back; where the server refuses or ignores `PATCH`, the object is read, changed and written back whole";

/// The calls that would be made, from reads alone.
///
/// # Errors
/// [`grantry_sdk::Error::Unsupported`] for what `apply` would not do.
pub fn plan(client: &Client<'_>, operation: &Operation) -> Result<PlanResult> {
    match operation {
        Operation::Grant(request) => plan_change(client, &grant(request)?),
        Operation::Revoke(request) => {
            plan_change(client, &change(&request.entitlement, &request.on, &request.holder, false)?)
        }
        Operation::Create(request) => {
            let summary = format!("create a {}", request.kind);
            Ok(one(client, "POST", collection(&request.kind)?, &summary, false))
        }
        Operation::Update(request) => {
            let summary = format!("change {} attributes", request.deltas.len());
            plan_edit(client, &request.about, &summary, false)
        }
        Operation::Enable(about) => plan_edit(client, about, "set `active` to true", false),
        Operation::Disable(about) => plan_edit(client, about, "set `active` to false", true),
        Operation::Delete(request) if request.mode == DeleteMode::Soft => {
            plan_edit(client, &request.about, "set `active` to false", true)
        }
        Operation::Delete(request) => {
            let path = path_of(collection(&request.about.kind)?, &request.about.id);
            Ok(one(client, "DELETE", &path, &format!("delete a {}", request.about.kind), true))
        }
        other => Err(unsupported(other)),
    }
}

fn plan_change(client: &Client<'_>, change: &Change<'_>) -> Result<PlanResult> {
    let shown = show(client, change.group)?;
    if matches!(shown, Shown::Missing) {
        return Ok(warning("the group does not exist"));
    }
    if is_member(client, change, &shown)? == Some(change.wants_member) {
        return Ok(warning("it is already so; nothing would be written"));
    }
    let verb = if change.wants_member { "add" } else { "remove" };
    let summary = format!("{verb} one member");
    let is_patch = change.forms(&Service::read(client)?).contains(&Form::PatchPath);
    let method = if is_patch { "PATCH" } else { "PUT" };
    let path = path_of("/Groups", &change.group.id);
    Ok(one(client, method, &path, &summary, !change.wants_member))
}

fn plan_edit(
    client: &Client<'_>,
    about: &ObjectRef,
    summary: &str,
    is_destructive: bool,
) -> Result<PlanResult> {
    let path = path_of(collection(&about.kind)?, &about.id);
    let method = if Service::read(client)?.has_patch { "PATCH" } else { "PUT" };
    Ok(one(client, method, &path, summary, is_destructive))
}

fn one(
    client: &Client<'_>,
    method: &str,
    path: &str,
    summary: &str,
    is_destructive: bool,
) -> PlanResult {
    let call = PlannedCall {
        method: method.into(),
        url: client.url(path),
        summary: summary.into(),
        is_destructive,
    };
    PlanResult { calls: vec![call], warnings: vec![READ_BACK.into()] }
}

fn warning(text: &str) -> PlanResult {
    PlanResult { calls: Vec::new(), warnings: vec![text.into()] }
}
