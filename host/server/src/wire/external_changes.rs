//! External changes.

use grantry_api::external_changes as wire;
use grantry_engine::{Change, ExternalChange};

/// An external change.
pub(crate) fn external_change(found: &ExternalChange) -> wire::ExternalChange {
    wire::ExternalChange {
        id: found.id.to_string(),
        change: match found.change {
            Change::Appeared => wire::ExternalChangeKind::Appeared,
            Change::Vanished => wire::ExternalChangeKind::Vanished,
        },
        entitlement_id: found.entitlement_id.clone(),
        entitlement: found.entitlement_display.clone(),
        holder_id: found.holder_id.clone(),
        holder: found.holder_display.clone(),
        membership_id: found.membership_id.as_ref().map(ToString::to_string),
        aggregation_id: found.run_id.to_string(),
        found_ms: found.found.0,
    }
}
