//! The audit log: one chain of rows, each holding the hash of the one before it (API-4).
//!
//! Rows are appended in the transaction of the change that they tell of: [`crate::Tx::commit`].
//! There is no statement here that changes or removes one, and none that checks the chain: that is
//! done by a crate that shares no code with this one ([ADR 9](../../../docs/adr/0009-audit-verification.md)).

use grantry_authz::Provenance;
use grantry_model::clock::UnixMs;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::catalogue::escape_like;
use crate::db::{Arg, Db, HousekeepingTx, Row, args};
use crate::{Result, StoreError, statements};

/// What happened, beside who did it and why it was allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Such as `integration.created`.
    pub event: &'static str,
    /// What it happened to: kind and id.
    pub entity: Option<(&'static str, String)>,
    /// More, without secrets or personal data beyond ids.
    pub detail: Value,
}

impl AuditEntry {
    /// An entry about one thing.
    pub fn about(event: &'static str, kind: &'static str, id: &str, detail: Value) -> Self {
        Self { event, entity: Some((kind, id.to_owned())), detail }
    }
}

/// A refused action: it is audited although nothing changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Denied {
    /// Who tried; empty when nobody was authenticated.
    pub principal_id: String,
    /// What it is; `anonymous` when nobody was authenticated.
    pub principal_kind: &'static str,
    /// Through which door.
    pub door: &'static str,
    /// Which action was missing.
    pub action: String,
    /// The code that the caller saw.
    pub reason: String,
    /// The request.
    pub request_id: String,
    /// What happened.
    pub entry: AuditEntry,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct AuditRow {
    pub sequence: i64,
    pub at: UnixMs,
    pub principal_id: String,
    pub principal_kind: String,
    pub door: String,
    pub action: String,
    pub event: String,
    pub entity_kind: Option<String>,
    pub entity_id: Option<String>,
    pub is_allowed: bool,
    pub reason: String,
    pub request_id: String,
    /// JSON, as it is stored: the hash is over this very text.
    pub detail: String,
    pub previous_hash: String,
    pub hash: String,
}

impl AuditRow {
    /// The row as one line of JSON: what exports, files and receivers hold, and what
    /// `grantry audit verify` reads. `detail` is the stored text.
    pub fn json_line(&self) -> String {
        let detail = match serde_json::from_str::<serde::de::IgnoredAny>(&self.detail) {
            Ok(_) if !self.detail.contains(['\n', '\r']) => self.detail.clone(),
            // Somebody wrote into the database: shown as a text, which the check then refuses.
            _ => Value::from(self.detail.as_str()).to_string(),
        };
        let rest = json!({
            "sequence": self.sequence,
            "at_ms": self.at,
            "principal_id": self.principal_id,
            "principal_kind": self.principal_kind,
            "door": self.door,
            "action": self.action,
            "event": self.event,
            "entity_kind": self.entity_kind,
            "entity_id": self.entity_id,
            "is_allowed": self.is_allowed,
            "reason": self.reason,
            "request_id": self.request_id,
            "previous_hash": self.previous_hash,
            "hash": self.hash,
        })
        .to_string();
        format!("{},\"detail\":{detail}}}", rest.trim_end_matches('}'))
    }
}

/// Which rows to list. What is empty or `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of this principal.
    pub principal_id: Option<String>,
    /// Only through this door.
    pub door: Option<String>,
    /// Only this event.
    pub event: Option<String>,
    /// Only about things of this kind.
    pub entity_kind: Option<String>,
    /// Only about the thing with this id.
    pub entity_id: Option<String>,
    /// Only what was allowed, or only what was refused.
    pub is_allowed: Option<bool>,
    /// Only of this request or job.
    pub request_id: Option<String>,
    /// Only from this moment on.
    pub from: Option<UnixMs>,
    /// Only before this moment.
    pub to: Option<UnixMs>,
    /// Only with this text in the detail, whatever its case.
    pub search: Option<String>,
    /// Only rows before this one (rows come newest first).
    pub before: Option<i64>,
}

