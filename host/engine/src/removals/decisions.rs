//! What people see of removals and decide about them: approve once, bound to the hash of exactly
//! what was shown; discard; undo (security.md row 57).

use grantry_authz::actions;
use grantry_model::clock::UnixMs;
use grantry_model::ids::RunId;
use grantry_model::removal::{Decision, RemovalState, What, decide};
use grantry_store::{AuditEntry, Removal, RemovedRow, Run};
use serde_json::json;

use super::order;
use crate::idempotency::Turn;
use crate::runs::NO_RUN;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// A removal as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct RemovalView {
    /// What is stored.
    pub removal: Removal,
    /// Until when it can be undone, if it can.
    pub undo_until: Option<UnixMs>,
}

/// Which rows of a removal to list.
#[derive(Debug, Clone, Default)]
pub struct RemovalQuery {
    /// Only such rows.
    pub what: Option<What>,
    /// Only of this kind; empty for all.
    pub kind: String,
}

/// Steps that are read for one page of rows: small kinds have small steps.
const STEPS_A_TIME: u32 = 8;

impl Ctx {
    /// What an aggregation removed, or would remove.
    pub async fn removal(&self, id: &RunId) -> Result<RemovalView> {
        let (_, run) = self.permitted_run::<actions::IntegrationRead>(id).await?;
        self.view_removal(&run).await
    }

    /// The removal; an empty one of a run of which nothing vanished.
    async fn stored_removal(&self, run: &Run) -> Result<Removal> {
        let stored = self.db().removal(&run.id).await?;
        Ok(stored.unwrap_or_else(|| Removal {
            run_id: run.id.clone(),
            integration_id: run.integration_id.clone(),
            state: RemovalState::Removed,
            code: None,
            hash: String::new(),
            losses: Vec::new(),
            rows: 0,
            decided_by: None,
            decided: None,
            created: run.created,
            ended: None,
        }))
    }

    async fn view_removal(&self, run: &Run) -> Result<RemovalView> {
        let removal = self.stored_removal(run).await?;
        let (guard, _) = self.db().deletion_guard(&run.integration_id).await?;
        let is_undoable = removal.state == RemovalState::Removed;
        let until = removal.ended.map(|ended| ended.plus_ms(guard.undo_ms()));
        let mut undo_until = until.filter(|until| is_undoable && *until > self.db().now());
        // A longer window does not bring back what was forgotten under a shorter one.
        if undo_until.is_some() && !self.db().has_removal_steps(&run.id).await? {
            undo_until = None;
        }
        Ok(RemovalView { removal, undo_until })
    }

    /// The rows of a removal, in the order in which they go.
    pub async fn list_removed_rows(
        &self,
        id: &RunId,
        filter: &RemovalQuery,
        query: &PageQuery,
    ) -> Result<Page<RemovedRow>> {
        self.permitted_run::<actions::IntegrationRead>(id).await?;
        let what = filter.what.map_or("", What::name);
        let list = format!("removal/{id}/{what}/{}", filter.kind);
        let position = self.engine.position(&list, query.cursor.as_deref())?;
        let limit = query.limit as usize + 1;
        let rows = self.removed_from(id, (filter, false), &position, limit).await?;
        let page = self.engine.page(&list, rows, query.limit, |(at, _)| at.clone());
        let items = page.items.into_iter().map(|(_, row)| row).collect();
        Ok(Page { items, next: page.next })
    }

