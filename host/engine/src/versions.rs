//! Which plugin version an integration runs: one is tried first, then the rest follows, and each can
//! go back (INT-15, PLG-3).

use grantry_authz::{Permit, actions};
use grantry_model::approval::{Approval, widening};
use grantry_model::connection;
use grantry_model::entitlement_types::DeclaredType;
use grantry_model::ids::{IntegrationId, PluginId};
use grantry_store::{AuditEntry, Integration, Plugin, PreviousVersion};
use serde_json::{Value, json};

use crate::integrations::check_approval;
use crate::publishers::{check_signer, hold_signer};
use crate::{Ctx, EngineError, IntegrationView, Result};

/// Integrations that are looked at by one roll-out.
const INTEGRATIONS_MAX: u32 = 10_000;

/// How an integration fared in a roll-out.
#[derive(Debug)]
pub struct RolledOut {
    /// Which one.
    pub integration: IntegrationId,
    /// Why it stays at its version; `None` where it was moved.
    pub kept: Option<EngineError>,
}

impl Ctx {
    /// Moves an integration that is still at that version to another installed version of its
    /// plugin. One that asks for more needs the new approval said with it.
    pub async fn move_version(
        &self,
        id: &IntegrationId,
        version: i64,
        plugin: &PluginId,
        approval: Option<&Approval>,
    ) -> Result<IntegrationView> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let view = self.load_integration(id).await?;
        let to = self.installed(plugin).await?;
        if to.manifest.name != view.plugin.manifest.name {
            let message = format!("must be a version of `{}`", view.plugin.manifest.name);
            return Err(EngineError::field("/plugin_id", "other_plugin", message));
        }
        self.move_to(&permit, &view, version, &to, approval).await?;
        self.load_integration(id).await
    }

    async fn installed(&self, plugin: &PluginId) -> Result<Plugin> {
        let unknown = || EngineError::field("/plugin_id", "unknown_plugin", "no such plugin");
        self.db().plugin(plugin).await?.ok_or_else(unknown)
    }

    async fn move_to(
        &self,
        permit: &Permit<actions::IntegrationWrite>,
        view: &IntegrationView,
        version: i64,
        to: &Plugin,
        approval: Option<&Approval>,
    ) -> Result<()> {
        let mut wider = widening(&view.plugin.manifest, &to.manifest);
        wider.extend(other_signer(&view.plugin, to));
        let approval = match approval {
            Some(approval) => {
                check_approval(to, approval)?;
                approval.clone()
            }
            None if !wider.is_empty() => return Err(EngineError::AsksForMore(wider)),
            None => view.integration.approval.within(&to.manifest),
        };
        self.exchange(permit, view, version, to, approval, "integration.version_moved").await
    }

    /// Goes back to the version that the integration ran before, with what it was allowed then.
    pub async fn roll_back_version(
        &self,
        id: &IntegrationId,
        version: i64,
    ) -> Result<IntegrationView> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let view = self.load_integration(id).await?;
        let previous = view.integration.previous.clone().ok_or(EngineError::NoPreviousVersion)?;
        let to = self.db().plugin(&previous.plugin_id).await?;
        let to = to.ok_or(EngineError::NoPreviousVersion)?;
        let event = "integration.version_rolled_back";
        self.exchange(&permit, &view, version, &to, previous.approval, event).await?;
        self.load_integration(id).await
    }

    /// Puts the other version in, if the connection is good for it. Calls under way finish on the
    /// version that they began with.
    async fn exchange(
        &self,
        permit: &Permit<actions::IntegrationWrite>,
        view: &IntegrationView,
        version: i64,
        to: &Plugin,
        approval: Approval,
        event: &'static str,
    ) -> Result<()> {
        check_signer(to)?;
        let before = &view.integration;
        let public: Value = serde_json::from_str(&before.connection).unwrap_or_default();
        let opened = self.open_secrets(view).await?;
        let is_open = |place: &&String| opened.iter().any(|(at, _)| at == *place);
        if let Some(lost) = view.secrets.iter().find(|place| !is_open(place)) {
            return Err(EngineError::SecretNotKept(lost.clone()));
        }
        let whole = connection::join(&public, &opened);
        let split = self.check_connection(to, &whole, &view.secrets).await?;
        let previous = Some(PreviousVersion {
            plugin_id: before.plugin_id.clone(),
            approval: before.approval.clone(),
        });
        let moved = Integration {
            version,
            plugin_id: to.id.clone(),
            connection: split.public.to_string(),
            approval,
            previous,
            ..before.clone()
        };
        let mut tx = self.db().begin(permit.provenance()).await?;
        hold_signer(&mut tx, to).await?;
        tx.move_integration(permit, &moved).await?;
        // An admin's edits stay.
        tx.declare_types(&before.id, &DeclaredType::of_kinds(&to.manifest.kinds)).await?;
        tx.clear_secrets(permit, &before.id).await?;
        self.seal_all(&mut tx, permit, &before.id, version + 1, &split.secrets).await?;
        let of = |plugin: &Plugin| json!({ "id": plugin.id, "digest": plugin.digest });
        let detail = json!({
            "before": { "plugin": of(&view.plugin), "approval": before.approval },
            "after": { "plugin": of(to), "approval": moved.approval },
        });
        let id = before.id.as_str();
        tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
        Ok(())
    }

    /// Moves every integration of the plugin to this version, but those for which it asks for more
    /// or whose connection it does not take: they stay, with the reason.
    pub async fn roll_out_version(&self, plugin: &PluginId) -> Result<Vec<RolledOut>> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let to = self.db().plugin(plugin).await?;
        let to = to.ok_or(EngineError::NotFound { what: "plugin" })?;
        let mut outcome = Vec::new();
        for integration in self.db().list_integrations("", INTEGRATIONS_MAX).await? {
            if integration.plugin_id == to.id {
                continue;
            }
            let view = self.view(integration).await?;
            if view.plugin.manifest.name != to.manifest.name {
                continue;
            }
            let version = view.integration.version;
            let kept = self.move_to(&permit, &view, version, &to, None).await.err();
            outcome.push(RolledOut { integration: view.integration.id, kept });
        }
        Ok(outcome)
    }
}

/// A version that its publisher did not sign is trusted anew, not by the way.
fn other_signer(from: &Plugin, to: &Plugin) -> Option<String> {
    let signer = from.signer.as_ref()?;
    let is_same = to.signer.as_ref().is_some_and(|other| other.publisher == signer.publisher);
    (!is_same).then(|| format!("to be trusted without the signature of `{}`", signer.name))
}
