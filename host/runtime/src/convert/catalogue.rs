//! `types`: objects, entitlements, assignments and their parts.

use grantry_model::catalogue as model;

use super::{all, copied};
use crate::bindings::grantry::plugin::types as wit;

pub(crate) fn object_ref(from: wit::ObjectRef) -> model::ObjectRef {
    model::ObjectRef { kind: from.kind, id: from.id }
}

pub(crate) fn to_object_ref(from: &model::ObjectRef) -> wit::ObjectRef {
    wit::ObjectRef { kind: from.kind.clone(), id: from.id.clone() }
}

fn object_id(from: wit::ObjectId) -> model::ObjectId {
    model::ObjectId {
        kind: from.kind,
        id: from.id,
        name: from.name,
        aliases: from.aliases,
        parent: from.parent.map(object_ref),
        etag: from.etag,
    }
}

fn to_object_id(from: &model::ObjectId) -> wit::ObjectId {
    wit::ObjectId {
        kind: from.kind.clone(),
        id: from.id.clone(),
        name: from.name.clone(),
        aliases: from.aliases.clone(),
        parent: from.parent.as_ref().map(to_object_ref),
        etag: from.etag.clone(),
    }
}

fn value(from: wit::Value) -> model::Value {
    match from {
        wit::Value::Text(text) => model::Value::Text(text),
        wit::Value::Boolean(boolean) => model::Value::Boolean(boolean),
        wit::Value::Integer(integer) => model::Value::Integer(integer),
        wit::Value::Decimal(digits) => model::Value::Decimal(digits),
        wit::Value::Real(real) => model::Value::Real(real),
        wit::Value::Bytes(bytes) => model::Value::Bytes(bytes),
        wit::Value::TimestampMs(ms) => model::Value::TimestampMs(ms),
        wit::Value::Date(date) => model::Value::Date(date),
        wit::Value::Uuid(uuid) => model::Value::Uuid(uuid),
        wit::Value::Reference(reference) => model::Value::Reference(object_ref(reference)),
        wit::Value::Json(json) => model::Value::Json(json),
    }
}

fn to_value(from: &model::Value) -> wit::Value {
    match from {
        model::Value::Text(text) => wit::Value::Text(text.clone()),
        model::Value::Boolean(boolean) => wit::Value::Boolean(*boolean),
        model::Value::Integer(integer) => wit::Value::Integer(*integer),
        model::Value::Decimal(digits) => wit::Value::Decimal(digits.clone()),
        model::Value::Real(real) => wit::Value::Real(*real),
        model::Value::Bytes(bytes) => wit::Value::Bytes(bytes.clone()),
        model::Value::TimestampMs(ms) => wit::Value::TimestampMs(*ms),
        model::Value::Date(date) => wit::Value::Date(date.clone()),
        model::Value::Uuid(uuid) => wit::Value::Uuid(uuid.clone()),
        model::Value::Reference(reference) => wit::Value::Reference(to_object_ref(reference)),
        model::Value::Json(json) => wit::Value::Json(json.clone()),
    }
}

fn completeness(from: wit::Completeness) -> model::Completeness {
    match from {
        wit::Completeness::Complete => model::Completeness::Complete,
        wit::Completeness::Partial => model::Completeness::Partial,
        wit::Completeness::Unknown => model::Completeness::Unknown,
    }
}

fn to_completeness(from: model::Completeness) -> wit::Completeness {
    match from {
        model::Completeness::Complete => wit::Completeness::Complete,
        model::Completeness::Partial => wit::Completeness::Partial,
        model::Completeness::Unknown => wit::Completeness::Unknown,
    }
}

fn attribute(from: wit::Attribute) -> model::Attribute {
    model::Attribute {
        name: from.name,
        values: all(from.values, value),
        completeness: completeness(from.completeness),
    }
}

pub(crate) fn to_attribute(from: &model::Attribute) -> wit::Attribute {
    wit::Attribute {
        name: from.name.clone(),
        values: copied(&from.values, to_value),
        completeness: to_completeness(from.completeness),
    }
}

