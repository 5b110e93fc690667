//! Changes of attributes.

use grantry_sdk::provision::{Effects, Outcome, UpdateRequest, Verification};
use grantry_sdk::types::{AttributeDelta, Error, Result};
use serde_json::{Map, Value, json};

use super::forms::{Form, patch_body, replace, try_each, worth_trying};
use super::lookup::texts;
use crate::aggregate::collection;
use crate::attributes::{self, Known, Place};
use crate::client::{Client, Written, path_of};
use crate::filter::equals;
use crate::resource::to_object;
use crate::service::Service;

/// One attribute's change, understood.
struct Edit<'a> {
    known: &'static Known,
    delta: &'a AttributeDelta,
}

impl Edit<'_> {
    /// The values after the change.
    fn wanted(&self, resource: &Value) -> Vec<String> {
        if let Some(values) = &self.delta.replace {
            return texts(values);
        }
        let (removed, added) = (texts(&self.delta.remove), texts(&self.delta.add));
        if self.known.place != Place::Values && !added.is_empty() {
            return added;
        }
        let mut values = self.known.read(resource);
        values.retain(|value| !removed.contains(value));
        let new = added.into_iter().filter(|value| !values.contains(value)).collect::<Vec<_>>();
        values.extend(new);
        values
    }

    fn holds(&self, resource: &Value) -> bool {
        let sorted = |mut values: Vec<String>| {
            values.sort();
            values
        };
        sorted(self.known.read(resource)) == sorted(self.wanted(resource))
    }

    /// The `PATCH` operations with a path: single values, so that nothing else is touched.
    fn operations(&self, resource: &Value) -> Vec<Value> {
        let path = self.known.patch_path();
        if self.delta.replace.is_some() || self.known.place != Place::Values {
            let wanted = self.wanted(resource);
            if wanted.is_empty() {
                return vec![json!({ "op": "remove", "path": path })];
            }
            return vec![
                json!({ "op": "replace", "path": path, "value": self.known.patch_value(&wanted) }),
            ];
        }
        let remove = |value: &String| json!({ "op": "remove", "path": format!("{path}[{}]", equals("value", value)) });
        let add =
            |value: &String| json!({ "op": "add", "path": path, "value": [{ "value": value }] });
        let (removed, added) = (texts(&self.delta.remove), texts(&self.delta.add));
        removed.iter().map(remove).chain(added.iter().map(add)).collect()
    }
}

/// Changes the attributes.
///
/// # Errors
/// [`Error::PreconditionFailed`] if the object is not at `if-match`; see [`try_each`].
pub fn apply(client: &Client<'_>, request: &UpdateRequest) -> Result<Outcome> {
    let edits = understand(request)?;
    let path = path_of(collection(&request.about.kind)?, &request.about.id);
    let Some(reply) = client.resource(&path)? else {
        return Err(Error::NotFound(Some(request.about.clone())));
    };
    let is_other_version = matches!((&request.if_match, &reply.etag), (Some(a), Some(b)) if a != b);
    if is_other_version {
        return Err(Error::PreconditionFailed("the object changed in between".into()));
    }
    let before = reply.body;
    if edits.iter().all(|edit| edit.holds(&before)) {
        return Ok(Outcome::Already(effects(request, &before)));
    }
    let forms = worth_trying(
        Service::read(client)?.has_patch,
        &[Form::PatchPath, Form::PatchValue, Form::Replace],
    );
    let mut after = Value::Null;
    try_each(
        &forms,
        |form| write(client, request, &path, &edits, &before, form),
        || {
            after = client.resource(&path)?.map_or(Value::Null, |reply| reply.body);
            Ok(edits.iter().all(|edit| edit.holds(&after)))
        },
    )?;
    Ok(Outcome::Done(effects(request, &after)))
}

/// Whether the attributes are as wanted, and which are not.
///
/// # Errors
/// As the server says.
pub fn verify(client: &Client<'_>, request: &UpdateRequest) -> Result<Verification> {
    let edits = understand(request)?;
    let path = path_of(collection(&request.about.kind)?, &request.about.id);
    let Some(reply) = client.resource(&path)? else { return Ok(Verification::Absent) };
    let open = edits.iter().filter(|edit| !edit.holds(&reply.body));
    let deltas: Vec<AttributeDelta> = open.map(|edit| edit.delta.clone()).collect();
    Ok(if deltas.is_empty() { Verification::Holds } else { Verification::Differs(deltas) })
}

fn understand<'a>(request: &'a UpdateRequest) -> Result<Vec<Edit<'a>>> {
    let kind = request.about.kind.as_str();
    collection(kind)?;
    let find = |delta: &'a AttributeDelta| {
        let name = delta.name.as_str();
        let known = attributes::of_kind(kind).iter().find(|known| known.name == name);
        known.map(|known| Edit { known, delta }).ok_or_else(|| {
            let message = format!("a `{kind}` has no attribute `{name}` that can be changed");
            Error::invalid_input("/deltas", "unknown_attribute", message)
        })
    };
    request.deltas.iter().map(find).collect()
}

fn write(
    client: &Client<'_>,
    request: &UpdateRequest,
    path: &str,
    edits: &[Edit<'_>],
    before: &Value,
    form: Form,
) -> Result<Written> {
    let operations = match form {
        Form::PatchPath => edits.iter().flat_map(|edit| edit.operations(before)).collect(),
        Form::PatchValue => vec![json!({ "op": "replace", "value": object_of(edits, before) })],
        Form::Replace => {
            return replace(client, path, |resource| {
                let current = Value::Object(resource.clone());
                for edit in edits {
                    edit.known.write(resource, &edit.wanted(&current));
                }
                Ok(())
            });
        }
    };
    client.write("PATCH", path, Some(&patch_body(operations)), request.if_match.as_deref())
}

/// The changed attributes as a part of a resource; the extension's nested under its URN.
fn object_of(edits: &[Edit<'_>], before: &Value) -> Value {
    let mut object = Map::new();
    for edit in edits {
        edit.known.write(&mut object, &edit.wanted(before));
    }
    Value::Object(object)
}

fn effects(request: &UpdateRequest, after: &Value) -> Effects {
    let objects = to_object(&request.about.kind, after, None).into_iter().collect();
    Effects { objects, changed: request.deltas.clone(), ..Effects::none() }
}
