//! Entitlement types.

use grantry_api::entitlement_types as wire;
use grantry_engine::{ReKeyView, StoredType, TypeInput};
use grantry_model::entitlement_types::{
    AttributeInForce, AttributeKind, ReKeyed, TypeAttribute, TypeChange,
};

use super::name;

/// Entitlements and ids of a re-key that are named.
const SHOWN_MAX: usize = 100;
/// Entitlements of one id that are named.
const SHOWN_OF_ONE_MAX: usize = 10;

/// A type.
pub(crate) fn entitlement_type(stored: &StoredType) -> wire::EntitlementType {
    let of = stored.in_force();
    wire::EntitlementType {
        id: stored.id.to_string(),
        integration_id: stored.integration_id.to_string(),
        name: of.name,
        display: of.display,
        description: of.description,
        origin: stored.origin.name().to_owned(),
        includes_permissions: of.includes_permissions,
        is_cloud_enabled: of.is_cloud_enabled,
        attributes: of.attributes.iter().map(attribute).collect(),
        dropped_attributes: of.dropped,
        id_attribute: of.id_attribute,
        name_attribute: of.name_attribute,
        description_attribute: of.description_attribute,
        entitlements: stored.entitlements,
        is_frozen: stored.deleted.is_some(),
        deleted_ms: stored.deleted.map(|at| at.0),
        created_ms: stored.created.0,
        version: stored.version,
    }
}

fn attribute(in_force: &AttributeInForce) -> wire::EntitlementTypeAttribute {
    let of = &in_force.attribute;
    wire::EntitlementTypeAttribute {
        name: of.name.clone(),
        description: of.description.clone(),
        of_type: of.of.name().to_owned(),
        is_reference: matches!(of.of, AttributeKind::Reference(_)),
        is_multi_valued: of.is_multi_valued,
        is_managed: of.is_managed,
        said_by: name(&in_force.said_by),
        declared: in_force.declared.as_ref().map(|declared| wire::DeclaredAttribute {
            description: declared.description.clone(),
            of_type: declared.of.name().to_owned(),
            is_multi_valued: declared.is_multi_valued,
        }),
    }
}

fn read_attribute(of: wire::SetAttribute) -> TypeAttribute {
    let wire::SetAttribute { name, description, of_type, is_multi_valued, is_managed } = of;
    let of = AttributeKind::parse(&of_type);
    TypeAttribute { name, description, of, is_multi_valued, is_managed }
}

fn read_attributes(all: Option<Vec<wire::SetAttribute>>) -> Option<Vec<TypeAttribute>> {
    all.map(|all| all.into_iter().map(read_attribute).collect())
}

/// A type to be made, from the wire.
pub(crate) fn read_create(body: wire::CreateEntitlementType) -> TypeInput {
    let change = TypeChange {
        display: body.display.map(Some),
        description: body.description,
        includes_permissions: body.includes_permissions,
        is_cloud_enabled: body.is_cloud_enabled,
        attributes: read_attributes(body.attributes),
        ..TypeChange::default()
    };
    TypeInput { name: body.name, change }
}

/// A change, from the wire.
pub(crate) fn read_update(body: wire::UpdateEntitlementType) -> TypeChange {
    TypeChange {
        display: body.display,
        description: body.description,
        includes_permissions: body.includes_permissions,
        is_cloud_enabled: body.is_cloud_enabled,
        attributes: read_attributes(body.attributes),
        name_attribute: body.name_attribute,
        description_attribute: body.description_attribute,
    }
}

/// What another id attribute would change.
pub(crate) fn re_key(view: &ReKeyView) -> wire::ReKeyPreview {
    let change = &view.change;
    let colliding = change.colliding.iter().take(SHOWN_MAX).map(|(id, rows)| wire::CollidingId {
        id: id.clone(),
        entitlements: rows.len() as u64,
        first: rows.iter().take(SHOWN_OF_ONE_MAX).map(re_keyed).collect(),
    });
    let (colliding_ids, without) = (change.colliding.len() as u64, change.without.len() as u64);
    wire::ReKeyPreview {
        id_attribute: view.attribute.clone(),
        entitlements: change.entitlements,
        changed: change.changed,
        colliding_ids,
        colliding: colliding.collect(),
        without,
        without_id: change.without.iter().take(SHOWN_MAX).map(re_keyed).collect(),
        risk: risk(colliding_ids, without),
        hash: change.hash.clone(),
    }
}

fn risk(colliding: u64, without: u64) -> String {
    match (colliding, without) {
        (0, 0) => "none: every entitlement has an id of its own".to_owned(),
        _ => format!(
            "duplicates: {colliding} id(s) would stand for several entitlements, and {without} \
             entitlement(s) have no such attribute and keep the target's own id; whoever names an \
             entitlement by its id may mean another one"
        ),
    }
}

fn re_keyed(row: &ReKeyed) -> wire::ReKeyedEntitlement {
    wire::ReKeyedEntitlement {
        id: row.key.clone(),
        display: row.display.clone(),
        known_as: row.before.clone(),
    }
}
