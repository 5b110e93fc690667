//! Administrators: creation (for a time, too), names, deletion.

use grantry_sdk::provision::{
    CreateRequest, Credential, Effects, Invitation, Outcome, UpdateRequest,
};
use grantry_sdk::types::{Attribute, Error, ObjectRef, Result, Value as Cell};
use serde_json::{Map, Value, json};

use crate::administrator::{Administrator, Role};
use crate::client::{Client, LIST_ITEMS_MAX};
use crate::manifest::ADMINISTRATOR;

/// Roles are looked through for a name, so many lists long.
const ROLE_LISTS_MAX: u64 = 20;

/// A new administrator, checked.
#[derive(Debug)]
pub struct NewAdministrator {
    email: String,
    role: Role,
    body: Value,
}

/// Creates an administrator, who is sent an invitation.
///
/// # Errors
/// [`Error::AlreadyExists`] with the administrator who has the address.
pub fn create(client: &Client<'_>, request: &CreateRequest, attempt: u32) -> Result<Outcome> {
    let new = new_administrator(client, request)?;
    if let Some(found) = client.administrator_by_email(&new.email)? {
        // An earlier attempt made it, if anybody did.
        if attempt > 1 && found.holds(&new.role.id) {
            return Ok(invited(&found));
        }
        return Err(Error::AlreadyExists(Some(ObjectRef::new(ADMINISTRATOR, found.id))));
    }
    client.create(&new.body)?;
    match client.administrator_by_email(&new.email) {
        Ok(Some(found)) => Ok(invited(&found)),
        _ => Err(Error::OutcomeUnknown(
            "JumpCloud accepted the administrator, but does not list it".into(),
        )),
    }
}

/// Whether the administrator is there with the role.
///
/// # Errors
/// As JumpCloud says.
pub fn is_created(client: &Client<'_>, request: &CreateRequest) -> Result<bool> {
    let new = new_administrator(client, request)?;
    let found = client.administrator_by_email(&new.email)?;
    Ok(found.is_some_and(|found| found.holds(&new.role.id)))
}

/// Changes what may be changed of an administrator.
///
/// # Errors
/// [`Error::InvalidInput`] for what may not.
pub fn update(client: &Client<'_>, request: &UpdateRequest) -> Result<Outcome> {
    let changes = changes(request)?;
    if is_so(client, &request.about, &changes)? {
        return Ok(Outcome::Already(Effects::none()));
    }
    client.change(&request.about.id, &Value::Object(changes.clone()))?;
    match is_so(client, &request.about, &changes) {
        Ok(true) => Ok(Outcome::Done(Effects::none())),
        _ => Err(Error::OutcomeUnknown("JumpCloud accepted it, but shows something else".into())),
    }
}

/// Whether it is as the update wants it.
///
/// # Errors
/// As JumpCloud says.
pub fn is_updated(client: &Client<'_>, request: &UpdateRequest) -> Result<bool> {
    is_so(client, &request.about, &changes(request)?)
}

/// Deletes an administrator, and looks.
///
/// # Errors
/// As JumpCloud says.
pub fn delete(client: &Client<'_>, about: &ObjectRef) -> Result<Outcome> {
    if about.kind != ADMINISTRATOR {
        return Err(Error::Unsupported(format!("a `{}` is not deleted", about.kind)));
    }
    if !client.delete(&about.id)? {
        return Ok(Outcome::Already(Effects::none()));
    }
    match client.administrator(&about.id) {
        Ok(None) => Ok(Outcome::Done(Effects::none())),
        _ => Err(Error::OutcomeUnknown("JumpCloud accepted it, but still shows it".into())),
    }
}

