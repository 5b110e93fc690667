//! Memberships: granted, extended, renewed and deleted, once per idempotency key (ACC-2).
//!
//! What follows in the target is a job, ordered in the transaction of the change: see `provision`. Where
//! no integration feeds the app, a person does it: see [`manual`].

pub(crate) mod manual;
pub(crate) mod route;

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{
    AccountId, AppId, EntitlementId, IdentityId, IntegrationId, MembershipId,
};
use grantry_model::membership::{Effect, Event, Membership, NotPossible, Status, check_end, next};
use grantry_model::method::Way;
use grantry_store::{
    AuditEntry, MembershipQuery, NewMembership, StoreError, StoredOperation, StoredTicket, Tx,
};
use serde_json::json;

use crate::idempotency::{Claimed, Turn};
use crate::integrations::not_offered;
use crate::memberships::route::{Feed, Route, follow};
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// Access to be granted.
#[derive(Debug, Clone)]
pub struct GrantInput {
    /// A role of the app.
    pub role: EntitlementId,
    /// Who gets it.
    pub to: Grantee,
    /// Until when; `None` until it is deleted.
    pub ends: Option<UnixMs>,
}

/// Who gets access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// An account of the app's integration.
    Account(AccountId),
    /// The one account there that is mapped to the identity.
    Identity(IdentityId),
}

/// Access to be granted to an account.
struct NewAccess {
    role: EntitlementId,
    account: AccountId,
    ends: Option<UnixMs>,
}

const NO_APP: EngineError = EngineError::NotFound { what: "app" };
const NO_MEMBERSHIP: EngineError = EngineError::NotFound { what: "membership" };
const NO_ROLE: EngineError = EngineError::NotFound { what: "role" };

/// How often a change is repeated that met another change of the same membership.
const CONFLICTS_MAX: u32 = 5;

type Write = Permit<actions::AppMembershipWrite>;

/// Access of a frozen role can end, but not begin or last longer (CAT-3).
fn frozen(kind: &str, path: &str) -> EngineError {
    let message = format!("the role is frozen: its entitlement type `{kind}` is deleted");
    EngineError::field(path, "role_frozen", message)
}

impl Ctx {
    /// Grants a role to an account. Access that is there already is returned as it is.
    pub async fn grant_membership(
        &self,
        app: &AppId,
        input: &GrantInput,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        let permit = self.permit_app::<actions::AppMembershipWrite>(app).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let outcome = self.grant_claimed(app, input, &permit, &claimed).await;
        self.engine.wake.notify_one();
        self.settle(&claimed, outcome).await
    }

    async fn grant_claimed(
        &self,
        app: &AppId,
        input: &GrantInput,
        permit: &Write,
        claimed: &Claimed<'_, Membership>,
    ) -> Result<Answer> {
        let feed = &self.engine.feed(app).await?;
        let route = &self.route(feed, &input.role).await?;
        if let Some(ends) = input.ends {
            check_end(self.db().now(), ends)?;
        }
        let account = match &input.to {
            Grantee::Account(account) => account.clone(),
            Grantee::Identity(identity) => self.account_of_identity(&feed.source, identity).await?,
        };
        let input = &NewAccess { role: input.role.clone(), account, ends: input.ends };
        self.check_grantable(app, &feed.source, input).await?;
        for _ in 0..CONFLICTS_MAX {
            let living = self.db().living_membership(&input.role, &input.account).await?;
            let attempt = match living {
                None => self.create_membership(route, input, permit, claimed).await,
                Some(there) => {
                    let event = match there.status {
                        Status::Provisioning | Status::Active => None,
                        Status::Failed
                        | Status::Deprovisioning
                        | Status::Expired
                        | Status::Deleted => Some(Event::Renew { ends: input.ends }),
                    };
                    self.change(route, &there, event, permit, claimed).await
                }
            };
            match attempt {
                // Another grant or change came between: look again.
                Err(EngineError::Store(
                    StoreError::AlreadyExists { .. } | StoreError::VersionConflict { .. },
                )) => {}
                other => return other,
            }
        }
        Err(EngineError::Store(StoreError::VersionConflict { what: "membership" }))
    }

    async fn create_membership(
        &self,
        route: &Route,
        input: &NewAccess,
        permit: &Write,
        claimed: &Claimed<'_, Membership>,
    ) -> Result<Answer> {
        let db = self.db();
        let new = NewMembership {
            id: MembershipId::fresh(db.clock(), db.random()),
            role: input.role.clone(),
            account: input.account.clone(),
            ends: input.ends,
        };
        let mut tx = db.begin(permit.provenance()).await?;
        tx.create_membership(permit, &new).await?;
        let membership = Membership {
            id: new.id.clone(),
            app: permit.app().cloned().ok_or(NO_APP)?,
            role: new.role,
            account: new.account,
            status: Status::Provisioning,
            ending: None,
            starts: tx.now(),
            ends: new.ends,
            failure: None,
            waiting: None,
            overdue: None,
            version: 1,
        };
        let membership = self.follow(&mut tx, route, permit, membership, Effect::Grant).await?;
        let answer = claimed.finish(&mut tx, &membership).await?;
        tx.commit(entry("membership.granted", &membership)).await?;
        Ok(answer)
    }

