//! Accounts and groups: creation, and whether an account is enabled.

use grantry_sdk::provision::{CreateRequest, Credential, Effects, Outcome, Verification};
use grantry_sdk::types::{AttributeDelta, Error, Object, ObjectRef, Result, Value as Cell};
use serde_json::{Map, Value, json};

use super::forms::{Form, patch_body, replace, try_each, worth_trying};
use super::lookup::{self, Found};
use crate::aggregate::{collection, get};
use crate::attributes::{self, ENTERPRISE};
use crate::client::{Client, Reply, Written, path_of};
use crate::resource::{active, to_object};
use crate::service::Service;

/// Creates a user or a group.
///
/// # Errors
/// [`Error::AlreadyExists`] with the object that has the name; [`Error::OutcomeUnknown`] if the
/// answer was lost.
pub fn create(client: &Client<'_>, request: &CreateRequest, attempt: u32) -> Result<Outcome> {
    let body = new_resource(request)?;
    // An earlier attempt may have made it.
    if attempt > 1
        && let Found::One(object) = lookup::find(client, request)?
    {
        return Ok(Outcome::Already(created(*object)));
    }
    match client.write("POST", collection(&request.kind)?, Some(&body), None)? {
        Written::Accepted(reply) => match reread(client, request, &reply) {
            Ok(Some(object)) => Ok(Outcome::Done(created(object))),
            _ => Err(Error::OutcomeUnknown(
                "the server accepted it, but it cannot be read back".into(),
            )),
        },
        Written::Refused(Error::AlreadyExists(_)) => {
            Err(Error::AlreadyExists(existing(client, request)))
        }
        Written::Refused(Error::PermissionDenied(_)) => {
            Err(Error::PermissionDenied(vec![format!("create a `{}`", request.kind)]))
        }
        Written::Refused(error) | Written::Unclear(error) | Written::Stopped(error) => Err(error),
        Written::Failed(error) => match lookup::find(client, request) {
            Ok(Found::One(object)) => Ok(Outcome::Done(created(*object))),
            _ => Err(error),
        },
        Written::Outdated => {
            Err(Error::PreconditionFailed("the server refused a new object".into()))
        }
    }
}

/// Whether the object that the request describes is there.
///
/// # Errors
/// As the server says.
pub fn verify_create(client: &Client<'_>, request: &CreateRequest) -> Result<Verification> {
    Ok(match lookup::find(client, request)? {
        Found::One(_) => Verification::Holds,
        Found::Nothing => Verification::Absent,
        Found::CannotTell => Verification::CannotTell("the server does not search by name".into()),
    })
}

/// The body of the new resource.
fn new_resource(request: &CreateRequest) -> Result<Value> {
    if !matches!(request.credential, Credential::None | Credential::Sso) {
        return Err(Error::Unsupported("the connector sets no passwords".into()));
    }
    collection(&request.kind)?;
    let kind = request.kind.as_str();
    let mut resource = Map::new();
    for attribute in &request.attributes {
        let name = attribute.name.as_str();
        let Some(known) = attributes::of_kind(kind).iter().find(|known| known.name == name) else {
            let message = format!("a `{kind}` has no attribute `{name}`");
            return Err(Error::invalid_input("/attributes", "unknown_attribute", message));
        };
        known.write(&mut resource, &lookup::texts(&attribute.values));
    }
    let name = if kind == "User" { "userName" } else { "displayName" };
    if !resource.contains_key(name) {
        let message = format!("a new `{kind}` needs `{name}`");
        return Err(Error::invalid_input("/attributes", "missing_attribute", message));
    }
    let mut schemas = vec![json!(format!("urn:ietf:params:scim:schemas:core:2.0:{kind}"))];
    if resource.contains_key(ENTERPRISE) {
        schemas.push(json!(ENTERPRISE));
    }
    resource.insert("schemas".into(), Value::Array(schemas));
    if kind == "User" {
        resource.insert("active".into(), json!(true));
    }
    Ok(Value::Object(resource))
}

