//! Background jobs.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A background job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// `aggregate`, `remove` (what an aggregation did not see any more, or the undoing of it) or
    /// `provision`.
    pub work: String,
    /// The integration that it works on.
    pub integration_id: String,
    /// The aggregation or membership that it works on.
    pub subject_id: String,
    /// Who ordered it.
    pub ordered_by: String,
    /// Where it stands.
    pub status: JobStatus,
    /// How often it was begun.
    pub attempt: u32,
    /// When its next attempt is due.
    pub due_ms: i64,
    /// Whether somebody asked to cancel it.
    pub is_cancel_requested: bool,
    /// Why the last attempt failed.
    pub error: Option<JobError>,
    /// When it was ordered.
    pub created_ms: i64,
    /// When it ended.
    pub finished_ms: Option<i64>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for a worker, or for its next attempt.
    Queued,
    /// A worker has it.
    Running,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobError {
    /// The kind of error, for programs.
    pub code: String,
    /// The error in words.
    pub detail: String,
}

/// Which jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Only with this status.
    #[param(inline)]
    pub status: Option<JobStatus>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
