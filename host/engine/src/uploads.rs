//! Uploaded lists (CAT-10): the members of an app, the users of a data source.
//!
//! A file is read and staged by `intake`, compared, and applied by the hash of its diff. Whoever sends
//! it, over HTTP or as a plugin, comes through here with the same permits.

mod intake;

use grantry_authz::{Permit, Provenance, actions};
use grantry_model::csv::ListKind;
use grantry_model::ids::{PrincipalId, UploadId};
use grantry_model::permission::{Entity, PrincipalKind};
use grantry_model::upload::{
    Diff, UPLOAD_KEPT_MS, UPLOAD_PIECE_BYTES_MAX, UPLOAD_SENDER_BYTES_MAX, UPLOADS_WAITING_MAX,
    UploadStatus,
};
use grantry_store::{
    AuditEntry, CatalogueSource, Db, ListChange, ListRow, Reading, StoreError, Tx, Upload,
    UploadEnd,
};
use serde_json::json;

use crate::data_sources::NO_DATA_SOURCE;
use crate::idempotency::{Claimed, Turn};
use crate::mappings::How;
use crate::memberships::manual;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result, mappings};

pub use intake::{Intake, Received};

/// People of a list that are read at a time, to be written.
pub const EXPORT_ROWS: u32 = 500;

const NO_APP: EngineError = EngineError::NotFound { what: "app" };
const NO_UPLOAD: EngineError = EngineError::NotFound { what: "upload" };

/// Proof that the caller may change a list.
enum UploadPermit {
    Members(Permit<actions::CsvAppUserUpload>),
    Users(Permit<actions::DataSourceUsersUpdate>),
}

impl UploadPermit {
    fn provenance(&self) -> &Provenance {
        match self {
            Self::Members(permit) => permit.provenance(),
            Self::Users(permit) => permit.provenance(),
        }
    }

    async fn apply(&self, tx: &mut Tx, upload: &Upload, kind: ListKind) -> Result<()> {
        let applied = match (self, &upload.entity) {
            (Self::Members(permit), Entity::App(app)) if kind == ListKind::Entitlements => {
                tx.apply_entitlements(permit, app, upload).await
            }
            (Self::Members(permit), Entity::App(app)) => {
                tx.apply_members(permit, app, upload).await
            }
            (Self::Users(permit), Entity::DataSource(source)) => {
                tx.apply_users(permit, source, upload).await
            }
            (Self::Members(_), Entity::DataSource(_)) | (Self::Users(_), Entity::App(_)) => {
                return Err(NO_UPLOAD);
            }
        };
        applied.map_err(|error| match error {
            StoreError::VersionConflict { what: "list" } => EngineError::DiffChanged,
            other => other.into(),
        })
    }
}

impl Ctx {
    /// *CSV app user upload* on an app, or *data source users update* on a data source, and the
    /// thing is there and takes files.
    async fn permit_upload(&self, entity: &Entity) -> Result<UploadPermit> {
        match entity {
            Entity::App(app) => {
                let permit = self.permit_app::<actions::CsvAppUserUpload>(app).await?;
                if self.db().is_app_fed(app).await?.ok_or(NO_APP)? {
                    return Err(EngineError::FedByIntegration);
                }
                Ok(UploadPermit::Members(permit))
            }
            Entity::DataSource(source) => {
                let decided =
                    self.actor.permit_entity::<actions::DataSourceUsersUpdate>(entity.clone());
                let about = Some(("data_source", source.as_str()));
                let action = "data_source_users_update";
                let permit = self.audit_refusal(decided, action, about).await?;
                if !self.db().has_data_source(source).await? {
                    return Err(NO_DATA_SOURCE);
                }
                Ok(UploadPermit::Users(permit))
            }
        }
    }

    /// Which list an entity has.
    async fn list_kind(&self, entity: &Entity) -> Result<ListKind> {
        match entity {
            Entity::DataSource(_) => Ok(ListKind::Users),
            Entity::App(app) => self.db().list_kind(app).await?.ok_or(NO_APP),
        }
    }

