//! PATCH (RFC 7644 section 3.5.2): a pure change of one resource, all operations or none.

use serde_json::{Map, Value, json};

use super::error::ScimError;
use super::filter;
use super::members;
use super::path::{AttributePath, ENTERPRISE_USER, Kind};
use super::quirk::{Quirk, QuirkSet};
use super::resource::{Resource, key_in};

/// How many members survive an addition under [`Quirk::AddRemovesBeyond100`].
const SURVIVORS: usize = 100;

/// The three operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// One operation on one attribute.
#[derive(Debug)]
struct Operation<'a> {
    verb: Verb,
    path: AttributePath,
    /// False if the path stood in the value's keys.
    has_own_path: bool,
    value: &'a Value,
}

/// `resource` as the request wants it.
///
/// # Errors
/// 400 with the keyword of the RFC; 500 where a quirk wants it.
pub(super) fn apply(
    kind: Kind,
    resource: &Resource,
    request: &Value,
    quirks: &QuirkSet,
) -> Result<Resource, ScimError> {
    let mut changed = resource.clone();
    for operation in operations(request)? {
        if kind == Kind::Group && operation.path.is_for("members") {
            apply_to_members(&mut changed.members, &operation, quirks)?;
        } else if !is_swallowed(&operation, quirks)? {
            apply_to_attribute(&mut changed.attributes, &operation)?;
        }
    }
    Ok(changed)
}

/// The operations of a request, those without a path taken apart.
fn operations(request: &Value) -> Result<Vec<Operation<'_>>, ScimError> {
    let list = request.as_object().and_then(|map| map.get(&key_in(map, "Operations")?)?.as_array());
    let list = list.ok_or_else(|| ScimError::bad("invalidSyntax", "`Operations` is missing"))?;
    let mut found = Vec::new();
    for each in list {
        let verb = verb(&each["op"])?;
        let value = &each["value"];
        match (each["path"].as_str(), value) {
            (Some(path), value) => {
                let path = AttributePath::parse(path)?;
                found.push(Operation { verb, path, has_own_path: true, value });
            }
            (None, Value::Object(map)) if verb != Verb::Remove => {
                for (key, value) in map {
                    let path = AttributePath::parse(key)?;
                    found.push(Operation { verb, path, has_own_path: false, value });
                }
            }
            (None, _) if verb == Verb::Remove => {
                return Err(ScimError::bad("noTarget", "`remove` needs a path"));
            }
            (None, _) => {
                return Err(ScimError::bad("invalidValue", "without a path, `value` is an object"));
            }
        }
    }
    Ok(found)
}

fn verb(value: &Value) -> Result<Verb, ScimError> {
    match value.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Ok(Verb::Add),
        Some("replace") => Ok(Verb::Replace),
        Some("remove") => Ok(Verb::Remove),
        _ => Err(ScimError::bad("invalidSyntax", format!("`{value}` is not an operation"))),
    }
}

fn apply_to_members(
    current: &mut Vec<String>,
    operation: &Operation<'_>,
    quirks: &QuirkSet,
) -> Result<(), ScimError> {
    let is_bare_path = operation.has_own_path && operation.path.filter.is_none();
    if is_bare_path && quirks.has(&Quirk::MembersPathFails) {
        return Err(ScimError::new(500, "internal error"));
    }
    let ids = members::ids(operation.value)?;
    match (operation.verb, operation.path.filtered_value()) {
        (Verb::Add, None) => {
            if quirks.has(&Quirk::AddRemovesBeyond100) {
                current.truncate(SURVIVORS);
            }
            members::append(current, ids);
        }
        (Verb::Replace, None) => *current = ids,
        (Verb::Remove, Some(id)) => current.retain(|member| member != id),
        (Verb::Remove, None) if operation.path.filter.is_some() => {
            return Err(ScimError::bad("invalidFilter", "members are filtered by `value eq`"));
        }
        (Verb::Remove, None) if ids.is_empty() => current.clear(),
        (Verb::Remove, None) if quirks.has(&Quirk::RemoveWithValueEmptiesGroup) => current.clear(),
        (Verb::Remove, None) => {
            return Err(ScimError::bad("invalidSyntax", "`remove` has no value; filter the path"));
        }
        (Verb::Add | Verb::Replace, Some(_)) => {
            return Err(ScimError::bad("mutability", "a member cannot be edited"));
        }
    }
    Ok(())
}

