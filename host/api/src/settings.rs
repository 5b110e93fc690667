//! Settings of an integration.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Where an integration's plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunsOn {
    /// In this installation.
    ThisHost,
    /// With a remote agent. There are none yet: it is refused.
    Agent,
}

/// How access is made true in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The plugin grants and revokes.
    Connector,
    /// A person does it in the target, by a task.
    Manual,
    /// A signed request to a homegrown app.
    Webhook,
    /// A ticket in a service desk, whose people do it in the target.
    Ticket,
}

/// What becomes of a change that its method cannot make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// It fails.
    None,
    /// A person does it, by a task.
    Manual,
}

/// How an integration is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Where its plugin runs.
    pub runs_on: RunsOn,
    /// The approval workflow of requests for what has none of its own, by name.
    pub default_workflow: Option<String>,
    /// Nothing is written to the target: a person does it there.
    pub is_read_only: bool,
    /// Permissions of accounts are granted and revoked; else they are only tracked.
    pub allows_changing_permissions: bool,
    /// Accounts may be created and deleted in the target. No request does so yet.
    pub allows_creating_accounts: bool,
    /// People give up and claim accounts themselves.
    pub allows_users_to_edit_accounts: bool,
    /// Access can be requested.
    pub is_requestable: bool,
    /// What a sync finds anew can be requested, until an admin says otherwise.
    pub is_requestable_by_default: bool,
    /// Owners that a sync recommends replace the current ones.
    pub assigns_recommended_owners: bool,
    /// Maintainers that a sync recommends replace the current ones.
    pub assigns_recommended_maintainers: bool,
    /// Access that changed without Grantry is told to admins and the owner.
    pub notifies_external_changes: bool,
    /// Durations for which access can be requested, in milliseconds, ascending; `null` lets the
    /// workflow's apply.
    pub allowed_durations_ms: Option<Vec<i64>>,
    /// How access is made true where the entitlement has no method of its own.
    pub method: Method,
    /// What becomes of a change that the connector finally cannot make.
    pub fallback: Fallback,
    /// Who does what is to be done by hand, by id; nobody stands for the owner.
    pub task_assignees: Vec<String>,
    /// How long after it was opened a task is due, in milliseconds.
    pub task_due_ms: i64,
}

/// A change of settings: what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsChange {
    /// Where its plugin runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_on: Option<RunsOn>,
    /// The approval workflow of requests for what has none of its own, by name; `null` for none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub default_workflow: Option<Option<String>>,
    /// Nothing is written to the target: a person does it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_read_only: Option<bool>,
    /// Permissions of accounts are granted and revoked; else they are only tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_changing_permissions: Option<bool>,
    /// Accounts may be created and deleted in the target. No request does so yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_creating_accounts: Option<bool>,
    /// People give up and claim accounts themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_users_to_edit_accounts: Option<bool>,
    /// Access can be requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_requestable: Option<bool>,
    /// What a sync finds anew can be requested, until an admin says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_requestable_by_default: Option<bool>,
    /// Owners that a sync recommends replace the current ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigns_recommended_owners: Option<bool>,
    /// Maintainers that a sync recommends replace the current ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigns_recommended_maintainers: Option<bool>,
    /// Access that changed without Grantry is told to admins and the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifies_external_changes: Option<bool>,
    /// 1 to 20 durations in milliseconds; `null` lets the workflow's apply.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<Vec<i64>>)]
    pub allowed_durations_ms: Option<Option<Vec<i64>>>,
    /// How access is made true where the entitlement has no method of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// What becomes of a change that the connector finally cannot make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// At most 20 people, by id; an empty list leaves it to the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 20)]
    pub task_assignees: Option<Vec<String>>,
    /// Between a minute and a year, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_due_ms: Option<i64>,
}

/// A field that is there, be it `null`: `null` is a value, and missing is none.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
