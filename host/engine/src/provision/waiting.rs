//! What becomes of a membership where a setting closes the gate: it waits for a person, and the target
//! is looked at from time to time.

use grantry_authz::{Permit, actions};
use grantry_model::gate::Closed;
use grantry_model::membership::Membership;
use grantry_model::method;
use grantry_model::permission::Entity;
use grantry_store::{AuditEntry, Integration, Job};
use serde_json::json;

use super::{Known, Provisioning};
use crate::gate::wants_desk;
use crate::tasks::{Asked, ask_person};
use crate::worker::Verdict;
use crate::{Engine, Result};

/// How often the target is looked at while a membership waits for a person, in milliseconds.
pub(super) const WAITING_LOOK_MS: u64 = 15 * 60_000;

/// Asks the person who is to do it although the plugin is in quarantine: the target cannot be looked at,
/// but what is done by hand needs no plugin.
pub(super) async fn ask_in_quarantine(
    engine: &Engine,
    job: &Job,
    integration: &Integration,
    membership: &Membership,
) -> Result<()> {
    let own = engine.db().entitlement_method(&membership.role).await?.0;
    let settings = &integration.settings;
    let closed = match method::kept(settings, own) {
        Some(closed) => closed,
        None if wants_desk(settings, method::in_force(settings, own))
            && engine.db().ticket_desk(&integration.id).await?.is_none() =>
        {
            Closed::ReadOnly
        }
        None => return Ok(()),
    };
    if membership.waiting == Some(closed) {
        return Ok(());
    }
    let orderer = engine.orderer(job).await?;
    let entity = Some(Entity::App(membership.app.clone()));
    let permit: Permit<actions::AppMembershipWrite> = Permit::for_job(&job.id, &orderer, entity);
    let mut tx = engine.db().begin(permit.provenance()).await?;
    tx.lock_membership(&membership.id).await?;
    tx.hold(&job.lease(), engine.lease_until()).await?;
    let asked = Asked { closed, settings: Some(settings), detail: "" };
    ask_person(engine.db(), &mut tx, &permit, membership, &asked).await?;
    let detail = json!({ "code": closed.code(), "detail": closed.to_string() });
    let id = membership.id.as_str();
    tx.commit(AuditEntry::about("membership.waits", "membership", id, detail)).await?;
    Ok(())
}

impl Provisioning<'_> {
    /// The gate is closed: looks whether a person has done it meanwhile. Only reads.
    pub(super) async fn look(&self, closed: Closed, attempt: u32) -> Result<Known> {
        Ok(match self.read_back(attempt).await? {
            Known::Confirmed(outcome) => Known::Confirmed(outcome),
            // The connector cannot tell: an aggregation may.
            Known::Later { .. } => match self.ask_catalogue().await? {
                Known::Confirmed(outcome) => Known::Confirmed(outcome),
                _ => Known::Waits(closed),
            },
            _ => Known::Waits(closed),
        })
    }

    /// Leaves the job until a person has done it, or the setting allows it again. Said once, not at
    /// every look.
    pub(super) async fn wait(&self, closed: Closed) -> Result<Verdict> {
        self.check_unchanged().await?;
        if self.membership.waiting != Some(closed) {
            let detail = closed.to_string();
            let mut tx = self.begin().await?;
            if self.licence(&mut tx).await?.is_ok() {
                // The setting was changed while the target was looked at: nobody would tell this job.
                let (code, detail) = (closed.code().to_owned(), closed.to_string());
                let asked_ms = Some(0);
                return Ok(Verdict::Later { asked_ms, code, detail, has_progressed: true });
            }
            let settings = tx.settings(&self.integration.id).await?;
            let asked = Asked { closed, settings: Some(&settings), detail: "" };
            ask_person(self.engine.db(), &mut tx, &self.permit, &self.membership, &asked).await?;
            tx.note_operation(&self.operation_id, &detail).await?;
            let detail = json!({ "code": closed.code(), "detail": detail });
            tx.commit(self.audit("membership.waits", detail)).await?;
        }
        // It is not the target's fault: looking does not use up attempts.
        Ok(Verdict::Later {
            asked_ms: Some(WAITING_LOOK_MS),
            code: closed.code().to_owned(),
            detail: closed.to_string(),
            has_progressed: true,
        })
    }
}