/// Checks what a new administrator is to be.
///
/// # Errors
/// [`Error::InvalidInput`] for a missing address or role.
pub fn new_administrator(client: &Client<'_>, request: &CreateRequest) -> Result<NewAdministrator> {
    if request.kind != ADMINISTRATOR {
        return Err(Error::Unsupported(format!("a `{}` cannot be created", request.kind)));
    }
    if !matches!(request.credential, Credential::None | Credential::Sso) {
        return Err(Error::Unsupported("JumpCloud invites; it takes no password".into()));
    }
    let (mut body, mut email, mut role) = (Map::new(), None, None);
    for Attribute { name, values, .. } in &request.attributes {
        match (name.as_str(), values.first()) {
            ("email", Some(Cell::Text(text))) => email = Some(text.trim().to_owned()),
            ("role", Some(Cell::Text(text))) => role = Some(text.as_str()),
            ("firstname" | "lastname", Some(Cell::Text(text))) => {
                body.insert(name.clone(), json!(text));
            }
            ("enableMultiFactor", Some(Cell::Boolean(truth))) => {
                body.insert(name.clone(), json!(truth));
            }
            _ => return Err(unknown_attribute(name)),
        }
    }
    let missing = |name: &str| {
        let message = format!("a new administrator needs `{name}`");
        Error::invalid_input("/attributes", "missing_attribute", message)
    };
    let email = email.filter(|email| email.contains('@')).ok_or_else(|| missing("email"))?;
    let role = find_role(client, role.ok_or_else(|| missing("role"))?)?;
    body.insert("email".into(), json!(email));
    body.insert("roleName".into(), json!(role.name));
    Ok(NewAdministrator { email, role, body: Value::Object(body) })
}

/// The role of an id or a name.
fn find_role(client: &Client<'_>, wanted: &str) -> Result<Role> {
    let mut skip = 0;
    for _ in 0..ROLE_LISTS_MAX {
        let listed = client.roles(skip, LIST_ITEMS_MAX)?;
        let count = listed.results.len() as u64;
        let is_it = |role: &Role| role.id == wanted || role.name.eq_ignore_ascii_case(wanted);
        if let Some(role) = listed.results.into_iter().find(is_it) {
            return Ok(role);
        }
        skip += count;
        if count == 0 || listed.total_count.is_some_and(|total| skip >= total) {
            break;
        }
    }
    let message = format!("there is no role `{wanted}`");
    Err(Error::invalid_input("/attributes", "unknown_role", message))
}

/// The body of an update.
///
/// # Errors
/// [`Error::InvalidInput`] for what may not be changed.
pub fn changes(request: &UpdateRequest) -> Result<Map<String, Value>> {
    if request.about.kind != ADMINISTRATOR {
        return Err(Error::Unsupported(format!("a `{}` is not changed", request.about.kind)));
    }
    let mut changes = Map::new();
    for delta in &request.deltas {
        let values = delta.replace.as_ref().unwrap_or(&delta.add);
        let value = match (delta.name.as_str(), values.as_slice()) {
            ("firstname" | "lastname", [Cell::Text(text)]) => json!(text),
            ("firstname" | "lastname", []) => json!(""),
            ("enableMultiFactor", [Cell::Boolean(truth)]) => json!(truth),
            (name, _) => return Err(unknown_attribute(name)),
        };
        changes.insert(delta.name.clone(), value);
    }
    Ok(changes)
}

fn is_so(client: &Client<'_>, about: &ObjectRef, changes: &Map<String, Value>) -> Result<bool> {
    let Some(found) = client.administrator(&about.id)? else {
        return Err(Error::NotFound(Some(about.clone())));
    };
    let shown = found.to_object();
    Ok(changes.iter().all(|(name, wanted)| {
        let is_it = |attribute: &&Attribute| attribute.name == *name;
        let value = shown.attributes.iter().find(is_it).and_then(|found| found.values.first());
        match value {
            Some(Cell::Text(text)) => *wanted == **text,
            Some(Cell::Boolean(truth)) => *wanted == *truth,
            _ => wanted == "",
        }
    }))
}

fn invited(found: &Administrator) -> Outcome {
    Outcome::Invited(Invitation { object: Some(found.to_object()), ends_ms: None })
}

fn unknown_attribute(name: &str) -> Error {
    let message = format!("`{name}` cannot be set to this");
    Error::invalid_input("/attributes", "unknown_attribute", message)
}
