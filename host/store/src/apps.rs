//! Apps: fed by an integration, or by uploads of their members.

use grantry_authz::{Permit, Visible, actions};
use grantry_model::clock::UnixMs;
use grantry_model::csv::ListKind;
use grantry_model::ids::{AppId, IntegrationId};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, mappings, request_rules, resource_people, statements};

/// An app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The integration that feeds it; without one, uploads do.
    pub integration_id: Option<IntegrationId>,
    /// How many roles it has.
    pub roles: u32,
    /// Which list is uploaded for it, unless an integration feeds it.
    pub list: ListKind,
    /// Columns of the last file.
    pub columns: Vec<String>,
    /// Grows with every applied change of its members list.
    pub revision: i64,
    /// When it was created.
    pub created: UnixMs,
    /// Grows with every change of its own fields.
    pub version: i64,
}

/// Whose rows the catalogue keeps: what an integration's aggregations found, or what an app's lists
/// say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogueSource {
    /// Of an integration.
    Integration(IntegrationId),
    /// Of an app that lists feed.
    List(AppId),
}

impl CatalogueSource {
    /// Under which id the catalogue keeps the rows.
    pub fn id(&self) -> IntegrationId {
        match self {
            Self::Integration(id) => id.clone(),
            Self::List(app) => own_source(app),
        }
    }

    /// The integration, if it is one.
    pub fn integration(&self) -> Option<&IntegrationId> {
        match self {
            Self::Integration(id) => Some(id),
            Self::List(_) => None,
        }
    }

    /// The same id as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Integration(id) => id.as_str(),
            Self::List(app) => app.as_str(),
        }
    }

    /// What it is, for the audit log.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Integration(_) => "integration",
            Self::List(_) => "app",
        }
    }

    /// From two columns: the integration's id, where there is one, and the app's.
    pub(crate) fn of(row: &Row, first: usize) -> Result<Self> {
        Ok(match row.text_or_null(first)? {
            Some(_) => Self::Integration(
                row.parsed(first, "integration id", |text| IntegrationId::parse(text).ok())?,
            ),
            None => Self::List(row.parsed(first + 1, "app id", |text| AppId::parse(text).ok())?),
        })
    }
}

/// An app to be created, which uploads will feed.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewApp {
    pub id: AppId,
    pub name: String,
    pub description: String,
    /// Which list will be uploaded.
    pub list: ListKind,
}

statements! {
    INSERT = "INSERT INTO apps (id, name, created_ms, description, list_kind) VALUES ($1, $2, $3, $4, $5)";
    LIST_KIND = "SELECT list_kind FROM apps WHERE id = $1";
    LIST = "SELECT a.id, a.name, i.id, a.created_ms, (SELECT COUNT(*) FROM entitlements e WHERE e.app_id = a.id AND e.removed_ms IS NULL), a.description, a.columns, a.revision, a.version, a.list_kind FROM apps a LEFT JOIN integrations i ON i.app_id = a.id WHERE a.id > $1 AND ($3 = '' OR LOWER(a.name) LIKE $3 ESCAPE '\\') ORDER BY a.id LIMIT $2";
    GET = "SELECT a.id, a.name, i.id, a.created_ms, (SELECT COUNT(*) FROM entitlements e WHERE e.app_id = a.id AND e.removed_ms IS NULL), a.description, a.columns, a.revision, a.version, a.list_kind FROM apps a LEFT JOIN integrations i ON i.app_id = a.id WHERE a.id = $1 AND ($2 = '' OR LOWER(a.name) LIKE $2 ESCAPE '\\')";
    FEEDERS = "SELECT (SELECT COUNT(*) FROM integrations i WHERE i.app_id = a.id) FROM apps a WHERE a.id = $1";
    /// Of what has accounts.
    SOURCES = "SELECT i.id, i.app_id, i.id FROM integrations i WHERE i.id > $1 UNION ALL SELECT NULL, a.id, a.id FROM apps a WHERE a.id > $1 AND a.list_kind = 'members' AND NOT EXISTS (SELECT 1 FROM integrations i WHERE i.app_id = a.id) ORDER BY 3 LIMIT $2";
    UPDATE = "UPDATE apps SET name = $3, description = $4, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM apps WHERE id = $1 AND version = $2 AND NOT EXISTS (SELECT 1 FROM integrations i WHERE i.app_id = apps.id) AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.app_id = apps.id)";
    BUMP_HOLDERS = "UPDATE principals SET version = version + 1 WHERE id IN (SELECT principal_id FROM permissions WHERE entity_kind = 'app' AND entity_id = $1)";
    DELETE_PERMISSIONS = "DELETE FROM permissions WHERE entity_kind = 'app' AND entity_id = $1";
    DELETE_ASSIGNMENTS = "DELETE FROM assignments WHERE entitlement_id IN (SELECT id FROM entitlements WHERE app_id = $1)";
    DELETE_ENTITLEMENTS = "DELETE FROM entitlements WHERE app_id = $1";
    DELETE_OBJECTS = "DELETE FROM objects WHERE integration_id = $1";
}

