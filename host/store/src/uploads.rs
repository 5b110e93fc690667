//! Uploaded lists: their records here, what they say in `rows`, the comparison in `diff`, the one
//! transaction that makes it the list in `apply`, and what frees the rest in `tidying`.

pub(crate) mod apply;
pub(crate) mod diff;
pub(crate) mod hierarchy;
pub(crate) mod rows;
pub(crate) mod tidying;

use grantry_model::clock::UnixMs;
use grantry_model::ids::{AppId, DataSourceId, PrincipalId, ReadingId, UploadId};
use grantry_model::permission::Entity;
use grantry_model::upload::{Diff, UploadStatus};

use crate::db::{Db, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

pub use diff::ListChange;
pub use hierarchy::HierarchyFault;
pub use rows::{ListRow, Reading, Staged, StagedPerson, StagedRole};

/// An upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Whose list it is.
    pub entity: Entity,
    /// Who sent it.
    pub principal_id: PrincipalId,
    /// Where it stands.
    pub status: UploadStatus,
    /// Bytes of the file.
    pub bytes: u64,
    /// Lines of the file, without the header.
    pub rows: u64,
    /// Its columns.
    pub columns: Vec<String>,
    /// SHA-256 of the file, in hex.
    pub digest: String,
    /// The list's revision that the diff compares with.
    pub revision: i64,
    /// What would change.
    pub diff: Diff,
    /// Names the diff.
    pub diff_hash: String,
    /// When it began.
    pub created: UnixMs,
    /// Until when it can be applied.
    pub expires: UnixMs,
    /// When it was applied.
    pub applied: Option<UnixMs>,
    /// The reading of its file that counts.
    pub reading: Option<ReadingId>,
    /// Whether a person approved what it takes away.
    pub is_approved: bool,
    /// When what it removed was brought back.
    pub undone: Option<UnixMs>,
}

/// What is known of a file once all of it was read and compared.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "see `Upload`")]
pub struct UploadEnd {
    pub bytes: u64,
    pub rows: u64,
    pub columns: Vec<String>,
    pub digest: String,
    pub revision: i64,
    pub diff: Diff,
    pub diff_hash: String,
}

statements! {
    INSERT = "INSERT INTO uploads (id, entity_kind, entity_id, principal_id, status, bytes, row_count, columns, digest, revision, diff, diff_hash, has_rows, created_ms, expires_ms, applied_ms) \
        VALUES ($1, $2, $3, $4, 'receiving', 0, 0, '[]', '', 0, '{}', '', 1, $5, $6, NULL)";
    GET = "SELECT id, entity_kind, entity_id, principal_id, status, bytes, row_count, columns, digest, revision, diff, diff_hash, created_ms, expires_ms, applied_ms, reading_id, is_approved, undone_ms FROM uploads WHERE id = $1 AND entity_kind = $2 AND entity_id = $3 AND expires_ms > $4";
    LIST = "SELECT id, entity_kind, entity_id, principal_id, status, bytes, row_count, columns, digest, revision, diff, diff_hash, created_ms, expires_ms, applied_ms, reading_id, is_approved, undone_ms FROM uploads WHERE entity_kind = $1 AND entity_id = $2 AND expires_ms > $3 AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5";
    COUNT_WAITING = "SELECT COUNT(*) FROM uploads WHERE entity_kind = $1 AND entity_id = $2 AND status IN ('receiving', 'ready') AND expires_ms > $3";
    WAITING_BYTES = "SELECT CAST(COALESCE(SUM(bytes + staged_bytes), 0) AS BIGINT) FROM uploads WHERE principal_id = $1 AND status IN ('receiving', 'ready') AND expires_ms > $2";
    /// A reading that is under way did not see this piece: it does not count any more.
    SET_BYTES = "UPDATE uploads SET bytes = $3, reading_id = '' WHERE id = $1 AND status = 'receiving' AND bytes = $2 AND expires_ms > $4";
    FINISH = "UPDATE uploads SET status = 'ready', bytes = $2, row_count = $3, columns = $4, digest = $5, revision = $6, diff = $7, diff_hash = $8 WHERE id = $1 AND reading_id = $9 AND status IN ('receiving', 'ready') AND expires_ms > $10";
    SET_APPLIED = "UPDATE uploads SET status = 'applied', applied_ms = $3, is_approved = $5, diff = $6 WHERE id = $1 AND reading_id = $4 AND status = 'ready' AND diff_hash = $2 AND expires_ms > $3";
    SET_DISCARDED = "UPDATE uploads SET status = 'discarded' WHERE id = $1 AND status IN ('receiving', 'ready')";
    GIVE_UP = "UPDATE uploads SET status = 'discarded' WHERE id = $1 AND reading_id = $2 AND status IN ('receiving', 'ready')";
}

