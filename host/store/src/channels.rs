//! Channels that people are notified through, and the words that an admin chose.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::delivery::ChannelSettings;
use grantry_model::ids::ChannelId;
use grantry_model::notification::{NoticeKind, Template};
use serde::{Deserialize, Serialize};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// Who gets the mails of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipients {
    /// The people whom a notice concerns by name: who is asked to decide, whose request it was.
    #[serde(default = "yes")]
    pub concerned: bool,
    /// Everybody with the role admin.
    pub admins: bool,
    /// The owners of the integration that a notice is about.
    pub integration_owners: bool,
    /// These addresses.
    pub addresses: Vec<String>,
}

fn yes() -> bool {
    true
}

impl Default for Recipients {
    fn default() -> Self {
        Self { concerned: true, admins: false, integration_owners: false, addresses: Vec::new() }
    }
}

/// A way to notify people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// What people call it.
    pub name: String,
    /// How it is reached.
    pub settings: ChannelSettings,
    /// What it tells of; empty for everything.
    pub kinds: Vec<NoticeKind>,
    /// Whom, where it sends mails.
    pub recipients: Recipients,
    /// Whether it is used.
    pub is_enabled: bool,
    /// Why it was disabled, if not by a person.
    pub disabled_reason: Option<String>,
    /// When it was created.
    pub created: UnixMs,
    /// Grows with every change.
    pub version: i64,
}

statements! {
    INSERT = "INSERT INTO channels (id, name, settings, kinds, recipients, is_enabled, disabled_reason, created_ms, version) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, 1)";
    GET = "SELECT id, name, settings, kinds, recipients, is_enabled, disabled_reason, created_ms, version FROM channels WHERE id = $1";
    LIST = "SELECT id, name, settings, kinds, recipients, is_enabled, disabled_reason, created_ms, version FROM channels WHERE id > $1 ORDER BY id LIMIT $2";
    UPDATE = "UPDATE channels SET name = $3, settings = $4, kinds = $5, recipients = $6, is_enabled = $7, disabled_reason = NULL, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM channels WHERE id = $1";
    DISABLE = "UPDATE channels SET is_enabled = 0, disabled_reason = $2, version = version + 1 WHERE id = $1 AND is_enabled = 1";
    TEMPLATES = "SELECT kind, title, body, version FROM templates";
    SET_TEMPLATE = "INSERT INTO templates (kind, title, body, version) VALUES ($1, $2, $3, 1) ON CONFLICT (kind) DO UPDATE SET title = $2, body = $3, version = templates.version + 1";
    DELETE_TEMPLATE = "DELETE FROM templates WHERE kind = $1";
}

fn channel(row: &Row) -> Result<Channel> {
    Ok(Channel {
        id: row.parsed(0, "channel id", |id| ChannelId::parse(id).ok())?,
        name: row.text(1)?,
        settings: row.json(2, "channel's settings")?,
        kinds: row.json(3, "channel's kinds")?,
        recipients: row.json(4, "channel's recipients")?,
        is_enabled: row.is_true(5)?,
        disabled_reason: row.text_or_null(6)?,
        created: row.time(7)?,
        version: row.int(8)?,
    })
}

fn texts(channel: &Channel) -> Result<[String; 3]> {
    let corrupt = |error: serde_json::Error| StoreError::Corrupt {
        what: "channel",
        reason: error.to_string(),
    };
    Ok([
        serde_json::to_string(&channel.settings).map_err(corrupt)?,
        serde_json::to_string(&channel.kinds).map_err(corrupt)?,
        serde_json::to_string(&channel.recipients).map_err(corrupt)?,
    ])
}

impl Db {
    /// The channel with that id.
    pub async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(channel).transpose()
    }

    /// Channels after the given id.
    pub async fn list_channels(&self, after: &str, limit: u32) -> Result<Vec<Channel>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(channel).collect()
    }

    /// The templates that an admin wrote; the others are the default ones.
    pub async fn templates(&self) -> Result<Vec<(NoticeKind, Template)>> {
        let rows = self.fetch(TEMPLATES, &[]).await?;
        let mut templates = Vec::with_capacity(rows.len());
        for row in &rows {
            // A kind of a newer version is none of ours.
            if let Some(kind) = NoticeKind::parse(&row.text(0)?) {
                templates.push((kind, Template { title: row.text(1)?, text: row.text(2)? }));
            }
        }
        Ok(templates)
    }
}

impl Tx {
    /// Creates a channel.
    pub async fn create_channel(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        new: &Channel,
    ) -> Result<()> {
        let ([settings, kinds, recipients], now) = (texts(new)?, self.now());
        let args =
            args![new.id.as_str(), &new.name, &settings, &kinds, &recipients, new.is_enabled, now,];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Changes a channel that is still at that version.
    pub async fn update_channel(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        changed: &Channel,
    ) -> Result<()> {
        let [settings, kinds, recipients] = texts(changed)?;
        let args = args![
            changed.id.as_str(),
            changed.version,
            &changed.name,
            &settings,
            &kinds,
            &recipients,
            changed.is_enabled,
        ];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "channel" }),
            _ => Ok(()),
        }
    }

    /// Removes a channel and its deliveries.
    pub async fn delete_channel(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        id: &ChannelId,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str()]).await? {
            0 => Err(StoreError::NotFound { what: "channel" }),
            _ => Ok(()),
        }
    }

    /// Uses a channel no more. False if that is so already.
    pub async fn disable_channel(&mut self, id: &ChannelId, reason: &str) -> Result<bool> {
        Ok(self.execute(DISABLE, args![id.as_str(), reason]).await? == 1)
    }

    /// Sets the words for a kind of notice.
    pub async fn set_template(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        kind: NoticeKind,
        template: &Template,
    ) -> Result<()> {
        let args = args![kind.name(), &template.title, &template.text];
        self.execute(SET_TEMPLATE, args).await.map(drop)
    }

    /// Goes back to the default words.
    pub async fn delete_template(
        &mut self,
        _: &Permit<actions::NotificationWrite>,
        kind: NoticeKind,
    ) -> Result<()> {
        self.execute(DELETE_TEMPLATE, args![kind.name()]).await.map(drop)
    }
}
