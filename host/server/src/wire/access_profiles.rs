//! Access profiles and what they hold.

use grantry_api::access_profiles as wire;
use grantry_engine::{AccessProfile, AccessProfileChange, AccessProfileInput, ProfileEntitlement};

/// An access profile.
pub(crate) fn profile(profile: &AccessProfile) -> wire::AccessProfile {
    wire::AccessProfile {
        id: profile.id.to_string(),
        name: profile.name.clone(),
        description: profile.description.clone(),
        entitlements: profile.entitlements,
        is_privileged: profile.is_privileged,
        created_ms: profile.created.0,
        version: profile.version,
    }
}

/// An entitlement of it.
pub(crate) fn entitlement(entitlement: &ProfileEntitlement) -> wire::ProfileEntitlement {
    let (app_id, app_name) = entitlement.app.clone().unzip();
    wire::ProfileEntitlement {
        id: entitlement.id.to_string(),
        display: entitlement.display.clone(),
        app_id,
        app_name,
        kind: entitlement.kind.clone(),
        is_privileged: entitlement.is_privileged,
        is_removed: entitlement.is_removed,
    }
}

/// One to be created, from the wire.
pub(crate) fn read_new(new: wire::CreateAccessProfile) -> AccessProfileInput {
    let wire::CreateAccessProfile { name, description, entitlement_ids } = new;
    AccessProfileInput { name, description, entitlement_ids }
}

/// A change, from the wire.
pub(crate) fn read_change(change: wire::UpdateAccessProfile) -> AccessProfileChange {
    let wire::UpdateAccessProfile { name, description, entitlement_ids } = change;
    AccessProfileChange { name, description, entitlement_ids }
}