fn upload(row: &Row) -> Result<Upload> {
    let count = |index| -> Result<u64> { Ok(u64::try_from(row.int(index)?).unwrap_or(0)) };
    let (kind, id) = (row.text(1)?, row.text(2)?);
    let entity = match kind.as_str() {
        "app" => AppId::parse(&id).map(Entity::App),
        _ => DataSourceId::parse(&id).map(Entity::DataSource),
    };
    let diff = match row.text(10)?.as_str() {
        "{}" => Diff::default(),
        _ => row.json(10, "diff")?,
    };
    Ok(Upload {
        id: row.parsed(0, "upload id", |text| UploadId::parse(text).ok())?,
        entity: entity
            .map_err(|error| StoreError::Corrupt { what: "entity", reason: error.to_string() })?,
        principal_id: row.parsed(3, "principal id", |text| PrincipalId::parse(text).ok())?,
        status: row.parsed(4, "upload status", UploadStatus::parse)?,
        bytes: count(5)?,
        rows: count(6)?,
        columns: row.json(7, "columns")?,
        digest: row.text(8)?,
        revision: row.int(9)?,
        diff,
        diff_hash: row.text(11)?,
        created: row.time(12)?,
        expires: row.time(13)?,
        applied: row.time_or_null(14)?,
        reading: ReadingId::parse(&row.text(15)?).ok(),
        is_approved: row.is_true(16)?,
        undone: row.time_or_null(17)?,
    })
}

/// An entity's kind and id, as the database names them.
fn named(entity: &Entity) -> (&'static str, &str) {
    match entity {
        Entity::App(app) => ("app", app.as_str()),
        Entity::DataSource(source) => ("data_source", source.as_str()),
    }
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Db {
    /// Begins an upload: a place to stage what a file says. No list changes by it.
    pub async fn begin_upload(
        &self,
        entity: &Entity,
        principal: &PrincipalId,
        kept_ms: i64,
    ) -> Result<UploadId> {
        let id = UploadId::fresh(self.clock(), self.random());
        let (kind, entity) = named(entity);
        let (now, expires) = (self.now(), self.now().plus_ms(kept_ms));
        let mut tx = self.begin_housekeeping().await?;
        let args = args![id.as_str(), kind, entity, principal.as_str(), now, expires];
        tx.execute(INSERT, args).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// An upload of the entity's list, unless its time is over.
    pub async fn upload(&self, entity: &Entity, id: &UploadId) -> Result<Option<Upload>> {
        let (kind, entity) = named(entity);
        let args = args![id.as_str(), kind, entity, self.now()];
        self.fetch_one(GET, args).await?.as_ref().map(upload).transpose()
    }

    /// Uploads of an entity's list, newest first, before the given id.
    pub async fn list_uploads(
        &self,
        entity: &Entity,
        before: &str,
        limit: u32,
    ) -> Result<Vec<Upload>> {
        let (kind, entity) = named(entity);
        let args = args![kind, entity, self.now(), before, limit];
        self.fetch(LIST, args).await?.iter().map(upload).collect()
    }

    /// How many uploads of the entity's list are under way or wait to be applied.
    pub async fn count_waiting_uploads(&self, entity: &Entity) -> Result<u64> {
        let (kind, entity) = named(entity);
        let row = self.fetch_one(COUNT_WAITING, args![kind, entity, self.now()]).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    /// Bytes of all uploads of a principal that are under way or wait to be applied: pieces, and
    /// lines that were read.
    pub async fn waiting_upload_bytes(&self, principal: &PrincipalId) -> Result<u64> {
        let row = self.fetch_one(WAITING_BYTES, args![principal.as_str(), self.now()]).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    /// Gives up an upload whose file is not valid, or whose sender is gone, if this reading of it
    /// is the one that counts.
    pub async fn give_up_reading(&self, reading: &Reading) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(GIVE_UP, args![reading.upload.as_str(), reading.id.as_str()]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Makes an upload ready to be applied, or tells its newer diff. A conflict if this reading of
    /// it does not count any more, or its time is over.
    pub async fn finish_upload(&mut self, reading: &Reading, end: &UploadEnd) -> Result<()> {
        let (columns, diff) = (json("upload", &end.columns)?, json("upload", &end.diff)?);
        let (id, now) = (reading.upload.as_str(), self.now());
        let args = args![
            id,
            stored(end.bytes),
            stored(end.rows),
            &columns,
            &end.digest,
            end.revision,
            &diff,
            &end.diff_hash,
            reading.id.as_str(),
            now
        ];
        match self.execute(FINISH, args).await? {
            0 => Err(StoreError::VersionConflict { what: "upload" }),
            _ => Ok(()),
        }
    }

    /// Gives up an upload.
    pub async fn discard_upload(&mut self, id: &UploadId) -> Result<()> {
        self.execute(SET_DISCARDED, args![id.as_str()]).await.map(drop)
    }
}
