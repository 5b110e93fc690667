//! The audit log on its way to its receivers: in order, at least once, each receiver at its own pace.
//!
//! A batch that was tried keeps its end, so that every repetition is the same and has the same id.
//! Nothing here writes to the audit log but giving a receiver up: the log would never come to rest.

use grantry_model::delivery::{AuditBatch, AuditLine, Undelivered, retry_ms};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::text::printable;
use grantry_store::{AuditEntry, Sink};
use serde_json::json;

use crate::deliver::{ERROR_CHARACTERS_MAX, LEASE_MS};
use crate::jobs::machine_provenance;
use crate::{Engine, Result};

/// Rows of one batch.
const ROWS_MAX: i64 = 100;
/// Batches of one turn, so that one receiver far behind does not keep others waiting.
const BATCHES_MAX: usize = 50;

/// Takes a receiver that is behind. `None` if there is nothing for it, or another worker has it.
pub(crate) async fn lease(engine: &Engine, seen: &Sink) -> Result<Option<Sink>> {
    let Some(end) = end_of_batch(engine, seen).await? else { return Ok(None) };
    Ok(engine.db().lease_sink(seen, end, LEASE_MS).await?)
}

/// Where the next batch ends: at its own position if a checkpoint comes next.
async fn end_of_batch(engine: &Engine, sink: &Sink) -> Result<Option<i64>> {
    let db = engine.db();
    if sink.pending > sink.position {
        return Ok(Some(sink.pending));
    }
    let next = db.checkpoints_between(sink.checkpoint, i64::MAX, 1).await?;
    let next = next.first().map(|checkpoint| checkpoint.sequence);
    if next.is_some_and(|next| next <= sink.position) {
        return Ok(Some(sink.position));
    }
    let (head, _) = db.audit_head().await?;
    // A checkpoint follows its row.
    let end = (sink.position + ROWS_MAX).min(head).min(next.unwrap_or(i64::MAX));
    Ok((end > sink.position).then_some(end))
}

/// Sends batch after batch to a receiver that is held.
pub(crate) async fn send(engine: &Engine, held: Sink) {
    let id = held.id.clone();
    let mut next = Some(held);
    for turn in 1..=BATCHES_MAX {
        let Some(held) = next else { return };
        next = match send_and_lease(engine, &held, turn < BATCHES_MAX).await {
            Ok(next) => next,
            Err(error) => {
                // It is due again when its lease ends.
                tracing::error!(sink.id = %id, "cannot stream the audit log: {error}");
                return;
            }
        };
    }
}

async fn send_and_lease(engine: &Engine, held: &Sink, goes_on: bool) -> Result<Option<Sink>> {
    match send_batch(engine, held).await? {
        Some(confirmed) if goes_on => lease(engine, &confirmed).await,
        _ => Ok(None),
    }
}

/// Sends one batch; returns the receiver with its new position, no longer held.
async fn send_batch(engine: &Engine, held: &Sink) -> Result<Option<Sink>> {
    let db = engine.db();
    let batch = batch(engine, held).await?;
    let position = held.pending.max(held.position);
    let checkpoint = match held.pending > held.position {
        true => held.checkpoint,
        false => batch.lines.last().map_or(held.checkpoint, |line| line.sequence),
    };
    if !batch.lines.is_empty() {
        let destination = engine.destination(held.id.as_str(), held.settings.clone()).await?;
        if let Err(error) = engine.parts.courier.stream(&destination, &batch).await {
            fail(engine, held, &error).await?;
            return Ok(None);
        }
    }
    db.confirm_sink(held, position, checkpoint).await?;
    Ok(Some(Sink { position, checkpoint, pending: 0, attempts: 0, ..held.clone() }))
}

async fn batch(engine: &Engine, held: &Sink) -> Result<AuditBatch> {
    let (db, now) = (engine.db(), engine.db().now());
    if held.pending > held.position {
        let rows = db.audit_after(held.position, held.pending, u32::MAX).await?;
        let line = |row: &grantry_store::AuditRow| AuditLine {
            sequence: row.sequence,
            at: row.at,
            event: row.event.clone(),
            is_allowed: row.is_allowed,
            json: row.json_line(),
        };
        let id = format!("{}-{}-{}", held.id, held.position + 1, held.pending);
        return Ok(AuditBatch { id, lines: rows.iter().map(line).collect(), now });
    }
    let next = db.checkpoints_between(held.checkpoint, held.position, 1).await?;
    let line = |checkpoint: &grantry_store::Checkpoint| AuditLine {
        sequence: checkpoint.sequence,
        at: checkpoint.at,
        event: "audit.checkpoint".to_owned(),
        is_allowed: true,
        json: checkpoint.json_line(),
    };
    let lines: Vec<AuditLine> = next.iter().map(line).collect();
    let sequence = lines.first().map_or(0, |line| line.sequence);
    Ok(AuditBatch { id: format!("{}-checkpoint-{sequence}", held.id), lines, now })
}

async fn fail(engine: &Engine, held: &Sink, error: &Undelivered) -> Result<()> {
    let db = engine.db();
    let words = printable(&error.to_string(), ERROR_CHARACTERS_MAX);
    tracing::warn!(sink.id = %held.id, attempts = held.attempts, "the audit log was not taken by `{}`: {words}", held.name);
    let after_ms = match error {
        Undelivered::Gone => return disable(engine, held, &words).await,
        Undelivered::Later { after_ms, .. } => *after_ms,
        Undelivered::NotAllowed { .. } | Undelivered::Refused(_) => None,
    };
    let due = db.now().plus_ms(retry_ms(held.attempts, after_ms));
    Ok(db.fail_sink(held, due, &words).await?)
}

/// Row 68: a receiver that is gone is not asked again until an admin says so.
async fn disable(engine: &Engine, held: &Sink, reason: &str) -> Result<()> {
    let mut tx = engine.db().begin(&machine_provenance(held.id.as_str())).await?;
    if tx.disable_sink(held, reason).await? {
        let notice = Notice::new(NoticeKind::SinkDisabled, None)
            .with("sink", &held.name)
            .with("reason", reason);
        tx.queue_notice(&notice).await?;
        let detail = json!({
            "reason": reason, "position": held.position,
            "before": { "is_enabled": true }, "after": { "is_enabled": false },
        });
        let entry =
            AuditEntry::about("audit_sink.disabled", "audit_sink", held.id.as_str(), detail);
        tx.commit(entry).await?;
    }
    Ok(())
}
