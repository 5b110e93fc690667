//! A change of access by a webhook to a homegrown app (PRV-5).
//!
//! However often a request is repeated, it carries the same id, so that the app does it once; what
//! comes after an answer for good is a new request. The app answers at once, or takes it in (202) and
//! says later, by a callback, what became of it. What the connector can read back has the last word.

use grantry_model::clock::UnixMs;
use grantry_model::delivery::{AppAnswer, AppMessage, NOTICE_ATTEMPTS_MAX, Undelivered, retry_ms};
use grantry_model::gate::Licence;
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::text::printable;
use grantry_store::{AuditEntry, StoredAppWebhook, StoredCallback, Tx};
use serde_json::json;

use super::fallback::OUTCOME_UNKNOWN;
use super::{Asked, Known, Provisioning};
use crate::Result;
use crate::app_webhooks::DETAIL_CHARACTERS_MAX;
use crate::authentication::hash;

/// How long an app may take until it answers by its callback, in milliseconds: a week.
const CALLBACK_MS: i64 = 7 * 24 * 3_600_000;
/// How often a grant is sent before it fails: with the pauses between, over about three days.
pub(super) const ATTEMPTS_MAX: u32 = NOTICE_ATTEMPTS_MAX;
/// How often access is taken away again that an app may give yet, in milliseconds.
const GIVEN_LOOK_MS: u64 = 15 * 60_000;

/// What is sent where, once its attempt is counted.
pub(super) struct Prepared {
    webhook: StoredAppWebhook,
    message: AppMessage,
    /// The hash of the token by which the app may answer this attempt.
    token_hash: String,
}

/// Why an app does not do it.
pub(super) struct TurnedDown {
    code: &'static str,
    detail: String,
    /// Whether the app itself says so; else an earlier request may have taken effect.
    is_answer: bool,
}

impl TurnedDown {
    fn unsent(code: &'static str, detail: &str) -> Self {
        Self { code, detail: detail.to_owned(), is_answer: false }
    }
}