pub(crate) fn attribute_delta(from: wit::AttributeDelta) -> model::AttributeDelta {
    model::AttributeDelta {
        name: from.name,
        add: all(from.add, value),
        remove: all(from.remove, value),
        replace: from.replace.map(|values| all(values, value)),
    }
}

pub(crate) fn to_attribute_delta(from: &model::AttributeDelta) -> wit::AttributeDelta {
    wit::AttributeDelta {
        name: from.name.clone(),
        add: copied(&from.add, to_value),
        remove: copied(&from.remove, to_value),
        replace: from.replace.as_ref().map(|values| copied(values, to_value)),
    }
}

fn object_status(from: wit::ObjectStatus) -> model::ObjectStatus {
    match from {
        wit::ObjectStatus::Enabled => model::ObjectStatus::Enabled,
        wit::ObjectStatus::Disabled => model::ObjectStatus::Disabled,
        wit::ObjectStatus::Locked => model::ObjectStatus::Locked,
        wit::ObjectStatus::Pending => model::ObjectStatus::Pending,
        wit::ObjectStatus::Deleted => model::ObjectStatus::Deleted,
        wit::ObjectStatus::Unknown => model::ObjectStatus::Unknown,
    }
}

fn to_object_status(from: model::ObjectStatus) -> wit::ObjectStatus {
    match from {
        model::ObjectStatus::Enabled => wit::ObjectStatus::Enabled,
        model::ObjectStatus::Disabled => wit::ObjectStatus::Disabled,
        model::ObjectStatus::Locked => wit::ObjectStatus::Locked,
        model::ObjectStatus::Pending => wit::ObjectStatus::Pending,
        model::ObjectStatus::Deleted => wit::ObjectStatus::Deleted,
        model::ObjectStatus::Unknown => wit::ObjectStatus::Unknown,
    }
}

pub(crate) fn object(from: wit::Object) -> model::Object {
    model::Object {
        id: object_id(from.id),
        display: from.display,
        description: from.description,
        status: object_status(from.status),
        attributes: all(from.attributes, attribute),
        created_ms: from.created_ms,
        last_used_ms: from.last_used_ms,
    }
}

pub(crate) fn to_object(from: &model::Object) -> wit::Object {
    wit::Object {
        id: to_object_id(&from.id),
        display: from.display.clone(),
        description: from.description.clone(),
        status: to_object_status(from.status),
        attributes: copied(&from.attributes, to_attribute),
        created_ms: from.created_ms,
        last_used_ms: from.last_used_ms,
    }
}

fn purpose(from: wit::Purpose) -> model::Purpose {
    match from {
        wit::Purpose::Access => model::Purpose::Access,
        wit::Purpose::Permission => model::Purpose::Permission,
        wit::Purpose::Ownership => model::Purpose::Ownership,
        wit::Purpose::Other => model::Purpose::Other,
    }
}

fn exclusive(from: wit::Exclusive) -> model::Exclusive {
    model::Exclusive { group: from.group, order: from.order, is_default: from.is_default }
}

pub(crate) fn entitlement(from: wit::Entitlement) -> model::Entitlement {
    model::Entitlement {
        id: from.id,
        kind: from.kind,
        on: object_ref(from.on),
        slug: from.slug,
        display: from.display,
        description: from.description,
        purpose: purpose(from.purpose),
        grantable_to: from.grantable_to,
        exclusive: from.exclusive.map(exclusive),
        is_immutable: from.is_immutable,
        is_privileged: from.is_privileged,
        attributes: all(from.attributes, attribute),
    }
}

fn expansion(from: wit::Expansion) -> model::Expansion {
    model::Expansion {
        entitlements: from.entitlements,
        is_shallow: from.is_shallow,
        kinds: from.kinds,
    }
}

pub(crate) fn assignment(from: wit::Assignment) -> model::Assignment {
    model::Assignment {
        id: from.id,
        entitlement: from.entitlement,
        holder: object_ref(from.holder),
        expansion: from.expansion.map(expansion),
        is_immutable: from.is_immutable,
        starts_ms: from.starts_ms,
        ends_ms: from.ends_ms,
        origin: from.origin,
        attributes: all(from.attributes, attribute),
    }
}
