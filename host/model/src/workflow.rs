//! Approval workflows (ACC-1): who decides about a request, in which order, and how long it may take.
//!
//! Plain values with their checks. How a request moves through one is [`crate::request`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::FieldIssue;
use crate::ids::{EntitlementId, PrincipalId};
use crate::membership::{DURATION_MS_MAX, DURATION_MS_MIN};
use crate::settings::DURATIONS_MAX;
use crate::text::{check_description, check_name};

/// Most steps of a workflow.
pub const STEPS_MAX: usize = 10;
/// Most approvers of a step, and of its escalation.
pub const APPROVERS_MAX: usize = 20;
/// Most conditions of a rule.
pub const CONDITIONS_MAX: usize = 10;
/// Shortest time that a request can wait, a reminder or an escalation can be away, in milliseconds.
pub const WAIT_MS_MIN: i64 = 60_000;
/// Longest time that a request can wait, in milliseconds: half a year.
pub const LIFETIME_MS_MAX: i64 = 183 * 24 * 3_600_000;
/// How long a request waits where nobody says otherwise, in milliseconds: two weeks.
pub const LIFETIME_MS_DEFAULT: i64 = 14 * 24 * 3_600_000;

/// A way to decide about requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// What people and settings call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// In order; a request is approved when it is through all of them.
    pub steps: Vec<Step>,
    /// Durations that can be asked for, in milliseconds, ascending; `None` for any.
    pub allowed_durations_ms: Option<Vec<i64>>,
    /// Whether access without an end can be asked for.
    pub allows_unlimited: bool,
    /// How long a request waits for its decision before it expires, in milliseconds.
    pub lifetime_ms: i64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Step {
    /// People decide.
    Approval(ApprovalStep),
    /// The facts decide, or leave it to the next step.
    Rule(RuleStep),
}

/// People decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStep {
    /// Who: each entry is one seat, which any of its people can take.
    pub approvers: Vec<Approver>,
    /// How many of the seats have to approve.
    pub needs: Needs,
    /// How often the approvers are reminded, in milliseconds.
    pub reminder_ms: Option<i64>,
    /// Who else may decide after a while.
    pub escalation: Option<Escalation>,
}

/// How many of a step's seats have to approve. One that rejects ends the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// One of them.
    Any,
    /// Every one, in any order.
    All,
}

/// Who else may decide after a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// After how long, in milliseconds from the step's begin.
    pub after_ms: i64,
    /// One of them suffices, whatever the step needs.
    pub to: Vec<Approver>,
}

/// Who takes a seat: looked up when somebody decides, so that whoever left is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Approver {
    /// Who administers the integration.
    IntegrationOwner,
    /// Who answers for the resource.
    ResourceOwner,
    /// Who fulfils the manual tasks of the resource.
    Maintainer,
    /// To whom the person reports who is to get access.
    Manager,
    /// Any admin.
    Admin,
    /// A person by name.
    Person {
        /// Who.
        person: PrincipalId,
    },
    /// Whoever holds a role, such as a group of the directory.
    Holders {
        /// Of what.
        role: EntitlementId,
    },
}

/// The facts decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleStep {
    /// All of them have to hold; else the next step decides.
    pub conditions: Vec<Condition>,
    /// What follows.
    pub then: RuleOutcome,
}

/// What follows from a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// The request is approved, without further steps.
    Approve,
    /// The request is rejected.
    Reject,
}

/// What is asked of the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Condition {
    /// Access with an end, for at most so long.
    DurationAtMost {
        /// In milliseconds.
        duration_ms: i64,
    },
    /// Whether the entitlement is privileged.
    Privileged {
        /// As asked for.
        is: bool,
    },
    /// An attribute of the identity that is to get access has that value.
    Attribute {
        /// A column of the data source.
        name: String,
        /// The value, exactly.
        equals: String,
    },
}

/// What rules look at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// For how long access is asked for, in milliseconds; `None` without an end.
    pub duration_ms: Option<i64>,
    /// Whether the entitlement is privileged.
    pub is_privileged: bool,
    /// What the data source tells of the identity.
    pub attributes: BTreeMap<String, String>,
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::DurationAtMost { duration_ms } => {
                facts.duration_ms.is_some_and(|asked_ms| asked_ms <= *duration_ms)
            }
            Self::Privileged { is } => facts.is_privileged == *is,
            Self::Attribute { name, equals } => facts.attributes.get(name) == Some(equals),
        }
    }
}

impl ApprovalStep {
    /// The seats: those of the step, then those of its escalation.
    pub fn seats(&self) -> impl Iterator<Item = &Approver> {
        self.approvers.iter().chain(self.escalation.iter().flat_map(|escalation| &escalation.to))
    }
}

