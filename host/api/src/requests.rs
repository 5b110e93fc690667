//! Requests for access, and the decisions about them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::workflows::{Approver, WorkflowStep};

/// Access to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// Who is to get it; left out, it is the caller.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub identity_id: Option<String>,
    /// What: one role, or several that are decided about together.
    #[schema(min_items = 1, max_items = 50)]
    pub items: Vec<WantedRole>,
    /// Why.
    #[schema(example = "on call this week", max_length = 2000)]
    pub reason: String,
    /// For how long, from the approval on, in milliseconds; left out, it has no end.
    #[serde(default)]
    #[schema(minimum = 60_000)]
    pub duration_ms: Option<i64>,
}

/// A role that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedRole {
    /// The app.
    #[schema(max_length = 64)]
    pub app_id: String,
    /// The role.
    #[schema(max_length = 64)]
    pub role_id: String,
    /// For which account, where the person has several there.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub account_id: Option<String>,
}

/// Where a request, or something that it asks for, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// People are asked.
    Pending,
    /// Access is given; of several things, at least one.
    Approved,
    /// Somebody, or a rule, said no.
    Rejected,
    /// The requester took it back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

/// A request, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestSummary {
    /// Its id.
    pub id: String,
    /// Who asks.
    pub requester_id: String,
    /// What people call them.
    pub requester_name: Option<String>,
    /// Who is to get the access.
    pub identity_id: String,
    /// What people call them.
    pub identity_name: Option<String>,
    /// What is asked for, in words.
    pub summary: String,
    /// Why.
    pub reason: String,
    /// For how long, from the approval on; missing for no end.
    pub duration_ms: Option<i64>,
    /// Where it stands.
    pub status: RequestStatus,
    /// When it was made.
    pub created_ms: i64,
    /// When it was over.
    pub finished_ms: Option<i64>,
}

/// A request with what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessRequest {
    /// The request.
    #[serde(flatten)]
    pub request: RequestSummary,
    /// What it asks for.
    pub items: Vec<RequestItem>,
}

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestItem {
    /// Its number in the request, from 0.
    pub position: u32,
    /// The app.
    pub app_id: String,
    /// What people call it.
    pub app_name: Option<String>,
    /// The role.
    pub role_id: String,
    /// What people call it.
    pub role_name: Option<String>,
    /// For which account.
    pub account_id: String,
    /// Where it stands.
    pub status: RequestStatus,
    /// The workflow, by name.
    pub workflow: String,
    /// Its steps, as they were when the request was made.
    pub steps: Vec<WorkflowStep>,
    /// Which step is on, from 0.
    pub step: u32,
    /// Since when.
    pub step_since_ms: i64,
    /// When it expires if nobody decides; only while it is pending.
    pub expires_ms: Option<i64>,
    /// Who is asked now.
    pub waits_for: Vec<RequestSeat>,
    /// What was said so far.
    pub votes: Vec<RequestVote>,
    /// The membership that came of it.
    pub membership_id: Option<String>,
    /// Where that stands.
    pub membership_status: Option<String>,
    /// Why nothing came of an approved one.
    pub failure: Option<String>,
}

/// Who is asked, in one capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestSeat {
    /// In which.
    pub approver: Approver,
    /// The people, of whom one suffices.
    pub people: Vec<NamedPerson>,
    /// Nobody else is there in this capacity, so the admins decide.
    pub is_admins: bool,
    /// Whether the caller is one of them, or decides in the place of one.
    pub is_mine: bool,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedPerson {
    /// The person's id.
    pub id: String,
    /// What people call them.
    pub name: String,
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestVote {
    /// In which step, from 0.
    pub step: u32,
    /// Who.
    pub person_id: String,
    /// What.
    pub decision: Decision,
    /// Whether an admin stood in for all who were asked.
    pub in_place_of_all: bool,
    /// Why.
    pub note: String,
    /// When.
    pub at_ms: i64,
}

/// What somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "approve")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No: ends what it is said of.
    Reject,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// What.
    pub decision: Decision,
    /// Why; the requester reads it.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub note: String,
    /// About which items; left out, about all that the caller may decide about now.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 50)]
    pub items: Option<Vec<u32>>,
    /// An admin decides in place of everybody who is asked, and says why in `note`.
    #[serde(default)]
    pub in_place_of_all: bool,
}

/// Something that happened to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestEvent {
    /// When.
    pub at_ms: i64,
    /// Who did it; missing where time or a rule did.
    pub person_id: Option<String>,
    /// What people call them.
    pub person_name: Option<String>,
    /// Which item it is about, if not all of it.
    pub item: Option<u32>,
    /// What: `requested`, `approved`, `rejected`, `withdrawn`, `expired`, `reminded` or `escalated`.
    pub event: String,
    /// Why, in words.
    pub note: String,
}

/// Whose requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Those that the caller made.
    #[default]
    Mine,
    /// Those that the caller is or was asked about.
    Asked,
    /// Everybody's: for admins and auditors.
    All,
}

/// Which requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
    /// Whose; the caller's own unless told.
    #[param(inline)]
    pub whose: Option<Whose>,
    /// Only those that stand so.
    #[param(inline)]
    pub status: Option<RequestStatus>,
}

/// Who decides in the caller's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// Who.
    pub delegate_id: String,
    /// What people call them.
    pub delegate_name: String,
    /// From when on.
    pub starts_ms: i64,
    /// Until when.
    pub ends_ms: i64,
}

/// Who is to decide in the caller's place, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnDelegation {
    /// Missing for nobody.
    pub delegation: Option<Delegation>,
}

/// Somebody is to decide in the caller's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDelegation {
    /// Who: another person.
    #[schema(max_length = 64)]
    pub delegate_id: String,
    /// From when on, in Unix milliseconds.
    #[schema(example = 1_800_000_000_000_i64)]
    pub starts_ms: i64,
    /// Until when, in Unix milliseconds: a year from now at most.
    #[schema(example = 1_800_100_000_000_i64)]
    pub ends_ms: i64,
}
