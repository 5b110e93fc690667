//! How an integration is to be run: the settings that its owner changes (INT-1 to INT-11).
//!
//! Plain values with their checks. What may be written to the target follows from them in
//! [`crate::gate`] and nowhere else; docs/integrations.md says of each what it does.

use serde::{Deserialize, Serialize};

use crate::fault::FieldIssue;
use crate::ids::PrincipalId;
use crate::membership::{DURATION_MS_MAX, DURATION_MS_MIN};
use crate::method::{Fallback, Method};
use crate::text::check_name;

/// Most durations of an integration's own list.
pub const DURATIONS_MAX: usize = 20;
/// Most people whom an integration's tasks are given to.
pub const ASSIGNEES_MAX: usize = 20;
/// When a task is due, unless told, in milliseconds: three days after it was opened.
pub const TASK_DUE_MS: i64 = 3 * 24 * 3_600_000;
/// The latest that a task can be due, in milliseconds: a year.
const TASK_DUE_MS_MAX: i64 = 366 * 24 * 3_600_000;

/// Where an integration's plugin runs (INT-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunsOn {
    /// In this installation.
    #[default]
    ThisHost,
    /// With a remote agent, inside another network. There are none yet: it is refused.
    Agent,
}

/// The settings of one integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where its plugin runs.
    pub runs_on: RunsOn,
    /// The approval workflow of requests for what has none of its own, by name.
    pub default_workflow: Option<String>,
    /// Nothing is written to the target: a person does it there (INT-4).
    pub is_read_only: bool,
    /// Permissions of accounts are granted and revoked; else they are only tracked (INT-5).
    pub allows_changing_permissions: bool,
    /// Accounts are created for approved requests and deleted with them (INT-6).
    pub allows_creating_accounts: bool,
    /// People give up and claim accounts themselves (INT-7).
    pub allows_users_to_edit_accounts: bool,
    /// Access can be requested (INT-8).
    pub is_requestable: bool,
    /// What a sync finds anew can be requested, until an admin says otherwise (INT-8).
    pub is_requestable_by_default: bool,
    /// Owners that a sync recommends replace the current ones (INT-9).
    pub assigns_recommended_owners: bool,
    /// Maintainers that a sync recommends replace the current ones (INT-9).
    pub assigns_recommended_maintainers: bool,
    /// Access that changed without Grantry is told to admins and the owner (INT-10).
    pub notifies_external_changes: bool,
    /// Durations for which access can be requested, in milliseconds, ascending; without a list the
    /// workflow's own applies (INT-11).
    pub allowed_durations_ms: Option<Vec<i64>>,
    /// How access is made true where the entitlement has no method of its own (PRV-1, PRV-3).
    pub method: Method,
    /// What becomes of a change that finally fails (PRV-3).
    pub fallback: Fallback,
    /// Who does what is to be done by hand; nobody stands for the integration's owner.
    pub task_assignees: Vec<PrincipalId>,
    /// How long after it was opened a task is due, in milliseconds.
    pub task_due_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            runs_on: RunsOn::ThisHost,
            default_workflow: None,
            is_read_only: false,
            allows_changing_permissions: true,
            allows_creating_accounts: false,
            allows_users_to_edit_accounts: false,
            is_requestable: true,
            is_requestable_by_default: true,
            assigns_recommended_owners: false,
            assigns_recommended_maintainers: false,
            notifies_external_changes: true,
            allowed_durations_ms: None,
            method: Method::Connector,
            fallback: Fallback::None,
            task_assignees: Vec::new(),
            task_due_ms: TASK_DUE_MS,
        }
    }
}

/// A change of settings: what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields of `Settings`")]
pub struct SettingsChange {
    pub runs_on: Option<RunsOn>,
    pub default_workflow: Option<Option<String>>,
    pub is_read_only: Option<bool>,
    pub allows_changing_permissions: Option<bool>,
    pub allows_creating_accounts: Option<bool>,
    pub allows_users_to_edit_accounts: Option<bool>,
    pub is_requestable: Option<bool>,
    pub is_requestable_by_default: Option<bool>,
    pub assigns_recommended_owners: Option<bool>,
    pub assigns_recommended_maintainers: Option<bool>,
    pub notifies_external_changes: Option<bool>,
    pub allowed_durations_ms: Option<Option<Vec<i64>>>,
    pub method: Option<Method>,
    pub fallback: Option<Fallback>,
    pub task_assignees: Option<Vec<PrincipalId>>,
    pub task_due_ms: Option<i64>,
}