impl Workflow {
    /// What decides where nobody named a workflow: the owner of the resource, or of the integration.
    pub fn built_in() -> Self {
        let step = ApprovalStep {
            approvers: vec![Approver::ResourceOwner, Approver::IntegrationOwner],
            needs: Needs::Any,
            reminder_ms: Some(2 * 24 * 3_600_000),
            escalation: None,
        };
        Self {
            name: "owner".to_owned(),
            description: "The owner of the resource, or of the integration, decides.".to_owned(),
            steps: vec![Step::Approval(step)],
            allowed_durations_ms: None,
            allows_unlimited: true,
            lifetime_ms: LIFETIME_MS_DEFAULT,
        }
    }

    /// The workflow, in order, if it can be used. Every fault is told, by its place.
    pub fn checked(mut self) -> Result<Self, Vec<FieldIssue>> {
        let mut issues = Issues::default();
        self.name = self.name.trim().to_owned();
        issues.check("/name", check_name(&self.name));
        issues.check("/description", check_description(&self.description));
        if self.steps.len() > STEPS_MAX {
            issues.add("/steps", "too_many", format!("a workflow has at most {STEPS_MAX} steps"));
        }
        for (position, step) in self.steps.iter().enumerate().take(STEPS_MAX) {
            let at = format!("/steps/{position}");
            match step {
                Step::Approval(step) => issues.approval(&at, step),
                Step::Rule(rule) => issues.rule(&at, rule),
            }
        }
        if let Some(durations) = &mut self.allowed_durations_ms {
            issues.durations(durations);
            durations.sort_unstable();
            durations.dedup();
        }
        issues.wait("/lifetime_ms", self.lifetime_ms);
        if issues.0.is_empty() { Ok(self) } else { Err(issues.0) }
    }
}

#[derive(Default)]
struct Issues(Vec<FieldIssue>);

impl Issues {
    fn add(&mut self, path: &str, code: &str, message: impl Into<String>) {
        let (path, code) = (path.to_owned(), code.to_owned());
        self.0.push(FieldIssue { path, code, message: message.into() });
    }

    fn check<E: std::fmt::Display>(&mut self, path: &str, checked: Result<(), E>) {
        if let Err(error) = checked {
            self.add(path, "invalid_string", error.to_string());
        }
    }

    fn wait(&mut self, path: &str, wait_ms: i64) {
        if !(WAIT_MS_MIN..=LIFETIME_MS_MAX).contains(&wait_ms) {
            let message = "must be between one minute and half a year, in milliseconds";
            self.add(path, "invalid_wait", message);
        }
    }

    fn approvers(&mut self, path: &str, approvers: &[Approver]) {
        if approvers.is_empty() || approvers.len() > APPROVERS_MAX {
            self.add(path, "invalid_approvers", format!("must name 1 to {APPROVERS_MAX}"));
        }
        let is_double = |(position, approver)| approvers[..position].contains(approver);
        if approvers.iter().enumerate().any(is_double) {
            self.add(path, "invalid_approvers", "names the same approver twice");
        }
    }

    fn approval(&mut self, at: &str, step: &ApprovalStep) {
        self.approvers(&format!("{at}/approvers"), &step.approvers);
        if let Some(reminder_ms) = step.reminder_ms {
            self.wait(&format!("{at}/reminder_ms"), reminder_ms);
        }
        if let Some(escalation) = &step.escalation {
            self.wait(&format!("{at}/escalation/after_ms"), escalation.after_ms);
            self.approvers(&format!("{at}/escalation/to"), &escalation.to);
        }
    }

    fn rule(&mut self, at: &str, rule: &RuleStep) {
        let at = format!("{at}/conditions");
        if rule.conditions.is_empty() || rule.conditions.len() > CONDITIONS_MAX {
            let message = format!("must name 1 to {CONDITIONS_MAX} conditions");
            self.add(&at, "invalid_conditions", message);
        }
        for (position, condition) in rule.conditions.iter().enumerate() {
            let at = format!("{at}/{position}");
            match condition {
                Condition::DurationAtMost { duration_ms } if *duration_ms < DURATION_MS_MIN => {
                    self.add(&at, "invalid_durations", "must be at least one minute");
                }
                Condition::Attribute { name, equals } => {
                    self.check(&format!("{at}/name"), check_name(name));
                    self.check(&format!("{at}/equals"), check_description(equals));
                }
                Condition::DurationAtMost { .. } | Condition::Privileged { .. } => {}
            }
        }
    }

