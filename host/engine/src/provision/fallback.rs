//! What becomes of a change that the connector cannot make: it fails, or a person is asked (PRV-3).
//!
//! Never while the outcome is not known: access that the connector may have given is not given once
//! more by hand.

use grantry_model::gate::Closed;
use grantry_model::method::Fallback;
use serde_json::json;

use super::waiting::WAITING_LOOK_MS;
use super::{Provisioning, ticket};
use crate::Result;
use crate::tasks::{Asked, ask_person};
use crate::worker::Verdict;

/// The code of a refusal after which the access may be there.
pub(super) const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// What is known of the target when a change is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It does not show the access.
    NotThere,
    /// It has ended the operation, and does not show the access.
    Settled,
    /// The access may be there.
    MayBeThere,
}

impl Doubt {
    /// By the code of a refusal.
    pub(super) fn of(code: &str) -> Self {
        if code == OUTCOME_UNKNOWN { Self::MayBeThere } else { Self::NotThere }
    }
}

impl Provisioning<'_> {
    /// Gives a grant up: a person is asked where the integration falls back to one, or it fails.
    pub(super) async fn give_up(&self, code: &str, detail: &str, doubt: Doubt) -> Result<Verdict> {
        if code == ticket::REJECTED {
            // A person has decided it.
            return self.failed(code, detail, true).await;
        }
        let is_known = doubt != Doubt::MayBeThere && !self.is_open().await?;
        if !is_known || !self.asks_in_place(code, detail).await? {
            return self.failed(code, detail, doubt == Doubt::Settled).await;
        }
        Ok(Verdict::Later {
            asked_ms: Some(WAITING_LOOK_MS),
            code: Closed::Fallback.code().to_owned(),
            detail: detail.to_owned(),
            has_progressed: true,
        })
    }

    /// Asks a person beside the connector, which is tried on.
    pub(super) async fn ask_beside(&self, code: &str, detail: &str) -> Result<()> {
        let is_asked = self.membership.waiting == Some(Closed::Fallback);
        if !is_asked && Doubt::of(code) != Doubt::MayBeThere {
            self.asks_in_place(code, detail).await?;
        }
        Ok(())
    }

    /// Whether the target may still do by itself what this effect, or one before it, wanted.
    async fn is_open(&self) -> Result<bool> {
        let db = self.engine.db();
        let own = db.operation(&self.operation_id).await?;
        let is_own = own.is_some_and(|own| own.token.is_some() || own.open_until > Some(db.now()));
        Ok(is_own
            || db.has_open_ticket(&self.membership.id).await?
            || !db.open_operations(&self.membership.id, &self.operation_id).await?.is_empty())
    }

    /// Asks a person, if the integration is to: once.
    async fn asks_in_place(&self, code: &str, detail: &str) -> Result<bool> {
        if self.membership.waiting == Some(Closed::Fallback) {
            return Ok(true);
        }
        let mut tx = self.begin().await?;
        let settings = tx.settings(&self.integration.id).await?;
        if settings.fallback != Fallback::Manual {
            return Ok(false);
        }
        let asked = Asked { closed: Closed::Fallback, settings: Some(&settings), detail };
        ask_person(self.engine.db(), &mut tx, &self.permit, &self.membership, &asked).await?;
        tx.note_operation(&self.operation_id, detail).await?;
        let detail = json!({ "code": code, "detail": detail });
        tx.commit(self.audit("membership.fell_back", detail)).await?;
        Ok(true)
    }
}
