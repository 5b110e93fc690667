//! Workflows.

use grantry_api::workflows as wire;
use grantry_engine::StoredWorkflow;
use grantry_model::ids::{EntitlementId, PrincipalId};
use grantry_model::workflow::{
    ApprovalStep, Approver, Condition, Escalation, Needs, RuleOutcome, RuleStep, Step, Workflow,
};

use crate::problem::Problem;

/// A workflow.
pub(crate) fn workflow(stored: &StoredWorkflow) -> wire::Workflow {
    let workflow = &stored.workflow;
    wire::Workflow {
        id: stored.id.to_string(),
        name: workflow.name.clone(),
        description: workflow.description.clone(),
        steps: workflow.steps.iter().map(step).collect(),
        allowed_durations_ms: workflow.allowed_durations_ms.clone(),
        allows_unlimited: workflow.allows_unlimited,
        lifetime_ms: workflow.lifetime_ms,
        created_ms: stored.created.0,
        version: stored.version,
    }
}

/// A step.
pub(crate) fn step(step: &Step) -> wire::WorkflowStep {
    match step {
        Step::Approval(step) => wire::WorkflowStep::Approval {
            approvers: step.approvers.iter().map(approver).collect(),
            needs: match step.needs {
                Needs::Any => wire::Needs::Any,
                Needs::All => wire::Needs::All,
            },
            reminder_ms: step.reminder_ms,
            escalation: step.escalation.as_ref().map(|escalation| wire::Escalation {
                after_ms: escalation.after_ms,
                to: escalation.to.iter().map(approver).collect(),
            }),
        },
        Step::Rule(rule) => wire::WorkflowStep::Rule {
            conditions: rule.conditions.iter().map(condition).collect(),
            then: match rule.then {
                RuleOutcome::Approve => wire::RuleOutcome::Approve,
                RuleOutcome::Reject => wire::RuleOutcome::Reject,
            },
        },
    }
}

/// Who decides.
pub(crate) fn approver(approver: &Approver) -> wire::Approver {
    match approver {
        Approver::IntegrationOwner => wire::Approver::IntegrationOwner {},
        Approver::ResourceOwner => wire::Approver::ResourceOwner {},
        Approver::Maintainer => wire::Approver::Maintainer {},
        Approver::Manager => wire::Approver::Manager {},
        Approver::Admin => wire::Approver::Admin {},
        Approver::Person { person } => wire::Approver::Person { person_id: person.to_string() },
        Approver::Holders { role } => wire::Approver::Holders { role_id: role.to_string() },
    }
}

fn condition(condition: &Condition) -> wire::Condition {
    match condition {
        Condition::DurationAtMost { duration_ms } => {
            wire::Condition::DurationAtMost { duration_ms: *duration_ms }
        }
        Condition::Privileged { is } => wire::Condition::Privileged { is: *is },
        Condition::Attribute { name, equals } => {
            wire::Condition::Attribute { name: name.clone(), equals: equals.clone() }
        }
    }
}

/// A workflow, from the wire. What it may hold is checked behind the permit.
pub(crate) fn read(body: wire::WriteWorkflow) -> Result<Workflow, Problem> {
    let read = |(position, step)| read_step(&format!("/steps/{position}"), step);
    Ok(Workflow {
        name: body.name,
        description: body.description,
        steps: body.steps.into_iter().enumerate().map(read).collect::<Result<_, _>>()?,
        allowed_durations_ms: body.allowed_durations_ms,
        allows_unlimited: body.allows_unlimited,
        lifetime_ms: body.lifetime_ms,
    })
}

fn read_step(at: &str, step: wire::WorkflowStep) -> Result<Step, Problem> {
    Ok(match step {
        wire::WorkflowStep::Approval { approvers, needs, reminder_ms, escalation } => {
            let read_escalation = |escalation: wire::Escalation| {
                let to = read_approvers(&format!("{at}/escalation/to"), escalation.to)?;
                Ok::<_, Problem>(Escalation { after_ms: escalation.after_ms, to })
            };
            Step::Approval(ApprovalStep {
                approvers: read_approvers(&format!("{at}/approvers"), approvers)?,
                needs: match needs {
                    wire::Needs::Any => Needs::Any,
                    wire::Needs::All => Needs::All,
                },
                reminder_ms,
                escalation: escalation.map(read_escalation).transpose()?,
            })
        }
        wire::WorkflowStep::Rule { conditions, then } => Step::Rule(RuleStep {
            conditions: conditions.into_iter().map(read_condition).collect(),
            then: match then {
                wire::RuleOutcome::Approve => RuleOutcome::Approve,
                wire::RuleOutcome::Reject => RuleOutcome::Reject,
            },
        }),
    })
}

fn read_approvers(at: &str, approvers: Vec<wire::Approver>) -> Result<Vec<Approver>, Problem> {
    let read = |(position, approver): (usize, wire::Approver)| {
        let invalid = |error: grantry_model::ids::InvalidId| {
            Problem::field(format!("{at}/{position}"), "invalid_id", error.to_string())
        };
        Ok(match approver {
            wire::Approver::IntegrationOwner {} => Approver::IntegrationOwner,
            wire::Approver::ResourceOwner {} => Approver::ResourceOwner,
            wire::Approver::Maintainer {} => Approver::Maintainer,
            wire::Approver::Manager {} => Approver::Manager,
            wire::Approver::Admin {} => Approver::Admin,
            wire::Approver::Person { person_id } => {
                Approver::Person { person: PrincipalId::parse(&person_id).map_err(invalid)? }
            }
            wire::Approver::Holders { role_id } => {
                Approver::Holders { role: EntitlementId::parse(&role_id).map_err(invalid)? }
            }
        })
    };
    approvers.into_iter().enumerate().map(read).collect()
}

fn read_condition(condition: wire::Condition) -> Condition {
    match condition {
        wire::Condition::DurationAtMost { duration_ms } => {
            Condition::DurationAtMost { duration_ms }
        }
        wire::Condition::Privileged { is } => Condition::Privileged { is },
        wire::Condition::Attribute { name, equals } => Condition::Attribute { name, equals },
    }
}
