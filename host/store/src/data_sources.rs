//! Data sources: where identities come from.

use grantry_authz::{Permit, Visible, actions};
use grantry_model::clock::UnixMs;
use grantry_model::identity::{KnownBy, SignIn};
use grantry_model::ids::{DataSourceId, IssuerId};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, issuers, resource_people, statements};

/// A stored data source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// Its id.
    pub id: DataSourceId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Further columns of the last file.
    pub columns: Vec<String>,
    /// Grows with every applied change of its identities.
    pub revision: i64,
    /// How many identities it has.
    pub identities: u64,
    /// When it was created.
    pub created: UnixMs,
    /// Grows with every change of its own fields.
    pub version: i64,
    /// Whose people its identities are.
    pub sign_in: Option<SignIn>,
}

/// A data source to be created.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewDataSource {
    pub id: DataSourceId,
    pub name: String,
    pub description: String,
}

statements! {
    INSERT = "INSERT INTO data_sources (id, name, description, columns, revision, created_ms, version) VALUES ($1, $2, $3, '[]', 0, $4, 1)";
    GET = "SELECT s.id, s.name, s.description, s.columns, s.revision, s.created_ms, s.version, (SELECT COUNT(*) FROM identities i WHERE i.data_source_id = s.id AND i.removed_ms IS NULL), s.issuer_id, s.known_by FROM data_sources s WHERE s.id = $1 AND ($2 = '' OR LOWER(s.name) LIKE $2 ESCAPE '\\')";
    LIST = "SELECT s.id, s.name, s.description, s.columns, s.revision, s.created_ms, s.version, (SELECT COUNT(*) FROM identities i WHERE i.data_source_id = s.id AND i.removed_ms IS NULL), s.issuer_id, s.known_by FROM data_sources s WHERE s.id > $1 AND ($3 = '' OR LOWER(s.name) LIKE $3 ESCAPE '\\') ORDER BY s.id LIMIT $2";
    EXISTS = "SELECT 1 FROM data_sources WHERE id = $1";
    UPDATE = "UPDATE data_sources SET name = $3, description = $4, issuer_id = $5, known_by = $6, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM data_sources WHERE id = $1 AND version = $2";
    BUMP_HOLDERS = "UPDATE principals SET version = version + 1 WHERE id IN (SELECT principal_id FROM permissions WHERE entity_kind = 'data_source' AND entity_id = $1)";
    DELETE_PERMISSIONS = "DELETE FROM permissions WHERE entity_kind = 'data_source' AND entity_id = $1";
}

fn data_source(row: &Row) -> Result<DataSource> {
    Ok(DataSource {
        id: row.parsed(0, "data source id", |text| DataSourceId::parse(text).ok())?,
        name: row.text(1)?,
        description: row.text(2)?,
        columns: row.json(3, "columns")?,
        revision: row.int(4)?,
        created: row.time(5)?,
        version: row.int(6)?,
        identities: u64::try_from(row.int(7)?).unwrap_or(0),
        sign_in: row
            .text_or_null(8)?
            .and_then(|issuer| IssuerId::parse(&issuer).ok())
            .zip(row.text_or_null(9)?.as_deref().and_then(KnownBy::parse))
            .map(|(issuer, known_by)| SignIn { issuer, known_by }),
    })
}

impl Db {
    /// The data source with that id.
    pub async fn data_source(&self, id: &DataSourceId) -> Result<Option<DataSource>> {
        self.matching_data_source(id, "").await
    }

    /// Whether there is a data source with that id. Counts nobody.
    pub async fn has_data_source(&self, id: &DataSourceId) -> Result<bool> {
        Ok(self.fetch_one(EXISTS, args![id.as_str()]).await?.is_some())
    }

    async fn matching_data_source(
        &self,
        id: &DataSourceId,
        pattern: &str,
    ) -> Result<Option<DataSource>> {
        let row = self.fetch_one(GET, args![id.as_str(), pattern]).await?;
        row.as_ref().map(data_source).transpose()
    }

    /// Visible data sources after the given id, whose name matches the (already escaped) pattern.
    pub async fn list_data_sources(
        &self,
        visible: &Visible<DataSourceId>,
        pattern: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<DataSource>> {
        let ids = match visible {
            Visible::All => {
                let rows = self.fetch(LIST, args![after, limit, pattern]).await?;
                return rows.iter().map(data_source).collect();
            }
            Visible::Only(ids) => ids,
        };
        let mut sources = Vec::new();
        for id in ids.iter().filter(|id| id.as_str() > after) {
            if sources.len() >= limit as usize {
                break;
            }
            sources.extend(self.matching_data_source(id, pattern).await?);
        }
        Ok(sources)
    }
}

impl Tx {
    /// Creates a data source.
    pub async fn create_data_source(
        &mut self,
        _: &Permit<actions::DataSourceWrite>,
        new: &NewDataSource,
    ) -> Result<()> {
        let now = self.now();
        let args = args![new.id.as_str(), &new.name, &new.description, now];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Changes the fields of a data source that is still at that version.
    pub async fn update_data_source(
        &mut self,
        _: &Permit<actions::DataSourceWrite>,
        changed: &DataSource,
    ) -> Result<()> {
        if let Some(sign_in) = &changed.sign_in {
            issuers::hold(self, &sign_in.issuer).await?;
        }
        let issuer = changed.sign_in.as_ref().map(|sign_in| sign_in.issuer.as_str());
        let known_by = changed.sign_in.as_ref().map(|sign_in| sign_in.known_by.name());
        let (name, description) = (&changed.name, &changed.description);
        let id = changed.id.as_str();
        let args = args![id, changed.version, name, description, issuer, known_by];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "data source" }),
            _ => Ok(()),
        }
    }

    /// Removes a data source with its identities and all permissions on it, if it is still at that
    /// version.
    pub async fn delete_data_source(
        &mut self,
        _: &Permit<actions::DataSourceWrite>,
        id: &DataSourceId,
        version: i64,
    ) -> Result<()> {
        resource_people::forget_identities(self, id.as_str()).await?;
        if self.execute(DELETE, args![id.as_str(), version]).await? == 0 {
            return Err(StoreError::VersionConflict { what: "data source" });
        }
        self.execute(BUMP_HOLDERS, args![id.as_str()]).await?;
        self.execute(DELETE_PERMISSIONS, args![id.as_str()]).await?;
        self.identities_changed().await
    }
}