    /// Begins to receive a list. What is fed to the intake is staged; the list stays as it is.
    pub async fn receive_upload(&self, entity: &Entity) -> Result<Intake> {
        self.permit_upload(entity).await?;
        let id = self.new_upload(entity).await?;
        self.read_anew(entity, &id, &self.actor.principal.id).await
    }

    /// A reading of an upload's file: from now on the only one that counts.
    async fn read_anew(
        &self,
        entity: &Entity,
        id: &UploadId,
        sender: &PrincipalId,
    ) -> Result<Intake> {
        let Some(reading) = self.db().begin_reading(id).await? else {
            return Err(not_ready(self.db(), entity, id).await?);
        };
        let of = (entity.clone(), self.list_kind(entity).await?);
        Ok(Intake::new(self.engine.clone(), of, reading, sender.clone()))
    }

    async fn new_upload(&self, entity: &Entity) -> Result<UploadId> {
        if self.db().count_waiting_uploads(entity).await? >= UPLOADS_WAITING_MAX {
            return Err(EngineError::TooManyUploads);
        }
        let principal = &self.actor.principal.id;
        if self.db().waiting_upload_bytes(principal).await? >= UPLOAD_SENDER_BYTES_MAX {
            return Err(EngineError::UploadQuota);
        }
        Ok(self.db().begin_upload(entity, principal, UPLOAD_KEPT_MS).await?)
    }

    /// Compares a received list with what is there. The request's key is claimed here, where the
    /// whole body is known: a repeated request gets its answer, and what it sent is given up.
    pub async fn finish_upload(
        &self,
        received: &Received,
        request: &Idempotent<'_, Upload>,
    ) -> Result<Answer> {
        let outcome = self.finish_received(received, request).await;
        if !matches!(outcome, Ok((_, true))) {
            self.db().give_up_reading(&received.reading).await?;
        }
        outcome.map(|(answer, _)| answer)
    }

