//! Settings of integrations.

use grantry_api::settings as wire;
use grantry_model::ids::PrincipalId;
use grantry_model::method::{Fallback, Method};
use grantry_model::settings::{RunsOn, Settings, SettingsChange};

use crate::problem::Problem;

/// The settings.
pub(crate) fn settings(stored: &Settings) -> wire::Settings {
    wire::Settings {
        runs_on: match stored.runs_on {
            RunsOn::ThisHost => wire::RunsOn::ThisHost,
            RunsOn::Agent => wire::RunsOn::Agent,
        },
        default_workflow: stored.default_workflow.clone(),
        is_read_only: stored.is_read_only,
        allows_changing_permissions: stored.allows_changing_permissions,
        allows_creating_accounts: stored.allows_creating_accounts,
        allows_users_to_edit_accounts: stored.allows_users_to_edit_accounts,
        is_requestable: stored.is_requestable,
        is_requestable_by_default: stored.is_requestable_by_default,
        assigns_recommended_owners: stored.assigns_recommended_owners,
        assigns_recommended_maintainers: stored.assigns_recommended_maintainers,
        notifies_external_changes: stored.notifies_external_changes,
        allowed_durations_ms: stored.allowed_durations_ms.clone(),
        method: method(stored.method),
        fallback: match stored.fallback {
            Fallback::None => wire::Fallback::None,
            Fallback::Manual => wire::Fallback::Manual,
        },
        task_assignees: stored.task_assignees.iter().map(ToString::to_string).collect(),
        task_due_ms: stored.task_due_ms,
    }
}

/// A method.
pub(crate) fn method(method: Method) -> wire::Method {
    match method {
        Method::Connector => wire::Method::Connector,
        Method::Manual => wire::Method::Manual,
        Method::Webhook => wire::Method::Webhook,
        Method::Ticket => wire::Method::Ticket,
    }
}

/// A method, from the wire.
pub(crate) fn read_method(method: wire::Method) -> Method {
    match method {
        wire::Method::Connector => Method::Connector,
        wire::Method::Manual => Method::Manual,
        wire::Method::Webhook => Method::Webhook,
        wire::Method::Ticket => Method::Ticket,
    }
}

/// People, from the wire.
pub(crate) fn read_people(path: &str, ids: &[String]) -> Result<Vec<PrincipalId>, Problem> {
    let read = |(position, id): (usize, &String)| {
        PrincipalId::parse(id).map_err(|error| {
            Problem::field(format!("{path}/{position}"), "invalid_id", error.to_string())
        })
    };
    ids.iter().enumerate().map(read).collect()
}

/// A change of settings, from the wire.
pub(crate) fn read_change(change: wire::SettingsChange) -> Result<SettingsChange, Problem> {
    let people = |ids: Vec<String>| read_people("/settings/task_assignees", &ids);
    Ok(SettingsChange {
        runs_on: change.runs_on.map(|runs_on| match runs_on {
            wire::RunsOn::ThisHost => RunsOn::ThisHost,
            wire::RunsOn::Agent => RunsOn::Agent,
        }),
        default_workflow: change.default_workflow,
        is_read_only: change.is_read_only,
        allows_changing_permissions: change.allows_changing_permissions,
        allows_creating_accounts: change.allows_creating_accounts,
        allows_users_to_edit_accounts: change.allows_users_to_edit_accounts,
        is_requestable: change.is_requestable,
        is_requestable_by_default: change.is_requestable_by_default,
        assigns_recommended_owners: change.assigns_recommended_owners,
        assigns_recommended_maintainers: change.assigns_recommended_maintainers,
        notifies_external_changes: change.notifies_external_changes,
        allowed_durations_ms: change.allowed_durations_ms,
        method: change.method.map(read_method),
        fallback: change.fallback.map(|fallback| match fallback {
            wire::Fallback::None => Fallback::None,
            wire::Fallback::Manual => Fallback::Manual,
        }),
        task_assignees: change.task_assignees.map(people).transpose()?,
        task_due_ms: change.task_due_ms,
    })
}
