//! The audit log.

use grantry_api::audit as wire;
use grantry_engine::{AuditFilter, AuditRow};

/// A row of the audit log.
pub(crate) fn entry(row: &AuditRow) -> wire::AuditEntry {
    wire::AuditEntry {
        sequence: row.sequence,
        at_ms: row.at.0,
        principal_id: row.principal_id.clone(),
        principal_kind: row.principal_kind.clone(),
        door: row.door.clone(),
        action: row.action.clone(),
        event: row.event.clone(),
        entity_kind: row.entity_kind.clone(),
        entity_id: row.entity_id.clone(),
        is_allowed: row.is_allowed,
        reason: row.reason.clone(),
        request_id: row.request_id.clone(),
        detail: row.detail.clone(),
    }
}

/// Which rows, from the wire.
pub(crate) fn read_filter(query: &wire::AuditQuery) -> AuditFilter {
    AuditFilter {
        principal_id: query.principal_id.clone(),
        event: query.event.clone(),
        entity_id: query.entity_id.clone(),
        before: None,
    }
}