    /// The answer, and whether it is about this very upload.
    async fn finish_received(
        &self,
        received: &Received,
        request: &Idempotent<'_, Upload>,
    ) -> Result<(Answer, bool)> {
        let permit = self.permit_upload(&received.entity).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok((answer, false)),
        };
        let outcome = self.compare(&permit, received, Some(&claimed)).await;
        let answer = outcome.map(|(_, answer)| answer.unwrap_or_else(Answer::nothing));
        Ok((self.settle(&claimed, answer).await?, true))
    }

    /// Compares, and stores what came out with the answer for the request's key.
    async fn compare(
        &self,
        permit: &UploadPermit,
        received: &Received,
        claimed: Option<&Claimed<'_, Upload>>,
    ) -> Result<(Upload, Option<Answer>)> {
        let Received { reading, entity, .. } = received;
        let id = &reading.upload;
        let of = (entity, received.kind);
        let (revision, diff) = self.db().compare_upload(of, &reading.id).await?;
        let end = UploadEnd {
            bytes: received.bytes,
            rows: received.rows,
            columns: received.columns.clone(),
            digest: received.digest.clone(),
            revision,
            diff,
            diff_hash: diff_hash(entity, revision, &received.digest),
        };
        let there = self.db().upload(entity, id).await?.ok_or(NO_UPLOAD)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        match tx.finish_upload(reading, &end).await {
            Err(StoreError::VersionConflict { what: "upload" }) => {
                drop(tx);
                return Err(not_ready(self.db(), entity, id).await?);
            }
            finished => finished?,
        }
        let upload = Upload {
            status: UploadStatus::Ready,
            bytes: end.bytes,
            rows: end.rows,
            columns: end.columns,
            digest: end.digest,
            revision,
            diff,
            diff_hash: end.diff_hash,
            reading: Some(reading.id.clone()),
            ..there
        };
        let answer = match claimed {
            Some(claimed) => Some(claimed.finish(&mut tx, &upload).await?),
            None => None,
        };
        tx.commit(entry("upload.received", &upload)).await?;
        Ok((upload, answer))
    }

    /// Begins an upload whose pieces are appended over several calls.
    pub async fn begin_pieces(&self, entity: &Entity) -> Result<UploadId> {
        self.permit_upload(entity).await?;
        self.new_upload(entity).await
    }

    /// Appends a piece that begins where the pieces before it end; returns where the next begins.
    pub async fn append_piece(
        &self,
        entity: &Entity,
        id: &UploadId,
        begins: u64,
        content: &[u8],
    ) -> Result<u64> {
        self.permit_upload(entity).await?;
        if content.len() > UPLOAD_PIECE_BYTES_MAX {
            let message = format!("a piece has at most {UPLOAD_PIECE_BYTES_MAX} bytes");
            return Err(EngineError::field("content", "too_long", message));
        }
        let ends = begins.saturating_add(content.len() as u64);
        if ends > grantry_model::upload::UPLOAD_BYTES_MAX {
            return Err(EngineError::UploadTooLarge);
        }
        let there = self.load_upload(entity, id).await?;
        let sender = &there.principal_id;
        let held = self.db().waiting_upload_bytes(sender).await?;
        if held.saturating_add(content.len() as u64) > UPLOAD_SENDER_BYTES_MAX {
            return Err(EngineError::UploadQuota);
        }
        if self.db().append_piece(id, begins, content).await? {
            return Ok(ends);
        }
        Err(not_ready(self.db(), entity, id).await?)
    }

    /// Reads all pieces and compares; for a list that was read already, compares anew where the list
    /// changed meanwhile.
    pub async fn preview_upload(&self, entity: &Entity, id: &UploadId) -> Result<Upload> {
        let permit = self.permit_upload(entity).await?;
        let there = self.load_upload(entity, id).await?;
        let received = match there.status {
            UploadStatus::Receiving => {
                let mut intake = self.read_anew(entity, id, &there.principal_id).await?;
                self.db().free_readings(id).await?;
                let mut begins = 0;
                // Bounded by the size of a file.
                while let Some(piece) = self.db().piece(id, begins).await? {
                    intake.feed(&piece).await?;
                    begins += piece.len() as u64;
                }
                intake.finish().await?
            }
            UploadStatus::Ready => Received {
                reading: Reading {
                    upload: id.clone(),
                    id: there.reading.clone().ok_or(EngineError::DiffChanged)?,
                },
                entity: entity.clone(),
                kind: self.list_kind(entity).await?,
                bytes: there.bytes,
                rows: there.rows,
                columns: there.columns.clone(),
                digest: there.digest.clone(),
                buffered_max: 0,
            },
            UploadStatus::Applied | UploadStatus::Discarded => return Ok(there),
        };
        Ok(self.compare(&permit, &received, None).await?.0)
    }

    /// Makes an upload the list. `diff` is the hash of what its caller saw; a mass removal wants the
    /// same hash as `approved` too, from a person or a client (security.md rows 57 and 64).
    pub async fn apply_upload(
        &self,
        entity: &Entity,
        id: &UploadId,
        (diff, approved): (&str, Option<&str>),
        request: &Idempotent<'_, Upload>,
    ) -> Result<Answer> {
        let permit = self.permit_upload(entity).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let outcome = self.apply_claimed(&permit, entity, id, (diff, approved), &claimed).await;
        self.settle(&claimed, outcome).await
    }

    async fn apply_claimed(
        &self,
        permit: &UploadPermit,
        entity: &Entity,
        id: &UploadId,
        (diff, approved): (&str, Option<&str>),
        claimed: &Claimed<'_, Upload>,
    ) -> Result<Answer> {
        let mut upload = self.load_upload(entity, id).await?;
        let kind = self.list_kind(entity).await?;
        if upload.diff_hash != diff || approved.is_some_and(|approved| approved != diff) {
            return Err(EngineError::DiffChanged);
        }
        if upload.status == UploadStatus::Ready {
            // What other lists took away since it was compared: those changed the revision too.
            upload.diff.recent = self.db().taken_recently(entity).await?;
        }
        let is_mass_removal = upload.diff.is_mass_removal();
        // A plugin that sends a list is no judge of it.
        let may_approve = self.actor.principal.kind != PrincipalKind::Plugin;
        let mut tx = self.db().begin(permit.provenance()).await?;
        let (event, applied) = match upload.status {
            UploadStatus::Applied => ("upload.unchanged", upload),
            UploadStatus::Receiving | UploadStatus::Discarded => {
                let (status, bytes) = (upload.status, upload.bytes);
                return Err(EngineError::UploadNotReady { status, bytes });
            }
            UploadStatus::Ready if is_mass_removal && (approved.is_none() || !may_approve) => {
                tx.commit(entry("upload.blocked", &upload)).await?;
                return Err(EngineError::MassRemoval { diff: Box::new(upload.diff) });
            }
            UploadStatus::Ready => {
                upload.is_approved = is_mass_removal;
                permit.apply(&mut tx, &upload, kind).await?;
                if let (UploadPermit::Members(permit), Entity::App(app), ListKind::Members) =
                    (permit, entity, kind)
                {
                    manual::confirm_by_list(&mut tx, permit, app, &upload).await?;
                }
                let (status, now) = (UploadStatus::Applied, tx.now());
                ("upload.applied", Upload { status, applied: Some(now), ..upload })
            }
        };
        let answer = claimed.finish(&mut tx, &applied).await?;
        let changes_people = event == "upload.applied" && !applied.diff.is_empty();
        tx.commit(entry(event, &applied)).await?;
        let (db, provenance) = (self.db(), permit.provenance());
        match entity {
            Entity::DataSource(_) if changes_people => {
                mappings::apply_all(db, provenance, How::because("users")).await;
            }
            Entity::DataSource(_) => {}
            // Also of a list that changes nothing: it makes up for a mapping that broke off.
            Entity::App(app) => {
                let source = CatalogueSource::List(app.clone());
                mappings::apply_or_tell(db, provenance, &source, How::because("members")).await;
            }
        }
        Ok(answer)
    }

    /// Brings back the entitlements that an upload removed, and nothing that was removed otherwise since.
    /// What it added or changed stays (CAT-7).
    pub async fn undo_upload(
        &self,
        entity: &Entity,
        id: &UploadId,
        request: &Idempotent<'_, Upload>,
    ) -> Result<Answer> {
        let permit = self.permit_upload(entity).await?;
        let (UploadPermit::Members(permit), Entity::App(app)) = (permit, entity) else {
            return Err(EngineError::NotUndoable);
        };
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let upload = self.load_upload(entity, id).await?;
            if self.list_kind(entity).await? != ListKind::Entitlements {
                return Err(EngineError::NotUndoable);
            }
            if upload.status != UploadStatus::Applied {
                let (status, bytes) = (upload.status, upload.bytes);
                return Err(EngineError::UploadNotReady { status, bytes });
            }
            let mut tx = self.db().begin(permit.provenance()).await?;
            let (event, undone) = match upload.undone {
                Some(_) => ("upload.unchanged", upload),
                None => {
                    let restored = tx.undo_entitlements(&permit, app, &upload).await;
                    restored.map_err(|error| match error {
                        StoreError::VersionConflict { what: "upload" } => EngineError::UndoExpired,
                        other => other.into(),
                    })?;
                    let undone = Some(tx.now());
                    ("upload.undone", Upload { undone, ..upload })
                }
            };
            let answer = claimed.finish(&mut tx, &undone).await?;
            tx.commit(entry(event, &undone)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Gives up an upload that is not applied. Giving up twice changes nothing.
    pub async fn discard_upload(&self, entity: &Entity, id: &UploadId) -> Result<()> {
        let permit = self.permit_upload(entity).await?;
        let upload = self.load_upload(entity, id).await?;
        if upload.status == UploadStatus::Applied {
            let (status, bytes) = (upload.status, upload.bytes);
            return Err(EngineError::UploadNotReady { status, bytes });
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.discard_upload(id).await?;
        tx.commit(entry("upload.discarded", &upload)).await?;
        Ok(())
    }

    async fn load_upload(&self, entity: &Entity, id: &UploadId) -> Result<Upload> {
        self.db().upload(entity, id).await?.ok_or(NO_UPLOAD)
    }

    /// One upload of a list.
    pub async fn upload(&self, entity: &Entity, id: &UploadId) -> Result<Upload> {
        self.permit_upload(entity).await?;
        self.load_upload(entity, id).await
    }

    /// Uploads of a list, newest first.
    pub async fn list_uploads(&self, entity: &Entity, query: &PageQuery) -> Result<Page<Upload>> {
        self.permit_upload(entity).await?;
        let list = format!("uploads/{entity:?}");
        let before = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_uploads(entity, &before, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// People about whom an upload that waits would change something; `query.kind` is `added`,
    /// `changed` or `removed`.
    pub async fn list_upload_changes(
        &self,
        entity: &Entity,
        id: &UploadId,
        query: &PageQuery,
    ) -> Result<Page<ListChange>> {
        let upload = self.upload(entity, id).await?;
        if upload.status != UploadStatus::Ready {
            let (status, bytes) = (upload.status, upload.bytes);
            return Err(EngineError::UploadNotReady { status, bytes });
        }
        let list = format!("changes/{id}/{}", query.kind);
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let (kind, limit) = (&query.kind, query.limit + 1);
        let reading = upload.reading.as_ref().ok_or(NO_UPLOAD)?;
        let of = (entity, self.list_kind(entity).await?);
        let rows = self.db().list_upload_changes(of, reading, kind, &after, limit).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.clone()))
    }

    /// The columns of a list's template: those of its last file, or the usual ones.
    pub async fn upload_template(&self, entity: &Entity) -> Result<Vec<String>> {
        self.permit_upload(entity).await?;
        self.list_columns(entity).await
    }

    /// The columns of a list that is exported. What reads the list may export it.
    pub async fn export_columns(&self, entity: &Entity) -> Result<Vec<String>> {
        match entity {
            Entity::App(app) => {
                if self.app(app).await?.integration_id.is_some() {
                    return Err(EngineError::FedByIntegration);
                }
            }
            Entity::DataSource(source) => {
                self.data_source(source).await?;
            }
        }
        self.list_columns(entity).await
    }

    async fn list_columns(&self, entity: &Entity) -> Result<Vec<String>> {
        let columns = match entity {
            Entity::App(app) => self.db().app(app).await?.ok_or(NO_APP)?.columns,
            Entity::DataSource(source) => {
                self.db().data_source(source).await?.ok_or(NO_DATA_SOURCE)?.columns
            }
        };
        if columns.is_empty() {
            return Ok(self.list_kind(entity).await?.template());
        }
        Ok(columns)
    }

    /// The next lines of a list that is exported, each with its cells.
    pub async fn export_lines(
        &self,
        entity: &Entity,
        columns: &[String],
        after: &str,
    ) -> Result<Vec<(String, Vec<String>)>> {
        let kind = self.list_kind(entity).await?;
        let rows = self.db().list_rows((entity, kind), after, EXPORT_ROWS).await?;
        let cells = |row: &ListRow| -> Vec<String> {
            columns.iter().map(|column| row.person.cell(kind, column)).collect()
        };
        Ok(rows.iter().map(|row| (row.id.clone(), cells(row))).collect())
    }
}

/// Says where an upload stands that cannot go on.
async fn not_ready(db: &Db, entity: &Entity, id: &UploadId) -> Result<EngineError> {
    let there = db.upload(entity, id).await?.ok_or(NO_UPLOAD)?;
    Ok(EngineError::UploadNotReady { status: there.status, bytes: there.bytes })
}

/// Names a diff: one file compared with one revision of one list.
fn diff_hash(entity: &Entity, revision: i64, digest: &str) -> String {
    let named = json!([entity, revision, digest]).to_string();
    blake3::hash(named.as_bytes()).to_hex().to_string()
}

fn entry(event: &'static str, upload: &Upload) -> AuditEntry {
    let (kind, id) = match &upload.entity {
        Entity::App(app) => ("app", app.as_str()),
        Entity::DataSource(source) => ("data_source", source.as_str()),
    };
    let Diff { added, changed, removed, .. } = upload.diff;
    let detail = json!({
        "upload": upload.id, "file": upload.digest, "diff": upload.diff_hash,
        "added": added, "changed": changed, "removed": removed,
        "grants_added": upload.diff.grants_added, "grants_removed": upload.diff.grants_removed,
        "deactivated": upload.diff.deactivated, "is_approved": upload.is_approved,
    });
    AuditEntry::about(event, kind, id, detail)
}
