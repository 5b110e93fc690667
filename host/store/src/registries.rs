//! Registries that an admin gave a credential or an address exception.

use grantry_authz::{Permit, actions};
use grantry_model::approval::AddressException;
use grantry_model::clock::UnixMs;
use grantry_model::ids::RegistryId;
use serde::{Deserialize, Serialize};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// How a registry is reached; its password is sealed apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySettings {
    /// Who asks, where the registry wants to know.
    pub username: Option<String>,
    /// Without TLS: to excepted addresses only.
    pub is_plain: bool,
    /// Private addresses that may be reached.
    pub address_exceptions: Vec<AddressException>,
}

/// A registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Its id.
    pub id: RegistryId,
    /// Host, and a port where it is not 443.
    pub host: String,
    /// How it is reached.
    pub settings: RegistrySettings,
    /// When it was named.
    pub created: UnixMs,
}

statements! {
    INSERT = "INSERT INTO registries (id, host, settings, created_ms) VALUES ($1, $2, $3, $4)";
    GET = "SELECT id, host, settings, created_ms FROM registries WHERE id = $1";
    BY_HOST = "SELECT id, host, settings, created_ms FROM registries WHERE host = $1";
    LIST = "SELECT id, host, settings, created_ms FROM registries WHERE id > $1 ORDER BY id LIMIT $2";
    DELETE = "DELETE FROM registries WHERE id = $1";
}

fn registry(row: &Row) -> Result<Registry> {
    Ok(Registry {
        id: row.parsed(0, "registry id", |id| RegistryId::parse(id).ok())?,
        host: row.text(1)?,
        settings: row.json(2, "registry's settings")?,
        created: row.time(3)?,
    })
}

impl Db {
    /// The registry with that id.
    pub async fn registry(&self, id: &RegistryId) -> Result<Option<Registry>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(registry).transpose()
    }

    /// What was said of the registry at that host.
    pub async fn registry_at(&self, host: &str) -> Result<Option<Registry>> {
        self.fetch_one(BY_HOST, args![host]).await?.as_ref().map(registry).transpose()
    }

    /// Registries after the given id.
    pub async fn list_registries(&self, after: &str, limit: u32) -> Result<Vec<Registry>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(registry).collect()
    }
}

impl Tx {
    /// Names a registry.
    ///
    /// # Errors
    /// When its host is named already.
    pub async fn create_registry(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        new: &Registry,
    ) -> Result<()> {
        let settings = serde_json::to_string(&new.settings)
            .map_err(|e| StoreError::Corrupt { what: "registry", reason: e.to_string() })?;
        let args = args![new.id.as_str(), &new.host, &settings, self.now()];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error: StoreError| error.or_already_exists("registry"))
    }

    /// Forgets a registry.
    pub async fn delete_registry(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        id: &RegistryId,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str()]).await? {
            0 => Err(StoreError::NotFound { what: "registry" }),
            _ => Ok(()),
        }
    }
}
