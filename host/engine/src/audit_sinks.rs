//! Receivers of the audit log: configured by an admin, each with its own position in the log.
//!
//! What is sent to them, and when again, is in `stream`.

use grantry_authz::actions;
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{Destination, SinkSettings, Undelivered};
use grantry_model::ids::SinkId;
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Sink};
use serde_json::{Value, json};

use crate::delivery_secrets::{OVERLAP_MS, SIGNING};
use crate::error::check_name;
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// Smallest size at which a file is set aside, in bytes.
const FILE_BYTES_MIN: u64 = 64 * 1024;
/// Largest size at which a file is set aside, in bytes: 4 GiB.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// Receivers that one installation has.
const SINKS_MAX: usize = 20;
/// Address exceptions of one receiver.
const EXCEPTIONS_MAX: usize = 10;

/// A receiver to be created.
#[derive(Debug, Clone)]
pub struct SinkInput {
    /// What people call it.
    pub name: String,
    /// How it is reached.
    pub settings: SinkSettings,
    /// Whether it is sent the whole log, rather than what comes from now on.
    pub from_beginning: bool,
}

/// A change of a receiver. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct SinkChange {
    /// The new name.
    pub name: Option<String>,
    /// How it is reached from now on. Its kind stays.
    pub settings: Option<SinkSettings>,
    /// Whether it is sent anything.
    pub is_enabled: Option<bool>,
}

/// What was made, with a signing key that is told once.
pub struct WithSigningKey {
    /// The answer, without the key.
    pub answer: Answer,
    /// The key; `None` for a repeated request, and where nothing is signed.
    pub key: Option<Secret>,
}

const NO_SINK: EngineError = EngineError::NotFound { what: "audit sink" };

