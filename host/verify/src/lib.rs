//! An independent check of the audit log: what it says must follow from itself, row by row, and agree
//! with every signed checkpoint.
//!
//! This crate shares no code with the writer: it has its own SQL, its own hash, and another
//! implementation of Ed25519, written from docs/audit.md (ADR 9). It reads a database directly
//! ([`database`]) or an exported file ([`lines`]); the rules are in [`chain`]. It changes nothing.

mod chain;
mod checkpoint;
pub mod database;
pub mod lines;

use serde::Serialize;

pub use chain::{Chain, Entry};
pub use checkpoint::{Checkpoint, PublicKey};

/// What the log is held against beside itself.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    /// Checkpoints that were kept elsewhere.
    pub checkpoints: Vec<Checkpoint>,
    /// Keys that checkpoints may be signed with; without one, signatures are not checked.
    pub keys: Vec<PublicKey>,
    /// The row that a part of the log begins with; `None` for a log from its first row on. What a
    /// part says of the row before is believed, unless a checkpoint speaks of it.
    pub first_row: Option<i64>,
}

/// What is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The first row that does not fit. For a log that was cut short: the first that is missing.
    pub sequence: i64,
    /// In words.
    pub what: String,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// The first row.
    pub first: i64,
    /// The last row.
    pub last: i64,
    /// The last row's hash.
    pub hash: String,
    /// Checkpoints that agree, stored ones and those that were kept elsewhere.
    pub checkpoints: u64,
    /// Whether their signatures were checked.
    pub signatures_checked: bool,
    /// The last row that a signed checkpoint covers; rows after it are protected by the chain alone.
    pub signed_up_to: i64,
    /// What is wrong; nothing if the log is whole.
    pub fault: Option<Fault>,
}

/// The log cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database does not answer, or is not one of Grantry's.
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    /// A line is not one of an export.
    #[error("line {line} is not one of an export: {why}")]
    Line {
        /// From 1.
        line: u64,
        /// Why not.
        why: String,
    },
    /// Not a key.
    #[error("not a public key: 64 hex digits are expected")]
    Key,
}
