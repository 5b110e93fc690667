//! Settings of integrations.

use grantry_api::settings as wire;
use grantry_model::settings::{RunsOn, Settings, SettingsChange};

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
    }
}

/// A change of settings, from the wire.
pub(crate) fn read_change(change: wire::SettingsChange) -> SettingsChange {
    SettingsChange {
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
    }
}
