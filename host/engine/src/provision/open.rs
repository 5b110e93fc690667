//! What the target goes on with by itself: operations in progress, and invitations.
//!
//! An operation is open from the answer that says so until `status` says that it is over. While an
//! earlier one of the membership is open, no later one is ordered or confirmed: a grant that the
//! target finishes behind its revocation would leave access that nobody knows of.

use grantry_model::clock::UnixMs;
use grantry_model::fault::{Fault, PluginError};
use grantry_model::provision::Outcome;
use grantry_model::text::printable;
use grantry_store::{StoreError, StoredOperation};
use serde_json::json;

use super::{Known, Provisioning};
use crate::aggregate::asked_pause_ms;
use crate::{EngineError, Result};

/// Longest token of an operation in progress, in characters.
const TOKEN_CHARACTERS_MAX: usize = 4_000;
/// How long an invitation counts as open whose end the target does not tell, and an operation whose
/// token cannot be kept, in milliseconds: 30 days.
const OPEN_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// How often it is tried to keep a token.
const KEEPING_MAX: u32 = 5;
/// How often an open invitation is looked at, in milliseconds.
const INVITED_LOOK_MS: u64 = 15 * 60_000;

/// How the effects stand that came before this one.
pub(super) enum Earlier {
    /// Nothing comes of them any more.
    Settled,
    /// One may still take effect, and nobody can be asked about it.
    MayAppear,
    /// The target still works on one, or does not say.
    Pending(Known),
}

/// How an operation stands that has a token.
#[expect(clippy::large_enum_variant, reason = "one at a time, and it is taken apart at once")]
enum Standing {
    /// The target works on it.
    Pending { token: String, poll_after_ms: u64 },
    /// The target does not work on it any more, by this word.
    Over(Outcome),
    /// The target does not know it any more.
    Forgotten(Fault),
    /// The target does not say.
    Unknown(Fault),
}

/// Waits for a person whom the target has invited.
pub(super) fn invited() -> Known {
    Known::Open {
        asked_ms: INVITED_LOOK_MS,
        code: "invited".to_owned(),
        detail: "the target waits for the person to accept an invitation".to_owned(),
    }
}

/// The end of the membership has come: the sweep says so, and orders what follows.
pub(super) fn over() -> Known {
    Known::Open {
        asked_ms: 1_000,
        code: "membership_over".to_owned(),
        detail: "the end of the membership has come before it was granted".to_owned(),
    }
}

