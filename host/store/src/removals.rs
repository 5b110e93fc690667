//! Removals: the exact rows that complete aggregations took from the catalogue, or would take if a
//! person says so; carried out and undone a step at a time (CAT-6).
//!
//! A plan takes a [`Complete`], which a partial run cannot get; afterwards only planned rows are
//! removed. Every row is a tombstone that keeps its content, so that it can be brought back.

use std::collections::HashSet;

use grantry_authz::{Permit, actions};
use grantry_model::aggregation::{Complete, Progress};
use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::Key;
use grantry_model::ids::{IntegrationId, PrincipalId, RunId};
use grantry_model::removal::{KindCount, KindLoss, RemovalState, RowKind, What};

use crate::db::{Db, Row, Tx, args};
use crate::runs::{Domain, Run, Seen, decode, encode, types_json};
use crate::vanished::{Newer, SeenBy, Vanished};
use crate::{Result, StoreError, statements};

/// Rows that are removed in one step, which is one transaction where there are many.
pub const STEP_ROWS: usize = 1_000;

/// What an aggregation removed, or would remove.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Removal {
    pub run_id: RunId,
    pub integration_id: IntegrationId,
    pub state: RemovalState,
    /// Why a person had to decide.
    pub code: Option<String>,
    /// Stands for the exact set of rows.
    pub hash: String,
    pub losses: Vec<KindLoss>,
    pub rows: u64,
    pub decided_by: Option<PrincipalId>,
    pub decided: Option<UnixMs>,
    pub created: UnixMs,
    pub ended: Option<UnixMs>,
}

/// Rows that are removed together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct RemovalStep {
    pub position: i64,
    pub of: RowKind,
    pub rows: Vec<Seen>,
    pub removed: Option<UnixMs>,
}

/// A row of a removal, with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRow {
    /// What it is.
    pub of: RowKind,
    /// Its id; an assignment's is its entitlement's.
    pub id: String,
    /// Its name; an assignment's is its entitlement's.
    pub display: String,
    /// Who holds it: id and name; assignments only.
    pub holder: Option<(String, String)>,
}

