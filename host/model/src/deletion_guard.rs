//! When an aggregation may remove by itself what it did not see any more (CAT-6, security.md row 52).
//!
//! [`DeletionGuard::judge`] is pure. It looks at every kind of rows by itself, so that one type that
//! comes back empty is noticed in a large directory, and at what was removed within a day, so that a
//! slow bleed over many runs is; and once more at the rows that were there a day ago, so that nobody hides
//! a loss among rows that were made up for it. No directory is too small for it.

use serde::{Deserialize, Serialize};

use crate::fault::FieldIssue;
use crate::removal::{Excess, KindLoss, KnownLoss};

/// How far back removals are added up, in milliseconds: a day.
pub const WINDOW_MS: i64 = 24 * 3_600_000;
/// Longest time for which a removal can be undone, in days.
pub const UNDO_DAYS_MAX: u32 = 90;
/// Added rows, in percent of the removed ones, from which on the loss looks like new ids.
const CHURN_PERCENT: u64 = 80;

/// What may be removed without a person's word, and for how long it can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeletionGuard {
    /// Most rows of one kind within a day; `None` for any number.
    pub count_max: Option<u64>,
    /// Largest share of the rows of one kind within a day, in percent.
    pub percent_max: u32,
    /// Whether the last rows of a kind may go.
    pub may_empty: bool,
    /// For how many days a removal can be undone.
    pub undo_days: u32,
}

impl Default for DeletionGuard {
    /// Runs with 5 % churn pass four times a day; more than a fifth of the rows never goes unasked.
    fn default() -> Self {
        Self { count_max: Some(10_000), percent_max: 20, may_empty: false, undo_days: 7 }
    }
}

/// A change of the guard. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct DeletionGuardChange {
    /// See [`DeletionGuard::count_max`]; `Some(None)` for any number.
    pub count_max: Option<Option<u64>>,
    /// See [`DeletionGuard::percent_max`].
    pub percent_max: Option<u32>,
    /// See [`DeletionGuard::may_empty`].
    pub may_empty: Option<bool>,
    /// See [`DeletionGuard::undo_days`].
    pub undo_days: Option<u32>,
}

/// Why a run is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Block {
    /// Too much of a kind is gone.
    Threshold,
    /// Too much is gone, and about as much is new: the ids have changed.
    Churn,
}

impl Block {
    /// The code of security.md rows 52 and 53.
    pub fn code(self) -> &'static str {
        match self {
            Self::Threshold => "blocked_threshold",
            Self::Churn => "blocked_churn",
        }
    }
}

impl DeletionGuard {
    /// The guard after a change.
    pub fn changed(&self, change: &DeletionGuardChange) -> Result<Self, Vec<FieldIssue>> {
        let guard = Self {
            count_max: change.count_max.unwrap_or(self.count_max),
            percent_max: change.percent_max.unwrap_or(self.percent_max),
            may_empty: change.may_empty.unwrap_or(self.may_empty),
            undo_days: change.undo_days.unwrap_or(self.undo_days),
        };
        let mut issues = Vec::new();
        let mut check = |is_fine: bool, path: &str, message: String| {
            if !is_fine {
                let code = "out_of_range".to_owned();
                issues.push(FieldIssue { path: path.to_owned(), code, message });
            }
        };
        check(guard.percent_max <= 100, "/percent_max", "must be from 0 to 100".to_owned());
        let days = 1..=UNDO_DAYS_MAX;
        check(
            days.contains(&guard.undo_days),
            "/undo_days",
            format!("must be from 1 to {UNDO_DAYS_MAX}"),
        );
        if issues.is_empty() { Ok(guard) } else { Err(issues) }
    }

    /// How long a removal can be undone, in milliseconds.
    pub fn undo_ms(&self) -> i64 {
        i64::from(self.undo_days) * 24 * 3_600_000
    }

    /// Says of every kind why its loss needs a person's word, and whether the run is blocked.
    pub fn judge(&self, losses: &mut [KindLoss]) -> Option<Block> {
        for loss in losses.iter_mut() {
            loss.excess = self.excess(loss);
        }
        let mut excessive = losses.iter().filter(|loss| loss.excess.is_some()).peekable();
        excessive.peek()?;
        let is_churn = excessive.all(|loss| {
            loss.added.saturating_mul(100) >= loss.removals.saturating_mul(CHURN_PERCENT)
        });
        Some(if is_churn { Block::Churn } else { Block::Threshold })
    }

    fn excess(&self, loss: &KindLoss) -> Option<Excess> {
        if loss.removals == 0 {
            return None;
        }
        if loss.restored > 0 {
            return Some(Excess::Restored);
        }
        let of_known =
            |known: KnownLoss| self.excess_of(known.before, known.removals, known.recent);
        self.excess_of(loss.before, loss.removals, loss.recent)
            .or_else(|| loss.known.and_then(of_known))
    }