impl Provisioning<'_> {
    /// What the app said of this operation by a callback, or that it still may, whatever the method
    /// is by now.
    pub(super) async fn called_back(
        &self,
        asked: &Asked,
        is_haunted: bool,
    ) -> Result<Option<Known>> {
        let db = self.engine.db();
        let (attempts, now) = (asked.attempts, db.now());
        match db.callback(&self.operation_id).await? {
            None => Ok(None),
            Some(StoredCallback::Awaited) => {
                let until = asked.open_until.filter(|until| *until > now);
                Ok(until.map(|until| awaited(now, until)))
            }
            Some(StoredCallback::Said { is_done: true, .. }) => {
                self.said_done("done, by the app's callback", attempts).await.map(Some)
            }
            Some(StoredCallback::Said { is_done: false, detail }) => {
                self.begin_round(&detail).await?;
                let why = TurnedDown { code: "callback_failed", detail, is_answer: true };
                self.turned_down(why, attempts, is_haunted).await.map(Some)
            }
        }
    }

    /// The request of the next attempt, with a fresh token for its callback, in the transaction that
    /// counts the attempt; or why none is sent.
    pub(super) async fn prepare(
        &self,
        tx: &mut Tx,
    ) -> Result<std::result::Result<Prepared, TurnedDown>> {
        let Some(webhook) = tx.app_webhook(&self.integration.id).await? else {
            let detail = "the integration has no webhook";
            return Ok(Err(TurnedDown::unsent("webhook_missing", detail)));
        };
        if !webhook.is_enabled {
            let detail = "the integration's webhook is disabled";
            return Ok(Err(TurnedDown::unsent("webhook_disabled", detail)));
        }
        let (now, token) = (tx.now(), self.engine.fresh_token());
        let expires = now.plus_ms(CALLBACK_MS);
        let token_hash = hash(&token);
        tx.add_callback(&self.operation_id, &token_hash, expires).await?;
        let id = self.key(tx.operation_round(&self.operation_id).await?);
        let callback = format!("{}/api/v1/callbacks/{token}", webhook.public_url);
        let message = AppMessage { id, body: self.body(&callback), now };
        Ok(Ok(Prepared { webhook, message, token_hash }))
    }

    /// Sends it. The licence is used up.
    pub(super) async fn send(
        &self,
        licence: Licence,
        Prepared { webhook, message, token_hash }: Prepared,
        attempt: u32,
        is_haunted: bool,
    ) -> Result<Known> {
        let engine = self.engine;
        let version = webhook.version;
        let owner = self.integration.id.as_str();
        let destination = engine.destination(owner, webhook.settings).await?;
        let answer = engine.parts.courier.carry_out(&destination, licence, &message).await;
        let later = |detail: &str, after_ms: Option<u64>| Known::Later {
            asked_ms: u64::try_from(retry_ms(attempt, after_ms)).ok(),
            code: "webhook_failed".to_owned(),
            detail: printable(detail, DETAIL_CHARACTERS_MAX),
        };
        match answer {
            Ok(AppAnswer::Done) => self.said_done("done, by the app's answer", attempt).await,
            Ok(AppAnswer::Accepted) => {
                let mut tx = self.begin().await?;
                let until = tx.now().plus_ms(CALLBACK_MS);
                let known = awaited(tx.now(), until);
                tx.await_callback(&self.operation_id, until).await?;
                let detail = json!({ "until_ms": until });
                tx.commit(self.audit("operation.accepted", detail)).await?;
                Ok(known)
            }
            Err(Undelivered::Gone) => {
                let detail = Undelivered::Gone.to_string();
                self.disable(version, &detail, &token_hash).await?;
                let why = TurnedDown::unsent("webhook_gone", &detail);
                self.turned_down(why, attempt - 1, is_haunted).await
            }
            Err(Undelivered::Refused(detail)) => {
                let detail = printable(&detail, DETAIL_CHARACTERS_MAX);
                let is_answer = self.answered(&token_hash, &detail).await?;
                let why = TurnedDown { code: "webhook_refused", detail, is_answer };
                self.turned_down(why, attempt, is_haunted).await
            }
            Err(Undelivered::Later { detail, after_ms }) => Ok(later(&detail, after_ms)),
            Err(error @ Undelivered::NotAllowed { .. }) => Ok(later(&error.to_string(), None)),
        }
    }

    /// What the target shows; `None` where the connector cannot tell.
    pub(super) async fn shown(&self, attempts: u32) -> Result<Option<Known>> {
        if !self.plugin.manifest.can_read_back {
            return Ok(None);
        }
        Ok(match self.read_back(attempts).await? {
            Known::Later { code, .. } if code == OUTCOME_UNKNOWN => None,
            known => Some(known),
        })
    }

    /// The app says that it is done.
    async fn said_done(&self, words: &str, attempts: u32) -> Result<Known> {
        let Some(known) = self.shown(attempts).await? else {
            return Ok(Known::Confirmed(words.to_owned()));
        };
        if matches!(known, Known::NotThere) {
            self.begin_round(words).await?;
        }
        Ok(known)
    }

    /// The app does not do it, or is not asked. The target may be so all the same.
    pub(super) async fn turned_down(
        &self,
        why: TurnedDown,
        attempts: u32,
        is_haunted: bool,
    ) -> Result<Known> {
        let TurnedDown { code, detail, is_answer } = why;
        let refused = |code: &str| Known::Refused { code: code.to_owned(), detail };
        // While an earlier grant may appear, what the target shows is not the last word.
        if self.is_grant() || !is_haunted {
            match self.shown(attempts).await? {
                Some(Known::Confirmed(outcome)) => return Ok(Known::Confirmed(outcome)),
                Some(Known::NotThere) => return Ok(refused(code)),
                _ => {}
            }
        }
        let is_doubtful = self.is_grant() && attempts > 0 && !is_answer;
        Ok(refused(if is_doubtful { OUTCOME_UNKNOWN } else { code }))
    }

    /// The app has answered for good, and the operation is not at its end.
    async fn begin_round(&self, detail: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.begin_round(&self.operation_id).await?;
        Ok(tx.commit(self.audit("operation.answered", json!({ "detail": detail }))).await?)
    }

    /// The app has refused an attempt. That is for good, unless an earlier one got no answer, which
    /// the app may have taken in.
    async fn answered(&self, token_hash: &str, detail: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let is_last = tx.answer_attempt(&self.operation_id, token_hash).await?;
        if is_last {
            tx.begin_round(&self.operation_id).await?;
        }
        let detail = json!({ "detail": detail });
        tx.commit(self.audit("operation.answered", detail)).await?;
        Ok(is_last)
    }

    /// An endpoint that is gone is not asked again until an admin says so, who is told.
    async fn disable(&self, version: i64, reason: &str, token_hash: &str) -> Result<()> {
        let id = &self.integration.id;
        let mut tx = self.begin().await?;
        tx.answer_attempt(&self.operation_id, token_hash).await?;
        if tx.disable_app_webhook(id, version, reason).await? {
            let notice = Notice::new(NoticeKind::WebhookDisabled, Some(id))
                .with("integration", &self.integration.name)
                .with("reason", reason);
            tx.queue_notice(&notice).await?;
            let detail = json!({
                "reason": reason, "before": { "is_enabled": true }, "after": { "is_enabled": false },
            });
            tx.record(AuditEntry::about("webhook.disabled", "integration", id.as_str(), detail));
        }
        let detail = json!({ "detail": reason });
        Ok(tx.commit(self.audit("operation.answered", detail)).await?)
    }

    fn body(&self, callback: &str) -> String {
        let verb = if self.is_grant() { "access.grant" } else { "access.revoke" };
        let (role, account) = (&self.role, &self.account);
        json!({
            "type": verb,
            "data": {
                "operation_id": self.operation_id,
                "membership_id": self.membership.id,
                "integration_id": self.integration.id,
                "entitlement": { "id": role.native_id, "name": role.display, "kind": role.kind },
                "account": { "id": account.native_id, "name": account.display },
                "callback_url": callback,
            },
        })
        .to_string()
    }
}

/// Access is taken away where another way leads, and the app that was asked to give it may do so yet:
/// it is taken away again until the app can do so no more.
pub(super) fn may_be_given() -> Known {
    Known::Open {
        asked_ms: GIVEN_LOOK_MS,
        code: "callback_awaited".to_owned(),
        detail: "the app was asked to give this access, and may do so yet".to_owned(),
    }
}

fn awaited(now: UnixMs, until: UnixMs) -> Known {
    Known::Open {
        // The callback itself does not wait for that.
        asked_ms: u64::try_from(until.0.saturating_sub(now.0)).unwrap_or_default(),
        code: "callback_awaited".to_owned(),
        detail: "the app took it in, and has not said yet what became of it".to_owned(),
    }
}
