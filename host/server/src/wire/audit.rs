//! The audit log, its checkpoints and exports.

use grantry_api::audit as wire;
use grantry_engine::{AuditFilter, AuditKey, AuditRow, Checkpoint};
use grantry_model::clock::UnixMs;

use super::{name, stored_json};

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
        detail: stored_json(&row.detail),
        previous_hash: row.previous_hash.clone(),
        hash: row.hash.clone(),
    }
}

/// Which rows, from the wire.
pub(crate) fn read_filter(query: wire::AuditQuery) -> AuditFilter {
    AuditFilter {
        principal_id: query.principal_id,
        door: query.door.as_ref().map(name),
        event: query.event,
        entity_kind: query.entity_kind,
        entity_id: query.entity_id,
        is_allowed: query.is_allowed,
        request_id: query.request_id,
        from: query.from_ms.map(UnixMs),
        to: query.to_ms.map(UnixMs),
        search: query.search,
        before: None,
    }
}

/// Which rows to export, from the wire.
pub(crate) fn read_export(query: wire::AuditExportQuery) -> (wire::ExportFormat, AuditFilter) {
    let filter = AuditFilter {
        principal_id: query.principal_id,
        door: query.door.as_ref().map(name),
        event: query.event,
        entity_kind: query.entity_kind,
        entity_id: query.entity_id,
        is_allowed: query.is_allowed,
        request_id: query.request_id,
        from: query.from_ms.map(UnixMs),
        to: query.to_ms.map(UnixMs),
        search: query.search,
        before: None,
    };
    (query.format.unwrap_or_default(), filter)
}

/// A checkpoint.
pub(crate) fn checkpoint(stored: &Checkpoint) -> wire::Checkpoint {
    wire::Checkpoint {
        sequence: stored.sequence,
        hash: stored.hash.clone(),
        at_ms: stored.at.0,
        key_id: stored.key_id.clone(),
        signature: stored.signature.clone(),
    }
}

/// The key that checkpoints can be checked with.
pub(crate) fn key(key: AuditKey) -> wire::AuditKey {
    wire::AuditKey { id: key.id, algorithm: "ed25519".to_owned(), public_key: key.public }
}
