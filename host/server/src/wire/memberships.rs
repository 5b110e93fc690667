//! Memberships and their operations.

use grantry_api::memberships as wire;
use grantry_engine::{GrantInput, Grantee, StoredOperation, StoredTicket};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{AccountId, EntitlementId, IdentityId};
use grantry_model::membership::{Ending, Membership, Status};

use super::ticket_desks::ticket;
use crate::problem::Problem;

/// A membership.
pub(crate) fn membership(membership: &Membership) -> wire::Membership {
    wire::Membership {
        id: membership.id.to_string(),
        app_id: membership.app.to_string(),
        role_id: membership.role.to_string(),
        account_id: membership.account.to_string(),
        status: status(membership.status),
        ending: membership.ending.map(|ending| match ending {
            Ending::Expiry => wire::Ending::Expiry,
            Ending::Deletion => wire::Ending::Deletion,
        }),
        starts_ms: membership.starts.0,
        ends_ms: membership.ends.map(|at| at.0),
        failure: membership.failure.clone(),
        waiting: membership.waiting.map(|closed| wire::Waiting {
            code: closed.code().to_owned(),
            detail: closed.to_string(),
        }),
        overdue_since_ms: membership.overdue.map(|at| at.0),
        version: membership.version,
    }
}

fn status(status: Status) -> wire::MembershipStatus {
    match status {
        Status::Provisioning => wire::MembershipStatus::Provisioning,
        Status::Active => wire::MembershipStatus::Active,
        Status::Failed => wire::MembershipStatus::Failed,
        Status::Deprovisioning => wire::MembershipStatus::Deprovisioning,
        Status::Expired => wire::MembershipStatus::Expired,
        Status::Deleted => wire::MembershipStatus::Deleted,
    }
}

/// A status's name, from the wire.
pub(crate) fn read_status(status: wire::MembershipStatus) -> &'static str {
    match status {
        wire::MembershipStatus::Provisioning => Status::Provisioning.name(),
        wire::MembershipStatus::Active => Status::Active.name(),
        wire::MembershipStatus::Failed => Status::Failed.name(),
        wire::MembershipStatus::Deprovisioning => Status::Deprovisioning.name(),
        wire::MembershipStatus::Expired => Status::Expired.name(),
        wire::MembershipStatus::Deleted => Status::Deleted.name(),
    }
}

/// One change in the target.
pub(crate) fn operation(
    operation: &StoredOperation,
    tickets: &[StoredTicket],
) -> wire::MembershipOperation {
    let own = tickets.iter().filter(|ticket| ticket.operation == operation.id);
    wire::MembershipOperation {
        id: operation.id.clone(),
        verb: operation.verb.clone(),
        state: operation.state.clone(),
        attempts: operation.attempts,
        started_ms: operation.started.0,
        finished_ms: operation.finished.map(|at| at.0),
        outcome: operation.outcome.clone(),
        tickets: own.map(ticket).collect(),
    }
}

/// An end that is given as a moment or as a duration from now; not as both.
pub(crate) fn read_end(
    now: UnixMs,
    ends_ms: Option<i64>,
    duration_ms: Option<i64>,
) -> Result<Option<UnixMs>, Problem> {
    match (ends_ms, duration_ms) {
        (Some(_), Some(_)) => {
            let message = "cannot be given together with `ends_ms`";
            Err(Problem::field("/duration_ms", "invalid_duration", message))
        }
        (Some(ends_ms), None) => Ok(Some(UnixMs(ends_ms))),
        (None, Some(duration_ms)) => Ok(Some(now.plus_ms(duration_ms))),
        (None, None) => Ok(None),
    }
}

/// The same where there must be an end.
pub(crate) fn read_some_end(
    now: UnixMs,
    ends_ms: Option<i64>,
    duration_ms: Option<i64>,
) -> Result<UnixMs, Problem> {
    let missing = || Problem::field("/ends_ms", "invalid_duration", "or `duration_ms` is required");
    read_end(now, ends_ms, duration_ms)?.ok_or_else(missing)
}

/// Access to be granted, from the wire.
pub(crate) fn read_grant(
    now: UnixMs,
    grant: &wire::GrantMembership,
) -> Result<GrantInput, Problem> {
    let refused = |path: &str, words: String| Problem::field(path, "invalid_id", words);
    Ok(GrantInput {
        role: EntitlementId::parse(&grant.role_id)
            .map_err(|error| refused("/role_id", error.to_string()))?,
        to: match (&grant.account_id, &grant.identity_id) {
            (Some(account), None) => AccountId::parse(account)
                .map(Grantee::Account)
                .map_err(|error| refused("/account_id", error.to_string()))?,
            (None, Some(identity)) => IdentityId::parse(identity)
                .map(Grantee::Identity)
                .map_err(|error| refused("/identity_id", error.to_string()))?,
            (Some(_), Some(_)) => {
                let message = "cannot be given together with `account_id`";
                return Err(Problem::field("/identity_id", "one_of_two", message));
            }
            (None, None) => {
                let message = "or `identity_id` is required";
                return Err(Problem::field("/account_id", "one_of_two", message));
            }
        },
        ends: read_end(now, grant.ends_ms, grant.duration_ms)?,
    })
}