impl Provisioning<'_> {
    /// Asks about every earlier effect of the membership that may still take effect by itself.
    pub(super) async fn settle_earlier(&self) -> Result<Earlier> {
        let open =
            self.engine.db().open_operations(&self.membership.id, &self.operation_id).await?;
        let mut may_appear = false;
        for operation in &open {
            match &operation.token {
                Some(token) => {
                    if let Some(known) = self.settle(operation, token).await? {
                        return Ok(Earlier::Pending(known));
                    }
                }
                None => may_appear = true,
            }
        }
        may_appear |= self.is_followed().await?;
        Ok(if may_appear { Earlier::MayAppear } else { Earlier::Settled })
    }

    /// Settles an earlier operation, or tells why it is not settled.
    async fn settle(&self, operation: &StoredOperation, token: &str) -> Result<Option<Known>> {
        let (asked_ms, code, detail) = match self.standing(token).await? {
            Standing::Over(Outcome::NeedsHuman { message, .. }) => {
                (None, "needs_human".to_owned(), message)
            }
            Standing::Over(Outcome::Invited { .. }) => return Ok(Some(invited())),
            Standing::Over(_) | Standing::Forgotten(_) => {
                let mut tx = self.begin().await?;
                tx.settle_operation(&operation.id).await?;
                let detail = json!({ "earlier": operation.id });
                tx.commit(self.audit("operation.settled", detail)).await?;
                return Ok(None);
            }
            Standing::Pending { poll_after_ms, .. } => {
                let detail = "the target still works on an earlier change of this access";
                (Some(poll_after_ms), "in_progress".to_owned(), detail.to_owned())
            }
            Standing::Unknown(fault) => {
                (asked_pause_ms(&fault), fault.code().to_owned(), fault.to_string())
            }
        };
        Ok(Some(Known::Later { asked_ms, code, detail }))
    }

    async fn standing(&self, token: &str) -> Result<Standing> {
        let result = self.engine.parts.runner.status(&self.scope, token).await;
        Ok(match self.engine.observe(&self.integration.id, result).await? {
            Ok(called) => match called.value {
                Outcome::InProgress { token, poll_after_ms } => {
                    Standing::Pending { token, poll_after_ms }
                }
                outcome => {
                    self.note_side_effects(&outcome).await?;
                    Standing::Over(outcome)
                }
            },
            Err(fault) if is_forgotten(&fault) => Standing::Forgotten(fault),
            Err(fault) => Standing::Unknown(fault),
        })
    }

    /// Asks how this operation stands that the target is working on. A grant is not ordered again; a
    /// revocation is, where the target has ended it and still shows the access.
    pub(super) async fn pending(
        &self,
        token: &str,
        attempts: u32,
        is_haunted: bool,
    ) -> Result<Known> {
        let standing = match self.standing(token).await? {
            Standing::Pending { token: next, poll_after_ms } if next == token => {
                return Ok(works_on_it(poll_after_ms));
            }
            Standing::Pending { token: next, poll_after_ms } => {
                return self.in_progress(&next, poll_after_ms).await;
            }
            Standing::Unknown(fault) => {
                return Ok(Known::Later {
                    asked_ms: asked_pause_ms(&fault),
                    code: fault.code().to_owned(),
                    detail: fault.to_string(),
                });
            }
            over => over,
        };
        let is_done = matches!(standing, Standing::Over(Outcome::Done(_) | Outcome::Already(_)));
        if is_done && !self.plugin.manifest.can_read_back {
            return Ok(Known::Confirmed("done, by the connector's word".to_owned()));
        }
        let shown = self.read_back(attempts).await?;
        if matches!(shown, Known::NotThere) && !self.is_grant() {
            self.settle_own().await?;
            return self.attempt(attempts + 1, is_haunted).await;
        }
        match (shown, standing) {
            (Known::NotThere | Known::Refused { .. }, Standing::Forgotten(fault))
                if self.is_grant() =>
            {
                self.settle_own().await?;
                Ok(Known::Refused { code: fault.code().to_owned(), detail: fault.to_string() })
            }
            (Known::NotThere | Known::Refused { .. }, Standing::Over(outcome)) if !is_done => {
                self.after_outcome(outcome, attempts, is_haunted).await
            }
            (shown, _) => Ok(shown),
        }
    }

    /// Keeps the token of an operation that the target works on. One that cannot be kept as it is
    /// would name another operation.
    pub(super) async fn in_progress(&self, token: &str, poll_after_ms: u64) -> Result<Known> {
        if token.is_empty() || printable(token, TOKEN_CHARACTERS_MAX) != token {
            self.leave_open(None).await?;
            let refused =
                PluginError::BadData("the token of an operation in progress cannot be kept".into());
            return Ok(Known::Refused {
                code: refused.code().to_owned(),
                detail: refused.to_string(),
            });
        }
        for _ in 1..KEEPING_MAX {
            match self.keep(token).await {
                // The target will not tell it again.
                Err(EngineError::Store(StoreError::VersionConflict { .. })) => {}
                kept => return kept.map(|()| works_on_it(poll_after_ms)),
            }
        }
        self.keep(token).await.map(|()| works_on_it(poll_after_ms))
    }

    async fn keep(&self, token: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.set_operation_token(&self.operation_id, token).await?;
        Ok(tx.commit(self.audit("operation.pending", json!({}))).await?)
    }

    /// Keeps until when an invitation stands.
    pub(super) async fn invite(&self, ends_ms: Option<i64>) -> Result<Known> {
        self.leave_open(ends_ms.map(UnixMs)).await?;
        Ok(invited())
    }

    async fn leave_open(&self, until: Option<UnixMs>) -> Result<()> {
        let latest = self.engine.db().now().plus_ms(OPEN_MS_MAX);
        let until = until.map_or(latest, |until| until.min(latest));
        let mut tx = self.begin().await?;
        tx.set_operation_open(&self.operation_id, until).await?;
        tx.commit(self.audit("operation.pending", json!({ "open_until_ms": until })))
            .await
            .map_err(Into::into)
    }

    /// The target has ended this operation.
    async fn settle_own(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.settle_operation(&self.operation_id).await?;
        Ok(tx.commit(self.audit("operation.settled", json!({}))).await?)
    }
}

fn works_on_it(poll_after_ms: u64) -> Known {
    Known::Later {
        asked_ms: Some(poll_after_ms),
        code: "in_progress".to_owned(),
        detail: "the target is working on it".to_owned(),
    }
}

/// Answers of `status` by which the target says that it knows no such operation.
fn is_forgotten(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::NotOffered(_)
            | Fault::Plugin(
                PluginError::NotFound(_)
                    | PluginError::InvalidInput(_)
                    | PluginError::Unsupported(_)
            )
    )
}