impl Settings {
    /// These settings with a change, if the result is valid. Every fault is told, by its place.
    pub fn changed(&self, change: &SettingsChange) -> Result<Self, Vec<FieldIssue>> {
        fn or<T: Clone>(change: &Option<T>, stays: &T) -> T {
            change.clone().unwrap_or_else(|| stays.clone())
        }
        let changed = Self {
            runs_on: or(&change.runs_on, &self.runs_on),
            default_workflow: or(&change.default_workflow, &self.default_workflow),
            is_read_only: or(&change.is_read_only, &self.is_read_only),
            allows_changing_permissions: or(
                &change.allows_changing_permissions,
                &self.allows_changing_permissions,
            ),
            allows_creating_accounts: or(
                &change.allows_creating_accounts,
                &self.allows_creating_accounts,
            ),
            allows_users_to_edit_accounts: or(
                &change.allows_users_to_edit_accounts,
                &self.allows_users_to_edit_accounts,
            ),
            is_requestable: or(&change.is_requestable, &self.is_requestable),
            is_requestable_by_default: or(
                &change.is_requestable_by_default,
                &self.is_requestable_by_default,
            ),
            assigns_recommended_owners: or(
                &change.assigns_recommended_owners,
                &self.assigns_recommended_owners,
            ),
            assigns_recommended_maintainers: or(
                &change.assigns_recommended_maintainers,
                &self.assigns_recommended_maintainers,
            ),
            notifies_external_changes: or(
                &change.notifies_external_changes,
                &self.notifies_external_changes,
            ),
            allowed_durations_ms: or(&change.allowed_durations_ms, &self.allowed_durations_ms),
            method: or(&change.method, &self.method),
            fallback: or(&change.fallback, &self.fallback),
            task_assignees: or(&change.task_assignees, &self.task_assignees),
            task_due_ms: or(&change.task_due_ms, &self.task_due_ms),
        };
        changed.checked()
    }

    fn checked(mut self) -> Result<Self, Vec<FieldIssue>> {
        let mut issues = Vec::new();
        if self.runs_on == RunsOn::Agent {
            let message = "there are no agents yet: `this_host` runs it";
            issues.push(issue("/settings/runs_on", "agent_unavailable", message));
        }
        if let Some(Err(error)) = self.default_workflow.as_deref().map(check_name) {
            issues.push(issue("/settings/default_workflow", "invalid_string", error.to_string()));
        }
        if let Some(durations) = &mut self.allowed_durations_ms {
            issues.extend(duration_issues(durations));
            durations.sort_unstable();
        }
        if self.task_assignees.len() > ASSIGNEES_MAX {
            let message = format!("must name at most {ASSIGNEES_MAX} people");
            issues.push(issue("/settings/task_assignees", "too_many", message));
        }
        if !(DURATION_MS_MIN..=TASK_DUE_MS_MAX).contains(&self.task_due_ms) {
            let message = "must be between one minute and a year, in milliseconds";
            issues.push(issue("/settings/task_due_ms", "out_of_range", message));
        }
        if issues.is_empty() { Ok(self) } else { Err(issues) }
    }
}

fn duration_issues(durations: &[i64]) -> Vec<FieldIssue> {
    const AT: &str = "/settings/allowed_durations_ms";
    if durations.is_empty() || durations.len() > DURATIONS_MAX {
        let message =
            format!("must have 1 to {DURATIONS_MAX} durations; `null` lets the workflow's apply");
        return vec![issue(AT, "invalid_durations", message)];
    }
    let mut issues = Vec::new();
    for (position, duration_ms) in durations.iter().enumerate() {
        let at = format!("{AT}/{position}");
        if !(DURATION_MS_MIN..=DURATION_MS_MAX).contains(duration_ms) {
            let message = "must be between one minute and ten years, in milliseconds";
            issues.push(issue(&at, "invalid_durations", message));
        } else if durations[..position].contains(duration_ms) {
            issues.push(issue(&at, "invalid_durations", "is in the list already"));
        }
    }
    issues
}

fn issue(path: &str, code: &str, message: impl Into<String>) -> FieldIssue {
    FieldIssue { path: path.to_owned(), code: code.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_change_leaves_out_stays() {
        let before = Settings { is_read_only: true, ..Settings::default() };
        let change = SettingsChange { is_requestable: Some(false), ..SettingsChange::default() };
        let after = before.changed(&change).unwrap();
        assert_eq!(after, Settings { is_requestable: false, ..before });
    }

    #[test]
    fn a_list_of_durations_is_checked_and_sorted() {
        let with = |durations: Vec<i64>| {
            let allowed_durations_ms = Some(Some(durations));
            Settings::default()
                .changed(&SettingsChange { allowed_durations_ms, ..SettingsChange::default() })
        };
        let sorted = with(vec![86_400_000, 3_600_000]).unwrap();
        assert_eq!(sorted.allowed_durations_ms, Some(vec![3_600_000, 86_400_000]));
        for refused in [vec![], vec![59_999], vec![-1], vec![i64::MAX], vec![60_000; 2]] {
            assert_eq!(with(refused).unwrap_err()[0].code, "invalid_durations");
        }
        assert!(with((1..=21).map(|n| n * 60_000).collect()).is_err());
    }

    #[test]
    fn no_agent_can_be_chosen_yet() {
        let change = SettingsChange { runs_on: Some(RunsOn::Agent), ..SettingsChange::default() };
        let issues = Settings::default().changed(&change).unwrap_err();
        assert_eq!(
            (issues[0].path.as_str(), issues[0].code.as_str()),
            ("/settings/runs_on", "agent_unavailable")
        );
    }
}
