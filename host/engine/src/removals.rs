//! Removals at work: what vanished is removed, or brought back, a step at a time.
//!
//! Every step is a transaction of its own with its audit entry, so a worker that is killed goes on
//! at the next one. While a removal is at work no aggregation of the integration runs: they share a
//! queue. What people decide about removals is in [`decisions`].

mod decisions;

use std::collections::HashSet;

use grantry_authz::{Permit, actions};
use grantry_model::ids::{JobId, PrincipalId};
use grantry_model::job::{JobStatus, Work};
use grantry_model::removal::RemovalState;
use grantry_store::{AuditEntry, Db, Job, NewJob, Removal, RemovalStep, Run, Seen, Tx, Vanished};
use serde_json::json;

use crate::external_changes::Ended;
use crate::worker::Verdict;
use crate::{Engine, EngineError, Result, external_changes, resource_people};

pub use decisions::{RemovalQuery, RemovalView};

/// Orders the removal that is planned for a run, or the undoing of it. False if the integration is
/// being read, or another removal is at work.
pub(crate) async fn order(
    db: &Db,
    tx: &mut Tx,
    run: &Run,
    ordered_by: &PrincipalId,
) -> Result<bool> {
    let job = NewJob {
        id: JobId::fresh(db.clock(), db.random()),
        queue: crate::runs::queue(&run.integration_id),
        work: Work::Remove { integration: run.integration_id.clone(), run: run.id.clone() },
        ordered_by: ordered_by.clone(),
    };
    Ok(tx.enqueue(&job).await?)
}

/// Carries out what was decided about a run's removal.
pub(crate) async fn carry_out(engine: &Engine, job: &Job, run: &Run) -> Result<Verdict> {
    let permit: Permit<actions::AggregationRun> =
        Permit::for_job(&job.id, &engine.orderer(job).await?, None);
    let found = engine.db().removal(&run.id).await?;
    let removal = found.ok_or(EngineError::NotFound { what: "removal" })?;
    let removing = Removing { engine, job, run, removal, permit };
    match removing.removal.state {
        RemovalState::Removing => removing.remove().await,
        RemovalState::Restoring => removing.restore().await,
        RemovalState::Waiting
        | RemovalState::Removed
        | RemovalState::Discarded
        | RemovalState::Superseded
        | RemovalState::Restored => Ok(Verdict::Finish(JobStatus::Succeeded)),
    }
}

struct Removing<'a> {
    engine: &'a Engine,
    job: &'a Job,
    run: &'a Run,
    removal: Removal,
    permit: Permit<actions::AggregationRun>,
}

impl Removing<'_> {
    async fn begin(&self) -> Result<Tx> {
        let mut tx = self.engine.db().begin(self.permit.provenance()).await?;
        tx.hold(&self.job.lease(), self.engine.lease_until()).await?;
        Ok(tx)
    }

    async fn remove(&self) -> Result<Verdict> {
        while let Some(step) = self.engine.db().next_to_remove(&self.run.id).await? {
            let mut tx = self.begin().await?;
            let newer = tx.newer_than(self.run).await?;
            let is_approved = self.removal.decided_by.is_some();
            let removed = tx.remove_step(self.run, &step, &newer, is_approved).await?;
            self.commit_step(tx, "aggregation.rows_removed", &step, removed).await?;
        }
        let lost = self.lost_externally().await?;
        let integration = self.engine.db().integration(&self.run.integration_id).await?;
        let mut tx = self.begin().await?;
        tx.lock_mappings().await?;
        let removed = tx.end_removal(&self.run.id, RemovalState::Removed).await?;
        // Whom the target recommends is known only now that what vanished is gone.
        resource_people::follow(&mut tx, &self.permit, self.run).await?;
        if let Some((vanished, integration)) = lost.zip(integration) {
            // What appeared was concluded when the run ended.
            let ended = Ended { has_read_all: false, vanished };
            external_changes::conclude(&mut tx, &integration, self.run, &ended).await?;
        }
        // Pages that hold removed rows prove nothing any more.
        tx.distrust_pages(&self.run.integration_id, None).await?;
        self.commit_end(tx, "aggregation.removal_finished", removed).await
    }

    /// Access that is gone without Grantry: of a removal that a person approved. The end of the run
    /// has concluded about any other one.
    async fn lost_externally(&self) -> Result<Option<HashSet<Seen>>> {
        let db = self.engine.db();
        if self.removal.decided_by.is_none() || db.is_baseline(&self.run.integration_id).await? {
            return Ok(None);
        }
        let all = (None, "");
        let steps = db.removal_steps(&self.run.id, 0, all, u32::MAX).await?;
        let taken = steps.into_iter().filter(|step| step.removed.is_some());
        Ok(Some(Vanished::of_steps(taken).lost_alone()))
    }

    async fn restore(&self) -> Result<Verdict> {
        let mut restored = 0;
        while let Some(step) = self.engine.db().next_to_restore(&self.run.id).await? {
            let mut tx = self.begin().await?;
            let rows = tx.restore_step(self.run, &step).await?;
            restored += rows;
            self.commit_step(tx, "aggregation.rows_restored", &step, rows).await?;
        }
        let mut tx = self.begin().await?;
        tx.end_removal(&self.run.id, RemovalState::Restored).await?;
        self.commit_end(tx, "aggregation.undo_finished", restored).await
    }

    async fn commit_step(
        &self,
        tx: Tx,
        event: &'static str,
        step: &RemovalStep,
        rows: u64,
    ) -> Result<()> {
        let detail = json!({
            "run": self.run.id, "step": step.position, "what": step.of.what, "kind": step.of.kind,
            "rows": rows,
        });
        let id = self.run.integration_id.as_str();
        Ok(tx.commit(AuditEntry::about(event, "integration", id, detail)).await?)
    }

    async fn commit_end(&self, mut tx: Tx, event: &'static str, rows: u64) -> Result<Verdict> {
        tx.finish_job(&self.job.lease(), JobStatus::Succeeded, None).await?;
        let detail = json!({ "run": self.run.id, "hash": self.removal.hash, "rows": rows });
        let id = self.run.integration_id.as_str();
        tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
        tracing::info!(run.id = %self.run.id, rows, "{event}");
        Ok(Verdict::Done)
    }
}
