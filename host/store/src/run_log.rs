//! The connector's log of a run: its first lines, as the runtime made them printable and scrubbed.

use grantry_model::clock::UnixMs;
use grantry_model::ids::RunId;
use grantry_model::runner::{LogLevel, LogLine};

use crate::db::{Db, Row, args};
use crate::{Result, StoreError, statements};

/// Most lines of a run that are kept.
pub const LOG_LINES_MAX: u64 = 2_000;

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLogLine {
    /// When the call ended that wrote it.
    pub at: UnixMs,
    /// What it says.
    pub line: LogLine,
}

statements! {
    COUNT = "SELECT COUNT(*) FROM run_log WHERE run_id = $1";
    ADD = "INSERT INTO run_log (run_id, position, at_ms, level, message, fields) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run_id, position) DO NOTHING";
    LIST = "SELECT at_ms, level, message, fields FROM run_log WHERE run_id = $1 AND position > $2 ORDER BY position LIMIT $3";
}

fn line(row: &Row) -> Result<RunLogLine> {
    let line = LogLine {
        level: row.parsed(1, "log level", LogLevel::parse)?,
        message: row.text(2)?,
        fields: row.json(3, "log line's fields")?,
    };
    Ok(RunLogLine { at: row.time(0)?, line })
}

impl Db {
    /// How many lines of a run are kept.
    pub async fn count_run_log(&self, run: &RunId) -> Result<u64> {
        let row = self.fetch_one(COUNT, args![run.as_str()]).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    /// Keeps lines of a run from that position on, as long as there is room; returns how many are
    /// kept now. What a worker that lost its lease adds late finds its place taken.
    pub async fn add_run_log(&self, run: &RunId, first: u64, lines: &[LogLine]) -> Result<u64> {
        let room = LOG_LINES_MAX.saturating_sub(first);
        let mut position = first;
        let mut tx = self.begin_housekeeping().await?;
        let now = self.now();
        for line in lines.iter().take(usize::try_from(room).unwrap_or(0)) {
            let what = "log line's fields";
            let fields = serde_json::to_string(&line.fields)
                .map_err(|error| StoreError::Corrupt { what, reason: error.to_string() })?;
            let at = i64::try_from(position).unwrap_or(i64::MAX);
            let level = line.level.name();
            tx.execute(ADD, args![run.as_str(), at, now, level, &line.message, &fields]).await?;
            position += 1;
        }
        tx.commit().await?;
        Ok(position)
    }

    /// Lines of a run's log after that position.
    pub async fn list_run_log(
        &self,
        run: &RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RunLogLine>> {
        self.fetch(LIST, args![run.as_str(), after, limit]).await?.iter().map(line).collect()
    }
}