statements! {
    /// Takes the chain's lock and the next number in one.
    NEXT = "UPDATE audit_head SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence, hash";
    INSERT = "INSERT INTO audit (sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash, folded) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    SET_HEAD = "UPDATE audit_head SET hash = $1 WHERE id = 1";
    LIST = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash FROM audit \
        WHERE sequence < $1 AND ($2 = '' OR principal_id = $2) AND ($3 = '' OR door = $3) AND ($4 = '' OR event = $4) AND ($5 = '' OR entity_kind = $5) AND ($6 = '' OR entity_id = $6) \
        AND ($7 < 0 OR is_allowed = $7) AND ($8 = '' OR request_id = $8) AND at_ms >= $9 AND at_ms < $10 AND ($11 = '' OR COALESCE(folded, LOWER(detail)) LIKE $11 ESCAPE '\\') \
        ORDER BY sequence DESC LIMIT $12";
    /// As `LIST` for one principal, so that its index is used.
    LIST_OF_PRINCIPAL = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash FROM audit \
        WHERE principal_id = $2 AND sequence < $1 AND ($3 = '' OR door = $3) AND ($4 = '' OR event = $4) AND ($5 = '' OR entity_kind = $5) AND ($6 = '' OR entity_id = $6) \
        AND ($7 < 0 OR is_allowed = $7) AND ($8 = '' OR request_id = $8) AND at_ms >= $9 AND at_ms < $10 AND ($11 = '' OR COALESCE(folded, LOWER(detail)) LIKE $11 ESCAPE '\\') \
        ORDER BY sequence DESC LIMIT $12";
    /// As `LIST` for one thing, so that its index is used.
    LIST_OF_ENTITY = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash FROM audit \
        WHERE entity_id = $6 AND sequence < $1 AND ($2 = '' OR principal_id = $2) AND ($3 = '' OR door = $3) AND ($4 = '' OR event = $4) AND ($5 = '' OR entity_kind = $5) \
        AND ($7 < 0 OR is_allowed = $7) AND ($8 = '' OR request_id = $8) AND at_ms >= $9 AND at_ms < $10 AND ($11 = '' OR COALESCE(folded, LOWER(detail)) LIKE $11 ESCAPE '\\') \
        ORDER BY sequence DESC LIMIT $12";
    AFTER = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash FROM audit \
        WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3";
    HEAD = "SELECT sequence, hash FROM audit_head WHERE id = 1";
    COUNT = "SELECT COUNT(*) FROM audit";
}

struct Line<'a> {
    at: UnixMs,
    principal_id: &'a str,
    principal_kind: &'a str,
    door: &'a str,
    action: &'a str,
    entry: &'a AuditEntry,
    is_allowed: bool,
    reason: String,
    request_id: &'a str,
}

/// Appends what a permit allowed.
pub(crate) async fn append(
    tx: &mut HousekeepingTx,
    now: UnixMs,
    provenance: &Provenance,
    entry: &AuditEntry,
) -> Result<()> {
    let reason = serde_json::to_string(&provenance.reason).unwrap_or_default();
    let line = Line {
        at: now,
        principal_id: provenance.principal_id.as_str(),
        principal_kind: provenance.principal_kind.name(),
        door: provenance.door.name(),
        action: provenance.action,
        entry,
        is_allowed: true,
        reason: reason.trim_matches('"').to_owned(),
        request_id: &provenance.request_id,
    };
    append_line(tx, &line).await
}

async fn append_line(tx: &mut HousekeepingTx, line: &Line<'_>) -> Result<()> {
    let head = tx.fetch_one(NEXT, &[]).await?;
    let head = head.ok_or(StoreError::NotFound { what: "audit head" })?;
    let (sequence, previous) = (head.int(0)?, head.text(1)?);
    let detail = line.entry.detail.to_string();
    let entity_kind = line.entry.entity.as_ref().map(|(kind, _)| *kind);
    let entity_id = line.entry.entity.as_ref().map(|(_, id)| id.as_str());
    let hash = chain_hash(&[
        Some(&previous),
        Some(&sequence.to_string()),
        Some(&line.at.0.to_string()),
        Some(line.principal_id),
        Some(line.principal_kind),
        Some(line.door),
        Some(line.action),
        Some(line.entry.event),
        entity_kind,
        entity_id,
        Some(if line.is_allowed { "1" } else { "0" }),
        Some(&line.reason),
        Some(line.request_id),
        Some(&detail),
    ]);
    let folded = folded(&detail);
    let args: &[Arg<'_>] = args![
        sequence,
        line.at,
        line.principal_id,
        line.principal_kind,
        line.door,
        line.action,
        line.entry.event,
        entity_kind,
        entity_id,
        line.is_allowed,
        &line.reason,
        line.request_id,
        &detail,
        &previous,
        &hash,
        &folded,
    ];
    tx.execute(INSERT, args).await?;
    tx.execute(SET_HEAD, args![&hash]).await?;
    Ok(())
}

