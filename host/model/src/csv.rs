//! Lists of people (CAT-10) and of entitlements (CAT-7) as CSV: read as they arrive, written so that a spreadsheet runs nothing.
//!
//! [`Reader`] cuts bytes into records and holds no more than one of them. [`Layout`] gives the columns
//! their meaning and turns a record into a [`ListedPerson`]. [`write_record`] is the way back. Pure: no I/O.

mod entitlement;
mod layout;
mod person;
mod reader;
mod writer;

pub use entitlement::ListedEntitlement;
pub use layout::{Layout, ListKind, ROLE_OF_EVERY_MEMBER};
pub use person::ListedPerson;
pub use reader::{CELL_BYTES_MAX, RECORD_BYTES_MAX, Reader, Record, SyntaxError};
pub use writer::write_record;

/// What is wrong at one place of a file (security.md row 63).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LineError {
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// The column's name, where one cell is at fault.
    pub column: Option<String>,
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

impl LineError {
    /// An error of a whole line, or of one cell in it.
    pub fn new(line: u64, column: Option<&str>, code: &str, message: impl Into<String>) -> Self {
        let column = column.map(str::to_owned);
        Self { line, column, code: code.to_owned(), message: message.into() }
    }
}
