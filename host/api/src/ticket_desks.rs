//! Service desks in which changes of access are opened as tickets, and those tickets.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The service desk of an integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketDesk {
    /// An integration whose plugin opens tickets; missing where there is no desk.
    pub desk_id: Option<String>,
    /// What its tickets say.
    pub template: Option<TicketTemplate>,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// The service desk that an integration is to have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTicketDesk {
    /// An integration whose plugin opens tickets.
    pub desk_id: String,
    /// What its tickets say.
    pub template: TicketTemplate,
}

/// What tickets say. In texts, also those of `fields`, `{{name}}` stands for what is known of the
/// access: `action`, `entitlement`, `entitlement_id`, `resource`, `account`, `account_id`, `app`,
/// `integration`, `person`, `person_mail`, `requester`, `reason`, `until`, `duration`, `request`,
/// `membership` and `operation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketTemplate {
    /// Which of the desk's kinds of tickets, by its id.
    #[schema(example = "10002", min_length = 1, max_length = 200)]
    pub schema: String,
    /// Which type of it, where it has several.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub kind: Option<String>,
    /// One line; the default words unless told.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub title: Option<String>,
    /// Plain text; the default words unless told.
    #[serde(default)]
    #[schema(max_length = 8000)]
    pub body: Option<String>,
    /// Words without spaces.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub labels: Vec<String>,
    /// In the desk's own terms, as the kind's `fields_schema` says.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
    /// For whom, as the desk knows them.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub requested_for: Option<String>,
}

/// A kind of ticket that a service desk takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketSchema {
    /// By which a template names it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its types; empty if it has none of its own.
    pub types: Vec<String>,
    /// JSON Schema of a template's `fields`.
    #[schema(value_type = Object)]
    pub fields_schema: Value,
    /// The desk's own statuses.
    pub statuses: Vec<TicketStatus>,
}

/// A status of a service desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketStatus {
    /// What the desk calls it.
    pub name: String,
    /// What it means.
    pub means: TicketStage,
}

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStage {
    /// The desk was asked to open it, and has not answered.
    Ordered,
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
    /// The desk's word is not one that its plugin knows: it counts as open.
    Unknown,
    /// The desk does not have it any more, or did not answer for a week.
    Lost,
}

/// A ticket that was opened for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationTicket {
    /// By which the desk knows it, once it has answered.
    pub id: Option<String>,
    /// Where a person reads it.
    pub url: Option<String>,
    /// The desk's integration.
    pub desk_id: String,
    /// Its headline, as it was opened.
    pub title: String,
    /// Where it stands.
    pub stage: TicketStage,
    /// What the desk calls that.
    pub status: String,
    /// What was said about its end.
    pub resolution: Option<String>,
    /// Looks in a row that did not find it.
    pub misses: u32,
    /// When it was ordered.
    pub ordered_ms: i64,
    /// When it was last looked at.
    pub looked_ms: Option<i64>,
    /// When it is looked at next.
    pub next_look_ms: Option<i64>,
}
