//! What vanished, counted by kind and held against the integration's deletion guard.
//!
//! The decision itself is pure: [`grantry_model::deletion_guard`].

use std::collections::{BTreeMap, BTreeSet, HashSet};

use grantry_model::aggregation::Progress;
use grantry_model::clock::UnixMs;
use grantry_model::deletion_guard::{Block, DeletionGuard, WINDOW_MS};
use grantry_model::fingerprint::Key;
use grantry_model::ids::IntegrationId;
use grantry_model::removal::{KindCount, KindLoss, KnownLoss, RemovalState, RowKind};
use grantry_store::{Db, Removal, Run, Seen, Vanished};

use crate::Result;

/// A judged loss.
pub(super) struct Judged {
    guard: DeletionGuard,
    pub(super) losses: Vec<KindLoss>,
    pub(super) block: Option<Block>,
}

/// Judges what vanished; `None` if nothing has. `live` is what lives now, at the run's end.
pub(super) async fn judge(
    db: &Db,
    run: &Run,
    progress: &Progress,
    vanished: &Vanished,
    live: &[KindCount],
) -> Result<Option<Judged>> {
    if vanished.rows.is_empty() {
        return Ok(None);
    }
    let (id, now) = (&run.integration_id, db.now());
    let (guard, _) = db.deletion_guard(id).await?;
    let recent = by_kind(&db.removed_since(id, now.plus_ms(-WINDOW_MS)).await?);
    let (before, live) = (by_kind(&progress.live_before), by_kind(live));
    let of = |counts: &BTreeMap<RowKind, u64>, kind: &RowKind| counts.get(kind).copied();
    let restored_since = now.plus_ms(-guard.undo_ms());
    let known = Known::since(db, run, now.plus_ms(-WINDOW_MS)).await?;
    let mut losses = Vec::with_capacity(vanished.rows.len());
    for (kind, rows) in &vanished.rows {
        let before = of(&before, kind).unwrap_or(0);
        let restored = db.restored_since(id, kind.what, restored_since).await?;
        let known = known.loss(kind, before, rows);
        losses.push(KindLoss {
            of: kind.clone(),
            before,
            removals: rows.len() as u64,
            recent: of(&recent, kind).unwrap_or(0),
            added: of(&live, kind).unwrap_or(0).saturating_sub(before),
            restored: count_in(rows, &restored),
            known,
            excess: None,
        });
    }
    let block = guard.judge(&mut losses);
    Ok(Some(Judged { guard, losses, block }))
}

/// What was there a day ago: what came since may have been made up to hide a loss.
struct Known {
    /// Living rows then, without those of them that were removed since.
    living: BTreeMap<RowKind, u64>,
    /// How many of them earlier runs removed since, without a person's word.
    recent: BTreeMap<RowKind, u64>,
    /// Objects and entitlements that came since, also those that went again.
    came: HashSet<Key>,
}

impl Known {
    async fn since(db: &Db, run: &Run, since: UnixMs) -> Result<Self> {
        let id = &run.integration_id;
        let mut known =
            Self { living: BTreeMap::new(), recent: BTreeMap::new(), came: HashSet::new() };
        let Some((counted, living)) = db.lived_at(id, since).await? else { return Ok(known) };
        (known.living, known.came) = (by_kind(&living), db.came_since(id, counted).await?);
        for (kind, is_approved, rows) in db.rows_removed_since(id, counted).await? {
            let removed = known.count(&rows);
            if let Some(count) = known.living.get_mut(&kind) {
                *count = count.saturating_sub(removed);
            }
            if !is_approved {
                *known.recent.entry(kind).or_default() += removed;
            }
        }
        Ok(known)
    }

    /// Nobody knows since when an assignment between known rows is there: it counts as known.
    fn count(&self, rows: &[Seen]) -> u64 {
        let is_known = |row: &&Seen| !self.came.contains(&row.0) && !self.came.contains(&row.1);
        rows.iter().filter(is_known).count() as u64
    }

    /// The loss among them; nothing where no fewer were there than now, or none.
    fn loss(&self, kind: &RowKind, now: u64, rows: &[Seen]) -> Option<KnownLoss> {
        let before = *self.living.get(kind)?;
        let recent = self.recent.get(kind).copied().unwrap_or(0);
        (before < now).then(|| KnownLoss { before, removals: self.count(rows), recent })
    }
}

fn by_kind(counts: &[KindCount]) -> BTreeMap<RowKind, u64> {
    counts.iter().cloned().collect()
}

fn count_in(rows: &[Seen], set: &HashSet<Seen>) -> u64 {
    if set.is_empty() {
        return 0;
    }
    rows.iter().filter(|row| set.contains(row)).count() as u64
}

impl Judged {
    /// The removal of these rows.
    pub(super) fn removal(&self, run: &Run, vanished: &Vanished, state: RemovalState) -> Removal {
        Removal {
            run_id: run.id.clone(),
            integration_id: run.integration_id.clone(),
            state,
            code: self.block.map(|block| block.code().to_owned()),
            hash: hash(&run.integration_id, &vanished.rows),
            losses: self.losses.clone(),
            rows: vanished.count(),
            decided_by: None,
            decided: None,
            created: run.created,
            ended: None,
        }
    }

    /// Removals before this moment cannot be undone any more.
    pub(super) fn undoable_since(&self, now: UnixMs) -> UnixMs {
        now.plus_ms(-self.guard.undo_ms())
    }
}

/// The hash of exactly these rows: equal for equal sets of one integration, in whichever run.
fn hash(integration: &IntegrationId, vanished: &[(RowKind, Vec<Seen>)]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("grantry removal of exactly these rows");
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(integration.as_str().as_bytes());
    // Sorted: the order of removal is not part of the set.
    let kinds: BTreeSet<_> = vanished.iter().map(|(of, rows)| (of, rows)).collect();
    for (of, rows) in kinds {
        add(of.what.name().as_bytes());
        add(of.kind.as_bytes());
        let keys: Vec<u8> = rows.iter().flat_map(|(a, b)| [a.0, b.0]).flatten().collect();
        add(&keys);
    }
    hasher.finalize().to_hex().to_string()
}
