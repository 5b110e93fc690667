//! The course of an aggregation: which listings it reads in which order, and what it may conclude.
//!
//! [`targets`] is pure: kinds in, listings out. Nothing is ever deleted on a partial reading: deletion
//! takes a [`Complete`], which only [`Progress::finish`] makes (CAT-6).

use serde::{Deserialize, Serialize};

use crate::catalogue::{Cursor, Page, Target};
use crate::changes::{FeedPosition, Following};
use crate::clock::UnixMs;
use crate::plugin::KindSchema;
use crate::removal::KindCount;
use crate::selection::Chosen;

/// Most pages that one aggregation reads.
pub const PAGES_MAX: u64 = 200_000;
/// Rows that are asked for with one page.
pub const PAGE_ITEMS_MAX: u32 = 1_000;
/// Bytes that a page may lower to.
pub const PAGE_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// Most times that a run begins a listing again.
pub const RESTARTS_MAX: u32 = 5;
/// Age of a checkpoint from which no run goes on, in milliseconds.
pub const CHECKPOINT_AGE_MS_MAX: i64 = 24 * 3_600_000;
/// Most pages in a row that may be empty and yet have a next one.
pub const EMPTY_PAGES_MAX: u32 = 100;

/// Most scopes of which a run keeps what they are validated by.
pub const SCOPES_MAX: u32 = 10_000;
/// Longest validator of a scope that is kept, in bytes.
pub const VALIDATOR_BYTES_MAX: usize = 1_024;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Waits for a worker.
    Queued,
    /// Reads.
    Running,
    /// Read everything; what vanished was removed.
    Succeeded,
    /// Stopped by an error; nothing was removed.
    Failed,
    /// Read everything, but would remove too much: an admin has to look.
    Blocked,
    /// Stopped by a person; nothing was removed.
    Cancelled,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Blocked,
        Self::Cancelled,
    ];

    /// The status's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// The listings of a run, in the order in which references resolve: accounts, then resources, then
/// their entitlements, then the assignments.
pub fn targets(kinds: &[KindSchema]) -> Vec<Target> {
    let (accounts, resources): (Vec<_>, Vec<_>) = kinds.iter().partition(|kind| kind.is_account());
    let names = |kinds: &[&KindSchema]| -> Vec<String> {
        kinds.iter().map(|kind| kind.kind.clone()).collect()
    };
    let (accounts, resources) = (names(&accounts), names(&resources));
    let objects = accounts.into_iter().chain(resources.clone()).map(Target::Objects);
    objects
        .chain(resources.clone().into_iter().map(Target::EntitlementsOfKind))
        .chain(resources.into_iter().map(Target::AssignmentsOfKind))
        .collect()
}

/// How far a run has come: what is stored with every page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Kinds whose objects are accounts; all others are resources.
    pub account_kinds: Vec<String>,
    /// All listings of the run.
    pub targets: Vec<Target>,
    /// Listings of the source that the run leaves alone.
    #[serde(default)]
    pub unread: Vec<Target>,
    /// The listing that is being read.
    pub target_index: usize,
    /// Where its next page begins.
    pub at: Option<Cursor>,
    /// Pages read.
    pub pages: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows of the current listing.
    pub listing_rows: u64,
    /// Empty pages in a row.
    pub empty_pages: u32,
    /// Looks for a cycle among the cursors of the current listing.
    pub cycle: CycleFinder,
    /// Things that could not be read.
    pub skipped: u64,
    /// Rows that point at nothing or do not fit.
    pub quarantined: u64,
    /// Rows that were written, because they are new or have changed.
    pub written: u64,
    /// Listings that ended without claiming to be whole, or with something skipped.
    pub incomplete: Vec<Target>,
    /// Whether something was skipped in the current listing.
    pub listing_has_skips: bool,
    /// Living rows of each kind when the run began.
    pub live_before: Vec<KindCount>,
    /// How many rows the current listing has, as far as its pages say.
    pub listing_total: Option<u64>,
    /// How often a listing was begun again because the target forgot the place in it.
    pub restarts: u32,
    /// How many rows the last run that read everything had.
    #[serde(default)]
    pub rows_expected: Option<u64>,
    /// When the last page was read.
    #[serde(default)]
    pub last_page: Option<UnixMs>,
    /// With which plugin and connection it reads: pages of two of them are no whole.
    #[serde(default)]
    pub source: Option<String>,
    /// The scope whose pages are being read.
    #[serde(default)]
    pub scope: Option<ScopeProgress>,
    /// Scopes of which it is kept what they are validated by.
    ///
    /// A run from before this was counted may be in the midst of a scope: it keeps none.
    #[serde(default = "no_more_scopes")]
    pub scopes_kept: u32,
    /// Scopes that the target called unchanged.
    #[serde(default)]
    pub scopes_unchanged: u64,
    /// How far the run has followed feeds, where it does so instead of reading.
    #[serde(default)]
    pub following: Option<Following>,
    /// Where the feeds were before the run began to read.
    #[serde(default)]
    pub feeds: Vec<FeedPosition>,
    /// Stands for the plugin, the connection and the kinds, where there are feeds.
    #[serde(default)]
    pub basis: Option<String>,
    /// Whether objects did not fit: the catalogue may have them as they were before.
    #[serde(default)]
    pub has_stale_objects: bool,
}