fn created(object: Object) -> Effects {
    Effects { objects: vec![object], ..Effects::none() }
}

/// The new object as it is: by its id, its url or its name, as far as the answer goes.
fn reread(client: &Client<'_>, request: &CreateRequest, reply: &Reply) -> Result<Option<Object>> {
    let kind = request.kind.as_str();
    let from_body = to_object(kind, &reply.body, reply.etag.clone()).map(|object| object.id.id);
    let url = reply.location.as_deref();
    let from_url =
        || url.and_then(|url| url.trim_end_matches('/').rsplit('/').next()).map(str::to_owned);
    if let Some(id) = from_body.or_else(from_url)
        && let Some(object) = get(client, &ObjectRef::new(kind, id))?
    {
        return Ok(Some(object));
    }
    match lookup::find(client, request)? {
        Found::One(object) => Ok(Some(*object)),
        Found::Nothing | Found::CannotTell => Ok(None),
    }
}

/// Whose name it is that was taken.
fn existing(client: &Client<'_>, request: &CreateRequest) -> Option<ObjectRef> {
    match lookup::find(client, request) {
        Ok(Found::One(object)) => Some(object.id.to_ref()),
        _ => None,
    }
}

/// Enables or disables an account.
///
/// # Errors
/// See [`try_each`].
pub fn set_active(client: &Client<'_>, about: &ObjectRef, wanted: bool) -> Result<Outcome> {
    let path = user_path(about)?;
    let Some(reply) = client.resource(&path)? else {
        return Err(Error::NotFound(Some(about.clone())));
    };
    let effects = |body: &Value| Effects {
        objects: to_object("User", body, None).into_iter().collect(),
        changed: vec![AttributeDelta {
            name: "active".into(),
            add: Vec::new(),
            remove: Vec::new(),
            replace: Some(vec![Cell::Boolean(wanted)]),
        }],
        ..Effects::none()
    };
    if active(&reply.body) == Some(wanted) {
        return Ok(Outcome::Already(effects(&reply.body)));
    }
    let service = Service::read(client)?;
    let forms =
        worth_trying(service.has_patch, &[Form::PatchPath, Form::PatchValue, Form::Replace]);
    let mut after = Value::Null;
    try_each(
        &forms,
        |form| write_active(client, &path, form, wanted),
        || {
            let reply = client.resource(&path)?;
            after = reply.map_or(Value::Null, |reply| reply.body);
            Ok(active(&after) == Some(wanted))
        },
    )?;
    Ok(Outcome::Done(effects(&after)))
}

fn write_active(client: &Client<'_>, path: &str, form: Form, wanted: bool) -> Result<Written> {
    let operation = match form {
        Form::PatchPath => json!({ "op": "replace", "path": "active", "value": wanted }),
        Form::PatchValue => json!({ "op": "replace", "value": { "active": wanted } }),
        Form::Replace => {
            return replace(client, path, |user| {
                user.retain(|key, _| !key.eq_ignore_ascii_case("active"));
                user.insert("active".into(), json!(wanted));
                Ok(())
            });
        }
    };
    client.write("PATCH", path, Some(&patch_body(vec![operation])), None)
}

/// Whether an account is as wanted. An account that is gone is not enabled; nobody can use it.
///
/// # Errors
/// As the server says.
pub fn verify_active(client: &Client<'_>, about: &ObjectRef, wanted: bool) -> Result<Verification> {
    let reply = client.resource(&user_path(about)?)?;
    let is_gone = reply.is_none();
    Ok(match reply.and_then(|reply| active(&reply.body)) {
        Some(found) if found == wanted => Verification::Holds,
        None if is_gone && !wanted => Verification::Holds,
        Some(_) => Verification::Absent,
        None if is_gone => Verification::Absent,
        None => Verification::CannotTell("the server does not show `active`".into()),
    })
}

fn user_path(about: &ObjectRef) -> Result<String> {
    if about.kind != "User" {
        return Err(Error::Unsupported(format!("a `{}` cannot be disabled", about.kind)));
    }
    Ok(path_of("/Users", &about.id))
}
