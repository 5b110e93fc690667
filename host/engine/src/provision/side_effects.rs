//! Access that a write took away beside what it was for, by the connector's own word.
//!
//! Some targets hold one role an account, or drop members with a change. What was lost is looked at,
//! audited and told; memberships that are not true any more say so, instead of staying active.

use grantry_model::catalogue::Assignment;
use grantry_model::fingerprint::{Domain, Key, Keys};
use grantry_model::ids::{AccountId, EntitlementId};
use grantry_model::membership::{Event, Membership, Status, next};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::provision::{Effects, GrantRequest, Operation, Outcome, Verification};
use grantry_store::StoreError;
use serde_json::json;

use super::Provisioning;
use crate::memberships::changed_entry;
use crate::{EngineError, Result};

/// Lost assignments of one write that are looked at; more are only counted.
const LOST_MAX: usize = 50;
/// Lost assignments that a notice names.
const NAMED_MAX: usize = 10;

/// What an outcome tells that was done.
fn effects(outcome: &Outcome) -> Option<&Effects> {
    match outcome {
        Outcome::Done(effects)
        | Outcome::Already(effects)
        | Outcome::Partial { done: effects, .. } => Some(effects),
        Outcome::InProgress { .. } | Outcome::Invited { .. } | Outcome::NeedsHuman { .. } => None,
    }
}

impl Provisioning<'_> {
    /// Takes note of the access that a write took away beside its purpose.
    pub(super) async fn note_side_effects(&self, outcome: &Outcome) -> Result<()> {
        let Some(effects) = effects(outcome) else { return Ok(()) };
        let own = |lost: &&Assignment| {
            lost.entitlement == self.role.native_id && lost.holder.id == self.account.native_id
        };
        let lost: Vec<&Assignment> =
            effects.also_revoked.iter().chain(&effects.replaced).filter(|a| !own(a)).collect();
        let mut gone = Vec::new();
        for assignment in lost.iter().take(LOST_MAX) {
            if let Some(words) = self.look_at_lost(assignment).await? {
                gone.push(words);
            }
        }
        if gone.is_empty() && lost.len() <= LOST_MAX {
            return Ok(());
        }
        let count = gone.len() + lost.len().saturating_sub(LOST_MAX);
        let named = gone.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("; ");
        let mut tx = self.begin().await?;
        tx.distrust_assignments(&self.integration.id).await?;
        let notice = Notice::new(NoticeKind::AccessLost, Some(&self.integration.id))
            .with("integration", &self.integration.name)
            .with("account", &self.account.display)
            .with("entitlement", &self.role.display)
            .with("count", &count.to_string())
            .with("lost", &named);
        tx.queue_notice(&notice).await?;
        let detail = json!({ "count": count, "lost": gone });
        tx.commit(self.audit("operation.took_more_away", detail)).await?;
        tracing::warn!(operation.id = self.operation_id, count, "a write took other access away");
        Ok(())
    }

    /// Reads one lost assignment back. What is really gone is taken from the catalogue, and the
    /// membership that stood for it fails. Tells it in words; nothing if it is there, or known to be
    /// gone.
    async fn look_at_lost(&self, lost: &Assignment) -> Result<Option<String>> {
        let db = self.engine.db();
        let mut keys = Keys::of(&self.integration.id);
        let role_key = keys.entitlement(&lost.entitlement);
        let holder_key = keys.object(Domain::Account, &lost.holder.kind, &lost.holder.id);
        let ids = EntitlementId::parse(&role_key.text())
            .ok()
            .zip(AccountId::parse(&holder_key.text()).ok());
        let Some((role, account)) = ids else { return Ok(None) };
        let membership = db.living_membership(&role, &account).await?;
        let active = membership.filter(|membership| membership.status == Status::Active);
        if active.is_none() && !db.has_assignment(&role, &account).await? {
            return Ok(None);
        }
        let Some(stored) = db.role(&self.membership.app, &role).await? else { return Ok(None) };
        if self.is_still_there(lost, &stored.resource_id).await? {
            return Ok(None);
        }
        let known = db.account(&self.integration.id, &account).await?;
        let holder = known.map_or_else(|| lost.holder.id.clone(), |account| account.display);
        let words = format!("{} of {holder}", stored.display);
        self.forget_lost(active, (role_key, holder_key), &words).await?;
        Ok(Some(words))
    }

    async fn is_still_there(&self, lost: &Assignment, resource: &str) -> Result<bool> {
        let found = self.engine.db().resource(&self.integration.id, resource).await?;
        let Some(resource) = found.filter(|_| self.plugin.manifest.can_read_back) else {
            return Ok(false);
        };
        let held = Operation::Grant(GrantRequest {
            entitlement: lost.entitlement.clone(),
            on: super::reference(&resource),
            holder: lost.holder.clone(),
            ends_ms: None,
            parameters: Vec::new(),
        });
        let runner = &self.engine.parts.runner;
        let result = runner.verify(&self.scope, &held, &self.context(1)).await;
        let called = self.engine.observe(&self.integration.id, result).await?;
        Ok(called.is_ok_and(|called| called.value == Verification::Holds))
    }

    async fn forget_lost(
        &self,
        active: Option<Membership>,
        (role, holder): (Key, Key),
        words: &str,
    ) -> Result<()> {
        let mut tx = self.engine.db().begin(self.permit.provenance()).await?;
        let entry = match active {
            Some(membership) => {
                let to = next(&membership, Event::Lost)?;
                let why = format!(
                    "the target took it away when {} was changed for {}",
                    self.role.display, self.account.display
                );
                match tx.change_membership(&self.permit, &membership, &to, Some(&why)).await {
                    // It is being changed by somebody else, who will look at the target.
                    Err(StoreError::VersionConflict { .. }) => return Ok(()),
                    other => other.map_err(EngineError::from)?,
                }
                let changed = Membership { status: to.status, ..membership.clone() };
                changed_entry("membership.lost", &membership, &changed)
            }
            None => self.audit("operation.assignment_lost", json!({ "lost": words })),
        };
        tx.hold(&self.lease, self.engine.lease_until()).await?;
        tx.observe_assignment(&self.integration.id, role, holder, false).await?;
        Ok(tx.commit(entry).await?)
    }
}
