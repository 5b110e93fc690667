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
    let mut known = Known::since(db, run, now.plus_ms(-WINDOW_MS)).await?;
    let mut losses = Vec::with_capacity(vanished.rows.len());
    for (kind, rows) in &vanished.rows {
        let before = of(&before, kind).unwrap_or(0);
        let restored = db.restored_since(id, kind.what, restored_since).await?;
        let known = known.loss(db, run, (kind, before), rows).await?;
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
    since: UnixMs,
    /// Living rows then, without those that were removed since.
    living: BTreeMap<RowKind, u64>,
    /// Objects and entitlements that came since; read where they matter.
    came: Option<HashSet<Key>>,
}

impl Known {
    async fn since(db: &Db, run: &Run, since: UnixMs) -> Result<Self> {
        let id = &run.integration_id;
        let (counted, living) = db.lived_at(id, since).await?.unwrap_or((since, Vec::new()));
        let mut living = by_kind(&living);
        for (kind, removed) in db.all_removed_since(id, counted).await? {
            if let Some(count) = living.get_mut(&kind) {
                *count = count.saturating_sub(removed);
            }
        }
        Ok(Self { since, living, came: None })
    }

    /// The loss among them; nothing where no fewer were there than now, or none.
    async fn loss(
        &mut self,
        db: &Db,
        run: &Run,
        (kind, now): (&RowKind, u64),
        rows: &[Seen],
    ) -> Result<Option<KnownLoss>> {
        let Some(before) =
            self.living.get(kind).copied().filter(|before| (1..now).contains(before))
        else {
            return Ok(None);
        };
        let came = match self.came.take() {
            Some(came) => came,
            None => db.came_since(&run.integration_id, self.since).await?,
        };
        // Nobody knows since when an assignment between known rows is there: it counts as known.
        let is_known = |row: &&Seen| !came.contains(&row.0) && !came.contains(&row.1);
        let removals = rows.iter().filter(is_known).count() as u64;
        self.came = Some(came);
        Ok(Some(KnownLoss { before, removals }))
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
