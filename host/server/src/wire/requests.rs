//! Requests.

use grantry_api::requests as wire;
use grantry_engine::{
    DecisionInput, Delegation, ItemView, Request, RequestEvent, RequestInput, RequestView,
    SeatView, WantedRole, Whose,
};
use grantry_model::ids::{AccountId, AppId, EntitlementId, IdentityId};
use grantry_model::request::{ApprovalStatus, Decision, Seats, Vote, expires};

use crate::problem::Problem;
use crate::wire::workflows::{approver, step};

/// A request, in a list.
pub(crate) fn summary(request: &Request) -> wire::RequestSummary {
    wire::RequestSummary {
        id: request.id.to_string(),
        requester_id: request.requester.to_string(),
        requester_name: request.requester_name.clone(),
        identity_id: request.identity.to_string(),
        identity_name: request.identity_name.clone(),
        summary: request.summary.clone(),
        reason: request.reason.clone(),
        duration_ms: request.duration_ms,
        status: status(request.status),
        created_ms: request.created.0,
        finished_ms: request.finished.map(|at| at.0),
    }
}

/// A request with what it asks for.
pub(crate) fn request(view: &RequestView) -> wire::AccessRequest {
    let items = view.items.iter().map(item).collect();
    wire::AccessRequest { request: summary(&view.request), items }
}

fn status(status: ApprovalStatus) -> wire::RequestStatus {
    match status {
        ApprovalStatus::Pending => wire::RequestStatus::Pending,
        ApprovalStatus::Approved => wire::RequestStatus::Approved,
        ApprovalStatus::Rejected => wire::RequestStatus::Rejected,
        ApprovalStatus::Withdrawn => wire::RequestStatus::Withdrawn,
        ApprovalStatus::Expired => wire::RequestStatus::Expired,
    }
}

fn item(view: &ItemView) -> wire::RequestItem {
    let ItemView { item, waits_for } = view;
    let approval = &item.approval;
    let is_pending = approval.status == ApprovalStatus::Pending;
    wire::RequestItem {
        position: item.position,
        app_id: item.app.to_string(),
        app_name: item.app_name.clone(),
        role_id: item.role.to_string(),
        role_name: item.role_name.clone(),
        account_id: item.account.to_string(),
        status: status(approval.status),
        workflow: item.workflow.name.clone(),
        steps: item.workflow.steps.iter().map(step).collect(),
        step: small(approval.step),
        step_since_ms: approval.since.0,
        expires_ms: is_pending.then(|| expires(&item.workflow, approval).0),
        waits_for: waits_for.iter().map(seat).collect(),
        votes: approval.votes.iter().map(vote).collect(),
        membership_id: item.membership.as_ref().map(ToString::to_string),
        membership_status: item.membership_status.clone(),
        failure: item.failure.clone(),
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn seat(seat: &SeatView) -> wire::RequestSeat {
    let people = seat
        .people
        .iter()
        .map(|(id, name)| wire::NamedPerson { id: id.to_string(), name: name.clone() });
    wire::RequestSeat {
        approver: approver(&seat.approver),
        people: people.collect(),
        is_admins: seat.is_admins,
        is_mine: seat.is_mine,
    }
}

fn vote(vote: &Vote) -> wire::RequestVote {
    wire::RequestVote {
        step: small(vote.step),
        person_id: vote.by.to_string(),
        decision: match vote.decision {
            Decision::Approve => wire::Decision::Approve,
            Decision::Reject => wire::Decision::Reject,
        },
        in_place_of_all: vote.seats == Seats::InPlaceOfAll,
        note: vote.note.clone(),
        at_ms: vote.at.0,
    }
}

/// Something that happened to a request.
pub(crate) fn event(event: &RequestEvent) -> wire::RequestEvent {
    wire::RequestEvent {
        at_ms: event.at.0,
        person_id: event.by.as_ref().map(ToString::to_string),
        person_name: event.by_name.clone(),
        item: event.item,
        event: event.event.clone(),
        note: event.note.clone(),
    }
}

/// Who decides in the caller's place.
pub(crate) fn delegation(delegation: &Delegation) -> wire::Delegation {
    wire::Delegation {
        delegate_id: delegation.delegate.to_string(),
        delegate_name: delegation.delegate_name.clone(),
        starts_ms: delegation.starts.0,
        ends_ms: delegation.ends.0,
    }
}

/// What is asked for, from the wire.
pub(crate) fn read_create(body: wire::CreateRequest) -> Result<RequestInput, Problem> {
    let invalid = |path: String| {
        move |error: grantry_model::ids::InvalidId| {
            Problem::field(path, "invalid_id", error.to_string())
        }
    };
    let read = |(position, wanted): (usize, wire::WantedRole)| {
        let at = |field: &str| invalid(format!("/items/{position}/{field}"));
        let account = wanted.account_id.as_deref().map(AccountId::parse).transpose();
        Ok::<_, Problem>(WantedRole {
            app: AppId::parse(&wanted.app_id).map_err(at("app_id"))?,
            role: EntitlementId::parse(&wanted.role_id).map_err(at("role_id"))?,
            account: account.map_err(at("account_id"))?,
        })
    };
    let identity = body.identity_id.as_deref().map(IdentityId::parse).transpose();
    Ok(RequestInput {
        identity: identity.map_err(invalid("/identity_id".to_owned()))?,
        items: body.items.into_iter().enumerate().map(read).collect::<Result<_, _>>()?,
        reason: body.reason,
        duration_ms: body.duration_ms,
    })
}

/// A decision, from the wire.
pub(crate) fn read_decision(body: wire::DecideRequest) -> DecisionInput {
    DecisionInput {
        decision: match body.decision {
            wire::Decision::Approve => Decision::Approve,
            wire::Decision::Reject => Decision::Reject,
        },
        note: body.note,
        items: body.items,
        in_place_of_all: body.in_place_of_all,
    }
}

/// Whose requests, from the wire.
pub(crate) fn read_whose(whose: Option<wire::Whose>) -> Whose {
    match whose.unwrap_or_default() {
        wire::Whose::Mine => Whose::Mine,
        wire::Whose::Asked => Whose::Asked,
        wire::Whose::All => Whose::All,
    }
}

/// A status, by its name.
pub(crate) fn status_name(wanted: Option<wire::RequestStatus>) -> String {
    let is_it = |other: &ApprovalStatus| Some(status(*other)) == wanted;
    let found = ApprovalStatus::ALL.into_iter().find(is_it);
    found.map_or_else(String::new, |found| found.name().to_owned())
}
