//! Requests for access: made, decided about, taken back (ACC-1, ACC-5).
//!
//! The pure course of an approval is `model/request.rs`. Who may decide is looked up in [`seats`] at the
//! moment of the decision; [`change`] writes one change with all that follows, [`grant`] gives what was
//! approved in the same transaction; time acts in [`follow`]. A refusal says why and what to do.

mod ask;
mod change;
mod follow;
mod grant;
mod seats;

use grantry_authz::{Provenance, actions};
use grantry_model::ids::{AccountId, AppId, EntitlementId, IdentityId, PrincipalId, RequestId};
use grantry_model::permission::AdminAction;
use grantry_model::request::{
    ApprovalStatus, Decision, Event, NotPossible, REASON_CHARACTERS_MAX, next,
};
use grantry_store::{
    AuditEntry, Delegation, Request, RequestEvent, RequestFilter, RequestItem, StoreError,
};
use serde_json::json;

use self::change::Change;
use crate::{Ctx, EngineError, Page, PageQuery, Result};

pub use seats::SeatView;

/// How often a decision is repeated that met another one.
const CONFLICTS_MAX: u32 = 5;
/// Longest time for which somebody decides in another's place, in milliseconds: a year.
const DELEGATION_MS_MAX: i64 = 366 * 24 * 3_600_000;

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct RequestInput {
    /// Who is to get it; `None` for the caller.
    pub identity: Option<IdentityId>,
    /// What.
    pub items: Vec<WantedRole>,
    /// Why.
    pub reason: String,
    /// For how long, from the approval, in milliseconds; `None` without an end.
    pub duration_ms: Option<i64>,
}

/// A role that is asked for.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WantedRole {
    pub app: AppId,
    pub role: EntitlementId,
    /// Which account, where the identity has several.
    pub account: Option<AccountId>,
}

/// A decision.
#[derive(Debug, Clone)]
pub struct DecisionInput {
    /// What.
    pub decision: Decision,
    /// Why.
    pub note: String,
    /// About which items; `None` for all that the caller may decide about now.
    pub items: Option<Vec<u32>>,
    /// An admin stands in for everybody who is asked.
    pub in_place_of_all: bool,
}

/// Whose requests are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those that the caller made.
    Mine,
    /// Those that the caller was asked about.
    Asked,
    /// Everybody's.
    All,
}

/// A request with what it asks for.
#[derive(Debug, Clone)]
pub struct RequestView {
    /// The request.
    pub request: Request,
    /// What it asks for.
    pub items: Vec<ItemView>,
}

/// One thing that is asked for.
#[derive(Debug, Clone)]
pub struct ItemView {
    /// What, and where it stands.
    pub item: RequestItem,
    /// Who is asked now; empty when it is over.
    pub waits_for: Vec<SeatView>,
}

const NO_REQUEST: EngineError = EngineError::NotFound { what: "request" };

impl Ctx {
    fn is_admin_of_requests(&self, action: AdminAction) -> bool {
        self.actor.permissions.admin_actions().contains(&action)
    }

