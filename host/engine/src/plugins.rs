//! Installing plugins: uploaded or pulled from a registry, vouched for, looked at apart, stored under
//! their digest (PLG-2).

use grantry_authz::{Permit, actions};
use grantry_model::ids::PluginId;
use grantry_model::package::PackageReport;
use grantry_model::registry::Reference;
use grantry_store::{AuditEntry, Origin, Plugin, Signer, StoreError};
use serde_json::{Value, json};

use crate::idempotency::{Claimed, Turn};
use crate::publishers::Vouched;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// An installed plugin.
pub type Installed = Plugin;

const NO_PLUGIN: EngineError = EngineError::NotFound { what: "plugin" };

/// A component to be installed.
#[derive(Debug, Clone, Copy)]
pub struct PluginUpload<'a> {
    /// Its bytes.
    pub component: &'a [u8],
    /// The text of its `.minisig` file.
    pub signature: Option<&'a str>,
    /// An admin wants it although nobody who is trusted signed it.
    pub allow_unsigned: bool,
}

impl Ctx {
    /// Installs an uploaded component. What it may do is decided per integration.
    pub async fn install_plugin(
        &self,
        upload: &PluginUpload<'_>,
        request: &Idempotent<'_, Installed>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let outcome = self.install(&permit, &claimed, upload, None).await;
        self.settle(&claimed, outcome).await
    }