statements! {
    INSERT = "INSERT INTO removals (run_id, integration_id, state, code, hash, losses, row_count, decided_by, decided_ms, created_ms, ended_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, $8, NULL)";
    GET = "SELECT run_id, integration_id, state, code, hash, losses, row_count, decided_by, decided_ms, created_ms, ended_ms FROM removals WHERE run_id = $1";
    /// Not one from before the target was fine again: the same loss is news then.
    LAST_BLOCKED = "SELECT r.hash FROM removals r WHERE r.integration_id = $1 AND r.code IS NOT NULL AND NOT EXISTS (SELECT 1 FROM runs s WHERE s.integration_id = $1 AND s.id > r.run_id AND s.status = 'succeeded') ORDER BY r.run_id DESC LIMIT 1";
    DECIDE = "UPDATE removals SET state = $3, decided_by = $4, decided_ms = $5 WHERE run_id = $1 AND state = $2";
    END = "UPDATE removals SET state = $2, row_count = $3, ended_ms = COALESCE(ended_ms, $4) WHERE run_id = $1";
    SUPERSEDE = "UPDATE removals SET state = 'superseded' WHERE integration_id = $1 AND state = 'waiting' AND ($2 = 1 OR run_id IN (SELECT id FROM runs WHERE integration_id = $1 AND part = $3 AND types = $4))";
    FORGET_UNDECIDED = "DELETE FROM removal_steps WHERE integration_id = $1 AND run_id IN (SELECT run_id FROM removals WHERE integration_id = $1 AND state IN ('waiting', 'discarded', 'superseded'))";
    /// All steps of a removal or none: what is half forgotten cannot be undone.
    FORGET_OLD = "DELETE FROM removal_steps WHERE integration_id = $1 AND COALESCE(restored_ms, 0) < $2 AND run_id IN (SELECT run_id FROM removals WHERE integration_id = $1 AND ended_ms < $2 AND state IN ('removed', 'restored'))";
    HAS_STEPS = "SELECT 1 FROM removal_steps WHERE run_id = $1 LIMIT 1";
    ADD_STEP = "INSERT INTO removal_steps (run_id, position, integration_id, what, kind, row_count, is_approved, removed_ms, restored_ms, row_keys) VALUES ($1, $2, $3, $4, $5, $6, 0, NULL, NULL, $7)";
    STEPS = "SELECT position, what, kind, row_keys, removed_ms FROM removal_steps WHERE run_id = $1 AND position >= $2 AND ($3 = '' OR what = $3) AND ($4 = '' OR kind = $4) ORDER BY position LIMIT $5";
    NEXT_TO_REMOVE = "SELECT position, what, kind, row_keys, removed_ms FROM removal_steps WHERE run_id = $1 AND removed_ms IS NULL ORDER BY position LIMIT 1";
    /// Things come back before the facts about them.
    NEXT_TO_RESTORE = "SELECT position, what, kind, row_keys, removed_ms FROM removal_steps WHERE run_id = $1 AND removed_ms IS NOT NULL AND restored_ms IS NULL ORDER BY position DESC LIMIT 1";
    STEP_REMOVED = "UPDATE removal_steps SET removed_ms = $3, row_count = $4, row_keys = $5, is_approved = $6 WHERE run_id = $1 AND position = $2";
    STEP_RESTORED = "UPDATE removal_steps SET restored_ms = $3, row_count = $4, row_keys = $5 WHERE run_id = $1 AND position = $2";
    COUNT_REMOVED = "SELECT CAST(COALESCE(SUM(row_count), 0) AS BIGINT) FROM removal_steps WHERE run_id = $1 AND removed_ms IS NOT NULL AND restored_ms IS NULL";
    /// What a person approved or brought back does not count against later runs.
    RECENT = "SELECT what, kind, CAST(SUM(row_count) AS BIGINT) FROM removal_steps WHERE integration_id = $1 AND removed_ms > $2 AND restored_ms IS NULL AND is_approved = 0 GROUP BY what, kind ORDER BY what, kind";
    ROWS_RECENT = "SELECT what, kind, is_approved, row_keys FROM removal_steps WHERE integration_id = $1 AND removed_ms > $2 AND restored_ms IS NULL";
    /// Of the first run that ended after that moment, or has not ended.
    LIVED = "SELECT progress, started_ms FROM runs WHERE integration_id = $1 AND live_before > 0 AND progress IS NOT NULL AND (finished_ms IS NULL OR finished_ms > $2) ORDER BY started_ms, id LIMIT 1";
    CAME = "SELECT id FROM objects WHERE integration_id = $1 AND first_seen_ms >= $2 UNION ALL SELECT id FROM entitlements WHERE integration_id = $1 AND first_seen_ms >= $2";
    RESTORED = "SELECT row_keys FROM removal_steps WHERE integration_id = $1 AND what = $2 AND restored_ms > $3";
    REMOVE_OBJECT = "UPDATE objects SET removed_ms = $2 WHERE id = $1 AND removed_ms IS NULL";
    REMOVE_ENTITLEMENT = "UPDATE entitlements SET removed_ms = $2, changed_ms = $2 WHERE id = $1 AND removed_ms IS NULL";
    REMOVE_ASSIGNMENT = "UPDATE assignments SET removed_ms = $3 WHERE entitlement_id = $1 AND holder_id = $2 AND removed_ms IS NULL";
    /// Also of one that is gone already: an undoing of what took it before does not bring it back.
    RESTAMP_ASSIGNMENT = "UPDATE assignments SET removed_ms = $3 WHERE entitlement_id = $1 AND holder_id = $2";
    /// Only what this very removal took: what was removed again since stays removed.
    RESTORE_OBJECT = "UPDATE objects SET removed_ms = NULL WHERE id = $1 AND removed_ms = $2";
    RESTORE_ENTITLEMENT = "UPDATE entitlements SET removed_ms = NULL, changed_ms = $3 WHERE id = $1 AND removed_ms = $2";
    RESTORE_ASSIGNMENT = "UPDATE assignments SET removed_ms = NULL WHERE entitlement_id = $1 AND holder_id = $2 AND removed_ms = $3";
    NAME_OF_OBJECT = "SELECT display FROM objects WHERE id = $1";
    NAME_OF_ENTITLEMENT = "SELECT display FROM entitlements WHERE id = $1";
}

