//! Messages to people: one row each, tried until it is delivered or given up.

use std::collections::BTreeMap;

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{ChannelId, DeliveryId, NoticeId};
use grantry_model::notification::NoticeKind;

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// For its next try.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The state's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A message to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub notice: NoticeId,
    pub channel: ChannelId,
    pub kind: NoticeKind,
    /// A mail address; empty where the channel itself is the receiver.
    pub recipient: String,
    pub fields: BTreeMap<String, String>,
    pub title: String,
    pub text: String,
}

/// A message and how its delivery goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Delivery {
    pub message: NewDelivery,
    pub state: DeliveryState,
    pub attempts: u32,
    pub due: UnixMs,
    pub error: Option<String>,
    pub created: UnixMs,
    pub finished: Option<UnixMs>,
    /// Grows with every try.
    pub fence: i64,
}

statements! {
    INSERT = "INSERT INTO deliveries (id, notice_id, channel_id, kind, recipient, fields, title, body, state, attempts, due_ms, error, created_ms, finished_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, $9, NULL, $9, NULL)";
    HAND_OUT = "UPDATE notices SET handed_out_ms = $2 WHERE id = $1 AND handed_out_ms IS NULL";
    GET = "SELECT id, notice_id, channel_id, kind, recipient, fields, title, body, state, attempts, due_ms, error, created_ms, finished_ms, fence FROM deliveries WHERE id = $1";
    LIST = "SELECT id, notice_id, channel_id, kind, recipient, fields, title, body, state, attempts, due_ms, error, created_ms, finished_ms, fence FROM deliveries WHERE ($1 = '' OR id < $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR channel_id = $3) ORDER BY id DESC LIMIT $4";
    LEASE = "UPDATE deliveries SET attempts = attempts + 1, fence = fence + 1, due_ms = $2 \
        WHERE id = (SELECT d.id FROM deliveries d JOIN channels c ON c.id = d.channel_id WHERE d.state = 'waiting' AND d.due_ms <= $1 AND c.is_enabled = 1 ORDER BY d.due_ms, d.id LIMIT 1) \
        AND state = 'waiting' AND due_ms <= $1 \
        RETURNING id, notice_id, channel_id, kind, recipient, fields, title, body, state, attempts, due_ms, error, created_ms, finished_ms, fence";
    /// Only of the try that holds it: `attempts` begins anew when a person asks, the fence never.
    FINISH = "UPDATE deliveries SET state = $3, error = $4, finished_ms = $5 WHERE id = $1 AND fence = $2 AND state = 'waiting'";
    RETRY = "UPDATE deliveries SET due_ms = $3, error = $4 WHERE id = $1 AND fence = $2 AND state = 'waiting'";
    AGAIN = "UPDATE deliveries SET state = 'waiting', due_ms = $2, attempts = 0, finished_ms = NULL WHERE id = $1 AND state <> 'delivered'";
    FORGET = "DELETE FROM deliveries WHERE finished_ms < $1";
    FORGET_NOTICES = "DELETE FROM notices WHERE handed_out_ms < $1";
}

fn delivery(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        message: NewDelivery {
            id: row.parsed(0, "delivery id", |id| DeliveryId::parse(id).ok())?,
            notice: row.parsed(1, "notice id", |id| NoticeId::parse(id).ok())?,
            channel: row.parsed(2, "channel id", |id| ChannelId::parse(id).ok())?,
            kind: row.parsed(3, "kind of notice", NoticeKind::parse)?,
            recipient: row.text(4)?,
            fields: row.json(5, "delivery")?,
            title: row.text(6)?,
            text: row.text(7)?,
        },
        state: row.parsed(8, "delivery state", DeliveryState::parse)?,
        attempts: u32::try_from(row.int(9)?).unwrap_or(u32::MAX),
        due: row.time(10)?,
        error: row.text_or_null(11)?,
        created: row.time(12)?,
        finished: row.time_or_null(13)?,
        fence: row.int(14)?,
    })
}

async fn insert(tx: &mut crate::HousekeepingTx, new: &NewDelivery, now: UnixMs) -> Result<()> {
    let fields = serde_json::to_string(&new.fields)
        .map_err(|error| StoreError::Corrupt { what: "delivery", reason: error.to_string() })?;
    let args = args![
        new.id.as_str(),
        new.notice.as_str(),
        new.channel.as_str(),
        new.kind.name(),
        &new.recipient,
        &fields,
        &new.title,
        &new.text,
        now,
    ];
    tx.execute(INSERT, args).await.map(drop)
}

impl Db {
    /// The delivery with that id.
    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(delivery).transpose()
    }

    /// Deliveries before the given id, newest first.
    pub async fn list_deliveries(
        &self,
        before: &str,
        state: Option<DeliveryState>,
        channel: &str,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let args = args![before, state.map_or("", DeliveryState::name), channel, limit];
        self.fetch(LIST, args).await?.iter().map(delivery).collect()
    }

    /// Turns a notice into its messages, once.
    pub async fn hand_out(&self, notice: &NoticeId, messages: &[NewDelivery]) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let now = self.now();
        if tx.execute(HAND_OUT, args![notice.as_str(), now]).await? == 1 {
            for message in messages {
                insert(&mut tx, message, now).await?;
            }
        }
        tx.commit().await
    }

    /// Takes the next due message of an enabled channel, as long as the lease lasts.
    pub async fn lease_delivery(&self, lease_ms: i64) -> Result<Option<Delivery>> {
        let mut tx = self.begin_housekeeping().await?;
        let now = self.now();
        let leased = tx.fetch_one(LEASE, args![now, now.plus_ms(lease_ms)]).await?;
        let leased = leased.as_ref().map(delivery).transpose()?;
        tx.commit().await?;
        Ok(leased)
    }

    /// The message is delivered, or given up for this reason.
    pub async fn finish_delivery(&self, held: &Delivery, error: Option<&str>) -> Result<()> {
        let state = match error {
            None => DeliveryState::Delivered,
            Some(_) => DeliveryState::Failed,
        };
        let mut tx = self.begin_housekeeping().await?;
        let (id, fence) = (held.message.id.as_str(), held.fence);
        tx.execute(FINISH, args![id, fence, state.name(), error, self.now()]).await?;
        tx.commit().await
    }

    /// The try failed; the next one is due then.
    pub async fn retry_delivery(&self, held: &Delivery, due: UnixMs, error: &str) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(RETRY, args![held.message.id.as_str(), held.fence, due, error]).await?;
        tx.commit().await
    }

    /// Forgets what was finished before that moment.
    pub async fn forget_deliveries(&self, before: UnixMs) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(FORGET, args![before]).await?;
        tx.execute(FORGET_NOTICES, args![before]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Sends one message beside any notice: a try of a channel.
    pub async fn create_delivery(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        new: &NewDelivery,
    ) -> Result<()> {
        let now = self.now();
        insert(self, new, now).await
    }

    /// Tries a message again now. False if it is delivered already.
    pub async fn retry_delivery_now(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        id: &DeliveryId,
    ) -> Result<bool> {
        let now = self.now();
        Ok(self.execute(AGAIN, args![id.as_str(), now]).await? == 1)
    }
}
