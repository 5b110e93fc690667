//! Approval workflows: who decides about requests, in which order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// Its id.
    pub id: String,
    /// By which settings and rules name it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// In order; a request is approved when it is through all of them.
    pub steps: Vec<WorkflowStep>,
    /// Durations that can be asked for, in milliseconds, ascending; `null` for any.
    pub allowed_durations_ms: Option<Vec<i64>>,
    /// Whether access without an end can be asked for.
    pub allows_unlimited: bool,
    /// How long a request waits for its decision before it expires, in milliseconds.
    pub lifetime_ms: i64,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// A workflow to be created, or what one is replaced by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteWorkflow {
    /// By which settings and rules name it.
    #[schema(example = "Owner, then security", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub description: String,
    /// In order; without any, every request is approved at once.
    #[schema(max_items = 10, example = json!([{"kind": "approval", "approvers": [{"kind": "manager"}], "needs": "any"}]))]
    pub steps: Vec<WorkflowStep>,
    /// Durations that can be asked for, in milliseconds; `null` or left out for any.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 20)]
    pub allowed_durations_ms: Option<Vec<i64>>,
    /// Whether access without an end can be asked for.
    #[serde(default)]
    pub allows_unlimited: bool,
    /// How long a request waits for its decision before it expires, in milliseconds: one minute to half
    /// a year, two weeks unless told.
    #[serde(default = "lifetime_ms")]
    #[schema(default = 1_209_600_000_i64, minimum = 60_000)]
    pub lifetime_ms: i64,
}

fn lifetime_ms() -> i64 {
    14 * 24 * 3_600_000
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "approval", "approvers": [{"kind": "manager"}], "needs": "any"}))]
pub enum WorkflowStep {
    /// People decide. One who rejects ends the request.
    Approval {
        /// Who: each is one seat, which any of its people can take. The person who is to get the access
        /// never decides; where nobody is there, the admins do.
        #[schema(min_items = 1, max_items = 20)]
        approvers: Vec<Approver>,
        /// How many of the seats have to approve.
        needs: Needs,
        /// How often the approvers are reminded, in milliseconds; never without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(minimum = 60_000)]
        reminder_ms: Option<i64>,
        /// Who else may decide after a while.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escalation: Option<Escalation>,
    },
    /// The facts decide, or leave it to the next step.
    Rule {
        /// All of them have to hold.
        #[schema(min_items = 1, max_items = 10)]
        conditions: Vec<Condition>,
        /// What follows.
        then: RuleOutcome,
    },
}

/// How many of a step's seats have to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// One of them.
    Any,
    /// Every one, in any order.
    All,
}

/// Who else may decide after a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// After how long, in milliseconds from the step's begin.
    #[schema(minimum = 60_000)]
    pub after_ms: i64,
    /// One of them suffices, whatever the step needs.
    #[schema(min_items = 1, max_items = 20)]
    pub to: Vec<Approver>,
}

/// Who decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "integration_owner"}))]
pub enum Approver {
    /// Who administers the integration.
    IntegrationOwner {},
    /// Who answers for the resource.
    ResourceOwner {},
    /// Who fulfils the manual tasks of the resource.
    Maintainer {},
    /// To whom the person reports who is to get the access.
    Manager {},
    /// Any admin.
    Admin {},
    /// A person.
    Person {
        /// The person's id.
        #[schema(max_length = 64)]
        person_id: String,
    },
    /// Whoever holds a role, such as a group of the directory, and signs in here.
    Holders {
        /// The role's id.
        #[schema(max_length = 64)]
        role_id: String,
    },
}

/// What is asked of the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "duration_at_most", "duration_ms": 3_600_000}))]
pub enum Condition {
    /// Access with an end, for at most so long.
    DurationAtMost {
        /// In milliseconds.
        #[schema(minimum = 60_000)]
        duration_ms: i64,
    },
    /// Whether the role is privileged.
    Privileged {
        /// As asked for.
        is: bool,
    },
    /// An attribute of the identity that is to get the access has that value.
    Attribute {
        /// A column of the data source, or `user_name`, `email`, `external_id`.
        #[schema(min_length = 1, max_length = 200)]
        name: String,
        /// The value, exactly.
        #[schema(max_length = 2000)]
        equals: String,
    },
}

/// What follows from a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// The request is approved, without further steps.
    Approve,
    /// The request is rejected.
    Reject,
}
