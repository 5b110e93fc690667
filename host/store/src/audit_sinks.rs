//! Receivers of the audit log, and how far each has got.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::delivery::SinkSettings;
use grantry_model::ids::SinkId;

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A receiver of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Its id.
    pub id: SinkId,
    /// What people call it.
    pub name: String,
    /// How it is reached.
    pub settings: SinkSettings,
    /// Whether it is sent anything.
    pub is_enabled: bool,
    /// Why it was disabled, if not by a person.
    pub disabled_reason: Option<String>,
    /// The last row that it confirmed.
    pub position: i64,
    /// The last checkpoint that it confirmed.
    pub checkpoint: i64,
    /// The end of the batch that is being tried; 0 for none.
    pub pending: i64,
    /// Tries of that batch.
    pub attempts: u32,
    /// Names the try that is under way.
    pub fence: i64,
    /// When it is tried next.
    pub due: UnixMs,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it last confirmed something.
    pub delivered: Option<UnixMs>,
    /// When it was created.
    pub created: UnixMs,
    /// Grows with every change by a person.
    pub version: i64,
}

statements! {
    INSERT = "INSERT INTO audit_sinks (id, name, settings, is_enabled, disabled_reason, position, checkpoint, pending, attempts, fence, due_ms, error, delivered_ms, created_ms, version) VALUES ($1, $2, $3, $4, NULL, $5, $6, 0, 0, 0, $7, NULL, NULL, $7, 1)";
    GET = "SELECT id, name, settings, is_enabled, disabled_reason, position, checkpoint, pending, attempts, fence, due_ms, error, delivered_ms, created_ms, version FROM audit_sinks WHERE id = $1";
    LIST = "SELECT id, name, settings, is_enabled, disabled_reason, position, checkpoint, pending, attempts, fence, due_ms, error, delivered_ms, created_ms, version FROM audit_sinks WHERE id > $1 ORDER BY id LIMIT $2";
    UPDATE = "UPDATE audit_sinks SET name = $3, settings = $4, is_enabled = $5, disabled_reason = NULL, attempts = 0, fence = fence + 1, due_ms = $6, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM audit_sinks WHERE id = $1";
    BEHIND = "SELECT s.id, s.name, s.settings, s.is_enabled, s.disabled_reason, s.position, s.checkpoint, s.pending, s.attempts, s.fence, s.due_ms, s.error, s.delivered_ms, s.created_ms, s.version FROM audit_sinks s WHERE s.is_enabled = 1 AND s.due_ms <= $1 \
        AND (s.position < (SELECT sequence FROM audit_head WHERE id = 1) OR s.checkpoint < (SELECT COALESCE(MAX(sequence), 0) FROM audit_checkpoints)) ORDER BY s.due_ms, s.id LIMIT $2";
    /// Of two workers that saw it due, one gets it.
    LEASE = "UPDATE audit_sinks SET fence = fence + 1, attempts = attempts + 1, due_ms = $3, pending = $4 WHERE id = $1 AND fence = $2 AND is_enabled = 1";
    CONFIRM = "UPDATE audit_sinks SET position = $3, checkpoint = $4, pending = 0, attempts = 0, due_ms = $5, error = NULL, delivered_ms = $5 WHERE id = $1 AND fence = $2";
    FAIL = "UPDATE audit_sinks SET due_ms = $3, error = $4 WHERE id = $1 AND fence = $2";
    DISABLE = "UPDATE audit_sinks SET is_enabled = 0, disabled_reason = $3, error = $3, version = version + 1 WHERE id = $1 AND fence = $2 AND is_enabled = 1";
    COUNT_ENABLED_FILE = "SELECT COUNT(*) FROM audit_sinks WHERE id <> $1 AND settings LIKE $2 ESCAPE '\\'";
}

fn sink(row: &Row) -> Result<Sink> {
    Ok(Sink {
        id: row.parsed(0, "sink id", |id| SinkId::parse(id).ok())?,
        name: row.text(1)?,
        settings: row.json(2, "sink's settings")?,
        is_enabled: row.is_true(3)?,
        disabled_reason: row.text_or_null(4)?,
        position: row.int(5)?,
        checkpoint: row.int(6)?,
        pending: row.int(7)?,
        attempts: u32::try_from(row.int(8)?).unwrap_or(u32::MAX),
        fence: row.int(9)?,
        due: row.time(10)?,
        error: row.text_or_null(11)?,
        delivered: row.time_or_null(12)?,
        created: row.time(13)?,
        version: row.int(14)?,
    })
}