    /// The role is the app's and can be granted; the account is the integration's.
    async fn check_grantable(
        &self,
        app: &AppId,
        integration: &IntegrationId,
        input: &NewAccess,
    ) -> Result<()> {
        let role = self.db().role(app, &input.role).await?.ok_or(NO_ROLE)?;
        if role.removed.is_some() {
            let message = "this role is no longer in the target";
            return Err(EngineError::field("/role_id", "role_removed", message));
        }
        if role.is_immutable {
            let message = "the target does not let anyone grant this role";
            return Err(EngineError::field("/role_id", "role_immutable", message));
        }
        if role.is_frozen {
            return Err(frozen(&role.kind, "/role_id"));
        }
        let account = self.db().account(integration, &input.account).await?;
        if account.is_none_or(|account| account.removed.is_some()) {
            let message = "the app has no such account";
            return Err(EngineError::field("/account_id", "unknown_account", message));
        }
        Ok(())
    }

    /// Where a change of the access to a role goes: see [`route`]. Refused if nobody can make it.
    async fn route(&self, feed: &Feed, role: &EntitlementId) -> Result<Route> {
        let route = feed.route(self.db().entitlement_method(role).await?.0);
        match route.way {
            Way::Connector | Way::Webhook | Way::Ticket | Way::Person(_) => Ok(route),
            Way::Nobody => Err(not_offered("provision")),
        }
    }

    /// Moves the end of an active membership.
    pub async fn extend_membership(
        &self,
        app: &AppId,
        id: &MembershipId,
        ends: UnixMs,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        self.change_membership(app, id, Event::Extend { ends }, Some(ends), request).await
    }

    /// Starts a new period on an expired membership.
    pub async fn renew_membership(
        &self,
        app: &AppId,
        id: &MembershipId,
        ends: Option<UnixMs>,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        self.change_membership(app, id, Event::Renew { ends }, ends, request).await
    }

    /// Ends a membership now.
    pub async fn delete_membership(
        &self,
        app: &AppId,
        id: &MembershipId,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        self.change_membership(app, id, Event::Delete, None, request).await
    }

    async fn change_membership(
        &self,
        app: &AppId,
        id: &MembershipId,
        event: Event,
        ends: Option<UnixMs>,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        let permit = self.permit_app::<actions::AppMembershipWrite>(app).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let outcome = self.change_claimed(app, id, (event, ends), &permit, &claimed).await;
        self.engine.wake.notify_one();
        self.settle(&claimed, outcome).await
    }

    async fn change_claimed(
        &self,
        app: &AppId,
        id: &MembershipId,
        (event, ends): (Event, Option<UnixMs>),
        permit: &Write,
        claimed: &Claimed<'_, Membership>,
    ) -> Result<Answer> {
        let feed = self.engine.feed(app).await?;
        let there = self.load_membership(app, id).await?;
        let route = match event {
            // Access can always end: if nobody else can do it, a person is asked.
            Event::Delete => feed.route(self.db().entitlement_method(&there.role).await?.0),
            _ => self.route(&feed, &there.role).await?,
        };
        if matches!(event, Event::Extend { .. } | Event::Renew { .. }) {
            let role = self.db().role(app, &there.role).await?.ok_or(NO_ROLE)?;
            if role.is_frozen {
                return Err(frozen(&role.kind, ""));
            }
        }
        if let Some(ends) = ends {
            check_end(self.db().now(), ends)?;
        }
        let mut outcome =
            Err(EngineError::Store(StoreError::VersionConflict { what: "membership" }));
        for _ in 0..CONFLICTS_MAX {
            outcome = match self.load_membership(app, id).await {
                Ok(there) => self.change(&route, &there, Some(event), permit, claimed).await,
                Err(error) => Err(error),
            };
            let is_conflict =
                matches!(outcome, Err(EngineError::Store(StoreError::VersionConflict { .. })));
            if !is_conflict {
                break;
            }
        }
        outcome
    }

