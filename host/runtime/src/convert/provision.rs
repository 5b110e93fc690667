//! `provision`: operations, outcomes and read-backs.

use grantry_model::provision as model;

use super::catalogue::{
    assignment, attribute_delta, object, to_attribute, to_attribute_delta, to_object, to_object_ref,
};
use super::{all, copied, faults};
use crate::bindings::exports::grantry::plugin::provision as wit;

fn to_grant_request(from: &model::GrantRequest) -> wit::GrantRequest {
    wit::GrantRequest {
        entitlement: from.entitlement.clone(),
        on: to_object_ref(&from.on),
        holder: to_object_ref(&from.holder),
        ends_ms: from.ends_ms,
        parameters: copied(&from.parameters, to_attribute),
    }
}

fn to_revoke_request(from: &model::RevokeRequest) -> wit::RevokeRequest {
    wit::RevokeRequest {
        entitlement: from.entitlement.clone(),
        on: to_object_ref(&from.on),
        holder: to_object_ref(&from.holder),
        assignment_id: from.assignment_id.clone(),
    }
}

fn to_create_request(from: &model::CreateRequest) -> wit::CreateRequest {
    wit::CreateRequest {
        kind: from.kind.clone(),
        attributes: copied(&from.attributes, to_attribute),
        parent: from.parent.as_ref().map(to_object_ref),
        credential: wit::Credential::None,
        must_change: false,
        ends_ms: from.ends_ms,
    }
}

fn to_update_request(from: &model::UpdateRequest) -> wit::UpdateRequest {
    wit::UpdateRequest {
        about: to_object_ref(&from.about),
        deltas: copied(&from.deltas, to_attribute_delta),
        if_match: from.if_match.clone(),
    }
}

pub(crate) fn to_operation(from: &model::Operation) -> wit::Operation {
    match from {
        model::Operation::Grant(request) => wit::Operation::Grant(to_grant_request(request)),
        model::Operation::Revoke(request) => wit::Operation::Revoke(to_revoke_request(request)),
        model::Operation::Create(request) => wit::Operation::Create(to_create_request(request)),
        model::Operation::Update(request) => wit::Operation::Update(to_update_request(request)),
        model::Operation::Delete(about) => wit::Operation::Delete(wit::DeleteRequest {
            about: to_object_ref(about),
            mode: wit::DeleteMode::TenantDefault,
        }),
        model::Operation::Enable(about) => wit::Operation::Enable(to_object_ref(about)),
        model::Operation::Disable(about) => wit::Operation::Disable(to_object_ref(about)),
    }
}

/// The recipients of issued credentials stay empty until there is a place that keeps their keys.
pub(crate) fn to_operation_context(from: &model::OperationContext) -> wit::OperationContext {
    wit::OperationContext {
        operation_id: from.operation_id.clone(),
        idempotency_key: from.idempotency_key.clone(),
        attempt: from.attempt,
        deadline_ms: from.deadline_ms,
        actor: from.actor.clone(),
        snapshot: copied(&from.snapshot, to_object),
        recipients: Vec::new(),
    }
}

fn effects(from: wit::Effects) -> model::Effects {
    model::Effects {
        objects: all(from.objects, object),
        assignments: all(from.assignments, assignment),
        also_revoked: all(from.also_revoked, assignment),
        replaced: all(from.replaced, assignment),
        changed: all(from.changed, attribute_delta),
        result_json: from.result_json,
    }
}

pub(crate) fn outcome(from: wit::Outcome) -> model::Outcome {
    match from {
        wit::Outcome::Done(done) => model::Outcome::Done(effects(done)),
        wit::Outcome::Already(done) => model::Outcome::Already(effects(done)),
        wit::Outcome::InProgress(pending) => model::Outcome::InProgress {
            token: pending.token,
            poll_after_ms: pending.poll_after_ms,
        },
        wit::Outcome::Invited(invitation) => model::Outcome::Invited {
            object: invitation.object.map(object),
            ends_ms: invitation.ends_ms,
        },
        wit::Outcome::NeedsHuman(step) => model::Outcome::NeedsHuman {
            message: faults::text(step.message),
            url: step.url.map(faults::text),
        },
        wit::Outcome::Partial(partial) => model::Outcome::Partial {
            done: effects(partial.done),
            failed: faults::field_issues(partial.failed),
        },
    }
}

pub(crate) fn verification(from: wit::Verification) -> model::Verification {
    match from {
        wit::Verification::Holds => model::Verification::Holds,
        wit::Verification::Absent => model::Verification::Absent,
        wit::Verification::Differs(deltas) => {
            model::Verification::Differs(all(deltas, attribute_delta))
        }
        wit::Verification::CannotTell(why) => model::Verification::CannotTell(faults::text(why)),
    }
}

fn planned_call(from: wit::PlannedCall) -> model::PlannedCall {
    model::PlannedCall {
        method: faults::text(from.method),
        url: faults::text(from.url),
        summary: faults::text(from.summary),
        is_destructive: from.is_destructive,
    }
}

pub(crate) fn plan(from: wit::PlanResult) -> model::Plan {
    model::Plan { calls: all(from.calls, planned_call), warnings: faults::texts(from.warnings) }
}
