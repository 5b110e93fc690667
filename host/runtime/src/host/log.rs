//! `log`: the plugin's log, bounded, printable, without secrets.

use grantry_model::runner::{LogLevel, LogLine};
use grantry_model::text::printable;

use crate::bindings::grantry::plugin::log::{Host, Level};
use crate::call::CallState;
use crate::http::Scrubber;

const MESSAGE_CHARACTERS_MAX: usize = 8_192;
const FIELD_CHARACTERS_MAX: usize = 1_024;
const FIELDS_MAX: usize = 32;
/// Lines of a language runtime's standard output and error that are kept.
const OUTPUT_LINES_MAX: usize = 1_000;

/// The lines of one call.
pub(crate) struct Log {
    lines: Vec<LogLine>,
    bytes_left: usize,
    suppressed: u64,
}

impl Log {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { lines: Vec::new(), bytes_left: bytes_max, suppressed: 0 }
    }

    fn append(&mut self, line: LogLine) {
        let fields = line.fields.iter().map(|(name, value)| name.len() + value.len());
        let bytes = line.message.len() + fields.sum::<usize>() + 1;
        match self.bytes_left.checked_sub(bytes) {
            Some(left) if self.suppressed == 0 => {
                self.bytes_left = left;
                self.lines.push(line);
            }
            _ => self.suppressed += 1,
        }
    }

    /// What the language runtime wrote to standard output and error.
    pub(crate) fn append_output(&mut self, output: &[u8]) {
        let text = String::from_utf8_lossy(output);
        for line in text.lines().filter(|line| !line.trim().is_empty()).take(OUTPUT_LINES_MAX) {
            let message = printable(line, MESSAGE_CHARACTERS_MAX);
            self.append(LogLine { level: LogLevel::Info, message, fields: Vec::new() });
        }
    }

    /// The lines, with the call's secrets replaced and one line that tells how many are missing.
    pub(crate) fn take(&mut self, scrubber: Option<&Scrubber>) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut self.lines);
        if let Some(scrubber) = scrubber {
            for line in &mut lines {
                scrubber.text(&mut line.message);
                for (name, value) in &mut line.fields {
                    scrubber.text(name);
                    scrubber.text(value);
                }
            }
        }
        if self.suppressed > 0 {
            let message = format!("{} more log lines were suppressed", self.suppressed);
            lines.push(LogLine { level: LogLevel::Warn, message, fields: Vec::new() });
        }
        lines
    }
}

fn level(from: Level) -> LogLevel {
    match from {
        Level::Trace => LogLevel::Trace,
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
    }
}

impl Host for CallState {
    fn log(
        &mut self,
        at: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.enter()?;
        let field = |(name, value): (String, String)| {
            (printable(&name, FIELD_CHARACTERS_MAX), printable(&value, FIELD_CHARACTERS_MAX))
        };
        self.log.append(LogLine {
            level: level(at),
            message: printable(&message, MESSAGE_CHARACTERS_MAX),
            fields: fields.into_iter().take(FIELDS_MAX).map(field).collect(),
        });
        Ok(())
    }
}
