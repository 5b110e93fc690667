//! What people and programs read: results on standard output, log and errors on standard error.

use std::io::IsTerminal as _;

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::options::LogFormat;

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub is_json: bool,
}

impl Output {
    /// Prints a result: as JSON, or in the words for people.
    pub(crate) fn print<T: Serialize>(
        self,
        result: &T,
        words: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.is_json {
            println!("{}", serde_json::to_string_pretty(result)?);
        } else {
            println!("{}", words(result));
        }
        Ok(())
    }

    /// Prints why the command failed.
    pub(crate) fn fail(self, error: &anyhow::Error) {
        if self.is_json {
            eprintln!("{}", serde_json::json!({ "error": format!("{error:#}") }));
        } else {
            eprintln!("error: {error:#}");
        }
    }
}

/// Starts the log.
pub(crate) fn start_log(format: Option<LogFormat>) {
    let is_text = match format {
        Some(format) => format == LogFormat::Text,
        None => std::io::stderr().is_terminal(),
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A line that cannot be written is lost. Telling it on the same stderr would panic: a full disk
    // that also holds the log would end every request.
    let log = log.log_internal_errors(false);
    if is_text {
        log.with_ansi(std::io::stderr().is_terminal()).init();
    } else {
        log.json().flatten_event(true).init();
    }
}

/// Rows as a table with aligned columns.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
