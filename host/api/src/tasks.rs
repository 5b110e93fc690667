//! Tasks: what people have to do in targets by hand.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::requests::NamedPerson;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// To be done.
    Open,
    /// Somebody says that it is done; the target does not show it yet.
    Done,
    /// It is done: the target or the list shows it, or nobody but people can tell.
    Confirmed,
    /// Somebody says why it is not done.
    Rejected,
    /// It is not to be done any more.
    Cancelled,
}

/// What has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskVerb {
    /// Give the access.
    Grant,
    /// Take it away.
    Revoke,
}

/// A task, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSummary {
    /// Its id.
    pub id: String,
    /// What is to be done, in words.
    #[schema(example = "Give `Payroll: approver` to `grace.lovelace` in `Corporate directory`")]
    pub task: String,
    /// What has to be done.
    pub verb: TaskVerb,
    /// The membership that waits for it.
    pub membership_id: String,
    /// Its app.
    pub app_id: String,
    /// The integration that feeds the app, if one does.
    pub integration_id: Option<String>,
    /// What the role was called when the task was opened.
    pub role: String,
    /// What the account was called.
    pub account: String,
    /// What the app was called.
    pub app: String,
    /// Why a person does it: the `waiting` of the membership.
    pub reason: String,
    /// What the connector said, where it failed; else empty.
    pub detail: String,
    /// Where it stands.
    pub state: TaskState,
    /// What was said of it.
    pub note: String,
    /// Who said so.
    pub decided_by: Option<String>,
    /// What people call them.
    pub decided_by_name: Option<String>,
    /// When.
    pub decided_ms: Option<i64>,
    /// When it was opened.
    pub created_ms: i64,
    /// When it is due.
    pub due_ms: i64,
}

/// A task with who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// The task.
    #[serde(flatten)]
    pub task: TaskSummary,
    /// Who has it: those whom it was given to, else the owner of the integration, else the admins.
    pub assignees: Vec<NamedPerson>,
    /// Whether the caller is one of them.
    pub is_mine: bool,
}

/// That a task is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompleteTask {
    /// What there is to say about it.
    #[schema(example = "added in the console", max_length = 2000)]
    pub note: String,
}

/// That a task will not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectTask {
    /// Why.
    #[schema(example = "no licence is left", min_length = 1, max_length = 2000)]
    pub note: String,
}

/// Whom a task is given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignTask {
    /// At most 20 people; nobody gives it back to the owner.
    #[schema(example = json!([]), max_items = 20)]
    pub person_ids: Vec<String>,
}

/// Whose tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhoseTasks {
    /// Those that the caller has.
    #[default]
    Mine,
    /// Everybody's: for admins and auditors.
    All,
}

/// Which tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
    /// Whose; the caller's own unless told.
    #[param(inline)]
    pub whose: Option<WhoseTasks>,
    /// Only those that stand so.
    #[param(inline)]
    pub state: Option<TaskState>,
    /// Only those of this app.
    #[param(max_length = 2048)]
    pub app_id: Option<String>,
}

/// How access to an entitlement is made true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntitlementProvisioning {
    /// The admin's word; missing where the integration's method holds.
    pub method: Option<crate::settings::Method>,
    /// The method in force, as far as the integration's settings let it: one that is read-only, or does
    /// not change permissions, writes nothing.
    pub in_force: crate::settings::Method,
    /// Grows with every word; the same as the `ETag`.
    pub version: i64,
}

/// A word about how access to an entitlement is made true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetEntitlementProvisioning {
    /// The method; `null` leaves it to the integration.
    #[schema(example = "manual")]
    pub method: Option<crate::settings::Method>,
}
