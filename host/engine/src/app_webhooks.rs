//! Webhooks that bring changes of access to homegrown apps, and what the apps answer (PRV-5).
//!
//! Where they go is an admin's to say, as what a plugin may reach is. What is sent when is in
//! `provision/webhook.rs`.

use grantry_authz::actions;
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{AppWebhook, ChannelSettings, Destination};
use grantry_model::ids::IntegrationId;
use grantry_model::text::printable;
use grantry_store::{AuditEntry, StoredAppWebhook};
use serde_json::json;

use crate::audit_sinks::{WithSigningKey, check_exceptions, not_allowed};
use crate::authentication::hash;
use crate::delivery_secrets::{OVERLAP_MS, SIGNING};
use crate::idempotency::Turn;
use crate::jobs::machine_provenance;
use crate::{Ctx, Engine, EngineError, Idempotent, Result};

/// Longest address of a webhook, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Longest word of an app that is kept, in characters.
pub(crate) const DETAIL_CHARACTERS_MAX: usize = 500;

/// The version of a webhook that is not there.
const NONE: i64 = 1;

const NO_WEBHOOK: EngineError = EngineError::NotFound { what: "webhook" };
const NO_CALLBACK: EngineError = EngineError::NotFound { what: "callback" };

impl Engine {
    /// Takes what an app says of a change that it had taken in: once, by the token that it was sent.
    pub async fn take_callback(&self, token: &str, is_done: bool, detail: &str) -> Result<()> {
        let (hash, detail) = (hash(token), printable(detail, DETAIL_CHARACTERS_MAX));
        // Whoever only guesses takes no lock.
        let membership = self.db().membership_of_callback(&hash).await?.ok_or(NO_CALLBACK)?;
        let mut tx = self.db().begin(&machine_provenance("callback")).await?;
        let taken = tx.take_callback(&membership, &hash, (is_done, &detail)).await?;
        let operation = taken.ok_or(NO_CALLBACK)?;
        let said = json!({ "operation": operation, "is_done": is_done, "detail": detail });
        let (event, id) = ("operation.called_back", membership.as_str());
        tx.commit(AuditEntry::about(event, "membership", id, said)).await?;
        self.wake.notify_one();
        Ok(())
    }
}

impl Ctx {
    /// The webhook of an integration, if it has one.
    pub async fn app_webhook(&self, id: &IntegrationId) -> Result<Option<StoredAppWebhook>> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        self.load_integration(id).await?;
        Ok(self.db().app_webhook(id).await?)
    }

    /// Sets the webhook of an integration, which is still at that version (1 where there is none), and
    /// enables it. A new one has a signing key that nobody knows: ask for one.
    pub async fn set_app_webhook(
        &self,
        id: &IntegrationId,
        version: i64,
        (settings, public_url): (AppWebhook, &str),
    ) -> Result<StoredAppWebhook> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        self.load_integration(id).await?;
        if settings.url.len() > URL_BYTES_MAX {
            let message = format!("must have at most {URL_BYTES_MAX} bytes");
            return Err(EngineError::field("/url", "invalid_string", message));
        }
        check_exceptions("", settings.address_exceptions.len())?;
        let place = ChannelSettings::Webhook {
            url: settings.url.clone(),
            address_exceptions: settings.address_exceptions.clone(),
        };
        let place = Destination { settings: place, secret: None, signing: Vec::new() };
        let checked = self.engine.parts.courier.check_channel(&place).await;
        checked.map_err(|error| not_allowed("/url", error))?;
        let before = self.db().app_webhook(id).await?;
        let key_version = self.db().delivery_secret_version(id.as_str(), SIGNING).await? + 1;
        let key = self.engine.fresh_signing_key();
        let mut tx = self.db().begin(permit.provenance()).await?;
        // What waits for a webhook does not wait any longer. Jobs come first, as where one works.
        tx.hasten_jobs(&permit, id).await?;
        tx.set_app_webhook(&permit, id, version, (&settings, public_url)).await?;
        if version == NONE {
            let (owner, now) = (id.as_str(), tx.now());
            let name = (SIGNING, key_version);
            self.engine.set_delivery_secret(&mut tx, &permit, owner, name, &key, now).await?;
        }
        let detail = json!({ "before": before.map(|before| before.settings), "after": settings });
        tx.commit(AuditEntry::about("webhook.set", "integration", id.as_str(), detail)).await?;
        self.engine.wake.notify_one();
        self.db().app_webhook(id).await?.ok_or(NO_WEBHOOK)
    }

    /// Removes the webhook of an integration with its keys.
    pub async fn delete_app_webhook(&self, id: &IntegrationId) -> Result<()> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let before = self.db().app_webhook(id).await?.ok_or(NO_WEBHOOK)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if !tx.delete_app_webhook(&permit, id).await? {
            return Err(NO_WEBHOOK);
        }
        tx.delete_delivery_secrets(&permit, id.as_str()).await?;
        let detail = json!({ "before": before.settings });
        tx.commit(AuditEntry::about("webhook.deleted", "integration", id.as_str(), detail)).await?;
        Ok(())
    }

    /// Makes a new signing key. The old one counts for another day.
    pub async fn rotate_app_webhook_key(
        &self,
        id: &IntegrationId,
        request: &Idempotent<'_, UnixMs>,
    ) -> Result<WithSigningKey> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(WithSigningKey { answer, key: None }),
        };
        let key = self.engine.fresh_signing_key();
        let work = async {
            let owner = id.as_str();
            let version = self.db().delivery_secret_version(owner, SIGNING).await? + 1;
            let mut tx = self.db().begin(permit.provenance()).await?;
            if !tx.lock_app_webhook(id).await? {
                return Err(NO_WEBHOOK);
            }
            let ends = tx.now().plus_ms(OVERLAP_MS);
            let name = (SIGNING, version);
            self.engine.set_delivery_secret(&mut tx, &permit, owner, name, &key, ends).await?;
            let answer = claimed.finish(&mut tx, &ends).await?;
            let detail = json!({ "version": version, "old_key_ends_ms": ends });
            let event = "webhook.key_rotated";
            tx.commit(AuditEntry::about(event, "integration", owner, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(WithSigningKey { answer, key: Some(key) })
    }
}