    /// Requests, the latest first.
    pub async fn list_requests(&self, whose: Whose, query: &PageQuery) -> Result<Page<Request>> {
        self.permit_own().await?;
        let own = self.actor.principal.id.to_string();
        let mut filter = RequestFilter::default();
        match whose {
            Whose::Mine => filter.requester = own,
            Whose::Asked => filter.approver = own,
            Whose::All => {
                self.permit_admin::<actions::RequestRead>().await?;
            }
        }
        filter.status = match query.status.as_str() {
            "" => None,
            name => Some(ApprovalStatus::parse(name).ok_or_else(|| {
                EngineError::field("/status", "unknown_status", "no such status of a request")
            })?),
        };
        let list = format!("requests/{whose:?}/{}/{}", filter.requester, filter.approver);
        let before = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_requests(&filter, &before, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// One request, for those whom it concerns.
    pub async fn request(&self, id: &RequestId) -> Result<RequestView> {
        self.permit_own().await?;
        let request = self.visible_request(id).await?;
        self.request_view(request).await
    }

    async fn request_view(&self, request: Request) -> Result<RequestView> {
        let items = self.db().request_items(&request.id).await?;
        self.with_seats(request, items).await
    }

    /// A request with who is asked now.
    async fn with_seats(&self, request: Request, rows: Vec<RequestItem>) -> Result<RequestView> {
        let mut items = Vec::new();
        for item in rows {
            let waits_for = self.seat_views(&request, &item).await?;
            items.push(ItemView { item, waits_for });
        }
        Ok(RequestView { request, items })
    }

    /// A request that the caller made, is asked about, gets the access of, or may read as an admin.
    async fn visible_request(&self, id: &RequestId) -> Result<Request> {
        let request = self.db().request(id).await?.ok_or(NO_REQUEST)?;
        let own = &self.actor.principal.id;
        let is_seen = request.requester == *own
            || self.is_admin_of_requests(AdminAction::RequestRead)
            || self.db().was_asked(id, own).await?
            || self.engine.people_of(&request.identity).await?.contains(own)
            || self.has_a_seat(&request).await?;
        if is_seen { Ok(request) } else { Err(NO_REQUEST) }
    }

    /// What happened to a request, in order.
    pub async fn list_request_events(
        &self,
        id: &RequestId,
        query: &PageQuery,
    ) -> Result<Page<RequestEvent>> {
        self.permit_own().await?;
        self.visible_request(id).await?;
        let list = format!("request-events/{id}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let after = after.parse().unwrap_or(0);
        let rows = self.db().request_events(id, after, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.position.to_string()))
    }

    /// Decides about what a request asks for, as far as the caller has a say.
    pub async fn decide_request(
        &self,
        id: &RequestId,
        input: &DecisionInput,
    ) -> Result<RequestView> {
        let permit = self.permit_own().await?;
        check_text("/note", &input.note)?;
        self.visible_request(id).await?;
        if input.in_place_of_all {
            self.permit_admin::<actions::RequestDecide>().await?;
            if input.note.trim().is_empty() {
                let message = "say why you decide in place of those who are asked";
                return Err(EngineError::field("/note", "required", message));
            }
        }
        for _ in 0..CONFLICTS_MAX {
            match self.decide_once(id, input, permit.provenance()).await {
                Err(EngineError::Store(
                    StoreError::VersionConflict { .. } | StoreError::AlreadyExists { .. },
                )) => {}
                other => {
                    other?;
                    self.engine.wake.notify_one();
                    let request = self.db().request(id).await?.ok_or(NO_REQUEST)?;
                    return self.request_view(request).await;
                }
            }
        }
        Err(StoreError::VersionConflict { what: "request" }.into())
    }

    async fn decide_once(
        &self,
        id: &RequestId,
        input: &DecisionInput,
        provenance: &Provenance,
    ) -> Result<()> {
        let db = self.db();
        let request = db.request(id).await?.ok_or(NO_REQUEST)?;
        let items = db.request_items(id).await?;
        check_named(&items, input.items.as_deref())?;
        let is_named = |item: &RequestItem| {
            input.items.as_ref().is_none_or(|named| named.contains(&item.position))
        };
        let word = match input.decision {
            Decision::Approve => "approved",
            Decision::Reject => "rejected",
        };
        let now = db.now();
        let mut change = Change::of(&request, items, input.note.trim());
        let mut refused = None;
        for position in change.positions() {
            let item = change.item(position);
            if !is_named(item) {
                continue;
            }
            let seats = self.own_seats(&request, item, input.in_place_of_all).await?;
            let by = self.actor.principal.id.clone();
            let event = Event::Vote {
                by: by.clone(),
                seats,
                decision: input.decision,
                note: change.note(),
            };
            match next(&item.workflow, &item.facts, &item.approval, event, now) {
                Ok(to) => change.move_item(position, to, Some((by, word))),
                // Of all that are there, those that can be decided about are.
                Err(error) if input.items.is_none() => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        match refused {
            Some(error) if change.is_nothing() => Err(error.into()),
            _ => self.engine.write_change(change, provenance, now).await,
        }
    }

    /// Takes back what the caller asked for and nobody decided about yet.
    pub async fn withdraw_request(&self, id: &RequestId) -> Result<RequestView> {
        let permit = self.permit_own().await?;
        let request = self.visible_request(id).await?;
        if request.requester != self.actor.principal.id {
            return Err(EngineError::NotRequester);
        }
        let now = self.db().now();
        let mut change = Change::of(&request, self.db().request_items(id).await?, "");
        for position in change.positions() {
            let item = change.item(position);
            if item.approval.status == ApprovalStatus::Pending {
                let to = next(&item.workflow, &item.facts, &item.approval, Event::Withdraw, now)?;
                change.move_item(position, to, Some((request.requester.clone(), "withdrawn")));
            }
        }
        if change.is_nothing() {
            return Err(NotPossible::Decided(request.status).into());
        }
        self.engine.write_change(change, permit.provenance(), now).await?;
        let request = self.db().request(id).await?.ok_or(NO_REQUEST)?;
        self.request_view(request).await
    }

    /// Who decides in the caller's place, now or later.
    pub async fn own_delegation(&self) -> Result<Option<Delegation>> {
        self.permit_own().await?;
        Ok(self.db().delegation(&self.actor.principal.id).await?)
    }

    /// Lets somebody decide about requests in the caller's place for a while.
    pub async fn delegate(
        &self,
        to: &PrincipalId,
        starts: grantry_model::clock::UnixMs,
        ends: grantry_model::clock::UnixMs,
    ) -> Result<Delegation> {
        let permit = self.permit_own().await?;
        let own = &self.actor.principal.id;
        let delegate = self.db().person(to).await?.filter(|person| !person.record.is_disabled);
        if delegate.is_none() || to == own {
            let message = "must be the id of another person who can sign in";
            return Err(EngineError::field("/delegate_id", "unknown_person", message));
        }
        let now = self.db().now();
        if ends <= starts || ends <= now || ends > now.plus_ms(DELEGATION_MS_MAX) {
            let message = "must lie after the start, and between now and a year from now";
            return Err(EngineError::field("/ends_ms", "out_of_range", message));
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_delegation(&permit, to, starts, ends).await?;
        let detail = json!({ "delegate": to, "starts_ms": starts, "ends_ms": ends });
        tx.commit(AuditEntry::about("delegation.set", "person", own.as_str(), detail)).await?;
        let what = "delegation";
        self.db().delegation(own).await?.ok_or(EngineError::NotFound { what })
    }

    /// Ends it. Ending what is not there changes nothing.
    pub async fn end_delegation(&self) -> Result<()> {
        let permit = self.permit_own().await?;
        let own = self.actor.principal.id.as_str();
        let mut tx = self.db().begin(permit.provenance()).await?;
        if tx.end_delegation(&permit).await? {
            let entry = AuditEntry::about("delegation.ended", "person", own, json!({}));
            tx.commit(entry).await?;
        }
        Ok(())
    }
}

fn check_text(path: &str, text: &str) -> Result<()> {
    crate::error::check_description(path, text)?;
    if text.chars().count() > REASON_CHARACTERS_MAX {
        let message = format!("must have at most {REASON_CHARACTERS_MAX} characters");
        return Err(EngineError::field(path, "invalid_string", message));
    }
    Ok(())
}

fn check_named(items: &[RequestItem], named: Option<&[u32]>) -> Result<()> {
    let is_there = |wanted: &u32| items.iter().any(|item| item.position == *wanted);
    match named {
        Some([]) => Err(EngineError::field("/items", "required", "name an item, or leave it out")),
        Some(named) if !named.iter().all(is_there) => {
            Err(EngineError::field("/items", "unknown_item", "the request has no such item"))
        }
        Some(_) | None => Ok(()),
    }
}
