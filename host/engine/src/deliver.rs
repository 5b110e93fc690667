//! Background deliveries: notices become messages, messages reach people, the audit log reaches its
//! receivers. Nothing here keeps an event waiting: everything was committed before.
//!
//! A try under way holds its row by a due time in the future and a fence, like a job's lease.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use grantry_model::delivery::{
    ChannelSettings, NOTICE_ATTEMPTS_MAX, NoticeMessage, Undelivered, retry_ms,
};
use grantry_model::ids::DeliveryId;
use grantry_model::text::printable;
use grantry_store::{AuditEntry, Channel, Delivery, NewDelivery, StoredNotice};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use crate::channels::check_address;
use crate::jobs::machine_provenance;
use crate::stream;
use crate::{Engine, Result};

/// How long a try may take, in milliseconds: more than every courier's own limit.
pub(crate) const LEASE_MS: i64 = 90_000;
/// Longest sleep between two looks, in milliseconds.
const IDLE_MS: u64 = 1_000;
/// Tries at a time, of messages and of the audit log each: a dead receiver of the one does not keep
/// the other waiting.
const TRIES_MAX: usize = 8;
/// Notices that are handed out in one turn.
const NOTICES_MAX: u32 = 100;
/// Channels that are asked.
const CHANNELS_MAX: u32 = 1_000;
/// How long finished deliveries are kept, in milliseconds: 30 days.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// Longest explanation that is stored, in characters.
pub(crate) const ERROR_CHARACTERS_MAX: usize = 500;
/// How often finished deliveries are forgotten, in turns.
const TURNS_PER_TIDY: u64 = 3_600;

/// Runs until `stop` becomes true; then waits a moment for the tries under way.
pub(crate) async fn run(engine: Engine, mut stop: watch::Receiver<bool>) {
    let slots = Slots::new();
    let mut turns = 0_u64;
    while !*stop.borrow() {
        turns += 1;
        if let Err(error) = turn(&engine, &slots, turns).await {
            tracing::error!("cannot deliver: {error}");
        }
        tokio::select! {
            () = engine.wake_deliveries.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(IDLE_MS)) => {}
            _ = stop.changed() => {}
        }
    }
    let all = u32::try_from(TRIES_MAX).unwrap_or(1);
    for slots in [&slots.messages, &slots.streams] {
        let _ = tokio::time::timeout(Duration::from_secs(3), slots.acquire_many(all)).await;
    }
}

