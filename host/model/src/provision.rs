//! Writing to a target: the host's side of `wit/provision.wit`, which documents every field.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Assignment, Attribute, AttributeDelta, Object, ObjectRef};
use crate::fault::FieldIssue;

/// What is to be made true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct GrantRequest {
    pub entitlement: String,
    pub on: ObjectRef,
    pub holder: ObjectRef,
    pub ends_ms: Option<i64>,
    pub parameters: Vec<Attribute>,
}

/// What is to be made untrue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct RevokeRequest {
    pub entitlement: String,
    pub on: ObjectRef,
    pub holder: ObjectRef,
    pub assignment_id: Option<String>,
}

/// A new object, such as an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct CreateRequest {
    pub kind: String,
    pub attributes: Vec<Attribute>,
    pub parent: Option<ObjectRef>,
    pub ends_ms: Option<i64>,
}

/// A change of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct UpdateRequest {
    pub about: ObjectRef,
    pub deltas: Vec<AttributeDelta>,
    pub if_match: Option<String>,
}

/// The writes that the host asks for today. The contract has more; they come with their issues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "operation", content = "request", rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented case by case in wit/provision.wit")]
pub enum Operation {
    Grant(GrantRequest),
    Revoke(RevokeRequest),
    Create(CreateRequest),
    Update(UpdateRequest),
    Delete(ObjectRef),
    Enable(ObjectRef),
    Disable(ObjectRef),
}

/// What accompanies every attempt of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct OperationContext {
    pub operation_id: String,
    pub idempotency_key: String,
    pub attempt: u32,
    pub deadline_ms: u64,
    pub actor: String,
    pub snapshot: Vec<Object>,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct Effects {
    pub objects: Vec<Object>,
    pub assignments: Vec<Assignment>,
    pub also_revoked: Vec<Assignment>,
    pub replaced: Vec<Assignment>,
    pub changed: Vec<AttributeDelta>,
    pub result_json: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented case by case in wit/provision.wit")]
pub enum Outcome {
    Done(Effects),
    Already(Effects),
    InProgress { token: String, poll_after_ms: u64 },
    Invited { object: Option<Object>, ends_ms: Option<i64> },
    NeedsHuman { message: String, url: Option<String> },
    Partial { done: Effects, failed: Vec<FieldIssue> },
}

/// What a read-back says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verification", content = "detail", rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented case by case in wit/provision.wit")]
pub enum Verification {
    Holds,
    Absent,
    Differs(Vec<AttributeDelta>),
    CannotTell(String),
}

/// One request that an operation would send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct PlannedCall {
    pub method: String,
    pub url: String,
    pub summary: String,
    pub is_destructive: bool,
}

/// What an operation would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/provision.wit")]
pub struct Plan {
    pub calls: Vec<PlannedCall>,
    pub warnings: Vec<String>,
}