    /// Rows of a removal from a position on, each with the position behind it; only what is gone
    /// already, if so.
    pub(crate) async fn removed_from(
        &self,
        id: &RunId,
        (filter, is_done): (&RemovalQuery, bool),
        position: &str,
        limit: usize,
    ) -> Result<Vec<(String, RemovedRow)>> {
        let (mut step, mut offset) = parse_position(position);
        let mut rows: Vec<(String, RemovedRow)> = Vec::with_capacity(limit);
        'steps: loop {
            let of = (filter.what, filter.kind.as_str());
            let steps = self.db().removal_steps(id, step, of, STEPS_A_TIME).await?;
            let Some(last) = steps.last() else { break };
            let after = last.position + 1;
            for found in steps.iter().filter(|step| !is_done || step.removed.is_some()) {
                if found.position != step {
                    offset = 0;
                }
                let left = found.rows.get(offset..).unwrap_or_default();
                let part = &left[..left.len().min(limit - rows.len())];
                let named = self.db().removed_rows(&found.of, part).await?;
                let at = |nth: usize| format!("{}/{}", found.position, offset + nth + 1);
                rows.extend(named.into_iter().enumerate().map(|(nth, row)| (at(nth), row)));
                if rows.len() == limit {
                    break 'steps;
                }
            }
            (step, offset) = (after, 0);
        }
        Ok(rows)
    }

    /// Approves exactly what was shown: `hash` is that of the removal as it was read.
    pub async fn approve_removal(
        &self,
        id: &RunId,
        hash: &str,
        request: &Idempotent<'_, RemovalView>,
    ) -> Result<Answer> {
        self.decide(id, Decision::Approve, Some(hash), request).await
    }

    /// Brings back what a run removed, within the undo window.
    pub async fn undo_removal(
        &self,
        id: &RunId,
        request: &Idempotent<'_, RemovalView>,
    ) -> Result<Answer> {
        self.decide(id, Decision::Undo, None, request).await
    }

    async fn decide(
        &self,
        id: &RunId,
        decision: Decision,
        hash: Option<&str>,
        request: &Idempotent<'_, RemovalView>,
    ) -> Result<Answer> {
        let (permit, run) = self.permitted_run::<actions::AggregationRun>(id).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let work = async {
            let mut view = self.view_removal(&run).await?;
            if hash.is_some_and(|hash| hash != view.removal.hash) {
                return Err(EngineError::DiffChanged);
            }
            let from = view.removal.state;
            let Some(to) = decide(from, decision).map_err(refused(decision))? else {
                // Decided before: nothing changes.
                let mut tx = db.begin(permit.provenance()).await?;
                let answer = claimed.finish(&mut tx, &view).await?;
                tx.commit(entry("aggregation.decision_repeated", &run, &view.removal)).await?;
                return Ok(answer);
            };
            if decision == Decision::Undo && view.undo_until.is_none() {
                return Err(EngineError::UndoExpired);
            }
            let known = db.last_reading(&run.integration_id).await?;
            if decision == Decision::Approve && !db.is_current(&run).await? {
                return Err(EngineError::DiffChanged);
            }
            let mut tx = db.begin(permit.provenance()).await?;
            let ordered_by = &self.actor.principal.id;
            if !order(db, &mut tx, &run, ordered_by).await? {
                return Err(EngineError::SyncRunning);
            }
            // Nothing reads the source from here on, and nothing has since what was true was looked
            // at: it stays true.
            if tx.last_reading(&run.integration_id).await? != known {
                return Err(EngineError::DiffChanged);
            }
            if !tx.decide_removal(&permit, id, (from, to)).await? {
                return Err(EngineError::DiffChanged);
            }
            // Whether the target has what comes back is for a full run to see.
            tx.forget_followed(&run.integration_id).await?;
            view.removal.state = to;
            (view.removal.decided_by, view.removal.decided) =
                (Some(ordered_by.clone()), Some(tx.now()));
            view.undo_until = None;
            let answer = claimed.finish(&mut tx, &view).await?;
            tx.commit(decided(decision, &run, &view.removal, from)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.engine.wake.notify_one();
        self.settle(&claimed, outcome).await
    }

    /// Leaves everything as it is.
    pub async fn discard_removal(&self, id: &RunId) -> Result<RemovalView> {
        let (permit, run) = self.permitted_run::<actions::AggregationRun>(id).await?;
        let removal = self.stored_removal(&run).await?;
        let decision = Decision::Discard;
        if let Some(to) = decide(removal.state, decision).map_err(refused(decision))? {
            let mut tx = self.db().begin(permit.provenance()).await?;
            if !tx.decide_removal(&permit, id, (removal.state, to)).await? {
                return Err(EngineError::DiffChanged);
            }
            tx.forget_undecided(&run.integration_id).await?;
            let after = Removal { state: to, ..removal.clone() };
            tx.commit(decided(decision, &run, &after, removal.state)).await?;
        }
        let run = self.db().run(id).await?.ok_or(NO_RUN)?;
        self.view_removal(&run).await
    }
}

fn parse_position(text: &str) -> (i64, usize) {
    let (step, offset) = text.split_once('/').unwrap_or(("0", "0"));
    (step.parse().unwrap_or(0), offset.parse().unwrap_or(0))
}

fn refused(decision: Decision) -> impl Fn(RemovalState) -> EngineError {
    move |state| match (state, decision) {
        (RemovalState::Superseded, Decision::Approve) => EngineError::DiffChanged,
        _ => EngineError::RemovalDecided { state: state.name() },
    }
}

fn event(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "aggregation.removal_approved",
        Decision::Discard => "aggregation.removal_discarded",
        Decision::Undo => "aggregation.undo_ordered",
    }
}

fn decided(decision: Decision, run: &Run, removal: &Removal, before: RemovalState) -> AuditEntry {
    let mut entry = entry(event(decision), run, removal);
    entry.detail["before"] = json!({ "state": before.name() });
    entry.detail["after"] = json!({ "state": removal.state.name() });
    entry
}

fn entry(event: &'static str, run: &Run, removal: &Removal) -> AuditEntry {
    let detail = json!({
        "run": run.id, "hash": removal.hash, "rows": removal.rows, "losses": removal.losses,
    });
    AuditEntry::about(event, "integration", run.integration_id.as_str(), detail)
}