    /// One change in one transaction, with the job that it calls for. No event changes nothing.
    async fn change(
        &self,
        route: &Route,
        there: &Membership,
        event: Option<Event>,
        permit: &Write,
        claimed: &Claimed<'_, Membership>,
    ) -> Result<Answer> {
        let mut tx = self.db().begin(permit.provenance()).await?;
        let Some(event) = event else {
            let answer = claimed.finish(&mut tx, there).await?;
            tx.commit(entry("membership.unchanged", there)).await?;
            return Ok(answer);
        };
        let is_over = there.ends.is_some_and(|ends| ends <= tx.now());
        if is_over && matches!(event, Event::Extend { .. }) {
            // Its end has come; the next sweep will say so.
            return Err(NotPossible { status: Status::Expired, verb: "extended" }.into());
        }
        let to = next(there, event)?;
        tx.change_membership(permit, there, &to, None).await?;
        let changed = Membership {
            status: to.status,
            ending: to.ending,
            ends: to.ends,
            failure: None,
            // Whoever is asked for it stays asked, where it is still the same that is to be done.
            waiting: there
                .waiting
                .filter(|_| to.status == there.status && to.effect == Effect::None),
            overdue: there.overdue.filter(|_| to.status == Status::Deprovisioning),
            version: there.version + 1,
            ..there.clone()
        };
        let changed = self.follow(&mut tx, route, permit, changed, to.effect).await?;
        let answer = claimed.finish(&mut tx, &changed).await?;
        let event = match event {
            Event::Extend { .. } => "membership.extended",
            Event::Renew { .. } => "membership.renewed",
            _ => "membership.deleted",
        };
        tx.commit(changed_entry(event, there, &changed)).await?;
        Ok(answer)
    }

    /// Has a change made true.
    async fn follow(
        &self,
        tx: &mut Tx,
        route: &Route,
        permit: &Write,
        membership: Membership,
        effect: Effect,
    ) -> Result<Membership> {
        let changed = follow(self.db(), tx, permit, route, (&membership.id, effect)).await?;
        Ok(changed.unwrap_or(membership))
    }

    async fn load_membership(&self, app: &AppId, id: &MembershipId) -> Result<Membership> {
        let found = self.db().membership(id).await?.map(|(membership, _)| membership);
        found.filter(|membership| membership.app == *app).ok_or(NO_MEMBERSHIP)
    }

    /// One membership of an app.
    pub async fn membership(&self, app: &AppId, id: &MembershipId) -> Result<Membership> {
        self.permit_app::<actions::AppAndRoleRead>(app).await?;
        self.load_membership(app, id).await
    }

    /// Memberships of an app; optionally of one account or one role, or those that wait for a person.
    pub async fn list_memberships(
        &self,
        app: &AppId,
        wanted: MembershipQuery,
        query: &PageQuery,
    ) -> Result<Page<Membership>> {
        self.permit_app::<actions::AppAndRoleRead>(app).await?;
        self.db().app(app).await?.ok_or(NO_APP)?;
        self.page_of_memberships(format!("memberships/{app}"), app, wanted, query).await
    }

    pub(crate) async fn page_of_memberships(
        &self,
        list: String,
        app: &AppId,
        wanted: MembershipQuery,
        query: &PageQuery,
    ) -> Result<Page<Membership>> {
        let status = match query.status.as_str() {
            "" => None,
            name => Some(Status::parse(name).ok_or_else(|| {
                EngineError::field("/status", "unknown_status", "no such status of a membership")
            })?),
        };
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let wanted = MembershipQuery { status, after, limit: query.limit + 1, ..wanted };
        let rows = self.db().list_memberships(app, &wanted).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// What was done in the target for a membership, oldest first.
    pub async fn list_operations(
        &self,
        app: &AppId,
        id: &MembershipId,
    ) -> Result<Vec<StoredOperation>> {
        self.membership(app, id).await?;
        Ok(self.db().list_operations(id).await?)
    }

    /// The tickets that were opened for a membership, oldest first.
    pub async fn list_tickets(&self, app: &AppId, id: &MembershipId) -> Result<Vec<StoredTicket>> {
        self.membership(app, id).await?;
        Ok(self.db().list_tickets(id).await?)
    }
}

/// The audit entry of a change of a membership, with what was there before.
pub(crate) fn changed_entry(
    event: &'static str,
    before: &Membership,
    after: &Membership,
) -> AuditEntry {
    let of = |membership: &Membership| json!({ "status": membership.status, "ends_ms": membership.ends });
    let mut entry = entry(event, after);
    entry.detail["before"] = of(before);
    entry.detail["after"] = of(after);
    entry
}

/// The audit entry about a membership as it is.
pub(crate) fn entry(event: &'static str, membership: &Membership) -> AuditEntry {
    let detail = json!({
        "app": membership.app,
        "role": membership.role,
        "account": membership.account,
        "status": membership.status,
        "ends_ms": membership.ends,
    });
    AuditEntry::about(event, "membership", membership.id.as_str(), detail)
}
