//! Tickets in a service desk (PRV-4), as a ticketing plugin opens and reads them: `tickets` of
//! `wit/provision.wit`. What a ticket says is in [`template`], how one is followed in [`follow`].

pub mod follow;
pub mod template;

use serde::{Deserialize, Serialize};

/// Where a ticket stands, whatever the desk calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Nobody has begun.
    Open,
    /// Somebody works on it.
    InProgress,
    /// It was done.
    Done,
    /// Somebody decided that it is not done.
    Rejected,
    /// It was withdrawn.
    Cancelled,
    /// The desk's word is not one that the plugin knows.
    Unknown,
}

impl TicketState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::InProgress, Self::Done, Self::Rejected, Self::Cancelled, Self::Unknown];

    /// The state's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// A kind of ticket that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSchema {
    /// By which a request names it.
    pub id: String,
    /// What people call it.
    pub display: String,
    /// JSON Schema of [`TicketRequest::fields`].
    pub fields_schema: String,
    /// The desk's own statuses, with what they mean.
    pub statuses: Vec<(String, TicketState)>,
    /// What [`TicketRequest::kind`] can be; empty if it cannot be told.
    pub types: Vec<String>,
}

/// A page of the kinds of tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSchemas {
    /// Some of them.
    pub items: Vec<TicketSchema>,
    /// Where the next ones are.
    pub next: Option<Vec<u8>>,
}

/// A ticket to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRequest {
    /// Of which [`TicketSchema`].
    pub schema: String,
    /// One line.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// Of which type, where the schema has several.
    pub kind: Option<String>,
    /// Words without spaces.
    pub labels: Vec<String>,
    /// A JSON object in the desk's own terms; empty for none.
    pub fields: String,
    /// For whom, as the desk knows them.
    pub requested_for: Option<String>,
    /// The same for every try: one ticket comes of it.
    pub idempotency_key: String,
}

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// By which it is read again.
    pub id: String,
    /// Where a person reads it.
    pub url: Option<String>,
    /// Where it stands.
    pub state: TicketState,
    /// In the desk's own words; empty if they are not known.
    pub native_status: String,
    /// When it was last changed, in milliseconds since 1970.
    pub updated_ms: Option<i64>,
    /// What was said about its end.
    pub resolution: Option<String>,
}
