//! What an upload says, staged beside the list, and the list as it is.

use grantry_model::csv::ListedPerson;
use grantry_model::fingerprint::Key;
use grantry_model::ids::UploadId;
use grantry_model::mapping;
use grantry_model::permission::Entity;

use crate::catalogue::{BATCH_ROWS, Batch, Class};
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
    /// Who.
    pub person: ListedPerson,
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

/// A person of a list as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Of the identity, or the account.
    pub id: String,
    /// Who.
    pub person: ListedPerson,
}

const PEOPLE_INSERT: &str = "INSERT INTO upload_people (upload_id, id, line, external_id, external_id_key, user_name, user_name_key, email, email_key, display, is_active, manager_external_id, details, search, row_hash) VALUES ";
const GRANTS_INSERT: &str = "INSERT INTO upload_grants (upload_id, role_id, account_id) VALUES ";
const KEEP_FIRST: &str = " ON CONFLICT DO NOTHING";

statements! {
    LINE_OF = "SELECT line FROM upload_people WHERE upload_id = $1 AND id = $2";
    INSERT_ROLE = "INSERT INTO upload_roles (upload_id, id, name, search, details, row_hash) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    INSERT_PIECE = "INSERT INTO upload_pieces (upload_id, begins, content) VALUES ($1, $2, $3)";
    PIECE = "SELECT begins, content FROM upload_pieces WHERE upload_id = $1 AND begins >= $2 ORDER BY begins LIMIT 1";
    DELETE_PEOPLE = "DELETE FROM upload_people WHERE upload_id = $1 AND id IN (SELECT id FROM upload_people WHERE upload_id = $1 LIMIT 10000)";
    DELETE_GRANTS = "DELETE FROM upload_grants WHERE upload_id = $1 AND account_id IN (SELECT account_id FROM upload_grants WHERE upload_id = $1 LIMIT 10000)";
    DELETE_ROLES = "DELETE FROM upload_roles WHERE upload_id = $1";
    DELETE_PIECES = "DELETE FROM upload_pieces WHERE upload_id = $1";
    LIST_USERS = "SELECT id, details FROM identities WHERE data_source_id = $1 AND id > $2 AND removed_ms IS NULL ORDER BY id LIMIT $3";
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
    Batch::plain(PEOPLE_INSERT, KEEP_FIRST, 15)
}

fn grants() -> Batch {
    Batch::plain(GRANTS_INSERT, KEEP_FIRST, 3)
}

impl Db {
    /// Stages lines of a file. Returns those that name a person whom another line names already,
    /// with that line.
    pub async fn stage_people(
        &self,
        upload: &UploadId,
        rows: &[StagedPerson],
    ) -> Result<Vec<(u64, u64)>> {
        let mut tx = self.begin_housekeeping().await?;
        let (mut people, mut grants) = (people(), grants());
        let mut repeated = Vec::new();
        for chunk in rows.chunks(BATCH_ROWS) {
            let texts = chunk.iter().map(Texts::of).collect::<Result<Vec<_>>>()?;
            let mut args: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 15);
            for (row, text) in chunk.iter().zip(&texts) {
                let person = &row.person;
                args.extend_from_slice(args![
                    upload.as_str(),
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
                    row.row_hash
                ]);
            }
            if people.run(&mut tx, &args).await? < chunk.len() as u64 {
                repeated.extend(repeated_lines(&mut tx, upload, chunk, &texts).await?);
            }
            let roles = chunk.iter().zip(&texts);
            let pairs: Vec<(String, &str)> = roles
                .flat_map(|(row, text)| row.roles.iter().map(|role| (role.text(), &*text.id)))
                .collect();
            for chunk in pairs.chunks(BATCH_ROWS) {
                let args: Vec<Arg<'_>> = chunk
                    .iter()
                    .flat_map(|(role, account)| {
                        [Arg::from(upload.as_str()), Arg::from(role), Arg::from(*account)]
                    })
                    .collect();
                grants.run(&mut tx, &args).await?;
            }
        }
        tx.commit().await?;
        Ok(repeated)
    }

    /// Stages a role that a file names.
    pub async fn stage_roles(&self, upload: &UploadId, roles: &[StagedRole]) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        for role in roles {
            let (key, search) = (role.key.text(), role.name.to_lowercase());
            let args =
                args![upload.as_str(), &key, &role.name, &search, &role.details, role.row_hash];
            tx.execute(INSERT_ROLE, args).await?;
        }
        tx.commit().await
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
        let moved = args![upload.as_str(), stored(begins), stored(ends)];
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

    /// Deletes all that was staged.
    pub(crate) async fn delete_staged(&self, upload: &UploadId) -> Result<()> {
        self.restart_staging(upload).await?;
        self.delete_all(DELETE_PIECES, upload).await
    }

    /// Deletes what a reading staged that did not come to its end, so that it can begin again.
    pub async fn restart_staging(&self, upload: &UploadId) -> Result<()> {
        for sql in [DELETE_PEOPLE, DELETE_GRANTS, DELETE_ROLES] {
            self.delete_all(sql, upload).await?;
        }
        Ok(())
    }

    /// In transactions that do not keep other writers waiting for long.
    async fn delete_all(&self, sql: &'static str, upload: &UploadId) -> Result<()> {
        loop {
            let mut tx = self.begin_housekeeping().await?;
            let deleted = tx.execute(sql, args![upload.as_str()]).await?;
            tx.commit().await?;
            if deleted == 0 {
                return Ok(());
            }
        }
    }

    /// The people of a list as it is, after the given id.
    pub async fn list_rows(
        &self,
        entity: &Entity,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ListRow>> {
        let (_, id) = named(entity);
        let rows = match entity {
            Entity::DataSource(_) => self.fetch(LIST_USERS, args![id, after, limit]).await?,
            Entity::App(_) => {
                let class = Class::Account.name();
                self.fetch(LIST_MEMBERS, args![id, after, limit, class]).await?
            }
        };
        rows.iter()
            .map(|row| Ok(ListRow { id: row.text(0)?, person: row.json(1, "person")? }))
            .collect()
    }
}

/// The texts of a line that are made of others.
struct Texts {
    id: String,
    external_id_key: Option<String>,
    user_name_key: Option<String>,
    email_key: Option<String>,
    details: String,
    search: String,
}

impl Texts {
    fn of(row: &StagedPerson) -> Result<Self> {
        let person = &row.person;
        let details = serde_json::to_string(person)
            .map_err(|error| StoreError::Corrupt { what: "person", reason: error.to_string() })?;
        let key = |text: &Option<String>| text.as_deref().and_then(mapping::key);
        Ok(Self {
            id: row.key.text(),
            external_id_key: mapping::key(&person.external_id),
            user_name_key: key(&person.user_name),
            email_key: key(&person.email),
            details,
            search: person.search(),
        })
    }
}

async fn repeated_lines(
    tx: &mut HousekeepingTx,
    upload: &UploadId,
    rows: &[StagedPerson],
    texts: &[Texts],
) -> Result<Vec<(u64, u64)>> {
    let mut repeated = Vec::new();
    for (row, text) in rows.iter().zip(texts) {
        let first = tx.fetch_one(LINE_OF, args![upload.as_str(), &text.id]).await?;
        let first = first.map_or(Ok(0), |row| row.int(0))?;
        let first = u64::try_from(first).unwrap_or(0);
        if first != row.line {
            repeated.push((row.line, first));
        }
    }
    Ok(repeated)
}