/// True if a quirk makes this operation do nothing.
fn is_swallowed(operation: &Operation<'_>, quirks: &QuirkSet) -> Result<bool, ScimError> {
    if !operation.path.is_for("active") {
        return Ok(false);
    }
    match operation.value {
        Value::Bool(true) if quirks.has(&Quirk::ReactivationRejected) => {
            Err(ScimError::bad("mutability", "a user cannot be reactivated"))
        }
        Value::Bool(false) => Ok(quirks.has(&Quirk::ActiveFalseIgnored)),
        _ => Ok(false),
    }
}

fn apply_to_attribute(
    attributes: &mut Map<String, Value>,
    operation: &Operation<'_>,
) -> Result<(), ScimError> {
    let path = &operation.path;
    if ["id", "meta", "schemas"].iter().any(|name| path.is_for(name)) {
        return Err(ScimError::bad("mutability", format!("`{}` is read-only", path.attribute)));
    }
    if !path.is_enterprise {
        return edit(attributes, operation, &path.attribute);
    }
    let extension = attributes.entry(ENTERPRISE_USER).or_insert_with(|| json!({}));
    let Some(extension) = extension.as_object_mut() else {
        return Err(ScimError::bad("invalidValue", "the extension is an object"));
    };
    match (path.attribute.as_str(), operation.value) {
        ("", Value::Object(values)) => extension.extend(values.clone()),
        ("", _) => extension.clear(),
        (attribute, _) => edit(extension, operation, attribute)?,
    }
    if extension.is_empty() {
        attributes.remove(ENTERPRISE_USER);
    }
    Ok(())
}

/// Changes one attribute of `map`: as a whole, in one sub-attribute, or in the values of a filter.
fn edit(
    map: &mut Map<String, Value>,
    operation: &Operation<'_>,
    name: &str,
) -> Result<(), ScimError> {
    let key = key_in(map, name).unwrap_or_else(|| name.to_owned());
    let path = &operation.path;
    let Some(clause) = &path.filter else {
        match &path.sub {
            None => set(map, key, operation),
            Some(sub) => {
                let object = map.entry(key).or_insert_with(|| json!({}));
                let object = object.as_object_mut().ok_or_else(|| no_target(name))?;
                set(object, key_in(object, sub).unwrap_or_else(|| sub.clone()), operation);
            }
        }
        return Ok(());
    };
    let values = map.get_mut(&key).and_then(Value::as_array_mut).ok_or_else(|| no_target(name))?;
    if operation.verb == Verb::Remove && path.sub.is_none() {
        values.retain(|value| !filter::holds(clause, value));
        return Ok(());
    }
    let mut chosen = values.iter_mut().filter(|value| filter::holds(clause, value)).peekable();
    chosen.peek().ok_or_else(|| no_target(name))?;
    for object in chosen.filter_map(Value::as_object_mut) {
        match (&path.sub, operation.value) {
            (Some(sub), _) => {
                set(object, key_in(object, sub).unwrap_or_else(|| sub.clone()), operation);
            }
            (None, Value::Object(value)) => object.extend(value.clone()),
            (None, _) => return Err(ScimError::bad("invalidValue", "the value is an object")),
        }
    }
    Ok(())
}

/// An addition to a list appends; an object is merged; anything else is replaced.
fn set(map: &mut Map<String, Value>, key: String, operation: &Operation<'_>) {
    match (operation.verb, map.get_mut(&key), operation.value) {
        (Verb::Remove, _, _) => {
            map.remove(&key);
        }
        (Verb::Add, Some(Value::Array(current)), Value::Array(more)) => {
            let new: Vec<Value> = more.iter().filter(|v| !current.contains(v)).cloned().collect();
            current.extend(new);
        }
        (_, Some(Value::Object(current)), Value::Object(more)) => current.extend(more.clone()),
        (_, _, value) => {
            map.insert(key, value.clone());
        }
    }
}

fn no_target(name: &str) -> ScimError {
    ScimError::bad("noTarget", format!("`{name}` has no such value"))
}
