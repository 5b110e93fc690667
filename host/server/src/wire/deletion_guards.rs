//! Deletion guards.

use grantry_api::deletion_guards as wire;
use grantry_model::deletion_guard::{DeletionGuard, DeletionGuardChange};

/// A guard.
pub(crate) fn guard(guard: &DeletionGuard) -> wire::DeletionGuard {
    wire::DeletionGuard {
        count_max: guard.count_max,
        percent_max: guard.percent_max,
        may_empty: guard.may_empty,
        undo_days: guard.undo_days,
    }
}

/// A change, from the wire.
pub(crate) fn read_update(change: &wire::UpdateDeletionGuard) -> DeletionGuardChange {
    DeletionGuardChange {
        count_max: change.count_max,
        percent_max: change.percent_max,
        may_empty: change.may_empty,
        undo_days: change.undo_days,
    }
}
