//! The background worker: leases due jobs, carries them out, lets memberships expire ([`expiry`]),
//! follows schedules.
//!
//! Any number of workers can share a database. A job is leased for [`LEASE_MS`] and renewed while it
//! runs; a worker that dies is replaced when its lease ends, and one that merely slept finds its
//! commits refused (the fence).

use std::sync::Arc;
use std::time::{Duration, Instant};

use grantry_model::job::{JobStatus, Lease, Work, backoff_ms};
use grantry_model::text::printable;
use grantry_store::{Job, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::aggregate::aggregate;
use crate::deliver;
use crate::provision::provision;
use crate::{Engine, EngineError, Result, expiry, removals, tidying};

/// How long a lease holds, in milliseconds: after a crash, this long passes before another worker
/// goes on.
pub const LEASE_MS: i64 = 5_000;
/// How often a lease is renewed, in milliseconds.
const RENEWAL_MS: u64 = 1_500;
/// Longest sleep between two looks at the job table, in milliseconds.
const IDLE_MS: i64 = 1_000;
/// Sleep between two looks while what is due cannot be taken, in milliseconds.
const BLOCKED_MS: i64 = 200;
/// Jobs of each class that one worker carries out at a time: long aggregations never keep a
/// revocation waiting.
const JOBS_MAX: usize = 8;
/// The classes of jobs, by how their queues begin.
const CLASSES: [&str; 2] = ["provision/", "aggregate/"];
/// How long before its end a lease that cannot be renewed counts as lost, in milliseconds.
const LEASE_MARGIN_MS: i64 = 500;
/// Longest explanation that is stored with a job, in characters.
const DETAIL_CHARACTERS_MAX: usize = 2_000;
/// How long a job of a plugin in quarantine waits until it looks again; its release does not wait.
const QUARANTINE_PAUSE_MS: u64 = 60_000;
/// How often the database's clock is asked, in milliseconds.
const CLOCK_MS: u64 = 5_000;
/// Rows of a deleted integration's catalogue, of each kind, that go in one sweep.
const LEFTOVER_ROWS_MAX: u32 = 5_000;

/// What is to be done with a job after a turn.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It was ended in the transaction of its change.
    Done,
    /// It is to be ended.
    Finish(JobStatus),
    /// It is to be tried again. A job that got somewhere starts counting its attempts anew.
    Later { asked_ms: Option<u64>, code: String, detail: String, has_progressed: bool },
}

impl Verdict {
    /// Waits for an admin who releases the plugin (security.md row 33). However long that takes, it
    /// is no attempt.
    pub(crate) fn quarantined() -> Self {
        Self::Later {
            has_progressed: true,
            asked_ms: Some(QUARANTINE_PAUSE_MS),
            code: "plugin_quarantined".to_owned(),
            detail: EngineError::Quarantined.to_string(),
        }
    }
}

/// Runs until `stop` becomes true; then waits for the jobs under way to reach a checkpoint.
pub async fn run(engine: Engine, mut stop: watch::Receiver<bool>) {
    let delivering = tokio::spawn(deliver::run(engine.clone(), stop.clone()));
    let tidying = tokio::spawn(tidying::run(engine.clone(), stop.clone()));
    let clock = tokio::spawn(follow_clock(engine.clone(), stop.clone()));
    let slots = CLASSES.map(|class| (class, Arc::new(Semaphore::new(JOBS_MAX))));
    while !*stop.borrow() {
        if let Err(error) = sweep(&engine).await {
            tracing::error!("cannot sweep what is due: {error}");
        }
        let pause = match lease_all(&engine, &slots).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!("cannot lease jobs: {error}");
                Duration::from_millis(1_000)
            }
        };
        tokio::select! {
            () = engine.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
    // Every job checkpoints by itself; a lease that is not renewed is taken over by another worker.
    let all = u32::try_from(JOBS_MAX).unwrap_or(1);
    for (_, slots) in &slots {
        let _ = tokio::time::timeout(Duration::from_secs(3), slots.acquire_many(all)).await;
    }
    let _ = delivering.await;
    let _ = tidying.await;
    let _ = clock.await;
}