fn no_more_scopes() -> u32 {
    u32::MAX
}

/// How far a scope of a listing is read: the part of it that the connector validates as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeProgress {
    /// The listing's place.
    pub target_index: usize,
    /// The scope's own name.
    pub key: String,
    /// Pages with rows.
    pub pages: u64,
    /// Rows.
    pub rows: u64,
    /// Whether something of it was skipped.
    pub has_skips: bool,
    /// With what its first page was read.
    pub basis: Option<String>,
}

/// How fast a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// Rows a second, since it began.
    pub rows_per_second: Option<u64>,
    /// How long it will take from the last page on, if the target has as much as the last time.
    pub remaining_ms: Option<u64>,
}

/// Brent's cycle detection: remembers one cursor, at doubling distances, so that a run's checkpoint
/// stays small however many pages it has. A cycle is noticed within three times its length.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CycleFinder {
    remembered: u64,
    steps: u64,
    distance: u64,
}

impl CycleFinder {
    pub(crate) fn repeats(&mut self, cursor: &Cursor) -> bool {
        let hash = xxhash_rust::xxh3::xxh3_64(cursor);
        if self.distance > 0 && hash == self.remembered {
            return true;
        }
        self.steps += 1;
        if self.steps > self.distance {
            self.distance = (self.distance * 2).max(1);
            self.steps = 0;
            self.remembered = hash;
        }
        false
    }
}

/// Why a page ends the run (security.md rows 52 to 55).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageFault {
    /// The same cursor came back.
    #[error(
        "the connector returned a cursor that it had returned before, so the list would never end"
    )]
    CursorLoop,
    /// Too many pages.
    #[error("the run has more than {PAGES_MAX} pages, or {EMPTY_PAGES_MAX} empty ones in a row")]
    TooManyPages,
    /// An id occurs twice in one page, is empty, or is too long.
    #[error("{0}")]
    InvalidId(String),
    /// Rows of a kind that the listing is not about.
    #[error("{0}")]
    UnexpectedRow(String),
}

impl PageFault {
    /// The code of security.md section 4.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CursorLoop => "cursor_loop",
            Self::TooManyPages => "sync_limit",
            Self::InvalidId(_) => "invalid_entity_id",
            Self::UnexpectedRow(_) => "bad_data",
        }
    }
}

/// Proof that every listing of a run was read whole, or every feed to its end. Removal of vanished rows takes it.
#[derive(Debug)]
pub struct Complete(());

impl Progress {
    /// The beginning of a run over everything of these kinds.
    pub fn start(kinds: &[KindSchema]) -> Self {
        let accounts = kinds.iter().filter(|kind| kind.is_account());
        Self::over(accounts.map(|kind| kind.kind.clone()).collect(), targets(kinds))
    }

    /// The same over the chosen listings alone.
    #[must_use]
    pub fn choosing(self, choose: impl FnOnce(Vec<Target>, &[String]) -> Chosen) -> Self {
        let Chosen { read, unread } = choose(self.targets.clone(), &self.account_kinds);
        Self { targets: read, unread, ..self }
    }

    fn over(account_kinds: Vec<String>, targets: Vec<Target>) -> Self {
        Self {
            account_kinds,
            targets,
            unread: Vec::new(),
            target_index: 0,
            at: None,
            pages: 0,
            rows: 0,
            listing_rows: 0,
            empty_pages: 0,
            cycle: CycleFinder::default(),
            skipped: 0,
            quarantined: 0,
            written: 0,
            incomplete: Vec::new(),
            listing_has_skips: false,
            live_before: Vec::new(),
            listing_total: None,
            restarts: 0,
            rows_expected: None,
            last_page: None,
            source: None,
            scope: None,
            scopes_kept: 0,
            scopes_unchanged: 0,
            following: None,
            feeds: Vec::new(),
            basis: None,
            has_stale_objects: false,
        }
    }

