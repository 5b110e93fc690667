//! Gives what was approved: the membership and its job, in the transaction of the last word.

use grantry_authz::{Permit, Provenance, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::MembershipId;
use grantry_model::membership::{Effect, Event, Membership, Status, Transition, next};
use grantry_model::method::Way;
use grantry_model::request::ApprovalStatus;
use grantry_store::{AuditEntry, NewMembership, Request, RequestItem, StoredEntitlement, Tx};

use crate::memberships::route::{Route, follow};
use crate::memberships::{changed_entry, entry};
use crate::{Engine, EngineError, Result};

/// When an approved item is looked at again whose older access is still being removed, in milliseconds.
pub(super) const AGAIN_MS: i64 = 30_000;

/// Whether an item is approved and nothing came of it yet.
pub(super) fn is_due(item: &RequestItem) -> bool {
    item.approval.status == ApprovalStatus::Approved
        && item.membership.is_none()
        && item.failure.is_none()
}

/// What comes of an approved item, as things stand.
pub(super) enum Gift {
    /// New access.
    New(Route, Membership),
    /// Access that is there is given anew, or for longer.
    Changed(Route, Membership, Event, Transition),
    /// The access is there, for at least as long.
    There(MembershipId),
    /// It cannot be given.
    Refused(&'static str),
    /// Older access of the same role and account is being removed: look again.
    Later,
}

impl Gift {
    /// The membership that comes of it.
    pub(super) fn membership(&self) -> Option<&MembershipId> {
        match self {
            Self::New(_, membership) | Self::Changed(_, membership, ..) => Some(&membership.id),
            Self::There(id) => Some(id),
            Self::Refused(_) | Self::Later => None,
        }
    }
}

impl Engine {
    /// What comes of an approved item. Only reads.
    pub(super) async fn gift(
        &self,
        request: &Request,
        item: &RequestItem,
        now: UnixMs,
    ) -> Result<Gift> {
        let db = self.db();
        let feed = match self.feed(&item.app).await {
            Err(EngineError::NotFound { what: "app" }) => {
                return Ok(Gift::Refused("the app is gone"));
            }
            feed => feed?,
        };
        let role = db.role(&item.app, &item.role).await?;
        let can_be_given = |role: &StoredEntitlement| {
            role.removed.is_none() && !role.is_immutable && !role.is_frozen
        };
        if !role.is_some_and(|role| can_be_given(&role)) {
            return Ok(Gift::Refused("the role is no longer there, or cannot be granted"));
        }
        let account = db.account(&feed.source, &item.account).await?;
        let Some(account) = account.filter(|account| account.removed.is_none()) else {
            return Ok(Gift::Refused("the account is no longer there"));
        };
        // What was approved for one person must not go to whoever has the account by now.
        if !account.mapping.is_surely_of(&request.identity) {
            return Ok(Gift::Refused("the account is no longer theirs: ask again"));
        }
        let route = feed.route(db.entitlement_method(&item.role).await?.0);
        if route.way == Way::Nobody {
            return Ok(Gift::Refused("nothing provisions this app any more"));
        }
        let ends = request.duration_ms.map(|duration_ms| now.plus_ms(duration_ms));
        let Some(there) = db.living_membership(&item.role, &item.account).await? else {
            let membership = Membership {
                id: MembershipId::fresh(db.clock(), db.random()),
                app: item.app.clone(),
                role: item.role.clone(),
                account: item.account.clone(),
                status: Status::Provisioning,
                ending: None,
                starts: now,
                ends,
                failure: None,
                waiting: None,
                overdue: None,
                version: 1,
            };
            return Ok(Gift::New(route, membership));
        };
        let is_over = there.ends.is_some_and(|ends| ends <= now);
        let event = match (there.status, there.ends, ends) {
            // The next sweep ends it.
            (Status::Provisioning | Status::Active, ..) if is_over => return Ok(Gift::Later),
            (Status::Deprovisioning, ..) => return Ok(Gift::Later),
            (Status::Failed | Status::Expired | Status::Deleted, ..) => Event::Renew { ends },
            (Status::Provisioning | Status::Active, Some(old), Some(new)) if new > old => {
                Event::Extend { ends: new }
            }
            (Status::Provisioning | Status::Active, Some(_), None) => {
                let why = "the access is there with an end, which a request cannot take away";
                return Ok(Gift::Refused(why));
            }
            (Status::Provisioning | Status::Active, ..) => return Ok(Gift::There(there.id)),
        };
        let to = next(&there, event)?;
        Ok(Gift::Changed(route, there, event, to))
    }

    /// Gives it, and returns what the audit log is to say.
    pub(super) async fn give(
        &self,
        tx: &mut Tx,
        item: &RequestItem,
        gift: &Gift,
        provenance: &Provenance,
    ) -> Result<Option<AuditEntry>> {
        let permit: Permit<actions::AppMembershipWrite> =
            Permit::for_approved_request(provenance, &item.app);
        match gift {
            Gift::There(_) | Gift::Refused(_) | Gift::Later => Ok(None),
            Gift::New(route, membership) => {
                let new = NewMembership {
                    id: membership.id.clone(),
                    role: membership.role.clone(),
                    account: membership.account.clone(),
                    ends: membership.ends,
                };
                tx.create_membership(&permit, &new).await?;
                let effect = (&membership.id, Effect::Grant);
                follow(self.db(), tx, &permit, route, effect).await?;
                Ok(Some(entry("membership.granted", membership)))
            }
            Gift::Changed(route, there, event, to) => {
                tx.change_membership(&permit, there, to, None).await?;
                follow(self.db(), tx, &permit, route, (&there.id, to.effect)).await?;
                let after = Membership { status: to.status, ends: to.ends, ..there.clone() };
                let name = match event {
                    Event::Extend { .. } => "membership.extended",
                    _ => "membership.renewed",
                };
                Ok(Some(changed_entry(name, there, &after)))
            }
        }
    }
}
