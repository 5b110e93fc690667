//! An uploaded list on its way: received, compared with what is there, applied by its diff's hash.

use serde::{Deserialize, Serialize};

use crate::deletion_guard::DeletionGuard;
use crate::removal::{KindLoss, RowKind, What};

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

/// How long what a list of entitlements removed can be brought back, in milliseconds: a week.
pub const UPLOAD_UNDO_MS: i64 = 7 * 24 * 3_600_000;

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
    /// Of these, those whom a person brought back not long ago.
    #[serde(default)]
    pub restored: u64,
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
    /// People in the list before who are active.
    #[serde(default)]
    pub active_before: u64,
    /// Of these, people who go or are not active any more.
    #[serde(default)]
    pub deactivated: u64,
    /// What lists took away within a day before, without a person's word.
    #[serde(default)]
    pub recent: Taken,
    /// Of those before, people who have been in the list for more than a day: who came today does not
    /// make a loss of others smaller.
    #[serde(default)]
    pub known_before: u64,
    /// Of these, people who go.
    #[serde(default)]
    pub known_removed: u64,
    /// Of those who are active, people who have been in the list for more than a day.
    #[serde(default)]
    pub known_active: u64,
    /// Of these, people who go or are not active any more.
    #[serde(default)]
    pub known_deactivated: u64,
}

/// What lists take away that nobody approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taken {
    /// People.
    pub removed: u64,
    /// People who were active.
    pub deactivated: u64,
    /// Roles held.
    pub grants_removed: u64,
}

impl Diff {
    /// Whether applying it changes nothing.
    pub fn is_empty(&self) -> bool {
        let changes = [self.added, self.changed, self.removed, self.grants_added];
        changes.into_iter().all(|count| count == 0) && self.grants_removed == 0
    }

    /// What it takes away.
    pub fn taken(&self) -> Taken {
        let Self { removed, deactivated, grants_removed, .. } = *self;
        Taken { removed, deactivated, grants_removed }
    }

    /// Whether it takes so much away that a person must say so (security.md row 64): the same guard
    /// as for aggregations looks at the people, at those who are active, and at the roles held, with
    /// what lists took away within a day.
    pub fn is_mass_removal(&self) -> bool {
        let loss = |what, kind: &str, before, removals, recent| KindLoss {
            of: RowKind { what, kind: kind.to_owned() },
            before,
            removals,
            recent,
            added: 0,
            restored: if what == What::Account { self.restored } else { 0 },
            known: None,
            excess: None,
        };
        let Self { before, active_before, grants_before, recent, .. } = *self;
        let taken = self.taken();
        let known = (self.known_before, self.known_removed);
        let known_active = (self.known_active, self.known_deactivated);
        let mut losses = [
            loss(What::Account, "known", known.0, known.1, recent.removed),
            loss(What::Account, "known active", known_active.0, known_active.1, recent.deactivated),
            loss(What::Account, "listed", before, taken.removed, recent.removed),
            loss(What::Account, "active", active_before, taken.deactivated, recent.deactivated),
            loss(
                What::Assignment,
                "Role",
                grants_before,
                taken.grants_removed,
                recent.grants_removed,
            ),
        ];
        DeletionGuard::default().judge(&mut losses).is_some()
    }
}

impl std::iter::Sum for Taken {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, each| Self {
            removed: sum.removed.saturating_add(each.removed),
            deactivated: sum.deactivated.saturating_add(each.deactivated),
            grants_removed: sum.grants_removed.saturating_add(each.grants_removed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(before: u64, removed: u64) -> Diff {
        Diff { before, removed, ..Diff::default() }
    }

    #[test]
    fn an_empty_list_or_more_than_a_fifth_of_one_is_a_mass_removal() {
        assert!(list(1, 1).is_mass_removal());
        assert!(list(10, 5).is_mass_removal());
        assert!(list(1_000, 201).is_mass_removal());
        assert!(list(1_000_000, 10_001).is_mass_removal());
        for honest in [list(0, 0), list(10, 2), list(1_000, 200)] {
            assert!(!honest.is_mass_removal(), "{honest:?}");
        }
        let grants = Diff { grants_before: 4, grants_removed: 2, ..list(10, 0) };
        assert!(grants.is_mass_removal());
    }

    #[test]
    fn who_came_today_does_not_make_a_loss_smaller() {
        let padded = Diff { known_before: 100, known_removed: 100, ..list(600, 100) };
        assert!(padded.is_mass_removal());
        let off = Diff { active_before: 600, deactivated: 100, ..list(600, 0) };
        assert!(!off.is_mass_removal());
        assert!(Diff { known_active: 100, known_deactivated: 100, ..off }.is_mass_removal());
        let honest = Diff { known_before: 100, known_removed: 20, ..list(600, 100) };
        assert!(!honest.is_mass_removal());
    }

    #[test]
    fn switching_people_off_and_many_small_losses_are_one_too() {
        let off = Diff { active_before: 10, deactivated: 5, ..list(10, 0) };
        assert!(off.is_mass_removal());
        let recent = Taken { removed: 200, ..Taken::default() };
        assert!(Diff { recent, ..list(800, 160) }.is_mass_removal());
        assert!(!Diff { recent: Taken::default(), ..list(800, 160) }.is_mass_removal());
    }
}