    /// Installs what a reference names now. The tag is looked up once: what is kept is the digest.
    pub async fn pull_plugin(
        &self,
        reference: &str,
        allow_unsigned: bool,
        request: &Idempotent<'_, Installed>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let reference = Reference::parse(reference).map_err(|error| {
                EngineError::field("/reference", "invalid_reference", error.to_string())
            })?;
            let access = self.engine.registry_access(&reference.registry).await?;
            let pulled = self.engine.parts.registry.pull(&reference, &access).await;
            let pulled = pulled.inspect_err(|fault| {
                tracing::warn!(code = fault.code(), "did not pull `{reference}`: {fault}");
            })?;
            let source = reference.pinned(&pulled.manifest).to_string();
            let signature = pulled.signature.as_deref();
            let upload = PluginUpload { component: &pulled.component, signature, allow_unsigned };
            self.install(&permit, &claimed, &upload, Some(&source)).await
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    async fn install(
        &self,
        permit: &Permit<actions::PluginInstall>,
        claimed: &Claimed<'_, Installed>,
        upload: &PluginUpload<'_>,
        source: Option<&str>,
    ) -> Result<Answer> {
        let work = async {
            // Before anything looks into bytes that nobody vouches for.
            let vouched = self.vouched(upload).await?;
            let report = self.engine.parts.inspector.inspect(upload.component).await?;
            if let Some(vouched) = &vouched {
                vouched.claim.check(&report.manifest)?;
            }
            match (self.db().plugin_by_digest(&report.digest).await?, &vouched) {
                (Some(there), Some(vouched)) if !is_vouched_for(&there) => {
                    self.vouch(permit, claimed, there, vouched).await
                }
                (Some(there), _) => Err(EngineError::PluginInstalled(there.id.to_string())),
                (None, _) => {
                    self.store(permit, claimed, upload, (report, vouched.as_ref(), source)).await
                }
            }
        };
        let outcome = work.await;
        match &outcome {
            Err(EngineError::Rejected(rejection)) => {
                tracing::info!(code = rejection.code(), "refused a component: {rejection}");
            }
            Err(EngineError::NotVouched(why)) => {
                tracing::warn!(code = why.code(), source, "refused a component: {why}");
            }
            _ => {}
        }
        outcome
    }

    async fn store(
        &self,
        permit: &Permit<actions::PluginInstall>,
        claimed: &Claimed<'_, Installed>,
        upload: &PluginUpload<'_>,
        (report, vouched, source): (PackageReport, Option<&Vouched>, Option<&str>),
    ) -> Result<Answer> {
        let db = self.db();
        let id = PluginId::fresh(db.clock(), db.random());
        let mut tx = db.begin(permit.provenance()).await?;
        if let Some(vouched) = vouched {
            vouched.hold(&mut tx).await?;
        }
        let signed = vouched.map(|by| (&by.publisher.id, by.signature.as_str()));
        let origin = Origin { signed, source };
        tx.create_plugin(permit, &id, &report, upload.component, origin).await.map_err(
            |error| match error {
                StoreError::AlreadyExists { .. } => EngineError::PluginInstalled(id.to_string()),
                other => other.into(),
            },
        )?;
        let detail = json!({
            "digest": report.digest,
            "name": report.manifest.name,
            "version": report.manifest.version,
            "signer": vouched.map_or(Value::Null, Vouched::described),
            "allow_unsigned": upload.allow_unsigned,
            "source": source,
        });
        let plugin = Plugin {
            id: id.clone(),
            digest: report.digest,
            contract: report.contract,
            manifest: report.manifest,
            interfaces: report.interfaces,
            imports: report.imports,
            size_bytes: report.size_bytes,
            state: "ready".to_owned(),
            installed: tx.now(),
            signer: vouched.map(signer),
            source: source.map(str::to_owned),
        };
        let answer = claimed.finish(&mut tx, &plugin).await?;
        tx.commit(AuditEntry::about("plugin.installed", "plugin", id.as_str(), detail)).await?;
        Ok(answer)
    }

    /// Somebody trusted vouches for a component that is installed already: unsigned until now, or signed
    /// with a key that was revoked.
    async fn vouch(
        &self,
        permit: &Permit<actions::PluginInstall>,
        claimed: &Claimed<'_, Installed>,
        there: Installed,
        vouched: &Vouched,
    ) -> Result<Answer> {
        let mut tx = self.db().begin(permit.provenance()).await?;
        vouched.hold(&mut tx).await?;
        let by = (&vouched.publisher.id, vouched.signature.as_str());
        tx.set_plugin_signer(permit, &there.id, by).await?;
        let before = there.signer.as_ref().map(|signer| &signer.publisher);
        let detail = json!({ "before": before, "after": vouched.described() });
        let plugin = Plugin { signer: Some(signer(vouched)), ..there };
        let answer = claimed.finish(&mut tx, &plugin).await?;
        let id = plugin.id.as_str();
        tx.commit(AuditEntry::about("plugin.vouched", "plugin", id, detail)).await?;
        Ok(answer)
    }

    /// Installed plugins, in order of installation.
    pub async fn list_plugins(&self, query: &PageQuery) -> Result<Page<Installed>> {
        self.permit_admin::<actions::PluginRead>().await?;
        let after = self.engine.position("plugins", query.cursor.as_deref())?;
        let rows = self.db().list_plugins(&after, query.limit + 1).await?;
        Ok(self.engine.page("plugins", rows, query.limit, |row| row.id.to_string()))
    }

    /// One installed plugin.
    pub async fn plugin(&self, id: &PluginId) -> Result<Installed> {
        self.permit_admin::<actions::PluginRead>().await?;
        self.db().plugin(id).await?.ok_or(NO_PLUGIN)
    }

    /// Removes a plugin that no integration uses.
    pub async fn delete_plugin(&self, id: &PluginId) -> Result<()> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let plugin = self.db().plugin(id).await?.ok_or(NO_PLUGIN)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if !tx.delete_plugin(&permit, &plugin).await? {
            return Err(EngineError::PluginInUse);
        }
        let manifest = &plugin.manifest;
        let detail = json!({ "before": {
            "name": manifest.name, "version": manifest.version, "publisher": manifest.publisher,
            "digest": plugin.digest,
        }});
        tx.commit(AuditEntry::about("plugin.removed", "plugin", id.as_str(), detail)).await?;
        Ok(())
    }
}

fn signer(vouched: &Vouched) -> Signer {
    Signer {
        publisher: vouched.publisher.id.clone(),
        name: vouched.publisher.name.clone(),
        key_id: vouched.signature.key_id().clone(),
        revoked: None,
    }
}

/// Whether a key that is trusted now signed it.
fn is_vouched_for(plugin: &Installed) -> bool {
    plugin.signer.as_ref().is_some_and(|signer| signer.revoked.is_none())
}
