//! Past runs, and what each changed, in words.

use std::process::ExitCode;

use grantry_api::List;
use grantry_api::ListQuery;
use grantry_api::aggregations::{Aggregation, AggregationStatus};
use grantry_api::client::Client;

use super::{moment, shown};
use crate::output::{Output, table};

pub(super) async fn run(
    client: &Client,
    integration: &str,
    limit: u32,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let path = format!("/integrations/{integration}/aggregations");
    let query = ListQuery { limit: Some(limit), cursor: None };
    let runs: List<Aggregation> = client.get(&path, &query).await?;
    output.print(&runs.items, |runs| words(runs))?;
    Ok(ExitCode::SUCCESS)
}

fn words(runs: &[Aggregation]) -> String {
    if runs.is_empty() {
        return "Nothing was read yet.".to_owned();
    }
    let head = ["ID", "ORDERED", "BY", "STATUS", "WHAT CHANGED"].map(str::to_owned).to_vec();
    let row = |run: &Aggregation| {
        let by = run.schedule_id.as_ref().map_or("hand", |_| "schedule");
        let (id, at, changed) = (run.id.clone(), moment(run.created_ms), outcome(run));
        vec![id, at, by.to_owned(), status(run.status).to_owned(), changed]
    };
    table(&std::iter::once(head).chain(runs.iter().map(row)).collect::<Vec<_>>())
}

/// The status's name.
pub(super) fn status(status: AggregationStatus) -> &'static str {
    match status {
        AggregationStatus::Queued => "queued",
        AggregationStatus::Running => "running",
        AggregationStatus::Succeeded => "succeeded",
        AggregationStatus::Failed => "failed",
        AggregationStatus::Blocked => "blocked",
        AggregationStatus::Cancelled => "cancelled",
    }
}

/// What a run came to, in one line.
pub(super) fn outcome(run: &Aggregation) -> String {
    match (&run.error, run.status) {
        (Some(error), _) => format!("{}: {}", shown(&error.code), shown(&error.detail)),
        (None, AggregationStatus::Queued) => "waits for a worker".to_owned(),
        (None, AggregationStatus::Running) => format!("{} rows so far", run.rows),
        (None, _) => changes(run),
    }
}

fn changes(run: &Aggregation) -> String {
    let counts = [(run.added, "added"), (run.changed, "changed"), (run.removed, "removed")];
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let left_out = match run.quarantined + run.skipped {
        0 => String::new(),
        count => format!("; {count} left out"),
    };
    match told.is_empty() {
        true => format!("nothing changed in {} rows{left_out}", run.rows),
        false => format!("{} of {} rows{left_out}", told.join(", "), run.rows),
    }
}
