//! A run while it runs: a bar on a terminal, plain lines elsewhere; then what came of it.
//!
//! The server's events are followed. A stream that ends early, because it was open for long or the
//! server was restarted, is opened again.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use grantry_api::aggregations::{Aggregation, AggregationStatus};
use grantry_api::client::{Client, ClientError};

use super::history::{outcome, status};
use super::shown;
use crate::output::Output;

/// How often in a row the server may be out of reach.
const FAILURES_MAX: u32 = 30;
/// Pause before it is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// Cells of the bar.
const BAR_CELLS: u64 = 24;

/// Watches until the end, and tells what came of it.
pub(super) async fn run(client: &Client, id: &str, output: Output) -> anyhow::Result<ExitCode> {
    let mut screen = Screen::new(output);
    let path = format!("/aggregations/{id}/events");
    let mut failures = 0;
    let ended = loop {
        match follow(client, &path, &mut screen, &mut failures).await {
            Ok(Some(run)) => break run,
            Ok(None) => {}
            Err(ClientError::Transport(error)) if failures < FAILURES_MAX => {
                screen.say(&format!("the server is out of reach: {error}"));
            }
            Err(error) => {
                screen.clear();
                return Err(error).context("cannot watch the aggregation");
            }
        }
        failures += 1;
        if failures > FAILURES_MAX {
            bail!("the server ends the stream of events again and again");
        }
        tokio::time::sleep(PAUSE).await;
    };
    screen.clear();
    output.print(&ended, |run| format!("{}: {}", status(run.status), outcome(run)))?;
    Ok(exit_code(ended.status))
}

/// Follows one stream of events; the run, if it ended.
async fn follow(
    client: &Client,
    path: &str,
    screen: &mut Screen,
    failures: &mut u32,
) -> Result<Option<Aggregation>, ClientError> {
    let mut events = client.events(path).await?;
    while let Some((event, data)) = events.next().await? {
        let Ok(run) = serde_json::from_str::<Aggregation>(&data) else { return Ok(None) };
        *failures = 0;
        if event == "end" {
            return Ok(Some(run));
        }
        screen.show(&run);
    }
    Ok(None)
}

fn exit_code(status: AggregationStatus) -> ExitCode {
    match status {
        AggregationStatus::Succeeded => ExitCode::SUCCESS,
        AggregationStatus::Blocked => ExitCode::from(3),
        AggregationStatus::Cancelled => ExitCode::from(4),
        AggregationStatus::Failed | AggregationStatus::Queued | AggregationStatus::Running => {
            ExitCode::FAILURE
        }
    }
}

/// Where progress is shown: on standard error, so that standard output has the result alone.
struct Screen {
    is_terminal: bool,
    is_silent: bool,
    last_phase: String,
}

impl Screen {
    fn new(output: Output) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { is_terminal, is_silent: output.is_json, last_phase: String::new() }
    }

    fn show(&mut self, run: &Aggregation) {
        let phase = phase(run);
        if self.is_silent {
            return;
        }
        if self.is_terminal {
            eprint!("\r\x1b[2K{} {phase}: {}", bar(run), counts(run));
            let _ = std::io::stderr().flush();
        } else if phase != self.last_phase {
            eprintln!("{phase}: {}", counts(run));
            self.last_phase = phase;
        }
    }

    fn say(&mut self, words: &str) {
        self.clear();
        if !self.is_silent {
            eprintln!("{}", shown(words));
        }
    }

    fn clear(&mut self) {
        if self.is_terminal && !self.is_silent {
            eprint!("\r\x1b[2K");
        }
    }
}

fn phase(run: &Aggregation) -> String {
    match (&run.phase, run.status) {
        (Some(phase), _) => shown(phase),
        (None, AggregationStatus::Queued) => "waiting for a worker".to_owned(),
        (None, _) => "concluding".to_owned(),
    }
}

fn counts(run: &Aggregation) -> String {
    let mut text = format!("{} pages, {} rows", run.pages, run.rows);
    if let Some(rate) = run.rows_per_second {
        text += &format!(", {rate}/s");
    }
    if let Some(remaining_ms) = run.remaining_ms {
        text += &format!(", about {} s more", remaining_ms.div_ceil(1_000));
    }
    text
}

/// How much of the last run's rows are read; without one, how many of the lists.
fn bar(run: &Aggregation) -> String {
    let (done, all) = match run.rows_expected.filter(|expected| *expected > 0) {
        Some(expected) => (run.rows, expected),
        None => (u64::from(run.listings_read), u64::from(run.listings)),
    };
    let cells = done.saturating_mul(BAR_CELLS).checked_div(all).unwrap_or(0).min(BAR_CELLS);
    let cells = usize::try_from(cells).unwrap_or(0);
    format!("[{:<width$}]", "#".repeat(cells), width = BAR_CELLS as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Aggregation {
        let run = serde_json::json!({
            "id": "r", "integration_id": "i", "job_id": "j", "status": "running",
            "phase": "objects \u{1b}[2JUser", "pages": 3, "rows": 300, "written": 0, "skipped": 0,
            "quarantined": 0, "added": 0, "changed": 0, "removed": 0, "listings": 4,
            "listings_read": 1, "rows_per_second": 150, "rows_expected": 600,
            "remaining_ms": 2_000, "created_ms": 0, "reads": {}, "follows_changes": false,
        });
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn the_bar_follows_the_last_runs_rows_or_the_lists_and_never_overflows() {
        assert_eq!(bar(&run()), "[############            ]");
        assert_eq!(bar(&Aggregation { rows: 900, ..run() }), format!("[{}]", "#".repeat(24)));
        let first = Aggregation { rows_expected: None, ..run() };
        assert_eq!(bar(&first), "[######                  ]");
        let none = Aggregation { listings: 0, ..first };
        assert_eq!(bar(&none), format!("[{}]", " ".repeat(24)));
    }

    #[test]
    fn a_connectors_words_cannot_move_the_cursor() {
        assert!(!phase(&run()).contains('\u{1b}'), "{}", phase(&run()));
        assert_eq!(counts(&run()), "3 pages, 300 rows, 150/s, about 2 s more");
    }
}
