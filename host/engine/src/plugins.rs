//! Installing plugins: uploaded, looked at apart, stored under their digest (PLG-2).

use grantry_authz::actions;
use grantry_model::ids::PluginId;
use grantry_store::{AuditEntry, Plugin, StoreError};
use serde_json::json;

use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// An installed plugin.
pub type Installed = Plugin;

const NO_PLUGIN: EngineError = EngineError::NotFound { what: "plugin" };

impl Ctx {
    /// Installs an uploaded component. What it may do is decided per integration.
    pub async fn install_plugin(
        &self,
        component: &[u8],
        request: &Idempotent<'_, Installed>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let report = self.engine.parts.inspector.inspect(component).await?;
            if let Some(there) = self.db().plugin_by_digest(&report.digest).await? {
                return Err(EngineError::PluginInstalled(there.id.to_string()));
            }
            let db = self.db();
            let id = PluginId::fresh(db.clock(), db.random());
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_plugin(&permit, &id, &report, component).await.map_err(
                |error| match error {
                    StoreError::AlreadyExists { .. } => {
                        EngineError::PluginInstalled(id.to_string())
                    }
                    other => other.into(),
                },
            )?;
            let detail = json!({
                "digest": report.digest,
                "name": report.manifest.name,
                "version": report.manifest.version,
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
            };
            let answer = claimed.finish(&mut tx, &plugin).await?;
            tx.commit(AuditEntry::about("plugin.installed", "plugin", id.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        if let Err(EngineError::Rejected(rejection)) = &outcome {
            tracing::info!(code = rejection.code(), "refused an uploaded component: {rejection}");
        }
        self.settle(&claimed, outcome).await
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
