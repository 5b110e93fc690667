//! Installed plugins and the bytes of their components.

use async_trait::async_trait;
use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::PluginId;
use grantry_model::package::{ComponentSource, Interface, PackageReport};
use grantry_model::plugin::{Digest, Manifest};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// An installed plugin version.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Plugin {
    pub id: PluginId,
    pub digest: Digest,
    pub contract: String,
    pub manifest: Manifest,
    pub interfaces: Vec<Interface>,
    pub imports: Vec<String>,
    pub size_bytes: u64,
    pub state: String,
    pub installed: UnixMs,
}

statements! {
    INSERT = "INSERT INTO plugins (id, digest, name, version, contract, manifest, interfaces, imports, size_bytes, state, installed_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ready', $10)";
    INSERT_COMPONENT = "INSERT INTO components (digest, component) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET component = excluded.component";
    COMPONENT = "SELECT component FROM components WHERE digest = $1";
    GET = "SELECT id, digest, contract, manifest, interfaces, imports, size_bytes, state, installed_ms FROM plugins WHERE id = $1";
    GET_BY_DIGEST = "SELECT id, digest, contract, manifest, interfaces, imports, size_bytes, state, installed_ms FROM plugins WHERE digest = $1";
    LIST = "SELECT id, digest, contract, manifest, interfaces, imports, size_bytes, state, installed_ms FROM plugins WHERE id > $1 ORDER BY id LIMIT $2";
    IN_USE = "SELECT COUNT(*) FROM integrations WHERE plugin_id = $1";
    DELETE = "DELETE FROM plugins WHERE id = $1";
    DELETE_COMPONENT = "DELETE FROM components WHERE digest = $1";
}

fn plugin(row: &Row) -> Result<Plugin> {
    Ok(Plugin {
        id: row.parsed(0, "plugin id", |text| PluginId::parse(text).ok())?,
        digest: row.parsed(1, "plugin digest", Digest::parse)?,
        contract: row.text(2)?,
        manifest: row.json(3, "manifest")?,
        interfaces: row.json(4, "plugin interfaces")?,
        imports: row.json(5, "plugin imports")?,
        size_bytes: u64::try_from(row.int(6)?).unwrap_or(0),
        state: row.text(7)?,
        installed: row.time(8)?,
    })
}

impl Db {
    /// The plugin with that id.
    pub async fn plugin(&self, id: &PluginId) -> Result<Option<Plugin>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(plugin).transpose()
    }

    /// The plugin with that digest.
    pub async fn plugin_by_digest(&self, digest: &Digest) -> Result<Option<Plugin>> {
        let row = self.fetch_one(GET_BY_DIGEST, args![digest.as_str()]).await?;
        row.as_ref().map(plugin).transpose()
    }

    /// Plugins after the given id, in order of their ids.
    pub async fn list_plugins(&self, after: &str, limit: u32) -> Result<Vec<Plugin>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(plugin).collect()
    }
}

impl Tx {
    /// Stores an inspected component with what was found in it.
    pub async fn create_plugin(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        id: &PluginId,
        report: &PackageReport,
        component: &[u8],
    ) -> Result<()> {
        let json = |value: serde_json::Result<String>| {
            value.map_err(|e| StoreError::Corrupt { what: "manifest", reason: e.to_string() })
        };
        let manifest = json(serde_json::to_string(&report.manifest))?;
        let interfaces = json(serde_json::to_string(&report.interfaces))?;
        let imports = json(serde_json::to_string(&report.imports))?;
        let (digest, now) = (report.digest.as_str(), self.now());
        let size = i64::try_from(report.size_bytes).unwrap_or(i64::MAX);
        self.execute(INSERT_COMPONENT, args![digest, component]).await?;
        let args = args![
            id.as_str(),
            digest,
            &report.manifest.name,
            &report.manifest.version,
            &report.contract,
            &manifest,
            &interfaces,
            &imports,
            size,
            now
        ];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("plugin"))
    }

    /// Removes a plugin that no integration uses.
    pub async fn delete_plugin(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        plugin: &Plugin,
    ) -> Result<bool> {
        let row = self.fetch_one(IN_USE, args![plugin.id.as_str()]).await?;
        if row.map_or(Ok(false), |row| row.is_true(0))? {
            return Ok(false);
        }
        self.execute(DELETE, args![plugin.id.as_str()]).await?;
        self.execute(DELETE_COMPONENT, args![plugin.digest.as_str()]).await?;
        Ok(true)
    }
}

#[async_trait]
impl ComponentSource for Db {
    async fn component(&self, digest: &Digest) -> std::result::Result<Option<Vec<u8>>, String> {
        let row = self.fetch_one(COMPONENT, args![digest.as_str()]).await;
        row.and_then(|row| row.map(|row| row.blob(0)).transpose()).map_err(|e| e.to_string())
    }
}
