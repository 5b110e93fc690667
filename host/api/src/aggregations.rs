//! Aggregations: reading everything from an integration's target.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One aggregation, with its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Aggregation {
    /// Its id.
    pub id: String,
    /// What is read.
    pub integration_id: String,
    /// The background job that reads.
    pub job_id: String,
    /// The schedule that started it; null where a person did. It may be gone.
    pub schedule_id: Option<String>,
    /// `queued`, `running`, `succeeded`, `failed`, `blocked` (it would remove suspiciously much:
    /// nothing was removed) or `cancelled`.
    pub status: AggregationStatus,
    /// What it reads.
    pub reads: StartAggregation,
    /// Whether it follows the target's change feeds instead of reading.
    pub follows_changes: bool,
    /// What is being read now, such as `objects User`.
    pub phase: Option<String>,
    /// Pages read.
    pub pages: u64,
    /// Rows read.
    pub rows: u64,
    /// Lists that it reads.
    pub listings: u32,
    /// Lists that are read to their end.
    pub listings_read: u32,
    /// How fast it reads, since it began.
    pub rows_per_second: Option<u64>,
    /// How many rows the last aggregation had that read everything.
    pub rows_expected: Option<u64>,
    /// How long it will go on, if the target has as much as the last time.
    pub remaining_ms: Option<u64>,
    /// Rows that were new or had changed.
    pub written: u64,
    /// Things that the connector could not read.
    pub skipped: u64,
    /// Rows that were not taken over, because they do not fit.
    pub quarantined: u64,
    /// Rows that the catalogue did not have before. Known at the end.
    pub added: u64,
    /// Rows that differ from before. Known at the end.
    pub changed: u64,
    /// Rows that are gone. Known at the end.
    pub removed: u64,
    /// Why it failed or was blocked.
    pub error: Option<AggregationError>,
    /// When it was ordered.
    pub created_ms: i64,
    /// When it began.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
}

/// Which part of a target an aggregation reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregationKind {
    /// Everything.
    #[default]
    All,
    /// Accounts, and what they hold.
    Accounts,
    /// Resources with their entitlements.
    Entitlements,
}

/// How an aggregation reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregationMode {
    /// By the target's change feeds, where the connector has some and everything was read within a week;
    /// else in full.
    #[default]
    Auto,
    /// In full.
    Full,
    /// By change feeds also where a full run is due; in full where there is no other way.
    Changes,
}

/// What an aggregation reads. Nothing said: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StartAggregation {
    /// Which part. What is not read stays as it is.
    pub kind: AggregationKind,
    /// Entitlement types by name; all of them unless told.
    #[schema(max_items = 100)]
    pub types: Vec<String>,
    /// How. A part of a target is always read in full.
    pub mode: AggregationMode,
}

/// Where an aggregation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregationStatus {
    /// Waits for a worker.
    Queued,
    /// Reads.
    Running,
    /// Read everything; what vanished was removed.
    Succeeded,
    /// Stopped by an error; nothing was removed.
    Failed,
    /// Read everything, but would remove too much: an admin has to look. Nothing was removed.
    Blocked,
    /// Stopped by a person; nothing was removed.
    Cancelled,
}

impl AggregationStatus {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// Why an aggregation ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregationError {
    /// The kind of error, for programs.
    pub code: String,
    /// The error in words.
    pub detail: String,
}

/// Something that an aggregation could not take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregationIssue {
    /// The kind of issue, for programs.
    pub code: String,
    /// The issue in words.
    pub detail: String,
}

/// A line that the connector wrote to its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregationLogLine {
    /// When the call ended that wrote it.
    pub at_ms: i64,
    /// `trace`, `debug`, `info` or `warn`.
    pub level: String,
    /// What it says. Control characters are escaped, known secrets replaced.
    pub message: String,
    /// What it is about.
    pub fields: Vec<AggregationLogField>,
}

/// What a line of a log is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregationLogField {
    /// Its name, as the connector calls it.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// One server-sent event of an aggregation that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregationEvent {
    /// `progress`, `end` or `problem`.
    pub event: String,
    /// JSON: the aggregation as it stands, or the problem's `code`.
    pub data: String,
}