fn count(row: &Row, index: usize) -> Result<u64> {
    Ok(u64::try_from(row.int(index)?).unwrap_or(0))
}

fn removal(row: &Row) -> Result<Removal> {
    let decided_by = match row.text_or_null(7)? {
        None => None,
        Some(_) => Some(row.parsed(7, "principal id", |text| PrincipalId::parse(text).ok())?),
    };
    Ok(Removal {
        run_id: row.parsed(0, "run id", |text| RunId::parse(text).ok())?,
        integration_id: row.parsed(1, "integration id", |text| IntegrationId::parse(text).ok())?,
        state: row.parsed(2, "state of a removal", RemovalState::parse)?,
        code: row.text_or_null(3)?,
        hash: row.text(4)?,
        losses: row.json(5, "losses")?,
        rows: count(row, 6)?,
        decided_by,
        decided: row.time_or_null(8)?,
        created: row.time(9)?,
        ended: row.time_or_null(10)?,
    })
}

fn row_kind(row: &Row, index: usize) -> Result<RowKind> {
    Ok(RowKind { what: row.parsed(index, "row", What::parse)?, kind: row.text(index + 1)? })
}

fn step(row: &Row) -> Result<RemovalStep> {
    let mut rows = Vec::new();
    decode(&row.blob(3)?, |seen| rows.push(seen))?;
    let (position, of, removed) = (row.int(0)?, row_kind(row, 1)?, row.time_or_null(4)?);
    Ok(RemovalStep { position, of, rows, removed })
}

impl Db {
    /// What a run removed, or would remove; `None` where nothing had vanished.
    pub async fn removal(&self, run: &RunId) -> Result<Option<Removal>> {
        self.fetch_one(GET, args![run.as_str()]).await?.as_ref().map(removal).transpose()
    }

