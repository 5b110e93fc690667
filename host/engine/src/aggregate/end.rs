//! What an aggregation concludes when it ends: nothing, a question, or removals.
//!
//! Everything here is one transaction with the end of the run's job. [`End::complete`] takes a
//! [`Complete`]; [`End::stopped`] has none and removes nothing.

use std::collections::HashSet;

use grantry_authz::{Permit, actions};
use grantry_model::aggregation::{Complete, Progress, RunStatus};
use grantry_model::catalogue::Target;
use grantry_model::deletion_guard::words;
use grantry_model::job::JobStatus;
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::removal::{KindCount, RemovalState};
use grantry_store::{
    AuditEntry, CatalogueSource, Domain, Integration, Job, Run, RunEnd, Tx, Vanished,
};
use serde_json::{Value, json};

use super::guard::{self, Judged};
use super::{Stop, cancelled, following};
use crate::external_changes::Ended;
use crate::mappings::How;
use crate::worker::Verdict;
use crate::{Engine, Result, external_changes, mappings, removals, resource_people};

/// Most rows that are removed in the transaction of the run's end; more are removed by a job of
/// their own, so that no transaction outlasts a lease.
const AT_ONCE_MAX: u64 = 2_000;

/// What became of the rows that vanished.
enum Removed {
    /// So many were removed.
    All(u64),
    /// They will be.
    Later,
}

impl Removed {
    fn rows(&self) -> u64 {
        match self {
            Self::All(rows) => *rows,
            Self::Later => 0,
        }
    }
}

/// The end of a run, in one transaction with its job.
pub(super) struct End<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
    pub(super) run: &'a Run,
    pub(super) permit: &'a Permit<actions::AggregationRun>,
    pub(super) progress: &'a Progress,
}