    /// The listing to read next; `None` when all are read.
    pub fn target(&self) -> Option<&Target> {
        self.targets.get(self.target_index)
    }

    /// How fast a run that began at that moment reads.
    pub fn pace(&self, started: UnixMs) -> Pace {
        let elapsed_ms = self.last_page.map_or(0, |last| last.0.saturating_sub(started.0));
        let elapsed_ms = u64::try_from(elapsed_ms).unwrap_or(0);
        let rows_per_second = self.rows.saturating_mul(1_000).checked_div(elapsed_ms);
        let left = self.rows_expected.and_then(|expected| expected.checked_sub(self.rows));
        let remaining_ms = left
            .filter(|_| elapsed_ms > 0 && self.target().is_some())
            .and_then(|left| left.saturating_mul(elapsed_ms).checked_div(self.rows));
        Pace { rows_per_second, remaining_ms }
    }

    /// Begins the current listing again, because the target forgot the place in it.
    pub fn restart_listing(&mut self) {
        self.restarts += 1;
        self.at = None;
        self.listing_rows = 0;
        self.listing_total = None;
        self.empty_pages = 0;
        self.cycle = CycleFinder::default();
        self.scope = None;
    }

    /// Whether what was read is too old to go on from at this time (security.md row 55): a removal
    /// would rest on what the target said then.
    pub fn is_stale(&self, now: UnixMs) -> bool {
        self.last_page.is_some_and(|read| now.0.saturating_sub(read.0) > CHECKPOINT_AGE_MS_MAX)
    }

    /// Takes note of a page: moves on to its next cursor or to the next listing.
    pub fn advance(&mut self, page: &Page) -> Result<(), PageFault> {
        let rows = (page.objects.len() + page.entitlements.len() + page.assignments.len()) as u64;
        let is_entered = self.enter_scope(page, rows);
        self.advance_by(page, rows, rows == 0 && !is_entered)
    }

    /// The same for a page that calls its scope of so many rows unchanged.
    pub fn advance_over(&mut self, page: &Page, rows: u64) -> Result<(), PageFault> {
        (self.scope, self.scopes_unchanged) = (None, self.scopes_unchanged + 1);
        self.advance_by(page, rows, false)
    }

    /// Whether it is another scope than that of the page before.
    fn enter_scope(&mut self, page: &Page, rows: u64) -> bool {
        let Some(scope) = &page.scope else {
            self.scope = None;
            return false;
        };
        let here = (self.target_index, &scope.key);
        let was = self.scope.take().filter(|was| (was.target_index, &was.key) == here);
        let is_entered = was.is_none();
        let mut now = was.unwrap_or_else(|| ScopeProgress {
            target_index: self.target_index,
            key: scope.key.clone(),
            pages: 0,
            rows: 0,
            has_skips: false,
            basis: None,
        });
        now.pages += u64::from(rows > 0);
        now.rows += rows;
        now.has_skips |= !page.skipped.is_empty();
        let is_kept = scope.validator.is_some() && !now.has_skips;
        self.scopes_kept = self.scopes_kept.saturating_add(u32::from(is_kept));
        self.scope = Some(now);
        is_entered
    }

    fn advance_by(&mut self, page: &Page, rows: u64, is_empty: bool) -> Result<(), PageFault> {
        self.pages += 1;
        self.rows += rows;
        self.listing_rows += rows;
        self.skipped += page.skipped.len() as u64;
        self.listing_has_skips |= !page.skipped.is_empty();
        self.listing_total = page.expected_total.or(self.listing_total);
        self.empty_pages = if is_empty { self.empty_pages + 1 } else { 0 };
        if self.pages > PAGES_MAX || self.empty_pages > EMPTY_PAGES_MAX {
            return Err(PageFault::TooManyPages);
        }
        match &page.next {
            Some(next) => self.follow(next),
            None => {
                self.end_listing(page);
                Ok(())
            }
        }
    }

    fn follow(&mut self, next: &Cursor) -> Result<(), PageFault> {
        if next.len() > crate::catalogue::CURSOR_BYTES_MAX {
            return Err(PageFault::InvalidId("a cursor has more than 64 KiB".to_owned()));
        }
        if self.cycle.repeats(next) {
            return Err(PageFault::CursorLoop);
        }
        self.at = Some(next.clone());
        Ok(())
    }

    fn end_listing(&mut self, last: &Page) {
        let is_short = self.listing_total.is_some_and(|total| total > self.listing_rows);
        if !last.is_complete || self.listing_has_skips || is_short {
            self.incomplete.extend(self.target().cloned());
        }
        self.target_index += 1;
        self.at = None;
        self.listing_rows = 0;
        self.listing_total = None;
        self.empty_pages = 0;
        self.cycle = CycleFinder::default();
        self.listing_has_skips = false;
    }

