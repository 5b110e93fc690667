//! Writing, with the mistakes that changes can have.

use grantry_sdk::http::encode;
use grantry_sdk::provision::{
    CreateRequest, Effects, Operation, Outcome, Pending, PlanResult, PlannedCall, UpdateRequest,
    Verification,
};
use grantry_sdk::types::{AttributeDelta, Error, ObjectRef, Result, Value as Cell};
use serde_json::{Value, json};

use crate::directory::{Directory, collection, members};
use crate::reading::{entitlement_id, object};

/// A membership that is wanted or not.
struct Change<'a> {
    group: &'a ObjectRef,
    member: &'a ObjectRef,
    entitlement: &'a str,
    wants: bool,
}

fn change(operation: &Operation) -> Option<Change<'_>> {
    let (entitlement, group, member, wants) = match operation {
        Operation::Grant(request) => (&request.entitlement, &request.on, &request.holder, true),
        Operation::Revoke(request) => (&request.entitlement, &request.on, &request.holder, false),
        _ => return None,
    };
    Some(Change { group, member, entitlement, wants })
}

/// What would be sent.
///
/// # Errors
/// [`Error::Unsupported`] for all but memberships.
pub fn plan(directory: &Directory, operation: &Operation) -> Result<PlanResult> {
    let Some(change) = change(operation) else {
        return Err(Error::Unsupported("only memberships are planned".into()));
    };
    if directory.is("plan-writes") {
        let _ = patch_members(directory, &change);
    }
    let url = format!("{}/Groups/{}", directory.connection.url, encode(&change.group.id));
    let call = PlannedCall {
        method: "PATCH".into(),
        url,
        summary: "change one member".into(),
        is_destructive: !change.wants,
    };
    let calls = if directory.is("plan-is-empty") { Vec::new() } else { vec![call] };
    Ok(PlanResult { calls, warnings: Vec::new() })
}

/// Makes it so.
///
/// # Errors
/// As the directory says.
pub fn apply(directory: &Directory, operation: &Operation, attempt: u32) -> Result<Outcome> {
    if let Some(change) = change(operation) {
        return membership(directory, &change);
    }
    match operation {
        Operation::Create(request) => create(directory, request, attempt),
        Operation::Update(request) => update(directory, request),
        Operation::Delete(request) => delete(directory, &request.about),
        Operation::Enable(about) => set_active(directory, about, true),
        Operation::Disable(about) => set_active(directory, about, false),
        _ => Err(Error::Unsupported("the directory does not know this".into())),
    }
}

fn membership(directory: &Directory, change: &Change<'_>) -> Result<Outcome> {
    let is = |mutant| directory.is(mutant);
    if change.entitlement != entitlement_id(&change.group.id) && !is("grants-anything") {
        return Err(Error::invalid_input("/entitlement", "unknown_entitlement", "unknown"));
    }
    let group = directory.find("/Groups", &change.group.id)?;
    let group = group.ok_or_else(|| Error::NotFound(Some(change.group.clone())))?;
    let is_so = members(&group).contains(&change.member.id) == change.wants;
    if is_so {
        return match (change.wants, is("grant-again-fails"), is("revoke-again-fails")) {
            (true, true, _) => Err(Error::AlreadyExists(None)),
            (false, _, true) => Err(Error::NotFound(None)),
            _ => Ok(Outcome::Already(Effects::none())),
        };
    }
    if change.wants && directory.find("/Users", &change.member.id)?.is_none() {
        if is("grants-to-nobody") {
            return Ok(Outcome::Done(Effects::none()));
        }
        return Err(Error::NotFound(Some(change.member.clone())));
    }
    let is_idle = if change.wants { is("grant-does-nothing") } else { is("revoke-does-nothing") };
    if is_idle {
        return Ok(Outcome::Done(Effects::none()));
    }
    match patch_members(directory, change) {
        Err(Error::OutcomeUnknown(_)) if is("lost-is-done") => Ok(Outcome::Done(Effects::none())),
        Ok(()) if change.wants && is("grants-take-their-time") => {
            Ok(Outcome::InProgress(Pending { token: "later".into(), poll_after_ms: 60_000 }))
        }
        outcome => outcome.map(|()| Outcome::Done(Effects::none())),
    }
}

fn patch_members(directory: &Directory, change: &Change<'_>) -> Result<()> {
    let member = json!([{ "value": change.member.id }]);
    let one = format!("members[value eq \"{}\"]", change.member.id);
    let operation = match change.wants {
        true if directory.is("grant-replaces-members") => {
            json!({ "op": "replace", "path": "members", "value": member })
        }
        true => json!({ "op": "add", "path": "members", "value": member }),
        false if directory.is("revoke-empties-group") => {
            json!({ "op": "remove", "path": "members" })
        }
        false => json!({ "op": "remove", "path": one }),
    };
    patch(directory, "/Groups", &change.group.id, operation)
}

fn patch(directory: &Directory, collection: &str, id: &str, operation: Value) -> Result<()> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation]
    });
    let path = format!("{collection}/{}", encode(id));
    directory.send("PATCH", &path, Some(&body))?.success(true).map(drop)
}

