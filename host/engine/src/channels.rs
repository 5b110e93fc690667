//! Channels that people are notified through (INT-10): mail, chat rooms, webhooks.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{ChannelSettings, Destination};
use grantry_model::ids::{ChannelId, DeliveryId, NoticeId};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Channel, Delivery, NewDelivery, Recipients, Tx};
use serde_json::{Value, json};

use crate::audit_sinks::{WithSigningKey, check_exceptions, not_allowed};
use crate::delivery_secrets::{OVERLAP_MS, PASSWORD, SIGNING, URL};
use crate::error::check_name;
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// Addresses of one channel.
const ADDRESSES_MAX: usize = 50;
/// Channels that one installation has.
const CHANNELS_MAX: usize = 50;

/// A channel to be created.
#[derive(Debug)]
pub struct ChannelInput {
    /// What people call it.
    pub name: String,
    /// How it is reached.
    pub settings: ChannelSettings,
    /// A mail server's password or a chat room's URL.
    pub secret: Option<Secret>,
    /// What it tells of; empty for everything.
    pub kinds: Vec<NoticeKind>,
    /// Whom, where it sends mails.
    pub recipients: Recipients,
}

/// A change of a channel. What is `None` stays.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields of `ChannelInput`")]
pub struct ChannelChange {
    pub name: Option<String>,
    pub settings: Option<ChannelSettings>,
    pub secret: Option<Secret>,
    pub kinds: Option<Vec<NoticeKind>>,
    pub recipients: Option<Recipients>,
    pub is_enabled: Option<bool>,
}

pub(crate) const NO_CHANNEL: EngineError = EngineError::NotFound { what: "channel" };