    /// The proof, if every listing was read to its end and claimed to be whole, and every feed that is
    /// followed instead.
    pub fn finish(&self) -> Option<Complete> {
        let is_followed = self.following.as_ref().is_none_or(|following| following.is_applied);
        let is_whole = self.target().is_none() && self.incomplete.is_empty() && is_followed;
        is_whole.then_some(Complete(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: Option<&[u8]>, is_complete: bool) -> Page {
        Page {
            objects: Vec::new(),
            entitlements: Vec::new(),
            assignments: Vec::new(),
            next: next.map(<[u8]>::to_vec),
            expected_total: None,
            is_complete,
            scope: None,
            skipped: Vec::new(),
        }
    }

    fn progress() -> Progress {
        let targets = vec![Target::Objects("User".into()), Target::Objects("Group".into())];
        Progress::over(vec!["User".into()], targets)
    }

    #[test]
    fn a_run_is_complete_when_every_listing_says_so() {
        let mut progress = progress();
        progress.advance(&page(Some(b"2"), false)).unwrap();
        progress.advance(&page(None, true)).unwrap();
        assert!(progress.finish().is_none());
        progress.advance(&page(None, true)).unwrap();
        assert!(progress.finish().is_some());
    }

    #[test]
    fn the_estimate_follows_from_the_last_runs_rows_and_the_rate_so_far() {
        let mut progress = progress();
        progress.rows = 200;
        assert_eq!(progress.pace(UnixMs(1_000)), Pace::default());
        progress.last_page = Some(UnixMs(3_000));
        progress.rows_expected = Some(500);
        let pace = progress.pace(UnixMs(1_000));
        assert_eq!((pace.rows_per_second, pace.remaining_ms), (Some(100), Some(3_000)));
        progress.rows_expected = Some(199);
        assert_eq!(progress.pace(UnixMs(1_000)).remaining_ms, None);
        assert_eq!(progress.pace(UnixMs(9_000)), Pace::default());
    }

    #[test]
    fn a_listing_that_ends_short_of_its_total_is_not_complete() {
        let mut progress = progress();
        let mut short = page(None, true);
        short.expected_total = Some(5);
        progress.advance(&short).unwrap();
        progress.advance(&page(None, true)).unwrap();
        assert!(progress.finish().is_none());
    }

    #[test]
    fn a_total_that_only_the_first_page_tells_counts_to_the_end() {
        let mut progress = progress();
        let mut first = page(Some(b"2"), false);
        first.expected_total = Some(5);
        progress.advance(&first).unwrap();
        progress.advance(&page(None, true)).unwrap();
        progress.advance(&page(None, true)).unwrap();
        assert_eq!(progress.incomplete, [Target::Objects("User".into())]);
    }

    #[test]
    fn endless_pages_with_rows_end_the_run_too() {
        let mut progress = progress();
        let mut full = page(None, false);
        full.expected_total = None;
        let end = (0..=PAGES_MAX).find_map(|number| {
            full.next = Some(number.to_le_bytes().to_vec());
            progress.empty_pages = 0;
            progress.advance(&full).err()
        });
        assert_eq!(end, Some(PageFault::TooManyPages));
    }

    #[test]
    fn a_repeated_cursor_ends_the_run() {
        let mut progress = progress();
        progress.advance(&page(Some(b"a"), false)).unwrap();
        assert_eq!(progress.advance(&page(Some(b"a"), false)), Err(PageFault::CursorLoop));
    }

    #[test]
    fn a_cycle_of_any_length_is_noticed_within_three_rounds() {
        for length in 1..60_u8 {
            let mut finder = CycleFinder::default();
            let mut cursors = (0..length).cycle().map(|i| vec![i]);
            let steps = cursors.position(|cursor| finder.repeats(&cursor)).unwrap();
            assert!(steps <= 3 * usize::from(length) + 1, "length {length}: {steps} steps");
        }
    }

    #[test]
    fn distinct_cursors_are_never_taken_for_a_cycle() {
        let mut finder = CycleFinder::default();
        assert!((0..10_000_u32).all(|i| !finder.repeats(&i.to_le_bytes().to_vec())));
    }

    #[test]
    fn endless_empty_pages_end_the_run() {
        let mut progress = progress();
        let end = (0..200_u8).find_map(|i| progress.advance(&page(Some(&[i]), false)).err());
        assert_eq!(end, Some(PageFault::TooManyPages));
    }
}
