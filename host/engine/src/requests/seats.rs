//! Who takes which seat of an approval step, looked up at the moment when it matters.
//!
//! Whoever is to get the access never decides about it. Where nobody takes a seat that is needed, the
//! admins do.

use std::collections::BTreeSet;

use grantry_authz::Relation;
use grantry_model::ids::{IdentityId, PrincipalId};
use grantry_model::permission::AdminAction;
use grantry_model::request::{ApprovalStatus, Seats, approval_step, open_seats};
use grantry_model::workflow::{Approver, Needs};
use grantry_store::{Request, RequestItem};

use crate::{Ctx, Engine, Result};

/// People of one seat that are shown and told; all of them can decide.
const PEOPLE_MAX: usize = 100;

/// A seat of the step that is on.
pub(super) struct Seat {
    pub approver: Approver,
    /// Who can take it.
    pub people: Vec<PrincipalId>,
    /// Nobody but the admins can.
    pub is_admins: bool,
}

/// A seat as it is shown.
#[derive(Debug, Clone)]
pub struct SeatView {
    /// In which capacity.
    pub approver: Approver,
    /// Who can take it, by id and name.
    pub people: Vec<(PrincipalId, String)>,
    /// Nobody else is there, so the admins decide.
    pub is_admins: bool,
    /// Whether the caller can take it, for themselves or in somebody's place.
    pub is_mine: bool,
}

impl Engine {
    /// People who sign in as that identity.
    pub(super) async fn people_of(&self, identity: &IdentityId) -> Result<Vec<PrincipalId>> {
        Ok(self.db().people_of_identity(identity).await?)
    }

    /// The seats that can be taken now, in the order of the step.
    pub(super) async fn seats(&self, request: &Request, item: &RequestItem) -> Result<Vec<Seat>> {
        let Some(step) = approval_step(&item.workflow, &item.approval) else {
            return Ok(Vec::new());
        };
        if item.approval.status != ApprovalStatus::Pending {
            return Ok(Vec::new());
        }
        let own = self.db().people_perhaps_of(&request.identity).await?;
        let mut seats = Vec::new();
        for approver in step.seats().take(open_seats(step, &item.approval)) {
            let mut people = self.people(approver, request, item).await?;
            people.retain(|person| !own.contains(person));
            seats.push(Seat { approver: approver.clone(), people, is_admins: false });
        }
        let is_somebody = seats.iter().any(|seat| !seat.people.is_empty());
        let stays_empty = step.needs == Needs::Any && is_somebody;
        for seat in seats.iter_mut().filter(|seat| seat.people.is_empty() && !stays_empty) {
            seat.people = self.db().admins().await?;
            seat.people.retain(|person| !own.contains(person));
            seat.is_admins = true;
        }
        Ok(seats)
    }

    async fn people(
        &self,
        approver: &Approver,
        request: &Request,
        item: &RequestItem,
    ) -> Result<Vec<PrincipalId>> {
        let db = self.db();
        let named = match approver {
            Approver::IntegrationOwner => {
                let integration = db.integration_of_app(&item.app).await?;
                integration.and_then(|integration| integration.owner)
            }
            Approver::Person { person } => Some(person.clone()),
            // Those who are found by what they are: who is disabled is not among them.
            Approver::ResourceOwner => {
                return Ok(db.people_of_resource(&item.role, Relation::ResourceOwner).await?);
            }
            Approver::Maintainer => {
                return Ok(db.people_of_resource(&item.role, Relation::Maintainer).await?);
            }
            Approver::Manager => {
                let Some(manager) = db.manager_of(&request.identity).await? else {
                    return Ok(Vec::new());
                };
                return self.people_of(&manager).await;
            }
            Approver::Admin => return Ok(db.admins().await?),
            Approver::Holders { role } => return Ok(db.people_holding(role).await?),
        };
        let Some(named) = named else { return Ok(Vec::new()) };
        let found = db.person(&named).await?;
        let is_there = found.is_some_and(|found| !found.record.is_disabled);
        Ok(if is_there { vec![named] } else { Vec::new() })
    }

    /// Everybody who can decide about something of a request now, delegates included.
    pub(super) async fn people_asked(
        &self,
        request: &Request,
        items: &[RequestItem],
    ) -> Result<Vec<PrincipalId>> {
        let own = self.db().people_perhaps_of(&request.identity).await?;
        let mut people = BTreeSet::new();
        for item in items {
            for seat in self.seats(request, item).await? {
                people.extend(seat.people.into_iter().take(PEOPLE_MAX));
            }
        }
        for person in people.clone() {
            people.extend(self.db().delegate_of(&person).await?);
        }
        people.retain(|person| !own.contains(person));
        Ok(people.into_iter().collect())
    }
}

impl Ctx {
    /// In whose name the caller can take a seat: their own, and of those in whose place they decide.
    async fn own_names(&self, request: &Request) -> Result<Vec<PrincipalId>> {
        let own = &self.actor.principal.id;
        if self.db().people_perhaps_of(&request.identity).await?.contains(own) {
            return Ok(Vec::new());
        }
        let mut names = self.db().delegators_of(own).await?;
        names.push(own.clone());
        Ok(names)
    }

    /// The seats that the caller takes.
    pub(super) async fn own_seats(
        &self,
        request: &Request,
        item: &RequestItem,
        in_place_of_all: bool,
    ) -> Result<Seats> {
        let names = self.own_names(request).await?;
        let is_admin = self.is_admin_of_requests(AdminAction::RequestDecide);
        if in_place_of_all && is_admin && !names.is_empty() {
            return Ok(Seats::InPlaceOfAll);
        }
        let seats = self.engine.seats(request, item).await?;
        let is_mine = |seat: &Seat| seat.people.iter().any(|person| names.contains(person));
        let mine = seats.iter().enumerate().filter(|(_, seat)| is_mine(seat));
        Ok(Seats::These(mine.map(|(position, _)| position).collect()))
    }

    /// Whether the caller has a say in any of it now.
    pub(super) async fn has_a_seat(&self, request: &Request) -> Result<bool> {
        for item in self.db().request_items(&request.id).await? {
            let seats = self.own_seats(request, &item, false).await?;
            if matches!(seats, Seats::These(mine) if !mine.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn seat_views(
        &self,
        request: &Request,
        item: &RequestItem,
    ) -> Result<Vec<SeatView>> {
        let names = self.own_names(request).await?;
        let mut views = Vec::new();
        for seat in self.engine.seats(request, item).await? {
            let is_mine = seat.people.iter().any(|person| names.contains(person));
            let mut people = Vec::new();
            for person in seat.people.into_iter().take(PEOPLE_MAX) {
                let found = self.db().person(&person).await?;
                people.extend(found.map(|found| (person, found.record.principal.name)));
            }
            views.push(SeatView {
                approver: seat.approver,
                people,
                is_admins: seat.is_admins,
                is_mine,
            });
        }
        Ok(views)
    }
}
