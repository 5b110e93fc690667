//! Reads an exported log: JSON Lines with rows and, among them, checkpoints. What a receiver of the
//! log kept has the same form; it may begin at a later row, if that one is named ([`Trusted`]).

use std::collections::VecDeque;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Chain, Checkpoint, Entry, Report, Trusted, VerifyError};

/// Rows that are remembered, to know one that comes again.
const REPEATED_MAX: usize = 1_000;

#[derive(Deserialize)]
struct Line<'a> {
    sequence: i64,
    at_ms: i64,
    principal_id: String,
    principal_kind: String,
    door: String,
    action: String,
    event: String,
    entity_kind: Option<String>,
    entity_id: Option<String>,
    is_allowed: bool,
    reason: String,
    request_id: String,
    /// The very text: its hash is in the row.
    #[serde(borrow)]
    detail: &'a RawValue,
    previous_hash: String,
    hash: String,
}

#[derive(Deserialize)]
struct CheckpointLine {
    checkpoint: Checkpoint,
}

/// Checks exported lines. A row that comes again, as receivers may get it, is no fault.
///
/// # Errors
/// When the lines cannot be read, or one is none of an export.
pub fn verify(reader: impl BufRead, trusted: &Trusted) -> Result<Report, VerifyError> {
    let mut chain = Chain::new(trusted);
    let mut recent: VecDeque<Entry> = VecDeque::new();
    for (text, number) in reader.lines().zip(1_u64..) {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        if let Ok(line) = serde_json::from_str::<CheckpointLine>(&text) {
            chain.add_checkpoint(line.checkpoint);
            continue;
        }
        let line: Line<'_> = serde_json::from_str(&text)
            .map_err(|error| VerifyError::Line { line: number, why: error.to_string() })?;
        let entry = entry(line);
        let is_newer = recent.back().is_none_or(|last| last.sequence < entry.sequence);
        if !is_newer && recent.contains(&entry) {
            continue;
        }
        chain.add(&entry);
        if recent.len() == REPEATED_MAX {
            recent.pop_front();
        }
        recent.push_back(entry);
    }
    if recent.is_empty() {
        chain.missing(trusted.first_row.unwrap_or(1));
    }
    Ok(chain.finish())
}

/// The checkpoints among the lines of a file; all else in it is passed over.
///
/// # Errors
/// When the lines cannot be read.
pub fn checkpoints(reader: impl BufRead) -> Result<Vec<Checkpoint>, VerifyError> {
    let mut found = Vec::new();
    for text in reader.lines() {
        if let Ok(line) = serde_json::from_str::<CheckpointLine>(&text?) {
            found.push(line.checkpoint);
        }
    }
    Ok(found)
}

fn entry(line: Line<'_>) -> Entry {
    Entry {
        sequence: line.sequence,
        fields: [
            Some(line.at_ms.to_string()),
            Some(line.principal_id),
            Some(line.principal_kind),
            Some(line.door),
            Some(line.action),
            Some(line.event),
            line.entity_kind,
            line.entity_id,
            Some(if line.is_allowed { "1" } else { "0" }.to_owned()),
            Some(line.reason),
            Some(line.request_id),
            Some(line.detail.get().to_owned()),
        ],
        previous_hash: line.previous_hash,
        hash: line.hash,
    }
}