impl Ctx {
    /// Creates a receiver.
    pub async fn create_sink(
        &self,
        input: &SinkInput,
        request: &Idempotent<'_, Sink>,
    ) -> Result<WithSigningKey> {
        let permit = self.permit_admin::<actions::AuditWrite>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(WithSigningKey { answer, key: None }),
        };
        let db = self.db();
        let is_signed = matches!(input.settings, SinkSettings::Webhook { .. });
        let key = is_signed.then(|| self.engine.fresh_signing_key());
        let work = async {
            check_name("/name", &input.name)?;
            let id = SinkId::fresh(db.clock(), db.random());
            self.check_sink(&id, &input.settings).await?;
            if db.list_sinks("", u32::MAX).await?.len() >= SINKS_MAX {
                let message = format!("there are {SINKS_MAX} already: remove one first");
                return Err(EngineError::field("", "too_many", message));
            }
            let (head, _) = db.audit_head().await?;
            let checkpoint = db.newest_checkpoint().await?.map_or(0, |newest| newest.sequence);
            let mut tx = db.begin(permit.provenance()).await?;
            let sink = Sink {
                id,
                name: input.name.trim().to_owned(),
                settings: input.settings.clone(),
                is_enabled: true,
                disabled_reason: None,
                position: if input.from_beginning { 0 } else { head },
                checkpoint: if input.from_beginning { 0 } else { checkpoint },
                pending: 0,
                attempts: 0,
                fence: 0,
                due: tx.now(),
                error: None,
                delivered: None,
                created: tx.now(),
                version: 1,
            };
            tx.create_sink(&permit, &sink).await?;
            if let Some(key) = &key {
                let (owner, now) = (sink.id.as_str(), tx.now());
                self.engine
                    .set_delivery_secret(&mut tx, &permit, owner, (SIGNING, 1), key, now)
                    .await?;
            }
            let answer = claimed.finish(&mut tx, &sink).await?;
            let detail = json!({ "after": described(&sink) });
            let id = sink.id.as_str();
            tx.commit(AuditEntry::about("audit_sink.created", "audit_sink", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(WithSigningKey { answer, key })
    }

    /// Checks form and place: an address that may not be reached is refused now, not at night.
    async fn check_sink(&self, id: &SinkId, settings: &SinkSettings) -> Result<()> {
        match settings {
            SinkSettings::Webhook { address_exceptions, .. }
            | SinkSettings::Syslog { address_exceptions, .. } => {
                check_exceptions("/settings", address_exceptions.len())?;
            }
            SinkSettings::File { name, file_bytes_max } => {
                let is_plain = |c: char| {
                    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')
                };
                if name.is_empty() || name.len() > 50 || !name.chars().all(is_plain) {
                    let message = "has 1 to 50 small letters, digits, `-` and `_`";
                    return Err(EngineError::field("/settings/name", "invalid_string", message));
                }
                if !(FILE_BYTES_MIN..=FILE_BYTES_MAX).contains(file_bytes_max) {
                    let message = "must lie between 64 KiB and 4 GiB";
                    let path = "/settings/file_bytes_max";
                    return Err(EngineError::field(path, "out_of_range", message));
                }
                if self.db().is_file_taken(id, name).await? {
                    let message = "another sink writes this file";
                    return Err(EngineError::field("/settings/name", "taken", message));
                }
            }
        }
        let destination =
            Destination { settings: settings.clone(), secret: None, signing: Vec::new() };
        self.engine
            .parts
            .courier
            .check_sink(&destination)
            .await
            .map_err(|error| not_allowed("/settings", error))
    }

    /// Receivers, in order of creation.
    pub async fn list_sinks(&self, query: &PageQuery) -> Result<Page<Sink>> {
        self.permit_admin::<actions::AuditRead>().await?;
        let after = self.engine.position("audit sinks", query.cursor.as_deref())?;
        let rows = self.db().list_sinks(&after, query.limit + 1).await?;
        Ok(self.engine.page("audit sinks", rows, query.limit, |row| row.id.to_string()))
    }

    /// One receiver.
    pub async fn sink(&self, id: &SinkId) -> Result<Sink> {
        self.permit_admin::<actions::AuditRead>().await?;
        self.db().sink(id).await?.ok_or(NO_SINK)
    }

    /// Changes a receiver that is still at that version. Its position stays.
    pub async fn update_sink(
        &self,
        id: &SinkId,
        version: i64,
        change: &SinkChange,
    ) -> Result<Sink> {
        let permit = self.permit_admin::<actions::AuditWrite>().await?;
        let before = self.db().sink(id).await?.ok_or(NO_SINK)?;
        let mut sink = Sink { version, ..before.clone() };
        if let Some(name) = &change.name {
            check_name("/name", name)?;
            sink.name = name.trim().to_owned();
        }
        if let Some(settings) = &change.settings {
            if std::mem::discriminant(settings) != std::mem::discriminant(&before.settings) {
                let message = "stays as it was created: create another sink";
                return Err(EngineError::field("/settings/kind", "cannot_change", message));
            }
            self.check_sink(id, settings).await?;
            sink.settings = settings.clone();
        }
        sink.is_enabled = change.is_enabled.unwrap_or(before.is_enabled);
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.update_sink(&permit, &sink).await?;
        let detail = json!({ "before": described(&before), "after": described(&sink) });
        tx.commit(AuditEntry::about("audit_sink.updated", "audit_sink", id.as_str(), detail))
            .await?;
        self.db().sink(id).await?.ok_or(NO_SINK)
    }

    /// Removes a receiver. What it has not got is not sent to it.
    pub async fn delete_sink(&self, id: &SinkId) -> Result<()> {
        let permit = self.permit_admin::<actions::AuditWrite>().await?;
        let before = self.db().sink(id).await?.ok_or(NO_SINK)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_sink(&permit, id).await?;
        tx.delete_delivery_secrets(&permit, id.as_str()).await?;
        let detail = json!({ "before": described(&before), "position": before.position });
        tx.commit(AuditEntry::about("audit_sink.deleted", "audit_sink", id.as_str(), detail))
            .await?;
        Ok(())
    }

    /// Makes a new signing key for a webhook. The old one counts for another day.
    pub async fn rotate_sink_key(
        &self,
        id: &SinkId,
        request: &Idempotent<'_, UnixMs>,
    ) -> Result<WithSigningKey> {
        let permit = self.permit_admin::<actions::AuditWrite>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(WithSigningKey { answer, key: None }),
        };
        let key = self.engine.fresh_signing_key();
        let work = async {
            let sink = self.db().sink(id).await?.ok_or(NO_SINK)?;
            if !matches!(sink.settings, SinkSettings::Webhook { .. }) {
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
            let event = "audit_sink.key_rotated";
            tx.commit(AuditEntry::about(event, "audit_sink", id.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(WithSigningKey { answer, key: Some(key) })
    }
}

/// The settings hold no secret: those are sealed apart.
fn described(sink: &Sink) -> Value {
    json!({ "name": sink.name, "settings": sink.settings, "is_enabled": sink.is_enabled })
}

/// Exceptions are for single addresses: many of them are a mistake. `at` is where the body has them.
pub(crate) fn check_exceptions(at: &str, count: usize) -> Result<()> {
    if count <= EXCEPTIONS_MAX {
        return Ok(());
    }
    let message = format!("there are at most {EXCEPTIONS_MAX}");
    Err(EngineError::field(&format!("{at}/address_exceptions"), "too_many", message))
}

/// A place that may not be reached (security.md row 67). `at` is where the body names it.
pub(crate) fn not_allowed(at: &str, error: Undelivered) -> EngineError {
    let message = format!(
        "{error}: only public addresses are reached, with TLS, unless an address exception names exactly this address and port"
    );
    EngineError::field(at, "address_not_allowed", message)
}
