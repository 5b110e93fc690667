//! Accounts, resources, entitlements and assignments.

use grantry_api::catalogue as wire;
use grantry_engine::{
    HoldersView, SaidChange, SelectionInput, StoredAssignment, StoredEntitlement, StoredObject,
};

use grantry_model::effective::EffectiveHolder;
use grantry_model::fingerprint::Key;

use super::stored_json;

/// An account, with whose it is.
pub(crate) fn account(account: &StoredObject) -> wire::CatalogueObject {
    let mapping = Some(super::mappings::mapping(&account.mapping));
    wire::CatalogueObject { mapping, ..object(account) }
}

/// An account as whoever reads its app sees it: the identity by its id alone.
pub(crate) fn app_account(account: &StoredObject) -> wire::CatalogueObject {
    let mapping = super::mappings::mapping(&account.mapping);
    let mapping = Some(grantry_api::mappings::AccountMapping { identity_display: None, ..mapping });
    wire::CatalogueObject { mapping, ..object(account) }
}

/// A resource.
pub(crate) fn object(object: &StoredObject) -> wire::CatalogueObject {
    wire::CatalogueObject {
        id: object.id.clone(),
        kind: object.kind.clone(),
        native_id: object.native_id.clone(),
        name: object.name.clone(),
        display: object.display.clone(),
        status: object.status.clone(),
        details: stored_json(&object.details),
        first_seen_ms: object.first_seen.0,
        removed_ms: object.removed.map(|at| at.0),
        mapping: None,
    }
}

/// An entitlement; seen through its app, a role.
pub(crate) fn entitlement(entitlement: &StoredEntitlement) -> wire::Entitlement {
    let details = stored_json(&entitlement.details);
    let source_description = details["description"].as_str().map(str::to_owned);
    wire::Entitlement {
        id: entitlement.id.to_string(),
        integration_id: Some(entitlement.integration_id.to_string())
            .filter(|source| source != entitlement.app_id.as_str()),
        app_id: entitlement.app_id.to_string(),
        resource_id: entitlement.resource_id.clone(),
        kind: entitlement.kind.clone(),
        native_id: entitlement.native_id.clone(),
        known_as: entitlement.known_as.clone(),
        slug: entitlement.slug.clone(),
        display: entitlement.name().to_owned(),
        description: entitlement.said.description.clone().or_else(|| source_description.clone()),
        is_privileged: entitlement.is_privileged_here(),
        source_display: entitlement.display.clone(),
        source_description,
        source_is_privileged: entitlement.is_privileged,
        version: entitlement.said.version,
        is_immutable: entitlement.is_immutable,
        is_frozen: entitlement.is_frozen,
        details,
        first_seen_ms: entitlement.first_seen.0,
        removed_ms: entitlement.removed.map(|at| at.0),
    }
}

/// Who holds what.
pub(crate) fn assignment(assignment: &StoredAssignment) -> wire::Assignment {
    wire::Assignment {
        entitlement_id: assignment.entitlement_id.clone(),
        entitlement_display: assignment.entitlement_display.clone(),
        holder_id: assignment.holder_id.clone(),
        holder_kind: assignment.holder_kind.clone(),
        holder_display: assignment.holder_display.clone(),
        is_privileged: assignment.is_privileged,
        details: assignment.details.as_deref().map(stored_json),
    }
}

/// Who holds an entitlement.
pub(crate) fn holders(view: HoldersView) -> wire::EffectiveHolders {
    let via =
        |(holder, display): (Key, String)| wire::HolderVia { holder_id: holder.text(), display };
    let holder = |of: EffectiveHolder| wire::EffectiveHolder {
        holder_id: of.holder.text(),
        holder_kind: of.kind,
        holder_display: of.display,
        is_direct: of.via.is_empty(),
        via: of.via.into_iter().map(via).collect(),
    };
    wire::EffectiveHolders {
        items: view.page.items.into_iter().map(holder).collect(),
        next: view.page.next,
        is_complete: view.is_complete,
    }
}

/// What an admin says, from the wire.
pub(crate) fn read_said(change: wire::UpdateEntitlement) -> SaidChange {
    let wire::UpdateEntitlement { display, description, is_privileged } = change;
    SaidChange { display, description, is_privileged }
}

/// Of which entitlements it is said, from the wire.
pub(crate) fn read_selection(
    ids: Option<Vec<String>>,
    filter: Option<wire::EntitlementFilter>,
) -> SelectionInput {
    SelectionInput { ids, found: filter.map(|filter| (filter.search, filter.kind)) }
}
