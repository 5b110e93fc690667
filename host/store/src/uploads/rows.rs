//! What an upload says, staged beside the list, and the list as it is.
//!
//! Lines are staged under the reading of the file that they come from, while that reading counts:
//! what was compared is what is applied. [`super::tidying`] frees what is over.

use grantry_model::csv::{ListKind, ListedEntitlement, ListedPerson};
use grantry_model::fingerprint::Key;
use grantry_model::ids::{ReadingId, UploadId};
use grantry_model::mapping;
use grantry_model::permission::Entity;

use crate::catalogue::{BATCH_ROWS, Batch, Class, name_key};
use crate::db::{Arg, Db, HousekeepingTx, args};
use crate::uploads::{named, stored};
use crate::{Result, StoreError, statements};

/// A line of a file.
#[derive(Debug, Clone)]
pub struct StagedPerson {
    /// Of the identity, or the account.
    pub key: Key,
    /// Where it is in the file.
    pub line: u64,
    /// Who, or what.
    pub person: ListedPerson,
    /// The key of the entitlement above it.
    pub parent: Option<Key>,
    /// Tells whether something changed.
    pub row_hash: i64,
    /// The keys of the roles that the account holds.
    pub roles: Vec<Key>,
}

/// A role that a file names.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StagedRole {
    pub key: Key,
    pub name: String,
    /// The entitlement as JSON.
    pub details: String,
    pub row_hash: i64,
}

/// One reading of a file, under which its lines are staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whose file it is.
    pub upload: UploadId,
    /// Which reading of it.
    pub id: ReadingId,
}

/// A part of a file.
#[derive(Debug, Clone)]
pub struct Staged {
    /// Which list it is of.
    pub kind: ListKind,
    /// Lines.
    pub people: Vec<StagedPerson>,
    /// Roles that no part before it names.
    pub roles: Vec<StagedRole>,
    /// Bytes of text of this part and all before it.
    pub bytes: u64,
}

/// A person of a list as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Of the identity, or the account.
    pub id: String,
    /// Who.
    pub person: ListedPerson,
}

const PEOPLE_INSERT: &str = "INSERT INTO upload_people (reading_id, id, line, external_id, external_id_key, user_name, user_name_key, email, email_key, display, is_active, manager_external_id, details, search, row_hash, parent_id) VALUES ";
const GRANTS_INSERT: &str = "INSERT INTO upload_grants (reading_id, role_id, account_id) VALUES ";
const KEEP_FIRST: &str = " ON CONFLICT DO NOTHING";

statements! {
    BEGIN = "UPDATE uploads SET reading_id = $2, staged_bytes = 0 WHERE id = $1 AND status = 'receiving' AND expires_ms > $3";
    INSERT_READING = "INSERT INTO upload_readings (id, upload_id) VALUES ($1, $2)";
    /// Also the lock under which lines are staged: whoever ends the reading waits for it.
    STAGE = "UPDATE uploads SET staged_bytes = $3 WHERE id = $1 AND reading_id = $2 AND status = 'receiving' AND expires_ms > $4";
    LINE_OF = "SELECT line FROM upload_people WHERE reading_id = $1 AND id = $2";
    INSERT_ROLE = "INSERT INTO upload_roles (reading_id, id, name, search, details, row_hash) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    INSERT_PIECE = "INSERT INTO upload_pieces (upload_id, begins, content) VALUES ($1, $2, $3)";
    PIECE = "SELECT begins, content FROM upload_pieces WHERE upload_id = $1 AND begins >= $2 ORDER BY begins LIMIT 1";
    LIST_USERS = "SELECT id, details FROM identities WHERE data_source_id = $1 AND id > $2 AND removed_ms IS NULL ORDER BY id LIMIT $3";
    LIST_ENTITLEMENTS = "SELECT id, details FROM entitlements WHERE integration_id = $1 AND id > $2 AND removed_ms IS NULL ORDER BY id LIMIT $3";
    LIST_MEMBERS = "SELECT id, details FROM objects WHERE integration_id = $1 AND class = $4 AND id > $2 AND removed_ms IS NULL ORDER BY id LIMIT $3";
}

