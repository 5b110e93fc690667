//! Aggregations.

use grantry_api::aggregations as wire;
use grantry_engine::{RunIssue, RunLogLine, RunView};
use grantry_model::aggregation::{Progress, RunStatus};
use grantry_model::catalogue::Target;
use grantry_model::selection::{Mode, Part, Selection};

/// An aggregation with its progress.
pub(crate) fn aggregation(run: &RunView) -> wire::Aggregation {
    let progress = run.progress.as_ref();
    let error = run.error.clone();
    let pace = progress.zip(run.started).map(|(progress, started)| progress.pace(started));
    let pace = pace.unwrap_or_default();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    wire::Aggregation {
        id: run.id.to_string(),
        integration_id: run.integration_id.to_string(),
        job_id: run.job_id.to_string(),
        schedule_id: run.schedule_id.as_ref().map(ToString::to_string),
        status: status(run.status),
        reads: selection(&run.selection),
        follows_changes: run.is_delta,
        phase: progress.and_then(phase),
        pages: progress.map_or(0, |progress| progress.pages),
        rows: progress.map_or(0, |progress| progress.rows),
        listings: progress.map_or(0, |progress| count(progress.targets.len())),
        listings_read: progress.map_or(0, |progress| count(progress.target_index)),
        rows_per_second: pace.rows_per_second,
        rows_expected: progress.and_then(|progress| progress.rows_expected),
        remaining_ms: pace.remaining_ms.filter(|_| !run.status.is_final()),
        written: progress.map_or(0, |progress| progress.written),
        skipped: progress.map_or(0, |progress| progress.skipped),
        quarantined: progress.map_or(0, |progress| progress.quarantined),
        added: run.added,
        changed: run.changed,
        removed: run.removed,
        error: error.map(|(code, detail)| wire::AggregationError { code, detail }),
        created_ms: run.created.0,
        started_ms: run.started.map(|at| at.0),
        finished_ms: run.finished.map(|at| at.0),
    }
}

/// What it reads now: a listing, or the change feeds.
fn phase(progress: &Progress) -> Option<String> {
    let is_following = progress.following.as_ref().is_some_and(|following| !following.is_applied);
    if is_following { Some("changes".to_owned()) } else { progress.target().map(Target::name) }
}

/// What is read.
pub(crate) fn selection(selection: &Selection) -> wire::StartAggregation {
    let kind = match selection.part {
        Part::All => wire::AggregationKind::All,
        Part::Accounts => wire::AggregationKind::Accounts,
        Part::Entitlements => wire::AggregationKind::Entitlements,
    };
    let mode = match selection.mode {
        Mode::Auto => wire::AggregationMode::Auto,
        Mode::Full => wire::AggregationMode::Full,
        Mode::Changes => wire::AggregationMode::Changes,
    };
    wire::StartAggregation { kind, types: selection.types.clone(), mode }
}

/// What is to be read, from the wire.
pub(crate) fn read_selection(body: wire::StartAggregation) -> Selection {
    let part = match body.kind {
        wire::AggregationKind::All => Part::All,
        wire::AggregationKind::Accounts => Part::Accounts,
        wire::AggregationKind::Entitlements => Part::Entitlements,
    };
    let mode = match body.mode {
        wire::AggregationMode::Auto => Mode::Auto,
        wire::AggregationMode::Full => Mode::Full,
        wire::AggregationMode::Changes => Mode::Changes,
    };
    Selection { mode, ..Selection::of(part, body.types) }
}

fn status(status: RunStatus) -> wire::AggregationStatus {
    match status {
        RunStatus::Queued => wire::AggregationStatus::Queued,
        RunStatus::Running => wire::AggregationStatus::Running,
        RunStatus::Succeeded => wire::AggregationStatus::Succeeded,
        RunStatus::Failed => wire::AggregationStatus::Failed,
        RunStatus::Blocked => wire::AggregationStatus::Blocked,
        RunStatus::Cancelled => wire::AggregationStatus::Cancelled,
    }
}

/// Something that an aggregation could not take over.
pub(crate) fn issue(issue: &RunIssue) -> wire::AggregationIssue {
    wire::AggregationIssue { code: issue.code.clone(), detail: issue.detail.clone() }
}

/// A line of the connector's log.
pub(crate) fn log_line(row: &RunLogLine) -> wire::AggregationLogLine {
    let field = |(name, value): &(String, String)| wire::AggregationLogField {
        name: name.clone(),
        value: value.clone(),
    };
    wire::AggregationLogLine {
        at_ms: row.at.0,
        level: row.line.level.name().to_owned(),
        message: row.line.message.clone(),
        fields: row.line.fields.iter().map(field).collect(),
    }
}
