//! Installed plugins and the bytes of their components.

use async_trait::async_trait;
use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{PluginId, PublisherId};
use grantry_model::package::{ComponentSource, Interface, PackageReport};
use grantry_model::plugin::{Digest, Manifest};
use grantry_model::signature::{KeyId, PublicKey};

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
    /// Who signed it: nobody where an admin chose so.
    pub signer: Option<Signer>,
    /// Where it was pulled from, by its manifest's digest.
    pub source: Option<String>,
}

/// Who signed a plugin, as far as that counts now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The publisher whose key it was.
    pub publisher: PublisherId,
    /// What an admin calls the publisher.
    pub name: String,
    /// The key.
    pub key_id: KeyId,
    /// Since when the key is not trusted any more.
    pub revoked: Option<UnixMs>,
}

/// Where a plugin comes from, and who vouches for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// Whose signature was verified, and its text.
    pub signed: Option<(&'a PublisherId, &'a str)>,
    /// Where it was pulled from, by its manifest's digest.
    pub source: Option<&'a str>,
}

statements! {
    INSERT = "INSERT INTO plugins (id, digest, name, version, contract, manifest, interfaces, imports, size_bytes, state, installed_ms, signer_id, signature, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ready', $10, $11, $12, $13)";
    INSERT_COMPONENT = "INSERT INTO components (digest, component) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET component = excluded.component";
    COMPONENT = "SELECT component FROM components WHERE digest = $1";
    GET = "SELECT p.id, p.digest, p.contract, p.manifest, p.interfaces, p.imports, p.size_bytes, p.state, p.installed_ms, p.source, k.id, k.name, k.public_key, k.revoked_ms FROM plugins p LEFT JOIN publishers k ON k.id = p.signer_id WHERE p.id = $1";
    GET_BY_DIGEST = "SELECT p.id, p.digest, p.contract, p.manifest, p.interfaces, p.imports, p.size_bytes, p.state, p.installed_ms, p.source, k.id, k.name, k.public_key, k.revoked_ms FROM plugins p LEFT JOIN publishers k ON k.id = p.signer_id WHERE p.digest = $1";
    LIST = "SELECT p.id, p.digest, p.contract, p.manifest, p.interfaces, p.imports, p.size_bytes, p.state, p.installed_ms, p.source, k.id, k.name, k.public_key, k.revoked_ms FROM plugins p LEFT JOIN publishers k ON k.id = p.signer_id WHERE p.id > $1 ORDER BY p.id LIMIT $2";
    SET_SIGNER = "UPDATE plugins SET signer_id = $2, signature = $3 WHERE id = $1";
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
        signer: signer(row)?,
        source: row.text_or_null(9)?,
    })
}

fn signer(row: &Row) -> Result<Option<Signer>> {
    if row.text_or_null(10)?.is_none() {
        return Ok(None);
    }
    let key = row.parsed(12, "public key", |text| PublicKey::parse(text).ok())?;
    Ok(Some(Signer {
        publisher: row.parsed(10, "publisher id", |id| PublisherId::parse(id).ok())?,
        name: row.text(11)?,
        key_id: key.key_id(),
        revoked: row.time_or_null(13)?,
    }))
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
        origin: Origin<'_>,
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
            now,
            origin.signed.map(|(signer, _)| signer.as_str()),
            origin.signed.map(|(_, signature)| signature),
            origin.source,
        ];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("plugin"))
    }

    /// Notes who signed an installed plugin.
    pub async fn set_plugin_signer(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        id: &PluginId,
        (signer, signature): (&PublisherId, &str),
    ) -> Result<()> {
        let args = args![id.as_str(), signer.as_str(), signature];
        match self.execute(SET_SIGNER, args).await? {
            0 => Err(StoreError::NotFound { what: "plugin" }),
            _ => Ok(()),
        }
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