/// The multi-row statements, of two rows each.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    vec![
        ("PEOPLE_INSERT", people().text(is_postgres, 2)),
        ("GRANTS_INSERT", grants().text(is_postgres, 2)),
    ]
}

fn people() -> Batch {
    Batch::plain(PEOPLE_INSERT, KEEP_FIRST, 16)
}

fn grants() -> Batch {
    Batch::plain(GRANTS_INSERT, KEEP_FIRST, 3)
}

impl Db {
    /// Begins to read a file (anew): no other reading of it counts from now on. `None` if the upload
    /// is not receiving.
    pub async fn begin_reading(&self, upload: &UploadId) -> Result<Option<Reading>> {
        let id = ReadingId::fresh(self.clock(), self.random());
        let mut tx = self.begin_housekeeping().await?;
        if tx.execute(BEGIN, args![upload.as_str(), id.as_str(), self.now()]).await? == 0 {
            return Ok(None);
        }
        tx.execute(INSERT_READING, args![id.as_str(), upload.as_str()]).await?;
        tx.commit().await?;
        Ok(Some(Reading { upload: upload.clone(), id }))
    }

    /// Stages a part of a file. Returns the lines that name a person whom another line names
    /// already, with that line. `None` if the reading is over: another one began, the upload was
    /// compared or given up, or its time is over.
    pub async fn stage(
        &self,
        reading: &Reading,
        staged: &Staged,
    ) -> Result<Option<Vec<(u64, u64)>>> {
        let mut tx = self.begin_housekeeping().await?;
        let (upload, id) = (reading.upload.as_str(), reading.id.as_str());
        if tx.execute(STAGE, args![upload, id, stored(staged.bytes), self.now()]).await? == 0 {
            return Ok(None);
        }
        stage_roles(&mut tx, &reading.id, &staged.roles).await?;
        let repeated = stage_people(&mut tx, &reading.id, staged).await?;
        tx.commit().await?;
        Ok(Some(repeated))
    }

