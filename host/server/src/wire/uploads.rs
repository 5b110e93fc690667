//! Uploaded lists.

use grantry_api::uploads as wire;
use grantry_engine::{ListChange, Upload};
use grantry_model::csv::ListedPerson;
use grantry_model::upload::UploadStatus;

use super::permissions;

/// An upload.
pub(crate) fn upload(upload: &Upload) -> wire::Upload {
    let diff = &upload.diff;
    wire::Upload {
        id: upload.id.to_string(),
        entity: permissions::entity(&upload.entity),
        principal_id: upload.principal_id.to_string(),
        status: match upload.status {
            UploadStatus::Receiving => wire::UploadStatus::Receiving,
            UploadStatus::Ready => wire::UploadStatus::Ready,
            UploadStatus::Applied => wire::UploadStatus::Applied,
            UploadStatus::Discarded => wire::UploadStatus::Discarded,
        },
        bytes: upload.bytes,
        rows: upload.rows,
        columns: upload.columns.clone(),
        digest: upload.digest.clone(),
        diff: wire::Diff {
            hash: upload.diff_hash.clone(),
            before: diff.before,
            added: diff.added,
            changed: diff.changed,
            removed: diff.removed,
            grants_before: diff.grants_before,
            grants_added: diff.grants_added,
            grants_removed: diff.grants_removed,
            roles_added: diff.roles_added,
            roles_removed: diff.roles_removed,
            active_before: diff.active_before,
            deactivated: diff.deactivated,
            is_empty: diff.is_empty(),
            is_mass_removal: diff.is_mass_removal(),
        },
        created_ms: upload.created.0,
        expires_ms: upload.expires.0,
        applied_ms: upload.applied.map(|at| at.0),
        undone_ms: upload.undone.map(|at| at.0),
    }
}

/// What would change about one person.
pub(crate) fn change(change: &ListChange) -> wire::ListChange {
    wire::ListChange {
        id: change.id.clone(),
        before: change.before.as_ref().map(person),
        after: change.after.as_ref().map(person),
    }
}

fn person(person: &ListedPerson) -> wire::ListedPerson {
    wire::ListedPerson {
        external_id: person.external_id.clone(),
        user_name: person.user_name.clone(),
        email: person.email.clone(),
        display_name: person.display_name.clone(),
        is_active: person.is_active,
        manager_external_id: person.manager_external_id.clone(),
        roles: person.roles.clone(),
        attributes: person.attributes.clone(),
    }
}

/// Which changes, as the engine names them.
pub(crate) fn read_kind(kind: wire::ChangeKind) -> &'static str {
    match kind {
        wire::ChangeKind::Added => "added",
        wire::ChangeKind::Changed => "changed",
        wire::ChangeKind::Removed => "removed",
    }
}