    fn durations(&mut self, durations: &[i64]) {
        const AT: &str = "/allowed_durations_ms";
        if durations.is_empty() || durations.len() > DURATIONS_MAX {
            let message = format!("must have 1 to {DURATIONS_MAX} durations; `null` allows any");
            self.add(AT, "invalid_durations", message);
        }
        for (position, duration_ms) in durations.iter().enumerate() {
            if !(DURATION_MS_MIN..=DURATION_MS_MAX).contains(duration_ms) {
                let message = "must be between one minute and ten years, in milliseconds";
                self.add(&format!("{AT}/{position}"), "invalid_durations", message);
            }
        }
    }
}

/// Why the duration cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenDuration {
    /// Not in the list.
    #[error("must be one of {} (milliseconds){}", list(.allowed_ms), if *.allows_unlimited { ", or left out" } else { "" })]
    NotListed {
        /// The list.
        allowed_ms: Vec<i64>,
        /// Whether it can be left out.
        allows_unlimited: bool,
    },
    /// There has to be one.
    #[error("must be given: this access always ends")]
    Unlimited,
    /// Out of the bounds that hold for all access.
    #[error("must be between one minute and ten years, in milliseconds")]
    OutOfBounds,
}

fn list(allowed_ms: &[i64]) -> String {
    allowed_ms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether access can be asked for that long: the integration's own list comes before the workflow's
/// (INT-11), but not for bundles.
pub fn check_duration(
    workflow: &Workflow,
    integration_ms: Option<&[i64]>,
    asked_ms: Option<i64>,
) -> Result<(), ForbiddenDuration> {
    let allowed = integration_ms.or(workflow.allowed_durations_ms.as_deref());
    let Some(asked_ms) = asked_ms else {
        return match workflow.allows_unlimited {
            true => Ok(()),
            false => Err(ForbiddenDuration::Unlimited),
        };
    };
    if !(DURATION_MS_MIN..=DURATION_MS_MAX).contains(&asked_ms) {
        return Err(ForbiddenDuration::OutOfBounds);
    }
    match allowed {
        Some(allowed) if !allowed.contains(&asked_ms) => Err(ForbiddenDuration::NotListed {
            allowed_ms: allowed.to_vec(),
            allows_unlimited: workflow.allows_unlimited,
        }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_workflow_is_a_valid_one() {
        assert_eq!(Workflow::built_in().checked(), Ok(Workflow::built_in()));
    }

    #[test]
    fn every_fault_is_told_by_its_place() {
        let step = ApprovalStep {
            approvers: vec![Approver::Manager, Approver::Manager],
            needs: Needs::All,
            reminder_ms: Some(0),
            escalation: Some(Escalation { after_ms: i64::MAX, to: Vec::new() }),
        };
        let rule = RuleStep {
            conditions: vec![Condition::DurationAtMost { duration_ms: 1 }],
            then: RuleOutcome::Approve,
        };
        let workflow = Workflow {
            name: " ".to_owned(),
            steps: vec![Step::Approval(step), Step::Rule(rule)],
            allowed_durations_ms: Some(vec![5]),
            lifetime_ms: -1,
            ..Workflow::built_in()
        };
        let issues = workflow.checked().unwrap_err();
        let paths: Vec<&str> = issues.iter().map(|issue| issue.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/name",
                "/steps/0/approvers",
                "/steps/0/reminder_ms",
                "/steps/0/escalation/after_ms",
                "/steps/0/escalation/to",
                "/steps/1/conditions/0",
                "/allowed_durations_ms/0",
                "/lifetime_ms",
            ]
        );
    }

    #[test]
    fn the_integrations_list_of_durations_comes_before_the_workflows() {
        let allowed_durations_ms = Some(vec![60_000]);
        let workflow =
            Workflow { allowed_durations_ms, allows_unlimited: false, ..Workflow::built_in() };
        assert_eq!(check_duration(&workflow, None, Some(60_000)), Ok(()));
        assert!(check_duration(&workflow, None, Some(120_000)).is_err());
        assert_eq!(check_duration(&workflow, Some(&[120_000]), Some(120_000)), Ok(()));
        assert!(check_duration(&workflow, Some(&[120_000]), Some(60_000)).is_err());
        assert_eq!(check_duration(&workflow, None, None), Err(ForbiddenDuration::Unlimited));
        let any = Workflow::built_in();
        assert_eq!(check_duration(&any, None, None), Ok(()));
        assert_eq!(check_duration(&any, None, Some(1)), Err(ForbiddenDuration::OutOfBounds));
    }

    #[test]
    fn a_condition_about_what_is_not_known_does_not_hold() {
        let facts = Facts::default();
        assert!(!Condition::DurationAtMost { duration_ms: i64::MAX }.holds(&facts));
        let engineer = Condition::Attribute { name: "team".into(), equals: String::new() };
        assert!(!engineer.holds(&facts));
        assert!(Condition::Privileged { is: false }.holds(&facts));
    }
}