fn create(directory: &Directory, request: &CreateRequest, attempt: u32) -> Result<Outcome> {
    let is = |mutant| directory.is(mutant);
    let collection = collection(&request.kind)?;
    let name = if request.kind == "User" { "userName" } else { "displayName" };
    let schema = format!("urn:ietf:params:scim:schemas:core:2.0:{}", request.kind);
    let mut body = json!({ "schemas": [schema] });
    for attribute in &request.attributes {
        let known = match request.kind.as_str() {
            "User" => ["userName", "title"].contains(&attribute.name.as_str()),
            _ => attribute.name == "displayName",
        };
        if !known && !is("create-takes-anything") {
            return Err(Error::invalid_input("/attributes", "unknown_attribute", "unknown"));
        }
        if known && !(is("create-forgets-title") && attribute.name == "title") {
            body[&attribute.name] = first_text(&attribute.values).into();
        }
    }
    if attempt > 1 && !is("create-tries-blindly") {
        let wanted = body[name].as_str().unwrap_or_default();
        let filter = encode(&format!("{name} eq \"{wanted}\""));
        let found = directory.get(&format!("{collection}?filter={filter}"))?;
        if found["totalResults"].as_u64() > Some(0) {
            return Ok(Outcome::Already(Effects::none()));
        }
    }
    let answer = directory.send("POST", collection, Some(&body))?;
    match answer.status {
        409 if is("create-again-is-internal") => Err(Error::Internal("409".into())),
        _ => {
            let created: Value = answer.success(true)?.json()?;
            let objects = vec![object(directory, &request.kind, &created)];
            Ok(Outcome::Done(Effects { objects, ..Effects::none() }))
        }
    }
}

fn first_text(values: &[Cell]) -> String {
    match values.first() {
        Some(Cell::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn update(directory: &Directory, request: &UpdateRequest) -> Result<Outcome> {
    let is_fixed = |delta: &&AttributeDelta| delta.name != "title";
    if request.deltas.iter().any(|delta| is_fixed(&delta)) {
        return match directory.is("updates-anything") {
            true => Ok(Outcome::Done(Effects::none())),
            false => Err(Error::invalid_input("/deltas", "not_updatable", "only `title` is")),
        };
    }
    for delta in request.deltas.iter().filter(|_| !directory.is("update-does-nothing")) {
        let value = first_text(delta.replace.as_deref().unwrap_or_default());
        let operation = json!({ "op": "replace", "path": "title", "value": value });
        patch(directory, collection(&request.about.kind)?, &request.about.id, operation)?;
    }
    Ok(Outcome::Done(Effects::none()))
}

fn delete(directory: &Directory, about: &ObjectRef) -> Result<Outcome> {
    if directory.is("delete-does-nothing") {
        return Ok(Outcome::Done(Effects::none()));
    }
    let path = format!("{}/{}", collection(&about.kind)?, encode(&about.id));
    match directory.send("DELETE", &path, None)?.success(true) {
        Err(Error::NotFound(_)) if directory.is("delete-again-is-internal") => {
            Err(Error::Internal("404".into()))
        }
        Err(Error::NotFound(_)) => Err(Error::NotFound(Some(about.clone()))),
        answer => answer.map(|_| Outcome::Done(Effects::none())),
    }
}

fn set_active(directory: &Directory, about: &ObjectRef, active: bool) -> Result<Outcome> {
    if !active && directory.is("disable-does-nothing") {
        return Ok(Outcome::Done(Effects::none()));
    }
    let operation = json!({ "op": "replace", "path": "active", "value": active });
    patch(directory, collection(&about.kind)?, &about.id, operation)?;
    Ok(Outcome::Done(Effects::none()))
}

/// Whether it is so.
///
/// # Errors
/// As the directory says.
pub fn verify(directory: &Directory, operation: &Operation) -> Result<Verification> {
    if directory.is("verify-always-holds") {
        return Ok(Verification::Holds);
    }
    let is_revocation = matches!(operation, Operation::Revoke(_));
    if directory.is("revocations-always-hold") && is_revocation {
        return Ok(Verification::Holds);
    }
    if directory.is("verify-cannot-tell") || directory.is("revocations-always-hold") {
        return Ok(Verification::CannotTell("it is not known".into()));
    }
    if let Some(change) = change(operation) {
        if directory.is("verify-repairs") {
            let _ = patch_members(directory, &change);
        }
        let group = directory.find("/Groups", &change.group.id)?;
        let is_member = group.is_some_and(|group| members(&group).contains(&change.member.id));
        return Ok(held(is_member == change.wants));
    }
    match operation {
        Operation::Delete(request) => {
            let found = directory.find(collection(&request.about.kind)?, &request.about.id)?;
            Ok(held(found.is_none()))
        }
        Operation::Enable(about) | Operation::Disable(about) => {
            let wants = matches!(operation, Operation::Enable(_));
            let found = directory.find(collection(&about.kind)?, &about.id)?;
            Ok(held(found.is_some_and(|user| (user["active"] != false) == wants)))
        }
        Operation::Update(request) => {
            let about = &request.about;
            let found = directory.find(collection(&about.kind)?, &about.id)?;
            let title = request.deltas.iter().filter_map(|delta| delta.replace.as_deref()).next();
            let title = first_text(title.unwrap_or_default());
            Ok(held(found.is_some_and(|user| user["title"] == title)))
        }
        _ => Ok(Verification::CannotTell("only what has an id is read back".into())),
    }
}

fn held(holds: bool) -> Verification {
    if holds { Verification::Holds } else { Verification::Absent }
}
