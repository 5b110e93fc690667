//! Background jobs.

use grantry_api::jobs as wire;
use grantry_engine::Job;
use grantry_model::job::{JobStatus, Work};

/// A background job.
pub(crate) fn job(job: &Job) -> wire::Job {
    let subject_id = match &job.work {
        Work::Aggregate { run, .. } | Work::Remove { run, .. } => run.to_string(),
        Work::Provision { membership, .. } => membership.to_string(),
    };
    wire::Job {
        id: job.id.to_string(),
        work: job.work.name().to_owned(),
        integration_id: job.work.integration().to_string(),
        subject_id,
        ordered_by: job.ordered_by.to_string(),
        status: status(job.status),
        attempt: job.attempt,
        due_ms: job.due.0,
        is_cancel_requested: job.is_cancel_requested,
        error: job.error.clone().map(|(code, detail)| wire::JobError { code, detail }),
        created_ms: job.created.0,
        finished_ms: job.finished.map(|at| at.0),
    }
}

fn status(status: JobStatus) -> wire::JobStatus {
    match status {
        JobStatus::Queued => wire::JobStatus::Queued,
        JobStatus::Running => wire::JobStatus::Running,
        JobStatus::Succeeded => wire::JobStatus::Succeeded,
        JobStatus::Failed => wire::JobStatus::Failed,
        JobStatus::Cancelled => wire::JobStatus::Cancelled,
    }
}

/// A status's name, from the wire.
pub(crate) fn read_status(status: wire::JobStatus) -> &'static str {
    match status {
        wire::JobStatus::Queued => JobStatus::Queued.name(),
        wire::JobStatus::Running => JobStatus::Running.name(),
        wire::JobStatus::Succeeded => JobStatus::Succeeded.name(),
        wire::JobStatus::Failed => JobStatus::Failed.name(),
        wire::JobStatus::Cancelled => JobStatus::Cancelled.name(),
    }
}
