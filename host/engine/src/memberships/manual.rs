//! Memberships that a person makes true: of apps that no integration feeds, and where a setting closes
//! the gate.
//!
//! Of an app that lists feed, Grantry knows what people say: whoever has done it settles the
//! membership, or the next list shows it. Where there is a target, a person's word lets it be looked
//! at now, and the target decides.

use grantry_authz::{Permit, actions};
use grantry_model::gate::Closed;
use grantry_model::ids::{AppId, MembershipId};
use grantry_model::membership::{Effect, Event, Membership, Status, Transition, next};
use grantry_store::{AuditEntry, Db, StoreError, Tx, Upload};

use super::{CONFLICTS_MAX, NO_APP, NO_MEMBERSHIP, Write, changed_entry, entry};
use crate::idempotency::{Claimed, Turn};
use crate::tasks::{Asked, ask_person};
use crate::{Answer, Ctx, EngineError, Idempotent, Result};

/// Memberships that are confirmed at a time, in the transaction of a list.
const CONFIRMED_AT_ONCE: u32 = 500;

fn operation_id(membership: &MembershipId, effect: i64) -> String {
    format!("{membership}-{effect}")
}

/// What a person, or a list, confirms about a membership that waits; `None` if it waits for nothing.
fn confirmation(membership: &Membership) -> Option<(Event, &'static str)> {
    match membership.status {
        Status::Provisioning => Some((Event::Provisioned, "membership.provisioned")),
        Status::Deprovisioning => Some((Event::Deprovisioned, "membership.deprovisioned")),
        Status::Active | Status::Failed | Status::Expired | Status::Deleted => None,
    }
}

/// Leaves a change of a membership to a person: what is to be done is written down as it is for a
/// connector. Returns the membership as it is then.
pub(crate) async fn await_person(
    db: &Db,
    tx: &mut Tx,
    permit: &Write,
    id: &MembershipId,
    effect: Effect,
) -> Result<Membership> {
    let (membership, number) = tx.membership(id).await?.ok_or(NO_MEMBERSHIP)?;
    let verb = match effect {
        Effect::None => None,
        Effect::Grant => Some("grant"),
        Effect::Revoke => Some("revoke"),
    };
    if let Some(verb) = verb {
        // No job: nothing is tried.
        tx.intend(&operation_id(id, number), id, "", verb).await?;
    }
    if confirmation(&membership).is_none() {
        return Ok(membership);
    }
    let asked = Asked { closed: Closed::Manual, settings: None, detail: "" };
    ask_person(db, tx, permit, &membership, &asked).await?;
    Ok(Membership { waiting: Some(Closed::Manual), ..membership })
}

/// Takes a person's word that what a membership of an app without a target waits for is done: it moves
/// on, and the list with it, whose lock was taken before. `None` if it waits for nothing.
pub(crate) async fn take_word<A: actions::Settles>(
    tx: &mut Tx,
    permit: &Permit<A>,
    there: &Membership,
) -> Result<Option<(Membership, AuditEntry)>> {
    let Some((event, name)) = confirmation(there) else { return Ok(None) };
    let to = next(there, event)?;
    let (_, effect) = tx.membership(&there.id).await?.ok_or(NO_MEMBERSHIP)?;
    tx.confirm_membership(permit, there, &to).await?;
    let operation = operation_id(&there.id, effect);
    tx.close_operation(&operation, "confirmed", "done, by a person's word").await?;
    tx.write_into_list(permit, there, matches!(event, Event::Provisioned)).await?;
    let changed = changed(there, &to);
    let mut entry = changed_entry(name, there, &changed);
    entry.detail["confirmed_by"] = serde_json::json!("word");
    Ok(Some((changed, entry)))
}

/// Confirms what the list that was applied in this transaction shows.
pub(crate) async fn confirm_by_list(
    tx: &mut Tx,
    permit: &Permit<actions::CsvAppUserUpload>,
    app: &AppId,
    upload: &Upload,
) -> Result<()> {
    loop {
        let shown = tx.memberships_shown(app, upload.created, CONFIRMED_AT_ONCE).await?;
        if shown.is_empty() {
            break;
        }
        // Each leaves the set of those that wait, so this ends.
        for (membership, effect) in shown {
            let Some((event, name)) = confirmation(&membership) else { continue };
            let to = next(&membership, event)?;
            tx.confirm_by_list(permit, &membership, &to).await?;
            let operation = operation_id(&membership.id, effect);
            tx.close_operation(&operation, "confirmed", "shown by a list").await?;
            let mut entry = changed_entry(name, &membership, &changed(&membership, &to));
            entry.detail["upload"] = serde_json::json!(upload.id);
            tx.record(entry);
        }
    }
    Ok(())
}

