//! The audit log: one chain of rows, each holding the hash of the one before it (API-4).
//!
//! Rows are appended in the transaction of the change that they tell of: [`crate::Tx::commit`].
//! There is no statement here that changes or removes one.

use grantry_authz::Provenance;
use grantry_model::clock::UnixMs;
use serde_json::Value;
use sha2::Digest as _;

use crate::db::{Arg, Db, HousekeepingTx, args};
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
    pub detail: Value,
}

/// Which rows to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this principal.
    pub principal_id: Option<String>,
    /// Only this event.
    pub event: Option<String>,
    /// Only about the thing with this id.
    pub entity_id: Option<String>,
    /// Only rows before this one (rows come newest first).
    pub before: Option<i64>,
}

statements! {
    /// Takes the chain's lock and the next number in one.
    NEXT = "UPDATE audit_head SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence, hash";
    INSERT = "INSERT INTO audit (sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    SET_HEAD = "UPDATE audit_head SET hash = $1 WHERE id = 1";
    LIST = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail FROM audit \
        WHERE sequence < $1 AND ($2 = '' OR principal_id = $2) AND ($3 = '' OR event = $3) AND ($4 = '' OR entity_id = $4) \
        ORDER BY sequence DESC LIMIT $5";
    HEAD = "SELECT sequence, hash FROM audit_head WHERE id = 1";
    COUNT = "SELECT COUNT(*) FROM audit";
    CHAIN = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT 1000";
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
        &previous,
        &sequence.to_string(),
        &line.at.0.to_string(),
        line.principal_id,
        line.principal_kind,
        line.door,
        line.action,
        line.entry.event,
        entity_kind.unwrap_or(""),
        entity_id.unwrap_or(""),
        if line.is_allowed { "1" } else { "0" },
        &line.reason,
        line.request_id,
        &detail,
    ]);
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
    ];
    tx.execute(INSERT, args).await?;
    tx.execute(SET_HEAD, args![&hash]).await?;
    Ok(())
}

/// SHA-256 over the fields, each with its length in front, so that none can run into the next.
fn chain_hash(fields: &[&str]) -> String {
    let mut hasher = sha2::Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hex::encode(hasher.finalize())
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
        let before = filter.before.unwrap_or(i64::MAX);
        let (principal, event, entity) =
            (text(&filter.principal_id), text(&filter.event), text(&filter.entity_id));
        let rows = self.fetch(LIST, args![before, &principal, &event, &entity, limit]).await?;
        rows.iter()
            .map(|row| {
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
                    detail: row.json(12, "audit detail")?,
                })
            })
            .collect()
    }

    /// How many rows the log has.
    pub async fn count_audit(&self) -> Result<i64> {
        self.fetch_one(COUNT, &[]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Recomputes the chain. The first sequence number that does not fit, if there is one.
    pub async fn first_broken_audit_row(&self) -> Result<Option<i64>> {
        let (mut previous, mut last) = (String::new(), 0_i64);
        loop {
            let rows = self.fetch(CHAIN, args![last]).await?;
            if rows.is_empty() {
                let head = self.fetch_one(HEAD, &[]).await?;
                let head = head.map(|row| Ok::<_, StoreError>((row.int(0)?, row.text(1)?)));
                let is_whole = head.transpose()? == Some((last, previous));
                return Ok((!is_whole).then_some(last + 1));
            }
            for row in &rows {
                let mut fields = vec![previous.clone()];
                for (index, is_number) in
                    [true, true, false, false, false, false, false].into_iter().enumerate()
                {
                    fields.push(if is_number {
                        row.int(index)?.to_string()
                    } else {
                        row.text(index)?
                    });
                }
                fields.push(row.text_or_null(7)?.unwrap_or_default());
                fields.push(row.text_or_null(8)?.unwrap_or_default());
                fields.push(row.int(9)?.to_string());
                for index in 10..13 {
                    fields.push(row.text(index)?);
                }
                let hash = chain_hash(&fields.iter().map(String::as_str).collect::<Vec<_>>());
                let sequence = row.int(0)?;
                if sequence != last + 1 || row.text(13)? != previous || row.text(14)? != hash {
                    return Ok(Some(sequence));
                }
                (previous, last) = (hash, sequence);
            }
        }
    }
}
