//! What an aggregation concludes when it ends: nothing, a question, or removals.
//!
//! Everything here is one transaction with the end of the run's job. [`End::complete`] takes a
//! [`Complete`]; [`End::stopped`] has none and removes nothing.

use std::collections::{HashMap, HashSet};

use grantry_authz::{Permit, actions};
use grantry_model::aggregation::{Complete, Progress, RunStatus, is_suspicious};
use grantry_model::job::JobStatus;
use grantry_store::{AuditEntry, Domain, Job, Run, RunEnd, Seen};
use serde_json::json;

use super::Stop;
use crate::external_changes;
use crate::worker::Verdict;
use crate::{Engine, Result};

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
    pub(super) async fn stopped(&self, status: RunStatus, stop: &Stop) -> Result<Verdict> {
        let run = self.engine.db().run(&self.run.id).await?;
        let progress = run.and_then(|run| run.progress).unwrap_or_else(|| self.progress.clone());
        let error = Some((stop.code.as_str(), stop.detail.as_str()));
        let job_status = match status {
            RunStatus::Cancelled => JobStatus::Cancelled,
            _ => JobStatus::Failed,
        };
        let mut tx = self.engine.db().begin(self.permit.provenance()).await?;
        tx.hold(&self.job.lease(), self.engine.lease_until()).await?;
        if progress.written > 0 {
            tx.distrust_pages(&self.run.integration_id, None).await?;
        }
        let (added, changed, removed) = (0, progress.written, 0);
        let end = RunEnd { status, progress: &progress, added, changed, removed, error };
        tx.finish_run(&self.run.id, &end).await?;
        tx.finish_job(&self.job.lease(), job_status, error).await?;
        let detail = json!({ "run": self.run.id, "code": stop.code, "detail": stop.detail });
        let (event, id) = (ended_event(status), self.run.integration_id.as_str());
        tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
        tracing::info!(run.id = %self.run.id, code = stop.code, "aggregation ended: {}", stop.detail);
        Ok(Verdict::Done)
    }

    /// A run that read everything: what it did not see any more is removed, unless that is too much
    /// to be believed.
    pub(super) async fn complete(&self, complete: &Complete) -> Result<Verdict> {
        let db = self.engine.db();
        let mut vanished = Vec::new();
        for domain in Domain::ALL {
            vanished.push((domain, db.vanished(self.run, domain).await?));
        }
        let any_vanished = vanished.iter().any(|(_, rows)| !rows.is_empty());
        let is_unchanged = self.progress.written == 0 && !any_vanished;
        let live =
            if is_unchanged { [0; 3] } else { db.count_rows(&self.run.integration_id).await? };
        let dependent = self.dependent_assignments(&vanished).await?;
        for (domain, rows) in &vanished {
            // Rows that this run added do not make a loss smaller.
            let before = self.progress.live_before[position(*domain)];
            let live = live[position(*domain)].min(before.max(1));
            let follow = if *domain == Domain::Assignments { dependent } else { 0 };
            if is_suspicious(live, rows.len() as u64 + follow) {
                let detail = format!(
                    "{} of {live} {domain:?} are gone from the target; that is more than a run may \
                     remove, so nothing was removed: look whether the target lists everything",
                    rows.len() as u64 + follow
                );
                let stop = Stop { code: "blocked_threshold".to_owned(), detail };
                return self.stopped(RunStatus::Blocked, &stop).await;
            }
        }
        let mut distrusted = Vec::new();
        for (domain, rows) in &vanished {
            let live = live[position(*domain)].saturating_sub(rows.len() as u64);
            // A row in two pages: which of them tells the truth is only known by reading again.
            if !is_unchanged && db.rows_in_pages(self.run, *domain).await? > live {
                distrusted.push(*domain);
            }
        }
        let is_baseline = db.is_baseline(&self.run.integration_id).await?;
        let mut tx = db.begin(self.permit.provenance()).await?;
        tx.hold(&self.job.lease(), self.engine.lease_until()).await?;
        let ours = tx.provisioned_since(self.run).await?;
        for (domain, rows) in &mut vanished {
            if *domain == Domain::Assignments {
                rows.retain(|pair| !ours.contains(pair));
            }
        }
        let mut removed = 0;
        for (domain, rows) in &vanished {
            removed += tx.remove_vanished(complete, *domain, rows).await?;
        }
        tx.forget_stale_pages(complete, self.run).await?;
        let removed_holders =
            vanished.iter().any(|(d, rows)| *d != Domain::Assignments && !rows.is_empty());
        if removed_holders {
            distrusted.extend([Domain::Entitlements, Domain::Assignments]);
        }
        for domain in distrusted {
            tx.distrust_pages(&self.run.integration_id, Some(domain)).await?;
        }
        let external = if is_baseline {
            0
        } else {
            let (engine, appeared) = (self.engine, self.progress.appeared);
            let lost = lost_alone(&vanished);
            external_changes::conclude(engine, &mut tx, self.run, appeared, &lost).await?
        };
        let live: u64 = live.iter().sum();
        let added = if is_unchanged { 0 } else { live.saturating_sub(self.run.live_before) };
        let changed = self.progress.written.saturating_sub(added);
        let status = RunStatus::Succeeded;
        let end = RunEnd { status, progress: self.progress, added, changed, removed, error: None };
        tx.finish_run(&self.run.id, &end).await?;
        tx.finish_job(&self.job.lease(), JobStatus::Succeeded, None).await?;
        let detail = json!({
            "run": self.run.id, "added": added, "changed": changed, "removed": removed,
            "left_out": self.progress.quarantined, "external_changes": external,
        });
        let (event, id) = (ended_event(status), self.run.integration_id.as_str());
        tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
        tracing::info!(run.id = %self.run.id, added, changed, removed, external, "aggregation succeeded");
        Ok(Verdict::Done)
    }

    /// Living assignments that would go with the entitlements and holders that vanished.
    async fn dependent_assignments(&self, vanished: &[(Domain, HashSet<Seen>)]) -> Result<u64> {
        let (db, id) = (self.engine.db(), &self.run.integration_id);
        let gone = vanished.iter().find(|(domain, _)| *domain == Domain::Assignments);
        let (mut by_entitlement, mut by_holder) = (HashMap::new(), HashMap::new());
        for (entitlement, holder) in gone.iter().flat_map(|(_, rows)| rows.iter()) {
            *by_entitlement.entry(*entitlement).or_insert(0_u64) += 1;
            *by_holder.entry(*holder).or_insert(0_u64) += 1;
        }
        let mut dependent = 0_u64;
        for (domain, rows) in vanished.iter().filter(|(d, _)| *d != Domain::Assignments) {
            let is_entitlement = *domain == Domain::Entitlements;
            let known = if is_entitlement { &by_entitlement } else { &by_holder };
            for (key, _) in rows {
                let all = db.count_dependent(id, is_entitlement, *key).await?;
                // Those that vanished by themselves are counted already.
                dependent += all.saturating_sub(known.get(key).copied().unwrap_or(0));
            }
        }
        Ok(dependent)
    }
}

/// Assignments that vanished although their entitlement and their holder are still there.
fn lost_alone(vanished: &[(Domain, HashSet<Seen>)]) -> HashSet<Seen> {
    let of = |wanted: Domain| {
        let rows = vanished.iter().filter(move |(domain, _)| *domain == wanted);
        rows.flat_map(|(_, rows)| rows.iter().copied())
    };
    let entitlements: HashSet<_> = of(Domain::Entitlements).map(|(key, _)| key).collect();
    let objects: HashSet<_> = of(Domain::Objects).map(|(key, _)| key).collect();
    let is_alone = |(entitlement, holder): &Seen| {
        !entitlements.contains(entitlement) && !objects.contains(holder)
    };
    of(Domain::Assignments).filter(is_alone).collect()
}

fn position(domain: Domain) -> usize {
    match domain {
        Domain::Objects => 0,
        Domain::Entitlements => 1,
        Domain::Assignments => 2,
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
