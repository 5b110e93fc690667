//! What one call of an integration's plugin may touch: made here, once per call.

use std::sync::Arc;

use async_trait::async_trait;
use grantry_model::approval::{Approval, granted};
use grantry_model::fault::Fault;
use grantry_model::ids::{IntegrationId, PrincipalId};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::permission::PrincipalKind;
use grantry_model::plugin::Manifest;
use grantry_model::runner::{AuditSink, CallFailure, CallResult, CallScope, Called, Denial};
use grantry_model::secret::{Secret, SecretSource, SecretUnavailable};
use grantry_store::{AuditEntry, Denied, Integration, Plugin};
use serde_json::{Value, json};

use crate::platform::IntegrationPlatform;
use crate::{Engine, EngineError, Result};

/// Misbehaviours within [`FAULTS_WINDOW_MS`] that put a plugin into quarantine (security.md row 33).
const FAULTS_MAX: i64 = 5;
/// How long misbehaviours are counted, in milliseconds: ten minutes.
const FAULTS_WINDOW_MS: i64 = 10 * 60_000;

/// The place of a sealed secret: moved elsewhere, it does not open.
pub(crate) fn secret_place(integration: &IntegrationId, pointer: &str, version: i64) -> String {
    format!("integration_secrets|{integration}|{pointer}|{version}")
}

/// Secrets in the database.
struct StoredSecrets {
    engine: Engine,
    integration: IntegrationId,
    policy_version: i64,
}

#[async_trait]
impl SecretSource for StoredSecrets {
    async fn secret(
        &self,
        pointer: &str,
    ) -> std::result::Result<Option<Secret>, SecretUnavailable> {
        let unavailable =
            |reason: String| SecretUnavailable { pointer: pointer.to_owned(), reason };
        let sealed =
            self.engine.db().sealed_secret(&self.integration, pointer, self.policy_version).await;
        let Some((version, sealed)) = sealed.map_err(|error| unavailable(error.to_string()))?
        else {
            return Ok(None);
        };
        let place = secret_place(&self.integration, pointer, version);
        let opened = self.engine.parts.keys.open(&place, &sealed);
        opened.map(Some).map_err(|error| unavailable(error.to_string()))
    }
}

/// Secrets of a connection that is not saved yet.
pub(crate) struct HeldSecrets(pub Vec<(String, Secret)>);

#[async_trait]
impl SecretSource for HeldSecrets {
    async fn secret(
        &self,
        pointer: &str,
    ) -> std::result::Result<Option<Secret>, SecretUnavailable> {
        let held = self.0.iter().find(|(at, _)| at == pointer);
        Ok(held.map(|(_, secret)| Secret::new(secret.expose().to_owned())))
    }
}

/// Denials of an integration's plugin, into the audit log.
struct EngineAudit {
    engine: Engine,
    principal: PrincipalId,
    request_id: String,
}

#[async_trait]
impl AuditSink for EngineAudit {
    async fn denied(&self, integration: &IntegrationId, denial: Denial) {
        let detail = json!({ "detail": denial.detail });
        let denied = Denied {
            principal_id: self.principal.to_string(),
            principal_kind: PrincipalKind::Plugin.name(),
            door: "plugin",
            action: "host_call".to_owned(),
            reason: denial.code.to_owned(),
            request_id: self.request_id.clone(),
            entry: AuditEntry::about("plugin.denied", "integration", integration.as_str(), detail),
        };
        // The refusal stands whether or not it can be recorded: nothing happened.
        if let Err(error) = self.engine.db().record_denial(&denied).await {
            tracing::error!(%integration, code = denial.code, "cannot record a denial: {error}");
        }
    }
}

impl Engine {
    /// The scope of a saved integration's calls.
    pub(crate) fn scope(
        &self,
        integration: &Integration,
        plugin: &Plugin,
        request_id: &str,
    ) -> Result<CallScope> {
        if integration.quarantined.is_some() {
            return Err(EngineError::Quarantined);
        }
        let secrets = Arc::new(StoredSecrets {
            engine: self.clone(),
            integration: integration.id.clone(),
            policy_version: integration.policy_version,
        });
        let connection = serde_json::from_str(&integration.connection).unwrap_or(Value::Null);
        let scope = ScopeParts {
            integration: &integration.id,
            principal: &integration.principal_id,
            policy_version: integration.policy_version,
            connection: &connection,
            approval: &integration.approval,
            secrets,
            request_id,
        };
        Ok(self.scope_of(plugin, scope))
    }