/// How many more tries may begin.
struct Slots {
    messages: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Slots {
    fn new() -> Self {
        let all = || Arc::new(Semaphore::new(TRIES_MAX));
        Self { messages: all(), streams: all() }
    }
}

async fn turn(engine: &Engine, slots: &Slots, turns: u64) -> Result<()> {
    prepare(engine, turns).await?;
    while let Ok(slot) = slots.messages.clone().try_acquire_owned() {
        let Some(held) = engine.db().lease_delivery(LEASE_MS).await? else { break };
        let engine = engine.clone();
        tokio::spawn(async move {
            settle(&engine, &held).await;
            drop(slot);
            engine.wake_deliveries.notify_one();
        });
    }
    for seen in engine.db().sinks_behind(CHANNELS_MAX).await? {
        let Ok(slot) = slots.streams.clone().try_acquire_owned() else { break };
        let Some(held) = stream::lease(engine, &seen).await? else { continue };
        let engine = engine.clone();
        tokio::spawn(async move {
            stream::send(&engine, held).await;
            drop(slot);
            engine.wake_deliveries.notify_one();
        });
    }
    Ok(())
}

/// Delivers what is due now, one after the other. For tools and tests without a background worker.
pub(crate) async fn run_due(engine: &Engine) -> Result<()> {
    prepare(engine, 1).await?;
    while let Some(held) = engine.db().lease_delivery(LEASE_MS).await? {
        settle(engine, &held).await;
    }
    for seen in engine.db().sinks_behind(CHANNELS_MAX).await? {
        if let Some(held) = stream::lease(engine, &seen).await? {
            stream::send(engine, held).await;
        }
    }
    Ok(())
}

async fn prepare(engine: &Engine, turns: u64) -> Result<()> {
    if let Err(error) = engine.checkpoint_if_due().await {
        tracing::error!("cannot make a checkpoint of the audit log: {error}");
    }
    for notice in engine.db().waiting_notices(NOTICES_MAX).await? {
        hand_out(engine, &notice).await?;
    }
    if turns % TURNS_PER_TIDY == 1 {
        engine.db().forget_deliveries(engine.db().now().plus_ms(-KEPT_MS)).await?;
    }
    Ok(())
}

/// Turns a notice into one message for every receiver.
async fn hand_out(engine: &Engine, stored: &StoredNotice) -> Result<()> {
    let db = engine.db();
    let (title, text) = engine.words(&stored.notice).await?;
    let mut messages = Vec::new();
    for channel in db.list_channels("", CHANNELS_MAX).await? {
        let is_asked = channel.kinds.is_empty() || channel.kinds.contains(&stored.notice.kind);
        if !channel.is_enabled || !is_asked {
            continue;
        }
        for recipient in recipients(engine, &channel, stored).await? {
            messages.push(NewDelivery {
                id: DeliveryId::fresh(db.clock(), db.random()),
                notice: stored.id.clone(),
                channel: channel.id.clone(),
                kind: stored.notice.kind,
                recipient,
                fields: stored.notice.fields.clone(),
                title: title.clone(),
                text: text.clone(),
            });
        }
    }
    db.hand_out(&stored.id, &messages).await?;
    Ok(())
}

/// Who gets a notice through a channel: the channel itself, or mail addresses, each once. People are
/// reached at their mail address, or where they sign in with a name that is one.
async fn recipients(
    engine: &Engine,
    channel: &Channel,
    stored: &StoredNotice,
) -> Result<BTreeSet<String>> {
    if !matches!(channel.settings, ChannelSettings::Email { .. }) {
        return Ok(BTreeSet::from([String::new()]));
    }
    let (db, asked) = (engine.db(), &channel.recipients);
    let mut names = Vec::new();
    if asked.admins {
        names.extend(db.admin_addresses().await?);
    }
    if asked.integration_owners
        && let Some(integration) = &stored.notice.integration
        && let Some(integration) = db.integration(integration).await?
        && let Some(owner) = &integration.owner
        && let Some(person) = db.person(owner).await?
        && !person.record.is_disabled
    {
        names.push(person.address().to_owned());
    }
    if asked.concerned {
        for person in &stored.notice.people {
            let person = db.person(person).await?;
            let person = person.filter(|person| !person.record.is_disabled);
            names.extend(person.map(|person| person.address().to_owned()));
        }
    }
    names.retain(|name| check_address("", name).is_ok());
    names.extend(asked.addresses.iter().cloned());
    Ok(names.into_iter().collect())
}

/// Tries a message and records how it went.
async fn settle(engine: &Engine, held: &Delivery) {
    let recorded = match try_once(engine, held).await {
        Ok(outcome) => record(engine, held, outcome).await,
        Err(error) => Err(error),
    };
    if let Err(error) = recorded {
        // The row is due again when its lease ends.
        tracing::error!(delivery.id = %held.message.id, "cannot settle a delivery: {error}");
    }
}

async fn try_once(
    engine: &Engine,
    held: &Delivery,
) -> Result<std::result::Result<(), Undelivered>> {
    let (db, message) = (engine.db(), &held.message);
    let Some(channel) = db.channel(&message.channel).await? else {
        return Ok(Err(Undelivered::Refused("the channel was removed".to_owned())));
    };
    let destination = engine.destination(channel.id.as_str(), channel.settings).await?;
    let message = NoticeMessage {
        id: message.id.to_string(),
        kind: message.kind.name().to_owned(),
        recipient: message.recipient.clone(),
        title: message.title.clone(),
        text: message.text.clone(),
        fields: json!(message.fields).to_string(),
        created: held.created,
        now: db.now(),
    };
    Ok(engine.parts.courier.tell(&destination, &message).await)
}

async fn record(
    engine: &Engine,
    held: &Delivery,
    outcome: std::result::Result<(), Undelivered>,
) -> Result<()> {
    let db = engine.db();
    let Err(error) = outcome else {
        db.finish_delivery(held, None).await?;
        return Ok(());
    };
    let words = printable(&error.to_string(), ERROR_CHARACTERS_MAX);
    tracing::warn!(delivery.id = %held.message.id, attempts = held.attempts, "a message was not delivered: {words}");
    match error {
        Undelivered::Gone => {
            db.finish_delivery(held, Some(&words)).await?;
            disable(engine, held, &words).await
        }
        Undelivered::Refused(_) => Ok(db.finish_delivery(held, Some(&words)).await?),
        Undelivered::NotAllowed { .. } | Undelivered::Later { .. }
            if held.attempts >= NOTICE_ATTEMPTS_MAX =>
        {
            Ok(db.finish_delivery(held, Some(&words)).await?)
        }
        Undelivered::NotAllowed { .. } => {
            let due = db.now().plus_ms(retry_ms(held.attempts, None));
            Ok(db.retry_delivery(held, due, &words).await?)
        }
        Undelivered::Later { after_ms, .. } => {
            let due = db.now().plus_ms(retry_ms(held.attempts, after_ms));
            Ok(db.retry_delivery(held, due, &words).await?)
        }
    }
}

/// Row 68: a receiver that is gone is not asked again until an admin says so.
async fn disable(engine: &Engine, held: &Delivery, reason: &str) -> Result<()> {
    let id = &held.message.channel;
    let mut tx = engine.db().begin(&machine_provenance(held.message.id.as_str())).await?;
    if tx.disable_channel(id, reason).await? {
        let detail = json!({ "reason": reason, "before": { "is_enabled": true }, "after": { "is_enabled": false } });
        tx.commit(AuditEntry::about("channel.disabled", "channel", id.as_str(), detail)).await?;
    }
    Ok(())
}