fn changed(membership: &Membership, to: &Transition) -> Membership {
    Membership {
        status: to.status,
        ending: to.ending,
        ends: to.ends,
        failure: None,
        waiting: None,
        overdue: membership.overdue.filter(|_| to.status == Status::Deprovisioning),
        version: membership.version + 1,
        ..membership.clone()
    }
}

/// What a settled membership is changed with, once it is known what it is.
struct Settling<'a, A> {
    permit: &'a Permit<A>,
    app: &'a AppId,
    membership: &'a MembershipId,
    /// Only a membership of a role on this resource.
    resource: Option<&'a str>,
    claimed: &'a Claimed<'a, Membership>,
}

impl Ctx {
    /// Says that what a membership waits for has been done. Where no integration feeds the app that is
    /// taken as true; elsewhere the target is looked at now. One that waits for nobody stays as it is.
    pub async fn settle_membership(
        &self,
        app: &AppId,
        id: &MembershipId,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        let permit = self.permit_app::<actions::AppMembershipWrite>(app).await?;
        self.settle_by(&permit, app, (id, None), request).await
    }

    pub(crate) async fn settle_by<A: actions::Settles>(
        &self,
        permit: &Permit<A>,
        app: &AppId,
        (membership, resource): (&MembershipId, Option<&str>),
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let settling = Settling { permit, app, membership, resource, claimed: &claimed };
        let outcome = self.settle_claimed(&settling).await;
        self.engine.wake.notify_one();
        self.settle(&claimed, outcome).await
    }

    async fn settle_claimed<A: actions::Settles>(
        &self,
        settling: &Settling<'_, A>,
    ) -> Result<Answer> {
        self.db().app(settling.app).await?.ok_or(NO_APP)?;
        let mut outcome =
            Err(EngineError::Store(StoreError::VersionConflict { what: "membership" }));
        for _ in 0..CONFLICTS_MAX {
            let there = self.load_membership(settling.app, settling.membership).await?;
            if let Some(resource) = settling.resource {
                let role = self.db().role(settling.app, &there.role).await?;
                role.filter(|role| role.resource_id == resource).ok_or(NO_MEMBERSHIP)?;
            }
            outcome = match there.waiting {
                // Whoever follows a ticket looks at it now.
                None if self.db().has_open_ticket(&there.id).await? => {
                    self.look_now(settling, &there).await
                }
                None => self.change_nothing(settling, &there).await,
                Some(Closed::Manual) => self.take_word(settling, &there).await,
                Some(
                    Closed::ReadOnly
                    | Closed::PermissionChanges
                    | Closed::AccountCreation
                    | Closed::ManualMethod
                    | Closed::Fallback,
                ) => self.look_now(settling, &there).await,
            };
            let is_conflict =
                matches!(outcome, Err(EngineError::Store(StoreError::VersionConflict { .. })));
            if !is_conflict {
                break;
            }
        }
        outcome
    }

    async fn change_nothing<A>(
        &self,
        settling: &Settling<'_, A>,
        there: &Membership,
    ) -> Result<Answer> {
        let mut tx = self.db().begin(settling.permit.provenance()).await?;
        let answer = settling.claimed.finish(&mut tx, there).await?;
        tx.commit(entry("membership.unchanged", there)).await?;
        Ok(answer)
    }

    /// Nobody but people can tell: the membership moves on, and the list with it.
    async fn take_word<A: actions::Settles>(
        &self,
        settling: &Settling<'_, A>,
        there: &Membership,
    ) -> Result<Answer> {
        let mut tx = self.db().begin(settling.permit.provenance()).await?;
        // The list first, as where a list is applied.
        tx.take_list(settling.permit).await?;
        let Some((changed, entry)) = take_word(&mut tx, settling.permit, there).await? else {
            drop(tx);
            return self.change_nothing(settling, there).await;
        };
        let answer = settling.claimed.finish(&mut tx, &changed).await?;
        tx.commit(entry).await?;
        Ok(answer)
    }

    /// The job that waits reads the target now; what it sees there counts.
    async fn look_now<A: actions::Settles>(
        &self,
        settling: &Settling<'_, A>,
        there: &Membership,
    ) -> Result<Answer> {
        let mut tx = self.db().begin(settling.permit.provenance()).await?;
        tx.hasten_membership(settling.permit, there).await?;
        tx.say_task_done(settling.permit, &there.id).await?;
        let answer = settling.claimed.finish(&mut tx, there).await?;
        tx.commit(entry("membership.look_ordered", there)).await?;
        Ok(answer)
    }
}