    /// The scope of a call, put together.
    pub(crate) fn scope_of(&self, plugin: &Plugin, parts: ScopeParts<'_>) -> CallScope {
        let manifest: &Manifest = &plugin.manifest;
        CallScope {
            plugin: plugin.digest.clone(),
            integration: parts.integration.clone(),
            policy_version: parts.policy_version,
            connection: parts.connection.to_string().into(),
            granted: Arc::new(granted(manifest, parts.approval, parts.connection)),
            auth: manifest.auth.clone().into(),
            secrets: parts.secrets,
            kv: Arc::new(self.db().kv(parts.integration)),
            platform: Arc::new(IntegrationPlatform::new(
                self.clone(),
                parts.principal.clone(),
                parts.request_id.to_owned(),
            )),
            audit: Arc::new(EngineAudit {
                engine: self.clone(),
                principal: parts.principal.clone(),
                request_id: parts.request_id.to_owned(),
            }),
            validators: Arc::default(),
        }
    }

    /// Takes note of how a call went: logs the plugin's lines, counts misbehaviour, quarantines.
    pub(crate) async fn observe<T>(
        &self,
        integration: &IntegrationId,
        result: CallResult<T>,
    ) -> Result<std::result::Result<Called<T>, Fault>> {
        let report = match &result {
            Ok(called) => &called.report,
            Err(failure) => &failure.report,
        };
        for line in &report.log {
            tracing::debug!(integration.id = %integration, level = ?line.level, fields = ?line.fields, "plugin: {}", line.message);
        }
        match result {
            Ok(called) => Ok(Ok(called)),
            Err(failure) => {
                let CallFailure { fault, .. } = *failure;
                tracing::info!(integration.id = %integration, code = fault.code(), "a plugin call failed: {fault}");
                if fault.is_misbehaviour() {
                    self.count_misbehaviour(integration, &fault).await?;
                }
                if fault == Fault::DigestMismatch {
                    self.quarantine(integration, json!({ "code": fault.code() })).await?;
                }
                Ok(Err(fault))
            }
        }
    }

    async fn count_misbehaviour(&self, id: &IntegrationId, fault: &Fault) -> Result<()> {
        let db = self.db();
        let since = db.now().plus_ms(-FAULTS_WINDOW_MS);
        if db.add_plugin_fault(id, fault.code(), since).await? < FAULTS_MAX {
            return Ok(());
        }
        let detail = json!({ "code": fault.code(), "faults": FAULTS_MAX, "minutes": 10 });
        self.quarantine(id, detail).await
    }

    /// Keeps the integration's plugin from running until an admin releases it.
    async fn quarantine(&self, id: &IntegrationId, detail: Value) -> Result<()> {
        let db = self.db();
        let Some(integration) = db.integration(id).await? else { return Ok(()) };
        if integration.quarantined.is_some() {
            return Ok(());
        }
        let provenance = crate::jobs::machine_provenance(id.as_str());
        let mut tx = db.begin(&provenance).await?;
        if !tx.quarantine(id).await? {
            // Another call was faster, and said so.
            return Ok(());
        }
        tracing::warn!(integration.id = %id, "plugin of integration `{}` goes into quarantine", integration.name);
        let notice = Notice::new(NoticeKind::IntegrationQuarantined, Some(id))
            .with("integration", &integration.name)
            .with("code", detail["code"].as_str().unwrap_or("plugin_quarantined"));
        tx.queue_notice(&notice).await?;
        let event = "integration.quarantined";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        Ok(())
    }
}

/// What a scope is made of.
pub(crate) struct ScopeParts<'a> {
    pub integration: &'a IntegrationId,
    pub principal: &'a PrincipalId,
    pub policy_version: i64,
    pub connection: &'a Value,
    pub approval: &'a Approval,
    pub secrets: Arc<dyn SecretSource>,
    pub request_id: &'a str,
}