/// Follows the database's clock until `stop` becomes true.
async fn follow_clock(engine: Engine, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = expiry::follow_clock(&engine).await {
            tracing::warn!("cannot ask the database for the time: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(CLOCK_MS)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Carries out what is due now, one job after another, and returns how many jobs there were. For
/// tools and tests that want no worker in the background.
pub async fn run_due(engine: &Engine) -> Result<usize> {
    expiry::follow_clock(engine).await?;
    sweep(engine).await?;
    tidying::run_due(engine).await?;
    let mut count = 0;
    while let Some(job) = engine.db().lease_job("", LEASE_MS).await? {
        carry_out(engine, &job).await;
        count += 1;
    }
    deliver::run_due(engine).await?;
    Ok(count)
}

/// Starts every due job for which there is a slot; tells how long to wait for the next.
async fn lease_all(engine: &Engine, classes: &[(&str, Arc<Semaphore>)]) -> Result<Duration> {
    for (class, slots) in classes {
        while let Ok(slot) = slots.clone().try_acquire_owned() {
            let Some(job) = engine.db().lease_job(class, LEASE_MS).await? else { break };
            let engine = engine.clone();
            tokio::spawn(async move {
                carry_out(&engine, &job).await;
                drop(slot);
                engine.wake.notify_one();
            });
        }
    }
    let now = engine.db().now();
    let wait_ms = match engine.db().next_due().await? {
        // What is due and was not taken waits for a job under way, whose end wakes the worker.
        Some(due) if due <= now => BLOCKED_MS,
        Some(due) => due.0.saturating_sub(now.0).clamp(10, IDLE_MS),
        None => IDLE_MS,
    };
    Ok(Duration::from_millis(wait_ms.unsigned_abs()))
}

/// Carries a leased job out, renewing the lease meanwhile.
async fn carry_out(engine: &Engine, job: &Job) {
    let (lease, began) = (job.lease(), Instant::now());
    let work = {
        let (engine, job) = (engine.clone(), job.clone());
        // A panic in a job ends that job's turn, not the worker.
        tokio::spawn(async move { turn(&engine, &job).await })
    };
    let abort = work.abort_handle();
    let outcome = tokio::select! {
        outcome = work => outcome.unwrap_or(Err(EngineError::Interrupted)),
        () = renew(engine, &lease) => {
            abort.abort();
            count(job, "lease_lost", began);
            tracing::warn!(job.id = %job.id, "lost the lease of a job; another worker has it");
            return;
        }
    };
    count(job, outcome_name(&outcome), began);
    if let Err(error) = settle(engine, job, &lease, outcome).await {
        tracing::error!(job.id = %job.id, "cannot settle a job: {error}");
    }
}

fn outcome_name(outcome: &Result<Verdict>) -> &'static str {
    match outcome {
        Ok(Verdict::Done) => "done",
        Ok(Verdict::Finish(status)) => status.name(),
        Ok(Verdict::Later { .. }) => "later",
        Err(EngineError::Store(StoreError::LeaseLost { .. })) => "lease_lost",
        Err(_) => "error",
    }
}

/// Counts a turn of a job.
fn count(job: &Job, outcome: &'static str, began: Instant) {
    let work = job.work.name();
    metrics::counter!("grantry_job_turns_total", "work" => work, "outcome" => outcome).increment(1);
    let seconds = began.elapsed().as_secs_f64();
    metrics::histogram!("grantry_job_turn_seconds", "work" => work).record(seconds);
}

/// Renews the lease until it is lost.
async fn renew(engine: &Engine, lease: &Lease) {
    let mut held_until = engine.lease_until();
    loop {
        tokio::time::sleep(Duration::from_millis(RENEWAL_MS)).await;
        match engine.db().renew_lease(lease, LEASE_MS).await {
            Ok(until) => held_until = until,
            Err(StoreError::LeaseLost { .. }) => return,
            Err(error) => tracing::warn!(job.id = %lease.job, "cannot renew a lease: {error}"),
        }
        // The fence keeps commits safe, but not the target: stop before another worker begins.
        if engine.db().clock().latest().plus_ms(LEASE_MARGIN_MS) >= held_until {
            return;
        }
    }
}

async fn turn(engine: &Engine, job: &Job) -> Result<Verdict> {
    match &job.work {
        Work::Aggregate { run, .. } => match engine.db().run(run).await? {
            Some(run) => aggregate(engine, job, run).await,
            None => Ok(Verdict::Finish(JobStatus::Failed)),
        },
        Work::Remove { run, .. } => match engine.db().run(run).await? {
            Some(run) => removals::carry_out(engine, job, &run).await,
            None => Ok(Verdict::Finish(JobStatus::Failed)),
        },
        Work::Provision { membership, .. } => provision(engine, job, membership).await,
    }
}

async fn settle(engine: &Engine, job: &Job, lease: &Lease, outcome: Result<Verdict>) -> Result<()> {
    let (asked_ms, code, detail, has_progressed) = match outcome {
        Ok(Verdict::Done) | Err(EngineError::Store(StoreError::LeaseLost { .. })) => return Ok(()),
        Ok(Verdict::Finish(status)) => {
            let finished = engine.db().finish_job(lease, status, None).await;
            return finished.or_else(ignore_lost);
        }
        Ok(Verdict::Later { asked_ms, code, detail, has_progressed }) => {
            (asked_ms, code, detail, has_progressed)
        }
        Err(error) => {
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(job.id = %job.id, reason, "a job failed: {error}");
            (None, "internal".to_owned(), error.to_string(), false)
        }
    };
    let attempt = if has_progressed { 1 } else { job.attempt };
    let due = engine.db().now().plus_ms(backoff_ms(attempt, asked_ms));
    tracing::info!(job.id = %job.id, code, attempt, "a job is tried again later: {detail}");
    let detail = printable(&detail, DETAIL_CHARACTERS_MAX);
    engine.db().retry_job(lease, attempt, due, (&code, &detail)).await.or_else(ignore_lost)
}

fn ignore_lost(error: StoreError) -> Result<()> {
    match error {
        StoreError::LeaseLost { .. } => Ok(()),
        other => Err(other.into()),
    }
}

/// Lets end what is over, and orders what schedules want.
async fn sweep(engine: &Engine) -> Result<()> {
    expiry::sweep(engine).await?;
    engine.follow_requests().await?;
    engine.follow_tasks().await?;
    engine.follow_schedules().await?;
    if engine.db().clear_leftovers(LEFTOVER_ROWS_MAX).await? {
        engine.wake.notify_one();
    }
    Ok(())
}