fn text(settings: &SinkSettings) -> Result<String> {
    serde_json::to_string(settings)
        .map_err(|error| StoreError::Corrupt { what: "sink's settings", reason: error.to_string() })
}

impl Db {
    /// The sink with that id.
    pub async fn sink(&self, id: &SinkId) -> Result<Option<Sink>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(sink).transpose()
    }

    /// Sinks after the given id.
    pub async fn list_sinks(&self, after: &str, limit: u32) -> Result<Vec<Sink>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(sink).collect()
    }

    /// Whether another sink writes the file of that name.
    pub async fn is_file_taken(&self, id: &SinkId, name: &str) -> Result<bool> {
        let name = crate::catalogue::escape_like(name);
        let pattern = format!("%\"kind\":\"file\",\"name\":\"{name}\"%");
        let row = self.fetch_one(COUNT_ENABLED_FILE, args![id.as_str(), &pattern]).await?;
        Ok(row.map_or(Ok(0), |row| row.int(0))? > 0)
    }

    /// Due sinks that have not got everything.
    pub async fn sinks_behind(&self, limit: u32) -> Result<Vec<Sink>> {
        self.fetch(BEHIND, args![self.now(), limit]).await?.iter().map(sink).collect()
    }

    /// Takes a sink for a batch that ends at a row, as long as the lease lasts. `None` if another
    /// worker has it.
    pub async fn lease_sink(&self, seen: &Sink, end: i64, lease_ms: i64) -> Result<Option<Sink>> {
        let mut tx = self.begin_housekeeping().await?;
        let until = self.now().plus_ms(lease_ms);
        let taken = tx.execute(LEASE, args![seen.id.as_str(), seen.fence, until, end]).await?;
        tx.commit().await?;
        let leased = Sink {
            fence: seen.fence + 1,
            attempts: seen.attempts.saturating_add(1),
            pending: end,
            due: until,
            ..seen.clone()
        };
        Ok((taken == 1).then_some(leased))
    }

    /// The sink confirmed everything up to this row and checkpoint.
    pub async fn confirm_sink(&self, sink: &Sink, position: i64, checkpoint: i64) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let args = args![sink.id.as_str(), sink.fence, position, checkpoint, self.now()];
        tx.execute(CONFIRM, args).await?;
        tx.commit().await
    }

    /// The try failed; the next one is due then.
    pub async fn fail_sink(&self, sink: &Sink, due: UnixMs, error: &str) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(FAIL, args![sink.id.as_str(), sink.fence, due, error]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Creates a sink that gets every row after `position`.
    pub async fn create_sink(&mut self, _: &Permit<actions::AuditWrite>, new: &Sink) -> Result<()> {
        let (settings, now) = (text(&new.settings)?, self.now());
        let args = args![
            new.id.as_str(),
            &new.name,
            &settings,
            new.is_enabled,
            new.position,
            new.checkpoint,
            now,
        ];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Changes a sink that is still at that version.
    pub async fn update_sink(
        &mut self,
        _: &Permit<actions::AuditWrite>,
        changed: &Sink,
    ) -> Result<()> {
        let (settings, now) = (text(&changed.settings)?, self.now());
        let args = args![
            changed.id.as_str(),
            changed.version,
            &changed.name,
            &settings,
            changed.is_enabled,
            now,
        ];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "sink" }),
            _ => Ok(()),
        }
    }

    /// Removes a sink.
    pub async fn delete_sink(
        &mut self,
        _: &Permit<actions::AuditWrite>,
        id: &SinkId,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str()]).await? {
            0 => Err(StoreError::NotFound { what: "sink" }),
            _ => Ok(()),
        }
    }

    /// Sends a sink nothing more, as the worker that holds it. False if it does not hold it.
    pub async fn disable_sink(&mut self, held: &Sink, reason: &str) -> Result<bool> {
        Ok(self.execute(DISABLE, args![held.id.as_str(), held.fence, reason]).await? == 1)
    }
}