fn app(row: &Row) -> Result<App> {
    Ok(App {
        id: row.parsed(0, "app id", |text| AppId::parse(text).ok())?,
        name: row.text(1)?,
        integration_id: row.text_or_null(2)?.and_then(|text| IntegrationId::parse(&text).ok()),
        created: row.time(3)?,
        roles: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        description: row.text(5)?,
        columns: row.json(6, "columns")?,
        revision: row.int(7)?,
        version: row.int(8)?,
        list: row.parsed(9, "list", ListKind::parse)?,
    })
}

impl App {
    /// Under which id the catalogue keeps the app's rows: its integration's, or its own.
    pub fn source(&self) -> IntegrationId {
        self.integration_id.clone().unwrap_or_else(|| own_source(&self.id))
    }
}

/// The catalogue's rows of an app without an integration carry the app's own id.
pub(crate) fn own_source(app: &AppId) -> IntegrationId {
    IntegrationId::parse(app.as_str()).expect("ids of all kinds look alike")
}

impl Db {
    /// The app with that id.
    pub async fn app(&self, id: &AppId) -> Result<Option<App>> {
        self.matching_app(id, "").await
    }

    /// Whether an integration feeds the app; `None` if there is no such app. Counts no roles.
    pub async fn is_app_fed(&self, id: &AppId) -> Result<Option<bool>> {
        let row = self.fetch_one(FEEDERS, args![id.as_str()]).await?;
        row.map(|row| row.is_true(0)).transpose()
    }

    /// Which list is uploaded for an app; `None` if there is no such app.
    pub async fn list_kind(&self, id: &AppId) -> Result<Option<ListKind>> {
        let row = self.fetch_one(LIST_KIND, args![id.as_str()]).await?;
        row.map(|row| row.parsed(0, "list", ListKind::parse)).transpose()
    }

    /// Integrations and apps that lists feed, after the given id.
    pub async fn account_sources(&self, after: &str, limit: u32) -> Result<Vec<CatalogueSource>> {
        let rows = self.fetch(SOURCES, args![after, limit]).await?;
        rows.iter().map(|row| CatalogueSource::of(row, 0)).collect()
    }

    async fn matching_app(&self, id: &AppId, pattern: &str) -> Result<Option<App>> {
        self.fetch_one(GET, args![id.as_str(), pattern]).await?.as_ref().map(app).transpose()
    }

    /// Visible apps after the given id, whose name matches the (already escaped) pattern.
    pub async fn list_apps(
        &self,
        visible: &Visible,
        pattern: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<App>> {
        let ids = match visible {
            Visible::All => {
                let rows = self.fetch(LIST, args![after, limit, pattern]).await?;
                return rows.iter().map(app).collect();
            }
            Visible::Only(ids) => ids,
        };
        let mut apps = Vec::new();
        for id in ids.iter().filter(|id| id.as_str() > after) {
            if apps.len() >= limit as usize {
                break;
            }
            apps.extend(self.matching_app(id, pattern).await?);
        }
        Ok(apps)
    }
}

impl Tx {
    /// Creates an app without an integration.
    pub async fn create_app(&mut self, _: &Permit<actions::AppWrite>, new: &NewApp) -> Result<()> {
        let now = self.now();
        let args = args![new.id.as_str(), &new.name, now, &new.description, new.list.name()];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Creates the app that an integration feeds.
    pub(crate) async fn create_fed_app(&mut self, id: &AppId, name: &str) -> Result<()> {
        let now = self.now();
        self.execute(INSERT, args![id.as_str(), name, now, "", ListKind::Members.name()])
            .await
            .map(drop)
    }

    /// Changes the fields of an app that is still at that version.
    pub async fn update_app(&mut self, _: &Permit<actions::AppWrite>, changed: &App) -> Result<()> {
        let args = args![changed.id.as_str(), changed.version, &changed.name, &changed.description];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "app" }),
            _ => Ok(()),
        }
    }

    /// Removes an app without an integration, with its accounts, roles, ended memberships and all
    /// permissions on it, if it is still at that version. With living memberships it is kept: returns
    /// how many, and the change must not be committed.
    pub async fn delete_app(
        &mut self,
        _: &Permit<actions::AppWrite>,
        id: &AppId,
        version: i64,
    ) -> Result<u64> {
        let id = id.as_str();
        let memberships = match self.delete_ended_memberships(id).await? {
            Ok(memberships) => memberships,
            Err(living) => return Ok(living),
        };
        if self.execute(DELETE, args![id, version]).await? == 0 {
            return Err(StoreError::VersionConflict { what: "app" });
        }
        for sql in [
            DELETE_ASSIGNMENTS,
            DELETE_ENTITLEMENTS,
            DELETE_OBJECTS,
            BUMP_HOLDERS,
            DELETE_PERMISSIONS,
        ] {
            self.execute(sql, args![id]).await?;
        }
        resource_people::forget_source(self, id).await?;
        mappings::forget_source(self, id).await?;
        request_rules::forget_source(self, id).await?;
        self.tell_memberships(id, &memberships);
        Ok(0)
    }
}