    /// Rows that this run added do not make a loss smaller.
    fn excess_of(&self, before: u64, removals: u64, recent: u64) -> Option<Excess> {
        if removals == 0 {
            return None;
        }
        if !self.may_empty && removals >= before {
            return Some(Excess::Emptied);
        }
        let (total, base) = (removals + recent, before + recent);
        if total.saturating_mul(100) > base.saturating_mul(u64::from(self.percent_max)) {
            return Some(Excess::Percent);
        }
        self.count_max.is_some_and(|max| total > max).then_some(Excess::Count)
    }
}

/// The losses that need a person's word, in words.
pub fn words(losses: &[KindLoss]) -> String {
    let excessive = losses.iter().filter(|loss| loss.excess.is_some());
    excessive.map(KindLoss::words).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::removal::{RowKind, What};

    fn loss(before: u64, removals: u64) -> KindLoss {
        KindLoss {
            of: RowKind { what: What::Account, kind: "User".into() },
            before,
            removals,
            recent: 0,
            added: 0,
            restored: 0,
            known: None,
            excess: None,
        }
    }

    fn excess(loss: KindLoss) -> Option<Excess> {
        let mut losses = [loss];
        DeletionGuard::default().judge(&mut losses);
        losses[0].excess
    }

    #[test]
    fn a_fifth_may_go_and_not_one_row_more() {
        assert_eq!(excess(loss(100, 20)), None);
        assert_eq!(excess(loss(100, 21)), Some(Excess::Percent));
        assert_eq!(excess(loss(4, 1)), Some(Excess::Percent));
        assert_eq!(excess(loss(1_000_000, 10_001)), Some(Excess::Count));
    }

    #[test]
    fn the_last_row_of_the_smallest_kind_never_goes_unasked() {
        assert_eq!(excess(loss(1, 1)), Some(Excess::Emptied));
        let guard = DeletionGuard { percent_max: 100, ..DeletionGuard::default() };
        assert_eq!(guard.judge(&mut [loss(1, 1)]), Some(Block::Threshold));
        let guard = DeletionGuard { may_empty: true, ..guard };
        assert_eq!(guard.judge(&mut [loss(1, 1)]), None);
    }

    #[test]
    fn a_slow_bleed_adds_up_within_a_day() {
        assert_eq!(excess(KindLoss { recent: 18, ..loss(82, 2) }), None);
        assert_eq!(excess(KindLoss { recent: 18, ..loss(82, 3) }), Some(Excess::Percent));
    }

    #[test]
    fn rows_that_came_within_a_day_do_not_make_a_loss_smaller() {
        let padded = |known| KindLoss { known, ..loss(660, 50) };
        let known = |before, removals| Some(KnownLoss { before, removals, recent: 0 });
        assert_eq!(excess(padded(None)), None);
        assert_eq!(excess(padded(known(60, 50))), Some(Excess::Percent));
        assert_eq!(excess(padded(known(60, 12))), None);
        assert_eq!(excess(padded(known(60, 0))), None);
        assert_eq!(excess(padded(known(50, 50))), Some(Excess::Emptied));
        let after = KnownLoss { before: 54, removals: 7, recent: 6 };
        assert_eq!(excess(padded(Some(after))), Some(Excess::Percent));
    }

    #[test]
    fn one_empty_kind_blocks_whatever_the_others_say() {
        let mut losses = [loss(1_000_000, 0), loss(3, 3)];
        assert_eq!(DeletionGuard::default().judge(&mut losses), Some(Block::Threshold));
        assert_eq!((losses[0].excess, losses[1].excess), (None, Some(Excess::Emptied)));
    }

    #[test]
    fn as_many_new_as_gone_is_churn_only_if_it_is_so_for_every_kind() {
        let renamed = KindLoss { added: 60, ..loss(60, 60) };
        let guard = DeletionGuard::default();
        assert_eq!(guard.judge(&mut [renamed.clone()]), Some(Block::Churn));
        assert_eq!(guard.judge(&mut [renamed, loss(5, 5)]), Some(Block::Threshold));
    }

    #[test]
    fn what_a_person_brought_back_is_not_removed_again_unasked() {
        let again = KindLoss { restored: 1, ..loss(1_000, 1) };
        assert_eq!(excess(again), Some(Excess::Restored));
    }

    #[test]
    fn a_change_out_of_range_is_refused_with_its_field() {
        let change = DeletionGuardChange {
            percent_max: Some(101),
            undo_days: Some(0),
            ..DeletionGuardChange::default()
        };
        let issues = DeletionGuard::default().changed(&change).unwrap_err();
        let paths: Vec<&str> = issues.iter().map(|issue| issue.path.as_str()).collect();
        assert_eq!(paths, ["/percent_max", "/undo_days"]);
    }
}