    /// Stores a piece of a file that begins where the pieces before it end; `false` if it does not.
    pub async fn append_piece(
        &self,
        upload: &UploadId,
        begins: u64,
        content: &[u8],
    ) -> Result<bool> {
        let mut tx = self.begin_housekeeping().await?;
        let ends = begins.saturating_add(content.len() as u64);
        let moved = args![upload.as_str(), stored(begins), stored(ends), self.now()];
        if tx.execute(super::SET_BYTES, moved).await? == 0 {
            return Ok(false);
        }
        if !content.is_empty() {
            tx.execute(INSERT_PIECE, args![upload.as_str(), stored(begins), content]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The piece of a file that begins at, or first after, this place.
    pub async fn piece(&self, upload: &UploadId, begins: u64) -> Result<Option<Vec<u8>>> {
        let row = self.fetch_one(PIECE, args![upload.as_str(), stored(begins)]).await?;
        row.map(|row| row.blob(1)).transpose()
    }

    /// The lines of a list as it is, after the given id.
    pub async fn list_rows(
        &self,
        (entity, kind): (&Entity, ListKind),
        after: &str,
        limit: u32,
    ) -> Result<Vec<ListRow>> {
        let (_, id) = named(entity);
        let rows = match kind {
            ListKind::Users => self.fetch(LIST_USERS, args![id, after, limit]).await?,
            ListKind::Entitlements => {
                self.fetch(LIST_ENTITLEMENTS, args![id, after, limit]).await?
            }
            ListKind::Members => {
                let class = Class::Account.name();
                self.fetch(LIST_MEMBERS, args![id, after, limit, class]).await?
            }
        };
        rows.iter()
            .map(|row| Ok(ListRow { id: row.text(0)?, person: line(kind, &row.text(1)?)? }))
            .collect()
    }
}

/// A line as it is kept.
pub(super) fn line(kind: ListKind, text: &str) -> Result<ListedPerson> {
    let read = match kind {
        ListKind::Users | ListKind::Members => serde_json::from_str(text),
        ListKind::Entitlements => {
            serde_json::from_str::<ListedEntitlement>(text).map(ListedPerson::from)
        }
    };
    read.map_err(|error| StoreError::Corrupt { what: "line", reason: error.to_string() })
}

/// The texts of a line that are made of others.
struct Texts {
    id: String,
    external_id_key: Option<String>,
    user_name_key: Option<String>,
    email_key: Option<String>,
    details: String,
    search: String,
    parent: Option<String>,
}

impl Texts {
    fn of(row: &StagedPerson, kind: ListKind) -> Result<Self> {
        let person = &row.person;
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            what: "line",
            reason: error.to_string(),
        };
        if kind == ListKind::Entitlements {
            let entitlement = ListedEntitlement::from(person);
            return Ok(Self {
                id: row.key.text(),
                external_id_key: None,
                // What lists by name are ordered by.
                user_name_key: Some(name_key(&entitlement.display)),
                email_key: None,
                details: serde_json::to_string(&entitlement).map_err(corrupt)?,
                search: entitlement.search(),
                parent: row.parent.map(|key| key.text()),
            });
        }
        let details = serde_json::to_string(person).map_err(corrupt)?;
        let key = |text: &Option<String>| text.as_deref().and_then(mapping::key);
        Ok(Self {
            id: row.key.text(),
            external_id_key: mapping::key(&person.external_id),
            user_name_key: key(&person.user_name),
            email_key: key(&person.email),
            details,
            search: person.search(),
            parent: None,
        })
    }
}

async fn stage_people(
    tx: &mut HousekeepingTx,
    reading: &ReadingId,
    staged: &Staged,
) -> Result<Vec<(u64, u64)>> {
    let (mut people, mut grants) = (people(), grants());
    let mut repeated = Vec::new();
    for chunk in staged.people.chunks(BATCH_ROWS) {
        let texts = chunk.iter().map(|row| Texts::of(row, staged.kind));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let mut args: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 16);
        for (row, text) in chunk.iter().zip(&texts) {
            let person = &row.person;
            args.extend_from_slice(args![
                reading.as_str(),
                &text.id,
                stored(row.line),
                &person.external_id,
                &text.external_id_key,
                &person.user_name,
                &text.user_name_key,
                &person.email,
                &text.email_key,
                &person.display_name,
                person.is_active,
                &person.manager_external_id,
                &text.details,
                &text.search,
                row.row_hash,
                &text.parent
            ]);
        }
        if people.run(tx, &args).await? < chunk.len() as u64 {
            repeated.extend(repeated_lines(tx, reading, chunk, &texts).await?);
        }
        let roles = chunk.iter().zip(&texts);
        let pairs: Vec<(String, &str)> = roles
            .flat_map(|(row, text)| row.roles.iter().map(|role| (role.text(), &*text.id)))
            .collect();
        for chunk in pairs.chunks(BATCH_ROWS) {
            let args: Vec<Arg<'_>> = chunk
                .iter()
                .flat_map(|(role, account)| {
                    [Arg::from(reading.as_str()), Arg::from(role), Arg::from(*account)]
                })
                .collect();
            grants.run(tx, &args).await?;
        }
    }
    Ok(repeated)
}

async fn stage_roles(
    tx: &mut HousekeepingTx,
    reading: &ReadingId,
    roles: &[StagedRole],
) -> Result<()> {
    for role in roles {
        let (key, search) = (role.key.text(), role.name.to_lowercase());
        let args = args![reading.as_str(), &key, &role.name, &search, &role.details, role.row_hash];
        tx.execute(INSERT_ROLE, args).await?;
    }
    Ok(())
}

async fn repeated_lines(
    tx: &mut HousekeepingTx,
    reading: &ReadingId,
    rows: &[StagedPerson],
    texts: &[Texts],
) -> Result<Vec<(u64, u64)>> {
    let mut repeated = Vec::new();
    for (row, text) in rows.iter().zip(texts) {
        let first = tx.fetch_one(LINE_OF, args![reading.as_str(), &text.id]).await?;
        let first = first.map_or(Ok(0), |row| row.int(0))?;
        let first = u64::try_from(first).unwrap_or(0);
        if first != row.line {
            repeated.push((row.line, first));
        }
    }
    Ok(repeated)
}