    /// The hash of the newest blocked diff of an integration.
    pub async fn last_blocked_hash(&self, integration: &IntegrationId) -> Result<Option<String>> {
        let row = self.fetch_one(LAST_BLOCKED, args![integration.as_str()]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Whether the rows of a removal are still known.
    pub async fn has_removal_steps(&self, run: &RunId) -> Result<bool> {
        Ok(self.fetch_one(HAS_STEPS, args![run.as_str()]).await?.is_some())
    }

    /// Steps of a removal from a position on, optionally of one kind.
    pub async fn removal_steps(
        &self,
        run: &RunId,
        from: i64,
        (what, kind): (Option<What>, &str),
        limit: u32,
    ) -> Result<Vec<RemovalStep>> {
        let what = what.map_or("", What::name);
        let args = args![run.as_str(), from, what, kind, limit];
        self.fetch(STEPS, args).await?.iter().map(step).collect()
    }

    /// The next step that is not removed yet.
    pub async fn next_to_remove(&self, run: &RunId) -> Result<Option<RemovalStep>> {
        let row = self.fetch_one(NEXT_TO_REMOVE, args![run.as_str()]).await?;
        row.as_ref().map(step).transpose()
    }

    /// The next step that is not brought back yet.
    pub async fn next_to_restore(&self, run: &RunId) -> Result<Option<RemovalStep>> {
        let row = self.fetch_one(NEXT_TO_RESTORE, args![run.as_str()]).await?;
        row.as_ref().map(step).transpose()
    }

    /// Rows of each kind that runs removed since then without a person's word.
    pub async fn removed_since(
        &self,
        integration: &IntegrationId,
        since: UnixMs,
    ) -> Result<Vec<KindCount>> {
        let rows = self.fetch(RECENT, args![integration.as_str(), since]).await?;
        rows.iter().map(|row| Ok((row_kind(row, 0)?, count(row, 2)?))).collect()
    }

    /// Rows that runs removed since then, and whether a person approved that.
    pub async fn rows_removed_since(
        &self,
        integration: &IntegrationId,
        since: UnixMs,
    ) -> Result<Vec<(RowKind, bool, Vec<Seen>)>> {
        let mut removed = Vec::new();
        for row in self.fetch(ROWS_RECENT, args![integration.as_str(), since]).await? {
            let mut rows = Vec::new();
            decode(&row.blob(3)?, |seen| rows.push(seen))?;
            removed.push((row_kind(&row, 0)?, row.is_true(2)?, rows));
        }
        Ok(removed)
    }

    /// Living rows of each kind when the first run after a moment began, and when that was; nothing where
    /// none has counted any.
    pub async fn lived_at(
        &self,
        integration: &IntegrationId,
        at: UnixMs,
    ) -> Result<Option<(UnixMs, Vec<KindCount>)>> {
        let row = self.fetch_one(LIVED, args![integration.as_str(), at]).await?;
        let Some(row) = row else { return Ok(None) };
        let progress: Progress = row.json(0, "progress")?;
        Ok(Some((row.time(1)?, progress.live_before)))
    }

    /// Objects and entitlements that nobody had seen before that moment, also those that went again.
    pub async fn came_since(
        &self,
        integration: &IntegrationId,
        since: UnixMs,
    ) -> Result<HashSet<Key>> {
        let rows = self.fetch(CAME, args![integration.as_str(), since]).await?;
        rows.iter().map(|row| row.parsed(0, "catalogue key", Key::parse)).collect()
    }

    /// Rows that a person has brought back since then.
    pub async fn restored_since(
        &self,
        integration: &IntegrationId,
        what: What,
        since: UnixMs,
    ) -> Result<HashSet<Seen>> {
        let args = args![integration.as_str(), what.name(), since];
        let mut restored = HashSet::new();
        for row in self.fetch(RESTORED, args).await? {
            decode(&row.blob(0)?, |seen| {
                restored.insert(seen);
            })?;
        }
        Ok(restored)
    }

    /// Whether a removal would still take exactly the rows that were shown: all of them live, no
    /// later run saw one, and nobody was granted one through Grantry since.
    pub async fn is_current(&self, run: &Run) -> Result<bool> {
        let newer = self.newer_than(run).await?;
        let frozen = self.frozen_types(&run.integration_id).await?;
        let mut from = 0;
        loop {
            let steps = self.removal_steps(&run.id, from, (None, ""), 100).await?;
            let Some(last) = steps.last() else { return Ok(true) };
            from = last.position + 1;
            for domain in Domain::ALL {
                let of = steps.iter().filter(|step| Domain::of(step.of.what) == domain);
                let mut rows: HashSet<Seen> = HashSet::new();
                for step in of {
                    // Accounts and resources have kinds of their own.
                    if domain != Domain::Objects && frozen.contains(&step.of.kind) {
                        return Ok(false);
                    }
                    if step.rows.iter().any(|row| newer.has(step.of.what, row)) {
                        return Ok(false);
                    }
                    rows.extend(&step.rows);
                }
                let shown = rows.len();
                if shown > 0 {
                    self.keep_living(&run.integration_id, domain, &mut rows).await?;
                    self.forget_seen(run, SeenBy::Later, domain, &mut rows).await?;
                }
                if rows.len() < shown {
                    return Ok(false);
                }
            }
        }
    }

    /// Names of rows of a removal.
    pub async fn removed_rows(&self, of: &RowKind, rows: &[Seen]) -> Result<Vec<RemovedRow>> {
        let mut named = Vec::with_capacity(rows.len());
        for (first, second) in rows {
            let (id, of) = (first.text(), of.clone());
            let is_object = matches!(of.what, What::Account | What::Resource);
            let sql = if is_object { NAME_OF_OBJECT } else { NAME_OF_ENTITLEMENT };
            let display = self.name(sql, &id).await?;
            let holder = match of.what {
                What::Assignment => {
                    let holder = second.text();
                    let name = self.name(NAME_OF_OBJECT, &holder).await?;
                    Some((holder, name))
                }
                What::Account | What::Resource | What::Entitlement => None,
            };
            named.push(RemovedRow { of, id, display, holder });
        }
        Ok(named)
    }

    async fn name(&self, sql: &'static str, id: &str) -> Result<String> {
        let row = self.fetch_one(sql, args![id]).await?;
        row.map_or_else(|| Ok(id.to_owned()), |row| row.text(0))
    }
}

impl Tx {
    /// Writes down exactly what is to be removed, in steps.
    pub async fn plan_removal(
        &mut self,
        _: &Complete,
        removal: &Removal,
        vanished: &Vanished,
    ) -> Result<()> {
        let losses = serde_json::to_string(&removal.losses)
            .map_err(|error| StoreError::Corrupt { what: "losses", reason: error.to_string() })?;
        let (run, integration) = (removal.run_id.as_str(), removal.integration_id.as_str());
        let (total, now) = (i64::try_from(removal.rows).unwrap_or(i64::MAX), self.now());
        let (state, code) = (removal.state.name(), &removal.code);
        let args = args![run, integration, state, code, &removal.hash, &losses, total, now];
        self.execute(INSERT, args).await?;
        let mut position = 0_i64;
        for (of, rows) in &vanished.rows {
            for step in rows.chunks(STEP_ROWS) {
                let (keys, rows) = (encode(step), i64::try_from(step.len()).unwrap_or(i64::MAX));
                let (what, keys) = (of.what.name(), keys.as_slice());
                let args = args![run, position, integration, what, &of.kind, rows, keys];
                self.execute(ADD_STEP, args).await?;
                position += 1;
            }
        }
        Ok(())
    }

    /// The steps of a removal that this transaction has planned.
    pub async fn planned_steps(&mut self, run: &RunId) -> Result<Vec<RemovalStep>> {
        let all = args![run.as_str(), 0_i64, "", "", u32::MAX];
        self.fetch(STEPS, all).await?.iter().map(step).collect()
    }

    /// Removes the rows of a planned step that still live and that we did not grant since the run
    /// began; the step then names those that were removed. Returns how many.
    pub async fn remove_step(
        &mut self,
        run: &Run,
        step: &RemovalStep,
        newer: &Newer,
        is_approved: bool,
    ) -> Result<u64> {
        let (now, mut removed) = (self.now(), Vec::with_capacity(step.rows.len()));
        for row in &step.rows {
            if newer.has(step.of.what, row) {
                continue;
            }
            let id = row.0.text();
            let count = match step.of.what {
                What::Account | What::Resource => {
                    self.execute(REMOVE_OBJECT, args![&id, now]).await?
                }
                What::Entitlement => self.execute(REMOVE_ENTITLEMENT, args![&id, now]).await?,
                What::Assignment => self.remove_assignment(row.0, row.1, now).await?,
            };
            if count == 1 {
                removed.push(*row);
            }
        }
        let (keys, count) = (encode(&removed), i64::try_from(removed.len()).unwrap_or(i64::MAX));
        let keys = keys.as_slice();
        let args = args![run.id.as_str(), step.position, now, count, keys, is_approved];
        self.execute(STEP_REMOVED, args).await?;
        Ok(removed.len() as u64)
    }

    /// Marks an assignment as gone.
    pub(crate) async fn remove_assignment(
        &mut self,
        entitlement: Key,
        holder: Key,
        now: UnixMs,
    ) -> Result<u64> {
        self.execute(REMOVE_ASSIGNMENT, args![&entitlement.text(), &holder.text(), now]).await
    }

    /// Marks an assignment as gone by our own revocation, which is the last word about it.
    pub(crate) async fn revoke_assignment(
        &mut self,
        entitlement: Key,
        holder: Key,
        now: UnixMs,
    ) -> Result<u64> {
        self.execute(RESTAMP_ASSIGNMENT, args![&entitlement.text(), &holder.text(), now]).await
    }

    /// Brings the rows of a removed step back that nothing else has removed since; the step then
    /// names those. The next complete run misses them if it does not see them. Returns how many.
    pub async fn restore_step(&mut self, run: &Run, step: &RemovalStep) -> Result<u64> {
        let mut restored = Vec::with_capacity(step.rows.len());
        for row @ (first, second) in &step.rows {
            let (id, removed) = (first.text(), step.removed);
            let count = match step.of.what {
                What::Account | What::Resource => {
                    self.execute(RESTORE_OBJECT, args![&id, removed]).await?
                }
                What::Entitlement => {
                    let now = self.now();
                    self.execute(RESTORE_ENTITLEMENT, args![&id, removed, now]).await?
                }
                What::Assignment => {
                    let holder = second.text();
                    self.execute(RESTORE_ASSIGNMENT, args![&id, &holder, removed]).await?
                }
            };
            if count == 1 {
                restored.push(*row);
            }
        }
        let (now, keys) = (self.now(), encode(&restored));
        let (count, keys) = (i64::try_from(restored.len()).unwrap_or(i64::MAX), keys.as_slice());
        let args = args![run.id.as_str(), step.position, now, count, keys];
        self.execute(STEP_RESTORED, args).await?;
        let name = format!("restored-{}-{}", run.id, step.position);
        let domain = Domain::of(step.of.what);
        if !restored.is_empty() {
            self.remember(&run.integration_id, (domain, ""), &name, &restored).await?;
        }
        Ok(restored.len() as u64)
    }

    /// Notes a person's decision. False if the removal is no longer in that state.
    pub async fn decide_removal(
        &mut self,
        permit: &Permit<actions::AggregationRun>,
        run: &RunId,
        (from, to): (RemovalState, RemovalState),
    ) -> Result<bool> {
        let (now, person) = (self.now(), &permit.provenance().principal_id);
        let args = args![run.as_str(), from.name(), to.name(), person.as_str(), now];
        Ok(self.execute(DECIDE, args).await? == 1)
    }

    /// Ends a removal or its undoing; the run then tells how many rows it has removed.
    pub async fn end_removal(&mut self, run: &RunId, state: RemovalState) -> Result<u64> {
        let row = self.fetch_one(COUNT_REMOVED, args![run.as_str()]).await?;
        let removed = row.map_or(Ok(0), |row| count(&row, 0))?;
        let (rows, now) = (i64::try_from(removed).unwrap_or(i64::MAX), self.now());
        self.execute(END, args![run.as_str(), state.name(), rows, now]).await?;
        self.count_removed(run, removed).await?;
        Ok(removed)
    }

    /// A run has read everything, or the same as another one: what waited for a decision before is out
    /// of date.
    pub async fn supersede_removals(&mut self, _: &Complete, run: &Run) -> Result<()> {
        let (integration, selection) = (&run.integration_id, &run.selection);
        let (part, types) = (selection.part.name(), types_json(&selection.types)?);
        let is_everything = selection.is_everything();
        let args = args![integration.as_str(), is_everything, part, &types];
        if self.execute(SUPERSEDE, args).await? > 0 {
            self.forget_undecided(integration).await?;
        }
        Ok(())
    }

    /// Forgets the rows of removals that will not be carried out.
    pub async fn forget_undecided(&mut self, integration: &IntegrationId) -> Result<()> {
        self.execute(FORGET_UNDECIDED, args![integration.as_str()]).await.map(drop)
    }

    /// Forgets the rows of removals that can no longer be undone.
    pub async fn forget_old_removals(
        &mut self,
        integration: &IntegrationId,
        before: UnixMs,
    ) -> Result<()> {
        self.execute(FORGET_OLD, args![integration.as_str(), before]).await.map(drop)
    }
}