impl Ctx {
    /// Creates a channel.
    pub async fn create_channel(
        &self,
        input: &ChannelInput,
        request: &Idempotent<'_, Channel>,
    ) -> Result<WithSigningKey> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(WithSigningKey { answer, key: None }),
        };
        let db = self.db();
        let is_signed = matches!(input.settings, ChannelSettings::Webhook { .. });
        let key = is_signed.then(|| self.engine.fresh_signing_key());
        let work = async {
            let mut channel = Channel {
                id: ChannelId::fresh(db.clock(), db.random()),
                name: input.name.trim().to_owned(),
                settings: input.settings.clone(),
                kinds: input.kinds.clone(),
                recipients: input.recipients.clone(),
                is_enabled: true,
                disabled_reason: None,
                created: db.now(),
                version: 1,
            };
            self.check_channel(&channel, input.secret.as_ref(), false).await?;
            if db.list_channels("", u32::MAX).await?.len() >= CHANNELS_MAX {
                let message = format!("there are {CHANNELS_MAX} already: remove one first");
                return Err(EngineError::field("", "too_many", message));
            }
            let mut tx = db.begin(permit.provenance()).await?;
            channel.created = tx.now();
            tx.create_channel(&permit, &channel).await?;
            self.seal(&mut tx, &permit, &channel, input.secret.as_ref(), 1).await?;
            if let Some(key) = &key {
                let (owner, now) = (channel.id.as_str(), tx.now());
                self.engine
                    .set_delivery_secret(&mut tx, &permit, owner, (SIGNING, 1), key, now)
                    .await?;
            }
            let answer = claimed.finish(&mut tx, &channel).await?;
            let detail = json!({ "after": described(&channel) });
            let id = channel.id.as_str();
            tx.commit(AuditEntry::about("channel.created", "channel", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(WithSigningKey { answer, key })
    }

    async fn seal(
        &self,
        tx: &mut Tx,
        permit: &Permit<actions::NotificationWrite>,
        channel: &Channel,
        secret: Option<&Secret>,
        version: i64,
    ) -> Result<()> {
        let Some(secret) = secret else { return Ok(()) };
        let (owner, now) = (channel.id.as_str(), tx.now());
        let name = (secret_name(&channel.settings), version);
        self.engine.set_delivery_secret(tx, permit, owner, name, secret, now).await
    }

    /// Checks form and place. A changed channel may keep the secret that it has.
    async fn check_channel(
        &self,
        channel: &Channel,
        secret: Option<&Secret>,
        keeps_secret: bool,
    ) -> Result<()> {
        check_name("/name", &channel.name)?;
        check_settings(&channel.settings, secret.is_some() || keeps_secret)?;
        check_recipients(channel)?;
        let secret = match secret {
            Some(secret) => Some(Secret::new(secret.expose().to_owned())),
            None if keeps_secret => {
                let id = channel.id.as_str();
                self.engine.destination(id, ()).await?.secret
            }
            None => None,
        };
        let settings = channel.settings.clone();
        let destination = Destination { settings, secret, signing: Vec::new() };
        self.engine
            .parts
            .courier
            .check_channel(&destination)
            .await
            .map_err(|error| not_allowed("/settings", error))
    }

    /// Channels, in order of creation.
    pub async fn list_channels(&self, query: &PageQuery) -> Result<Page<Channel>> {
        self.permit_admin::<actions::NotificationRead>().await?;
        let after = self.engine.position("channels", query.cursor.as_deref())?;
        let rows = self.db().list_channels(&after, query.limit + 1).await?;
        Ok(self.engine.page("channels", rows, query.limit, |row| row.id.to_string()))
    }

    /// One channel.
    pub async fn channel(&self, id: &ChannelId) -> Result<Channel> {
        self.permit_admin::<actions::NotificationRead>().await?;
        self.db().channel(id).await?.ok_or(NO_CHANNEL)
    }

    /// Changes a channel that is still at that version. A secret stays only while the channel still
    /// goes to the same place.
    pub async fn update_channel(
        &self,
        id: &ChannelId,
        version: i64,
        change: &ChannelChange,
    ) -> Result<Channel> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let before = self.db().channel(id).await?.ok_or(NO_CHANNEL)?;
        let settings = change.settings.as_ref().unwrap_or(&before.settings);
        if std::mem::discriminant(settings) != std::mem::discriminant(&before.settings) {
            let message = "stays as it was created: create another channel";
            return Err(EngineError::field("/settings/kind", "cannot_change", message));
        }
        let channel = Channel {
            name: change.name.as_deref().unwrap_or(&before.name).trim().to_owned(),
            settings: settings.clone(),
            kinds: change.kinds.clone().unwrap_or_else(|| before.kinds.clone()),
            recipients: change.recipients.clone().unwrap_or_else(|| before.recipients.clone()),
            is_enabled: change.is_enabled.unwrap_or(before.is_enabled),
            version,
            ..before.clone()
        };
        let keeps_secret = keeps_secret(&before.settings, &channel.settings);
        self.check_channel(&channel, change.secret.as_ref(), keeps_secret).await?;
        let name = secret_name(&channel.settings);
        let next = self.db().delivery_secret_version(id.as_str(), name).await? + 1;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.update_channel(&permit, &channel).await?;
        self.seal(&mut tx, &permit, &channel, change.secret.as_ref(), next).await?;
        let detail = json!({
            "before": described(&before),
            "after": described(&channel),
            "secret_changed": change.secret.is_some(),
        });
        tx.commit(AuditEntry::about("channel.updated", "channel", id.as_str(), detail)).await?;
        self.db().channel(id).await?.ok_or(NO_CHANNEL)
    }

    /// Removes a channel with its deliveries.
    pub async fn delete_channel(&self, id: &ChannelId) -> Result<()> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let before = self.db().channel(id).await?.ok_or(NO_CHANNEL)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_channel(&permit, id).await?;
        tx.delete_delivery_secrets(&permit, id.as_str()).await?;
        let detail = json!({ "before": described(&before) });
        tx.commit(AuditEntry::about("channel.deleted", "channel", id.as_str(), detail)).await?;
        Ok(())
    }

    /// Makes a new signing key for a webhook. The old one counts for another day.
    pub async fn rotate_channel_key(
        &self,
        id: &ChannelId,
        request: &Idempotent<'_, UnixMs>,
    ) -> Result<WithSigningKey> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(WithSigningKey { answer, key: None }),
        };
        let key = self.engine.fresh_signing_key();
        let work = async {
            let channel = self.db().channel(id).await?.ok_or(NO_CHANNEL)?;
            if !matches!(channel.settings, ChannelSettings::Webhook { .. }) {
                return Err(EngineError::field("", "not_signed", "only webhooks are signed"));
            }
            let version = self.db().delivery_secret_version(id.as_str(), SIGNING).await? + 1;
            let mut tx = self.db().begin(permit.provenance()).await?;
            let ends = tx.now().plus_ms(OVERLAP_MS);
            let name = (SIGNING, version);
            self.engine
                .set_delivery_secret(&mut tx, &permit, id.as_str(), name, &key, ends)
                .await?;
            let answer = claimed.finish(&mut tx, &ends).await?;
            let detail = json!({ "version": version, "old_key_ends_ms": ends });
            let event = "channel.key_rotated";
            tx.commit(AuditEntry::about(event, "channel", id.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(WithSigningKey { answer, key: Some(key) })
    }

    /// Sends a test message through a channel; how it went is its delivery's state.
    pub async fn test_channel(
        &self,
        id: &ChannelId,
        recipient: Option<&str>,
        request: &Idempotent<'_, Delivery>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let channel = self.db().channel(id).await?.ok_or(NO_CHANNEL)?;
            let recipient = self.test_recipient(&channel, recipient)?;
            let notice = Notice::new(NoticeKind::Test, None)
                .with("channel", &channel.name)
                .with("person", &self.actor.principal.name);
            let (title, text) = self.engine.words(&notice).await?;
            let db = self.db();
            let message = NewDelivery {
                id: DeliveryId::fresh(db.clock(), db.random()),
                notice: NoticeId::fresh(db.clock(), db.random()),
                channel: id.clone(),
                kind: NoticeKind::Test,
                recipient,
                fields: notice.fields,
                title,
                text,
            };
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_delivery(&permit, &message).await?;
            let (detail, now) = (json!({ "delivery": message.id }), tx.now());
            let delivery = Delivery {
                message,
                state: grantry_store::DeliveryState::Waiting,
                attempts: 0,
                due: now,
                error: None,
                created: now,
                finished: None,
                fence: 0,
            };
            let answer = claimed.finish(&mut tx, &delivery).await?;
            tx.commit(AuditEntry::about("channel.tested", "channel", id.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.engine.wake_deliveries.notify_one();
        self.settle(&claimed, outcome).await
    }

    fn test_recipient(&self, channel: &Channel, recipient: Option<&str>) -> Result<String> {
        if !channel.is_enabled {
            return Err(EngineError::field("", "disabled", "enable the channel first"));
        }
        let is_mail = matches!(channel.settings, ChannelSettings::Email { .. });
        match (is_mail, recipient.or(channel.recipients.addresses.first().map(String::as_str))) {
            (false, _) => Ok(String::new()),
            (true, Some(address)) => {
                check_address("/recipient", address)?;
                Ok(address.to_owned())
            }
            (true, None) => Err(EngineError::field("/recipient", "missing", "name a mail address")),
        }
    }
}

fn secret_name(settings: &ChannelSettings) -> &'static str {
    match settings {
        ChannelSettings::Email { .. } => PASSWORD,
        ChannelSettings::Slack { .. } | ChannelSettings::Teams { .. } => URL,
        ChannelSettings::Webhook { .. } => SIGNING,
    }
}

/// Whether there is a secret that the changed channel goes on using: a password never moves to
/// another server by itself, and a mail channel without a user name has none.
fn keeps_secret(before: &ChannelSettings, after: &ChannelSettings) -> bool {
    match (before, after) {
        (
            ChannelSettings::Email { host, port, username, security, .. },
            ChannelSettings::Email {
                host: new_host,
                port: new_port,
                username: new_username,
                security: new_security,
                ..
            },
        ) => {
            let there = (new_host, new_port, new_username, new_security);
            username.is_some() && (host, port, username, security) == there
        }
        _ => true,
    }
}

fn check_settings(settings: &ChannelSettings, has_secret: bool) -> Result<()> {
    let wants = |message| Err(EngineError::field("/secret", "missing", message));
    let useless = |message| Err(EngineError::field("/secret", "not_needed", message));
    match settings {
        ChannelSettings::Email { username, from, address_exceptions, .. } => {
            check_exceptions("/settings", address_exceptions.len())?;
            check_address("/settings/from", from)?;
            match (username.is_some(), has_secret) {
                (true, false) => wants("a user name needs its password"),
                (false, true) => useless("a password needs a user name"),
                _ => Ok(()),
            }
        }
        ChannelSettings::Slack { address_exceptions }
        | ChannelSettings::Teams { address_exceptions } => {
            check_exceptions("/settings", address_exceptions.len())?;
            if has_secret { Ok(()) } else { wants("give the incoming webhook's URL") }
        }
        ChannelSettings::Webhook { address_exceptions, .. } => {
            check_exceptions("/settings", address_exceptions.len())
        }
    }
}

fn check_recipients(channel: &Channel) -> Result<()> {
    let Recipients { concerned, admins, integration_owners, addresses } = &channel.recipients;
    let has_named = *admins || *integration_owners || !addresses.is_empty();
    let is_mail = matches!(channel.settings, ChannelSettings::Email { .. });
    let is_wrong = if is_mail { !has_named && !*concerned } else { has_named };
    if is_wrong {
        let message =
            if is_mail { "a mail needs a recipient" } else { "only mails have recipients" };
        return Err(EngineError::field("/recipients", "invalid_input", message));
    }
    if addresses.len() > ADDRESSES_MAX {
        let message = format!("there are at most {ADDRESSES_MAX}");
        return Err(EngineError::field("/recipients/addresses", "too_many", message));
    }
    for (index, address) in addresses.iter().enumerate() {
        check_address(&format!("/recipients/addresses/{index}"), address)?;
    }
    Ok(())
}

/// A plain mail address: what it is exactly is for the mail server to say.
pub(crate) fn check_address(path: &str, address: &str) -> Result<()> {
    let is_plain =
        |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')');
    let is_address = address.len() <= 254
        && address.chars().all(is_plain)
        && address.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if is_address {
        return Ok(());
    }
    Err(EngineError::field(path, "invalid_address", "is not a mail address"))
}

/// The settings hold no secret: those are sealed apart.
fn described(channel: &Channel) -> Value {
    json!({
        "name": channel.name,
        "settings": channel.settings,
        "kinds": channel.kinds,
        "recipients": channel.recipients,
        "is_enabled": channel.is_enabled,
    })
}