/// The text in lower case, where that takes more than the 26 letters: the databases do not agree
/// about the others.
fn folded(text: &str) -> Option<String> {
    let folded = text.to_lowercase();
    (folded != text.to_ascii_lowercase()).then_some(folded)
}

/// SHA-256 over the fields: each with a byte that tells it from a missing one and its length in
/// front, so that none can run into the next. docs/audit.md describes it for others.
fn chain_hash(fields: &[Option<&str>]) -> String {
    let mut hasher = sha2::Sha256::new();
    for field in fields {
        match field {
            None => hasher.update([0]),
            Some(text) => {
                hasher.update([1]);
                hasher.update((text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
    }
    hex::encode(hasher.finalize())
}

fn audit_row(row: &Row) -> Result<AuditRow> {
    Ok(AuditRow {
        sequence: row.int(0)?,
        at: row.time(1)?,
        principal_id: row.text(2)?,
        principal_kind: row.text(3)?,
        door: row.text(4)?,
        action: row.text(5)?,
        event: row.text(6)?,
        entity_kind: row.text_or_null(7)?,
        entity_id: row.text_or_null(8)?,
        is_allowed: row.is_true(9)?,
        reason: row.text(10)?,
        request_id: row.text(11)?,
        detail: row.text(12)?,
        previous_hash: row.text(13)?,
        hash: row.text(14)?,
    })
}

impl Db {
    /// Records a refusal.
    pub async fn record_denial(&self, denied: &Denied) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let line = Line {
            at: self.now(),
            principal_id: &denied.principal_id,
            principal_kind: denied.principal_kind,
            door: denied.door,
            action: &denied.action,
            entry: &denied.entry,
            is_allowed: false,
            reason: denied.reason.clone(),
            request_id: &denied.request_id,
        };
        append_line(&mut tx, &line).await?;
        tx.commit().await
    }

    /// Rows of the log, newest first.
    pub async fn list_audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRow>> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let principal = text(&filter.principal_id);
        let entity = text(&filter.entity_id);
        let (door, event, kind) =
            (text(&filter.door), text(&filter.event), text(&filter.entity_kind));
        let request = text(&filter.request_id);
        let search = filter.search.as_ref().filter(|words| !words.is_empty());
        let search = search.map(|words| format!("%{}%", escape_like(&words.to_lowercase())));
        let args = args![
            filter.before.unwrap_or(i64::MAX),
            &principal,
            &door,
            &event,
            &kind,
            &entity,
            filter.is_allowed.map_or(-1, i64::from),
            &request,
            filter.from.unwrap_or(UnixMs(i64::MIN)),
            filter.to.unwrap_or(UnixMs(i64::MAX)),
            search.as_deref().unwrap_or(""),
            limit,
        ];
        let statement = match (entity.is_empty(), principal.is_empty()) {
            (false, _) => LIST_OF_ENTITY,
            (true, false) => LIST_OF_PRINCIPAL,
            (true, true) => LIST,
        };
        self.fetch(statement, args).await?.iter().map(audit_row).collect()
    }

    /// Rows after one and up to another, oldest first.
    pub async fn audit_after(&self, after: i64, to: i64, limit: u32) -> Result<Vec<AuditRow>> {
        self.fetch(AFTER, args![after, to, limit]).await?.iter().map(audit_row).collect()
    }

    /// The last row's number and hash; zero and nothing for an empty log.
    pub async fn audit_head(&self) -> Result<(i64, String)> {
        let row = self.fetch_one(HEAD, &[]).await?;
        let row = row.ok_or(StoreError::NotFound { what: "audit head" })?;
        Ok((row.int(0)?, row.text(1)?))
    }

    /// How many rows the log has.
    pub async fn count_audit(&self) -> Result<i64> {
        self.fetch_one(COUNT, &[]).await?.map_or(Ok(0), |row| row.int(0))
    }
}