impl End<'_> {
    /// A run that did not read everything, or was stopped. What it wrote stays; since that may
    /// contradict older pages, no page is trusted until it is read again.
    ///
    /// A failure is told, once for the same reason: until a run ends otherwise.
    pub(super) async fn stopped(&self, status: RunStatus, stop: &Stop) -> Result<Verdict> {
        let db = self.engine.db();
        let last = db.last_run_error(self.run).await?;
        let is_news = last.as_ref() != Some(&stop.code);
        let news = db.integration(&self.run.integration_id).await?.filter(|_| is_news);
        let run = db.run(&self.run.id).await?;
        let progress = run.and_then(|run| run.progress).unwrap_or_else(|| self.progress.clone());
        let mut tx = self.begin_end(&progress).await?;
        // What its feeds say may be what is wrong: the next run reads in full.
        if status == RunStatus::Failed && self.run.is_delta {
            tx.forget_followed(&self.run.integration_id).await?;
        }
        if status == RunStatus::Failed
            && let Some(integration) = news
        {
            let notice = Notice::new(NoticeKind::AggregationFailed, Some(&integration.id))
                .with("integration", &integration.name)
                .with("code", &stop.code)
                .with("detail", &stop.detail);
            tx.queue_notice(&notice).await?;
        }
        self.commit_end(tx, status, &progress, stop, None).await
    }

    async fn begin_end(&self, progress: &Progress) -> Result<Tx> {
        let mut tx = self.engine.db().begin(self.permit.provenance()).await?;
        tx.hold(&self.job.lease(), self.engine.lease_until()).await?;
        if progress.written > 0 {
            tx.distrust_pages(&self.run.integration_id, None).await?;
        }
        tx.clear_staged(self.run).await?;
        Ok(tx)
    }

    async fn commit_end(
        &self,
        mut tx: Tx,
        status: RunStatus,
        progress: &Progress,
        stop: &Stop,
        more: Option<Value>,
    ) -> Result<Verdict> {
        let error = Some((stop.code.as_str(), stop.detail.as_str()));
        let job_status = match status {
            RunStatus::Cancelled => JobStatus::Cancelled,
            _ => JobStatus::Failed,
        };
        let (added, changed, removed) = (0, progress.written, 0);
        let end = RunEnd { status, progress, added, changed, removed, error };
        tx.finish_run(&self.run.id, &end).await?;
        tx.finish_job(&self.job.lease(), job_status, error).await?;
        let mut detail = json!({ "run": self.run.id, "code": stop.code, "detail": stop.detail });
        if let Some(more) = more {
            detail["removal"] = more;
        }
        let (event, id) = (ended_event(status), self.run.integration_id.as_str());
        tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
        tracing::info!(run.id = %self.run.id, code = stop.code, "aggregation ended: {}", stop.detail);
        Ok(Verdict::Done)
    }

    /// A run that read everything: what it did not see any more is removed, unless that is too much
    /// to be believed.
    pub(super) async fn complete(&self, complete: &Complete) -> Result<Verdict> {
        let db = self.engine.db();
        let id = &self.run.integration_id;
        let vanished = db.vanished(complete, self.run).await?;
        let is_unchanged = self.progress.written == 0 && vanished.rows.is_empty();
        let live = if is_unchanged { Vec::new() } else { db.count_kinds(id).await? };
        let judged = guard::judge(db, self.run, self.progress, &vanished, &live).await?;
        if let Some(judged) = judged.as_ref().filter(|judged| judged.block.is_some()) {
            return self.blocked(complete, judged, &vanished).await;
        }
        let distrusted = self.distrusted(&vanished, &live).await?;
        let integration = self.explaining().await?;
        self.map_accounts().await?;
        let mut tx = db.begin(self.permit.provenance()).await?;
        tx.hold(&self.job.lease(), self.engine.lease_until()).await?;
        if tx.is_cancel_requested(&self.job.id).await? {
            drop(tx);
            return self.stopped(RunStatus::Cancelled, &cancelled()).await;
        }
        // Before what recommendations change, as where people are named or identities go.
        tx.lock_mappings().await?;
        tx.supersede_removals(complete, self.run).await?;
        let removed = match &judged {
            Some(judged) => self.remove(&mut tx, complete, judged, &vanished).await?,
            None => Removed::All(0),
        };
        if self.run.is_delta {
            self.end_following(&mut tx, &vanished).await?;
        } else {
            tx.forget_stale_pages(complete, self.run).await?;
        }
        self.note_feeds(&mut tx, &vanished).await?;
        tx.forget_stale_scopes(complete, self.run).await?;
        tx.note_listings(complete, self.run).await?;
        for (domain, rows) in vanished.held_back.iter().filter(|(_, rows)| !rows.is_empty()) {
            let name = format!("held-back-{}", self.run.id);
            tx.remember(id, (*domain, ""), &name, rows).await?;
        }
        for domain in distrusted {
            tx.distrust_pages(id, Some(domain)).await?;
        }
        let has_read_all = self.has_read_assignments();
        let ended = Ended { has_read_all, vanished: vanished.lost_alone() };
        let external = self.conclude(&mut tx, integration.as_ref(), &ended).await?;
        if !matches!(removed, Removed::Later) {
            resource_people::follow(&mut tx, self.permit, self.run).await?;
        }
        let live: u64 = live.iter().map(|(_, count)| count).sum();
        let before: u64 = self.progress.live_before.iter().map(|(_, count)| count).sum();
        let added = if is_unchanged { 0 } else { live.saturating_sub(before) };
        let changed = self.progress.written.saturating_sub(added);
        let (status, removed_rows) = (RunStatus::Succeeded, removed.rows());
        let end = RunEnd {
            status,
            progress: self.progress,
            added,
            changed,
            removed: removed_rows,
            error: None,
        };
        tx.finish_run(&self.run.id, &end).await?;
        tx.finish_job(&self.job.lease(), JobStatus::Succeeded, None).await?;
        if matches!(removed, Removed::Later) {
            removals::order(db, &mut tx, self.run, &self.job.ordered_by).await?;
        }
        let detail = json!({
            "run": self.run.id, "added": added, "changed": changed, "removed": removed_rows,
            "removed_later": matches!(removed, Removed::Later),
            "left_out": self.progress.quarantined, "external_changes": external,
            "scopes_unchanged": self.progress.scopes_unchanged,
        });
        let event = ended_event(status);
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        tracing::info!(run.id = %self.run.id, added, changed, removed = removed_rows, external, "aggregation succeeded");
        if matches!(removed, Removed::Later) {
            self.engine.wake.notify_one();
        }
        Ok(Verdict::Done)
    }

    /// The lists of who holds what that the run reads.
    fn reads_assignments(&self) -> impl Iterator<Item = &Target> {
        let of = self.progress.targets.iter();
        of.filter(|target| Domain::of_listing(target) == Domain::Assignments)
    }

    /// Whether the run knows who holds what: from the lists, or from feeds.
    fn has_read_assignments(&self) -> bool {
        self.run.is_delta || self.reads_assignments().next().is_some()
    }

    /// What feeds changed no page says any more.
    async fn end_following(&self, tx: &mut Tx, vanished: &Vanished) -> Result<()> {
        if self.progress.written > 0 || !vanished.rows.is_empty() {
            tx.distrust_pages(&self.run.integration_id, None).await?;
        }
        Ok(tx.clear_staged(self.run).await?)
    }

    /// Takes note of up to where the catalogue follows the feeds.
    async fn note_feeds(&self, tx: &mut Tx, vanished: &Vanished) -> Result<()> {
        if !self.run.selection.is_everything() {
            return Ok(());
        }
        let id = &self.run.integration_id;
        let has_held_back = vanished.held_back.iter().any(|(_, rows)| !rows.is_empty());
        match following::followed(self.run, self.progress, has_held_back) {
            Some(followed) => Ok(tx.put_followed(id, &followed).await?),
            None => Ok(tx.forget_followed(id).await?),
        }
    }

    /// Whether each of them is read whole for the first time.
    fn is_baseline(&self, first_readings: &HashSet<String>) -> bool {
        let mut of = self.reads_assignments();
        !first_readings.is_empty() && of.all(|target| first_readings.contains(&target.name()))
    }

    /// Plans the removal, and carries it out at once where it is small.
    async fn remove(
        &self,
        tx: &mut Tx,
        complete: &Complete,
        judged: &Judged,
        vanished: &Vanished,
    ) -> Result<Removed> {
        let removal = judged.removal(self.run, vanished, RemovalState::Removing);
        tx.forget_old_removals(&self.run.integration_id, judged.undoable_since(tx.now())).await?;
        tx.plan_removal(complete, &removal, vanished).await?;
        if vanished.count() > AT_ONCE_MAX {
            return Ok(Removed::Later);
        }
        let newer = tx.newer_than(self.run).await?;
        for step in tx.planned_steps(&self.run.id).await? {
            tx.remove_step(self.run, &step, &newer, false).await?;
        }
        Ok(Removed::All(tx.end_removal(&self.run.id, RemovalState::Removed).await?))
    }

    /// A run that would remove too much: everything stays, and a person has to look.
    async fn blocked(
        &self,
        complete: &Complete,
        judged: &Judged,
        vanished: &Vanished,
    ) -> Result<Verdict> {
        let db = self.engine.db();
        let id = &self.run.integration_id;
        let removal = judged.removal(self.run, vanished, RemovalState::Waiting);
        let code = removal.code.clone().unwrap_or_default();
        let is_news = db.last_blocked_hash(id).await?.as_ref() != Some(&removal.hash);
        let integration = db.integration(id).await?.filter(|_| is_news);
        let detail = format!(
            "{}; nothing was removed: look whether the target lists everything, then approve the \
             removal or discard it",
            words(&judged.losses)
        );
        let stop = Stop { code, detail };
        let explaining = self.explaining().await?;
        self.map_accounts().await?;
        let mut tx = self.begin_end(self.progress).await?;
        if tx.is_cancel_requested(&self.job.id).await? {
            drop(tx);
            return self.stopped(RunStatus::Cancelled, &cancelled()).await;
        }
        tx.supersede_removals(complete, self.run).await?;
        tx.plan_removal(complete, &removal, vanished).await?;
        // The next run looks at everything: so that what was asked about is seen to be there or not.
        tx.forget_followed(id).await?;
        if let Some(integration) = integration {
            let notice = Notice::new(NoticeKind::AggregationBlocked, Some(id))
                .with("integration", &integration.name)
                .with("code", &stop.code)
                .with("detail", &stop.detail);
            tx.queue_notice(&notice).await?;
        }
        // All was read: what is there now is known, whatever becomes of what is not.
        let has_read_all = self.has_read_assignments();
        let ended = Ended { has_read_all, ..Ended::default() };
        self.conclude(&mut tx, explaining.as_ref(), &ended).await?;
        let more = json!({ "hash": removal.hash, "rows": removal.rows, "losses": removal.losses });
        self.commit_end(tx, RunStatus::Blocked, self.progress, &stop, Some(more)).await
    }

    /// Maps what was read, in transactions of its own: whose an account is does not depend on how the
    /// run ends.
    async fn map_accounts(&self) -> Result<()> {
        let source = CatalogueSource::Integration(self.run.integration_id.clone());
        let (db, how) = (self.engine.db(), How::because("aggregation"));
        mappings::apply(db, self.permit.provenance(), &source, how).await.map(drop)
    }

    /// The integration, where a run explains what differs: the first one that reads who holds what is
    /// the baseline.
    async fn explaining(&self) -> Result<Option<Integration>> {
        let (db, id) = (self.engine.db(), &self.run.integration_id);
        if self.is_baseline(&db.first_readings(id, self.progress).await?) {
            return Ok(None);
        }
        Ok(db.integration(id).await?)
    }

    async fn conclude(
        &self,
        tx: &mut Tx,
        explaining: Option<&Integration>,
        ended: &Ended,
    ) -> Result<u64> {
        let Some(integration) = explaining else { return Ok(0) };
        external_changes::conclude(tx, integration, self.run, ended).await
    }

    /// The domains whose pages have to be read row by row next time.
    async fn distrusted(&self, vanished: &Vanished, live: &[KindCount]) -> Result<Vec<Domain>> {
        let mut distrusted = Vec::new();
        if live.is_empty() {
            return Ok(distrusted);
        }
        for domain in Domain::ALL {
            let of = live.iter().filter(|(of, _)| Domain::of(of.what) == domain);
            let live: u64 = of.map(|(_, count)| count).sum();
            // A row in two pages: which of them tells the truth is only known by reading again.
            let left = live.saturating_sub(vanished.count_of(domain));
            if self.engine.db().rows_in_pages(self.run, domain).await? > left {
                distrusted.push(domain);
            }
        }
        let removes_things = [Domain::Objects, Domain::Entitlements]
            .into_iter()
            .any(|domain| vanished.count_of(domain) > 0);
        if removes_things {
            distrusted.extend([Domain::Entitlements, Domain::Assignments]);
        }
        Ok(distrusted)
    }
}

fn ended_event(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Succeeded => "aggregation.succeeded",
        RunStatus::Blocked => "aggregation.blocked",
        RunStatus::Cancelled => "aggregation.stopped",
        RunStatus::Queued | RunStatus::Running | RunStatus::Failed => "aggregation.failed",
    }
}
