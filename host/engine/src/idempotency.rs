//! Requests that must happen once: the answer is committed with the change, and a repeated request
//! gets it again (security.md rows 17 to 19).

use grantry_authz::Refusal;
use grantry_model::clock::UnixMs;
use grantry_model::ids::PrincipalId;
use grantry_store::{Claim, StoreError, Tx};

use crate::{Ctx, EngineError, Result};

/// An answer as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Answer {
    /// An answer without words.
    pub(crate) fn nothing() -> Self {
        Self { status: 204, body: String::new() }
    }
}

/// A request's key with the way to put its result into words.
pub struct Idempotent<'a, T> {
    /// What the caller sent; 1 to 255 visible ASCII characters.
    pub key: &'a str,
    /// Tells one request from another: method, path and body.
    pub request: &'a [u8],
    /// The answer for a result.
    pub answer: &'a (dyn Fn(&T) -> Answer + Send + Sync),
}

/// A claimed key: finished with the change, or freed when the request failed without one.
pub(crate) struct Claimed<'a, T> {
    request: &'a Idempotent<'a, T>,
    principal: PrincipalId,
    claimed: UnixMs,
}

/// What to do about a request.
pub(crate) enum Turn<'a, T> {
    /// Carry it out.
    Ours(Claimed<'a, T>),
    /// It was carried out before.
    Answered(Answer),
}

impl Ctx {
    /// Claims the request's key.
    pub(crate) async fn claim<'a, T>(&self, request: &'a Idempotent<'a, T>) -> Result<Turn<'a, T>> {
        let principal = self.actor.principal.id.clone();
        let hash = blake3::hash(request.request).to_hex();
        let claim = self.db().claim_idempotency(&principal, request.key, &hash).await?;
        match claim {
            Claim::Yours { claimed } => Ok(Turn::Ours(Claimed { request, principal, claimed })),
            Claim::Answered { status, body } => Ok(Turn::Answered(Answer { status, body })),
            Claim::InProgress => Err(EngineError::RequestInProgress),
            Claim::Reused => Err(EngineError::IdempotencyKeyReused),
        }
    }

    /// Frees the key of a request that failed, so that it can be repeated once mended.
    pub(crate) async fn settle<T>(
        &self,
        claimed: &Claimed<'_, T>,
        outcome: Result<Answer>,
    ) -> Result<Answer> {
        let outcome = match outcome {
            Err(EngineError::Store(StoreError::PermissionRevoked)) => Err(self.revoked().await?),
            outcome => outcome,
        };
        if outcome.is_err() {
            self.db()
                .release_idempotency(&claimed.principal, claimed.request.key, claimed.claimed)
                .await?;
        }
        outcome
    }
}

impl Ctx {
    /// The refusal of a change whose permission was taken away before its commit; it is audited.
    async fn revoked(&self) -> Result<EngineError> {
        let refusal = Refusal::Hidden;
        self.record_refusal(&refusal, "revoked_meanwhile", None).await?;
        Ok(refusal.into())
    }
}

impl<T> Claimed<'_, T> {
    /// Puts the answer into the transaction of the change.
    pub(crate) async fn finish(&self, tx: &mut Tx, result: &T) -> Result<Answer> {
        let answer = (self.request.answer)(result);
        let reply = (answer.status, answer.body.as_str());
        tx.finish_idempotency(&self.principal, self.request.key, self.claimed, reply).await?;
        Ok(answer)
    }
}
