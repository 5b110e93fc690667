//! The outbox of notices: written with the event that they tell of, handed to channels later.

use std::collections::BTreeMap;

use grantry_model::clock::UnixMs;
use grantry_model::ids::{IntegrationId, NoticeId};
use grantry_model::notification::{Notice, NoticeKind};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A notice that waits to be handed to the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredNotice {
    pub id: NoticeId,
    pub notice: Notice,
    pub created: UnixMs,
}

statements! {
    INSERT = "INSERT INTO notices (id, kind, integration_id, fields, created_ms, handed_out_ms, people) VALUES ($1, $2, $3, $4, $5, NULL, $6)";
    WAITING = "SELECT id, kind, integration_id, fields, created_ms, people FROM notices WHERE handed_out_ms IS NULL ORDER BY id LIMIT $1";
    LATEST = "SELECT id, kind, integration_id, fields, created_ms, people FROM notices ORDER BY id DESC LIMIT $1";
}

fn notice(row: &Row) -> Result<StoredNotice> {
    let integration = match row.text_or_null(2)? {
        Some(_) => Some(row.parsed(2, "integration id", |id| IntegrationId::parse(id).ok())?),
        None => None,
    };
    let fields: BTreeMap<String, String> = row.json(3, "notice")?;
    Ok(StoredNotice {
        id: row.parsed(0, "notice id", |id| NoticeId::parse(id).ok())?,
        notice: Notice {
            kind: row.parsed(1, "kind of notice", NoticeKind::parse)?,
            integration,
            people: row.json(5, "people of a notice")?,
            fields,
        },
        created: row.time(4)?,
    })
}

impl Tx {
    /// Tells people of what this transaction does, once it is committed. Channels, recipients and
    /// words are decided later, so a notice costs one row here.
    pub async fn queue_notice(&mut self, notice: &Notice) -> Result<NoticeId> {
        let id = self.fresh_notice_id();
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            what: "notice",
            reason: error.to_string(),
        };
        let fields = serde_json::to_string(&notice.fields).map_err(corrupt)?;
        let people = serde_json::to_string(&notice.people).map_err(corrupt)?;
        let integration = notice.integration.as_ref().map(IntegrationId::as_str);
        let now = self.now();
        let args = args![id.as_str(), notice.kind.name(), integration, &fields, now, &people];
        self.execute(INSERT, args).await?;
        Ok(id)
    }
}

impl Db {
    /// Notices that no channel has got yet, oldest first.
    pub async fn waiting_notices(&self, limit: u32) -> Result<Vec<StoredNotice>> {
        self.fetch(WAITING, args![limit]).await?.iter().map(notice).collect()
    }

    /// The latest notices, handed out or not, newest first.
    pub async fn latest_notices(&self, limit: u32) -> Result<Vec<StoredNotice>> {
        self.fetch(LATEST, args![limit]).await?.iter().map(notice).collect()
    }
}
