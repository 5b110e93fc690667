//! Principals and their permissions.

use grantry_authz::{Permissions, Permit, Role, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::PrincipalId;
use grantry_model::permission::{Entity, Principal, PrincipalKind};

use crate::db::{Db, HousekeepingTx, Row, Tx, args};
use crate::tokens::{self, TokenRecord};
use crate::{AuditEntry, Result, StoreError, clients, statements};

/// A principal to be created.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewPrincipal {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub name: String,
    pub description: String,
    pub role: Option<Role>,
}

/// A stored principal.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PrincipalRecord {
    pub principal: Principal,
    pub description: String,
    pub role: Option<Role>,
    pub is_disabled: bool,
    pub created: UnixMs,
    pub version: i64,
}

statements! {
    INSERT = "INSERT INTO principals (id, kind, name, description, role, is_disabled, created_ms, version) VALUES ($1, $2, $3, $4, $5, 0, $6, 1)";
    GET = "SELECT id, kind, name, description, role, is_disabled, created_ms, version FROM principals WHERE id = $1";
    LIST = "SELECT id, kind, name, description, role, is_disabled, created_ms, version FROM principals WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3";
    DELETE = "DELETE FROM principals WHERE id = $1 AND kind = 'client'";
    BUMP = "UPDATE principals SET version = version + 1 WHERE id = $1 AND version = $2";
    CLAIM_FIRST = "INSERT INTO first_admin (id, principal_id) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
    ANY_PERSON = "SELECT COUNT(*) FROM principals WHERE kind = 'person'";
    CLEAR_PERMISSIONS = "DELETE FROM permissions WHERE principal_id = $1";
    INSERT_PERMISSION = "INSERT INTO permissions (principal_id, action, entity_kind, entity_id) VALUES ($1, $2, $3, $4)";
}

/// From the first columns of a row, in the order of [`GET`].
pub(crate) fn principal(row: &Row) -> Result<PrincipalRecord> {
    let principal = Principal {
        id: row.parsed(0, "principal id", |text| PrincipalId::parse(text).ok())?,
        kind: row.parsed(1, "principal kind", PrincipalKind::parse)?,
        name: row.text(2)?,
    };
    let role = row.text_or_null(4)?;
    Ok(PrincipalRecord {
        principal,
        description: row.text(3)?,
        role: role.as_deref().and_then(Role::parse),
        is_disabled: row.is_true(5)?,
        created: row.time(6)?,
        version: row.int(7)?,
    })
}

impl Db {
    /// The principal, if there is one.
    pub async fn principal(&self, id: &PrincipalId) -> Result<Option<PrincipalRecord>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(principal).transpose()
    }

    /// Principals of a kind after the given id, in order of their ids.
    pub async fn list_principals(
        &self,
        kind: PrincipalKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PrincipalRecord>> {
        let rows = self.fetch(LIST, args![kind.name(), after, limit]).await?;
        rows.iter().map(principal).collect()
    }

    /// Whether anybody could sign in: false before the first start.
    pub async fn has_people(&self) -> Result<bool> {
        let row = self.fetch_one(ANY_PERSON, &[]).await?;
        row.map_or(Ok(false), |row| row.is_true(0))
    }

    /// Makes the first admin, with a token, where there is nobody yet; false if there is somebody.
    /// Of two first starts at once one wins. The caller tells the token.
    pub async fn create_first_admin(
        &self,
        permit: &Permit<actions::PersonWrite>,
        new: &NewPrincipal,
        token: &TokenRecord,
    ) -> Result<bool> {
        let mut tx = self.begin(permit.provenance()).await?;
        if tx.execute(CLAIM_FIRST, args![new.id.as_str()]).await? == 0 {
            return Ok(false);
        }
        let row = tx.fetch_one(ANY_PERSON, &[]).await?;
        if row.map_or(Ok(false), |row| row.is_true(0))? {
            return Ok(false);
        }
        let now = tx.now();
        insert(&mut tx, new, now).await?;
        tokens::insert(&mut tx, token).await?;
        let detail = serde_json::json!({ "role": new.role.map(Role::name), "token": token.id });
        tx.commit(AuditEntry::about("person.created", "person", new.id.as_str(), detail)).await?;
        Ok(true)
    }
}

pub(crate) async fn insert(tx: &mut HousekeepingTx, new: &NewPrincipal, now: UnixMs) -> Result<()> {
    let role = new.role.map(Role::name);
    let args = args![new.id.as_str(), new.kind.name(), &new.name, &new.description, role, now];
    tx.execute(INSERT, args).await.map(drop)
}

impl Tx {
    /// Creates a client.
    pub async fn create_client(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        new: &NewPrincipal,
    ) -> Result<()> {
        let now = self.now();
        insert(self, new, now).await
    }

    /// Creates the principal of an integration's plugin.
    pub async fn create_plugin_principal(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        new: &NewPrincipal,
    ) -> Result<()> {
        let now = self.now();
        insert(self, new, now).await
    }

    /// Removes a client with its permissions. Its tokens stay, and are refused as those of nobody.
    pub async fn delete_client(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        id: &PrincipalId,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str()]).await? {
            0 => Err(StoreError::NotFound { what: "client" }),
            _ => clients::remove_registration(self, id).await,
        }
    }

    /// Replaces all that a principal holds, if it is still at that version.
    pub async fn set_permissions(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        principal: &PrincipalId,
        version: i64,
        permissions: &Permissions,
    ) -> Result<()> {
        if self.execute(BUMP, args![principal.as_str(), version]).await? == 0 {
            return Err(StoreError::VersionConflict { what: "principal" });
        }
        self.execute(CLEAR_PERMISSIONS, args![principal.as_str()]).await?;
        for action in &permissions.global {
            let args = args![principal.as_str(), action.name(), "", ""];
            self.execute(INSERT_PERMISSION, args).await?;
        }
        for entity in permissions.entities.iter() {
            let (kind, id) = match entity {
                Entity::App(app) => ("app", app.as_str()),
                Entity::DataSource(source) => ("data_source", source.as_str()),
            };
            self.execute(INSERT_PERMISSION, args![principal.as_str(), "", kind, id]).await?;
        }
        Ok(())
    }
}
