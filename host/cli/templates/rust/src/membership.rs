//! Granting and revoking memberships. Every change is the smallest that the target knows, and what
//! is so already is left alone.

use grantry_sdk::http::encode;
use grantry_sdk::provision::{
    Effects, Operation, Outcome, PlanResult, PlannedCall, Verification,
};
use grantry_sdk::types::{Error, ObjectRef, Result};
use serde_json::{Value, json};

use crate::directory::{Directory, members};
use crate::entitlement_id;

/// A membership that is wanted, or not wanted any more.
struct Change<'a> {
    group: &'a ObjectRef,
    member: &'a ObjectRef,
    wants: bool,
}

impl<'a> Change<'a> {
    fn of(operation: &'a Operation) -> Result<Self> {
        let (entitlement, group, member, wants) = match operation {
            Operation::Grant(grant) => (&grant.entitlement, &grant.on, &grant.holder, true),
            Operation::Revoke(revoke) => (&revoke.entitlement, &revoke.on, &revoke.holder, false),
            _ => return Err(Error::Unsupported("only memberships are changed".into())),
        };
        if *entitlement != entitlement_id(&group.id) {
            let message = format!("`{entitlement}` is not the membership of `{}`", group.id);
            return Err(Error::invalid_input("/entitlement", "unknown_entitlement", message));
        }
        Ok(Self { group, member, wants })
    }

    fn path(&self) -> String {
        format!("/Groups/{}", encode(&self.group.id))
    }

    /// One member, never the whole list: two changes at once would undo each other.
    fn patch(&self) -> Value {
        let id = &self.member.id;
        match self.wants {
            true => json!({ "op": "add", "path": "members", "value": [{ "value": id }] }),
            false => json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }),
        }
    }

    /// Whether it is so in the target now.
    fn is_so(&self, directory: &Directory<'_>) -> Result<bool> {
        let group = directory.find("/Groups", &self.group.id)?;
        let is_member = group.map(|group| members(&group).contains(&self.member.id));
        Ok(is_member.unwrap_or(false) == self.wants)
    }
}

/// What would be sent. The host lets nothing but GET through meanwhile.
pub fn plan(directory: &Directory<'_>, operation: &Operation) -> Result<PlanResult> {
    let change = Change::of(operation)?;
    let what = if change.wants { "add" } else { "remove" };
    let call = PlannedCall {
        method: "PATCH".into(),
        url: directory.url(&change.path()),
        summary: format!("{what} the member `{}`", change.member.id),
        is_destructive: !change.wants,
    };
    Ok(PlanResult { calls: vec![call], warnings: Vec::new() })
}

/// Makes it so.
pub fn apply(directory: &Directory<'_>, operation: &Operation) -> Result<Outcome> {
    let change = Change::of(operation)?;
    if directory.find("/Groups", &change.group.id)?.is_none() {
        return Err(Error::NotFound(Some(change.group.clone())));
    }
    if change.is_so(directory)? {
        return Ok(Outcome::Already(Effects::none()));
    }
    if change.wants && directory.find("/Users", &change.member.id)?.is_none() {
        return Err(Error::NotFound(Some(change.member.clone())));
    }
    directory.patch(&change.path(), &change.patch())?;
    Ok(Outcome::Done(Effects::none()))
}

/// Whether it is so.
pub fn verify(directory: &Directory<'_>, operation: &Operation) -> Result<Verification> {
    let change = Change::of(operation)?;
    Ok(if change.is_so(directory)? { Verification::Holds } else { Verification::Absent })
}
