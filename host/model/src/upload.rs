//! An uploaded list on its way: received, compared with what is there, applied by its diff's hash.

use serde::{Deserialize, Serialize};

use crate::aggregation::is_suspicious;

/// Most bytes of one file.
pub const UPLOAD_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// Most lines of one file, the header not counted.
pub const UPLOAD_ROWS_MAX: u64 = 1_000_000;
/// Most different roles in one file.
pub const UPLOAD_ROLES_MAX: usize = 10_000;
/// Errors of a file that are told.
pub const UPLOAD_ERRORS_TOLD: usize = 100;
/// Uploads of one list that may wait at a time.
pub const UPLOADS_WAITING_MAX: u64 = 10;
/// Most bytes of the waiting uploads of one sender: pieces, and lines that were read.
pub const UPLOAD_SENDER_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How long an upload waits to be applied, in milliseconds: a day.
pub const UPLOAD_KEPT_MS: i64 = 24 * 3_600_000;
/// Most bytes of one piece that a plugin appends.
pub const UPLOAD_PIECE_BYTES_MAX: usize = 1024 * 1024;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadStatus {
    /// Its bytes are coming.
    Receiving,
    /// It was read as a whole and compared; it can be applied.
    Ready,
    /// The list is now as the file says.
    Applied,
    /// Given up: by its sender, or because the file is not valid.
    Discarded,
}

impl UploadStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Receiving, Self::Ready, Self::Applied, Self::Discarded];

    /// The status's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Ready => "ready",
            Self::Applied => "applied",
            Self::Discarded => "discarded",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What an upload would change, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diff {
    /// People in the list before.
    pub before: u64,
    /// People who come.
    pub added: u64,
    /// People about whom something changes, their roles included.
    pub changed: u64,
    /// People who go.
    pub removed: u64,
    /// Roles held before: pairs of an account and a role.
    pub grants_before: u64,
    /// Roles that come to an account.
    pub grants_added: u64,
    /// Roles that an account loses.
    pub grants_removed: u64,
    /// Roles that no account held before.
    pub roles_added: u64,
    /// Roles that no account holds any more.
    pub roles_removed: u64,
}

impl Diff {
    /// Whether applying it changes nothing.
    pub fn is_empty(&self) -> bool {
        let changes = [self.added, self.changed, self.removed, self.grants_added];
        changes.into_iter().all(|count| count == 0) && self.grants_removed == 0
    }

    /// Whether it takes so much away that somebody must say so twice (security.md row 64): everybody,
    /// half of the list, or what would stop an aggregation.
    pub fn is_mass_removal(&self) -> bool {
        let is_emptied = self.before > 0 && self.before - self.removed + self.added == 0;
        is_emptied
            || is_too_much(self.before, self.removed)
            || is_too_much(self.grants_before, self.grants_removed)
    }
}

fn is_too_much(before: u64, removed: u64) -> bool {
    let is_half = before > 1 && removed.saturating_mul(2) >= before;
    is_half || is_suspicious(before, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_or_half_of_one_is_a_mass_removal() {
        let list = |before, removed, added| Diff { before, removed, added, ..Diff::default() };
        assert!(list(1, 1, 0).is_mass_removal());
        assert!(list(10, 5, 5).is_mass_removal());
        assert!(list(1_000, 201, 0).is_mass_removal());
        for honest in [list(0, 0, 10), list(1, 1, 1), list(10, 4, 0), list(1_000, 200, 0)] {
            assert!(!honest.is_mass_removal(), "{honest:?}");
        }
        let grants = Diff { grants_before: 4, grants_removed: 2, ..list(10, 0, 0) };
        assert!(grants.is_mass_removal());
    }
}
