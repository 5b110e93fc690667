//! Integrations: created, shown, changed, released from quarantine (INT-1, INT-2, PLG-3).
//!
//! How they go is in `deletion`, settings and their checks in `settings`, tries of a connection in
//! `connection_tests`.

mod deletion;

use grantry_authz::actions;
use grantry_model::approval::Approval;
use grantry_model::connection::{self, Split};
use grantry_model::entitlement_types::DeclaredType;
use grantry_model::fault::{Fault, FieldIssue, PluginError};
use grantry_model::ids::{AppId, IntegrationId, PluginId, PrincipalId};
use grantry_model::method::Method;
use grantry_model::package::Interface;
use grantry_model::permission::PrincipalKind;
use grantry_model::secret::Secret;
use grantry_model::settings::{Settings, SettingsChange};
use grantry_store::{AuditEntry, Integration, NewIntegration, NewPrincipal, Plugin, Tx};
use serde_json::{Value, json};

use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::publishers::{check_signer, hold_signer};
use crate::scope::secret_place;
use crate::settings::changes;
use crate::ticket_desks::no_desk;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// A connection as it comes from outside, secrets included: it is never shown.
#[derive(Clone, Default)]
pub struct WholeConnection(pub Value);

impl std::fmt::Debug for WholeConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// An integration to be created.
#[derive(Debug, Clone)]
pub struct IntegrationInput {
    /// What people call it; its app gets the same name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The installed plugin.
    pub plugin: PluginId,
    /// The connection, secrets included.
    pub connection: WholeConnection,
    /// What the plugin may do.
    pub approval: Approval,
    /// The person who administers it.
    pub owner: Option<PrincipalId>,
    /// How it is to be run: what differs from the defaults.
    pub settings: SettingsChange,
}

/// A change of an integration. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct IntegrationChange {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// The new connection. A secret that it leaves out stays, if the place is still there.
    pub connection: Option<WholeConnection>,
    /// The new approval.
    pub approval: Option<Approval>,
    /// The person who administers it from now on; `Some(None)` for nobody.
    pub owner: Option<Option<PrincipalId>>,
    /// Which settings change.
    pub settings: SettingsChange,
}

/// An integration as it is shown.
#[derive(Debug, Clone)]
pub struct IntegrationView {
    /// What is stored.
    pub integration: Integration,
    /// Its plugin.
    pub plugin: Plugin,
    /// Places of the connection that hold a secret.
    pub secrets: Vec<String>,
}

const NO_INTEGRATION: EngineError = EngineError::NotFound { what: "integration" };
const NO_PLUGIN: EngineError = EngineError::NotFound { what: "plugin" };

impl Ctx {
    /// Creates an integration with its app and its plugin's principal.
    pub async fn create_integration(
        &self,
        input: &IntegrationInput,
        request: &Idempotent<'_, IntegrationView>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let (plugin, split) = self.check_input(input).await?;
        let settings =
            Settings::default().changed(&input.settings).map_err(EngineError::Invalid)?;
        self.check_assignees(&input.settings).await?;
        if input.settings.method == Some(Method::Ticket) {
            return Err(no_desk("/settings/method"));
        }
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let new = NewIntegration {
            id: IntegrationId::fresh(db.clock(), db.random()),
            name: input.name.trim().to_owned(),
            description: input.description.clone(),
            plugin_id: plugin.id.clone(),
            app_id: AppId::fresh(db.clock(), db.random()),
            principal_id: PrincipalId::fresh(db.clock(), db.random()),
            connection: split.public.to_string(),
            approval: input.approval.clone(),
            owner: input.owner.clone(),
            settings,
        };
        let principal = NewPrincipal {
            id: new.principal_id.clone(),
            kind: PrincipalKind::Plugin,
            name: new.name.clone(),
            description: format!("Plugin of integration `{}`", new.name),
            role: None,
        };
        let work = async {
            self.check_owner(new.owner.as_ref()).await?;
            let mut tx = db.begin(permit.provenance()).await?;
            hold_signer(&mut tx, &plugin).await?;
            tx.create_plugin_principal(&permit, &principal).await?;
            tx.create_integration(&permit, &new).await?;
            let types = DeclaredType::of_kinds(&plugin.manifest.kinds);
            tx.declare_types(&new.id, &types).await?;
            self.seal_all(&mut tx, &permit, &new.id, 1, &split.secrets).await?;
            let view = IntegrationView {
                integration: Integration {
                    id: new.id.clone(),
                    name: new.name.clone(),
                    description: new.description.clone(),
                    plugin_id: new.plugin_id.clone(),
                    app_id: new.app_id.clone(),
                    principal_id: new.principal_id.clone(),
                    connection: new.connection.clone(),
                    approval: new.approval.clone(),
                    policy_version: 1,
                    quarantined: None,
                    created: tx.now(),
                    version: 1,
                    owner: new.owner.clone(),
                    settings: new.settings.clone(),
                    previous: None,
                },
                plugin: plugin.clone(),
                secrets: split.secrets.iter().map(|(pointer, _)| pointer.clone()).collect(),
            };
            let answer = claimed.finish(&mut tx, &view).await?;
            let detail = json!({
                "name": new.name, "plugin": plugin.digest, "approval": new.approval,
                "owner": new.owner, "settings": new.settings,
            });
            let (event, id) = ("integration.created", new.id.as_str());
            tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Checks names, schema, the plugin's own rules, and that nothing is approved unasked.
    pub(crate) async fn check_input(&self, input: &IntegrationInput) -> Result<(Plugin, Split)> {
        check_name("/name", &input.name)?;
        check_description("/description", &input.description)?;
        let plugin = self.db().plugin(&input.plugin).await?;
        let unknown = || EngineError::field("/plugin_id", "unknown_plugin", "no such plugin");
        let plugin = plugin.ok_or_else(unknown)?;
        check_signer(&plugin)?;
        check_approval(&plugin, &input.approval)?;
        let split = self.check_connection(&plugin, &input.connection.0, &[]).await?;
        Ok((plugin, split))
    }

    /// Checks a connection with its secrets. Those at the places `sealed` were sealed before: a
    /// schema that does not call them secret any more is refused before the plugin sees anything.
    pub(crate) async fn check_connection(
        &self,
        plugin: &Plugin,
        whole: &Value,
        sealed: &[String],
    ) -> Result<Split> {
        let split = connection::split(&plugin.manifest.connection_schema, whole)
            .map_err(EngineError::Invalid)?;
        let is_kept = |place: &String| split.secrets.iter().any(|(kept, _)| kept == place);
        let is_there = |place: &&String| whole.pointer(place).is_some();
        if let Some(lost) = sealed.iter().filter(is_there).find(|place| !is_kept(place)) {
            return Err(EngineError::SecretNotKept(lost.clone()));
        }
        let public = split.public.to_string();
        let called = self.engine.parts.runner.validate_config(&plugin.digest, &public).await;
        let issues = called.map_err(|failure| failure.fault)?.value;
        if issues.is_empty() {
            return Ok(split);
        }
        let below =
            |issue: FieldIssue| FieldIssue { path: format!("/connection{}", issue.path), ..issue };
        Err(EngineError::Invalid(issues.into_iter().map(below).collect()))
    }

    pub(crate) async fn seal_all(
        &self,
        tx: &mut Tx,
        permit: &grantry_authz::Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
        version: i64,
        secrets: &[(String, Secret)],
    ) -> Result<()> {
        for (pointer, secret) in secrets {
            let place = secret_place(id, pointer, version);
            let sealed = self.engine.parts.keys.seal(self.db().random(), &place, secret);
            tx.set_secret(permit, id, pointer, version, &sealed).await?;
        }
        Ok(())
    }

    /// Integrations, in order of creation.
    pub async fn list_integrations(&self, query: &PageQuery) -> Result<Page<IntegrationView>> {
        let own = self.own_integrations::<actions::IntegrationRead>().await?;
        let after = self.engine.position("integrations", query.cursor.as_deref())?;
        let rows = match &own {
            None => self.db().list_integrations(&after, query.limit + 1).await?,
            Some(own) => self.own_rows(own, &after, query.limit + 1).await?,
        };
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view(row).await?);
        }
        let position = |view: &IntegrationView| view.integration.id.to_string();
        Ok(self.engine.page("integrations", views, query.limit, position))
    }

    /// Those of an owner, which are few.
    async fn own_rows(
        &self,
        own: &[IntegrationId],
        after: &str,
        limit: u32,
    ) -> Result<Vec<Integration>> {
        let mut rows = Vec::new();
        for id in own.iter().filter(|id| id.as_str() > after).take(limit as usize) {
            rows.extend(self.db().integration(id).await?);
        }
        Ok(rows)
    }

    /// One integration.
    pub async fn integration(&self, id: &IntegrationId) -> Result<IntegrationView> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        self.load_integration(id).await
    }

    pub(crate) async fn load_integration(&self, id: &IntegrationId) -> Result<IntegrationView> {
        let integration = self.db().integration(id).await?.ok_or(NO_INTEGRATION)?;
        self.view(integration).await
    }

    pub(crate) async fn view(&self, integration: Integration) -> Result<IntegrationView> {
        let plugin = self.db().plugin(&integration.plugin_id).await?.ok_or(NO_PLUGIN)?;
        let secrets = self.db().secret_pointers(&integration.id).await?;
        Ok(IntegrationView { integration, plugin, secrets })
    }

    /// Changes an integration that is still at that version.
    pub async fn update_integration(
        &self,
        id: &IntegrationId,
        version: i64,
        change: &IntegrationChange,
    ) -> Result<IntegrationView> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        if change.approval.is_some() || change.owner.is_some() {
            // What a plugin may reach, and who administers it, is not for the owner to say.
            self.permit_admin::<actions::IntegrationWrite>().await?;
        }
        let view = self.load_integration(id).await?;
        let mut integration = Integration { version, ..view.integration.clone() };
        if let Some(name) = &change.name {
            check_name("/name", name)?;
            integration.name = name.trim().to_owned();
        }
        if let Some(description) = &change.description {
            check_description("/description", description)?;
            integration.description = description.clone();
        }
        if let Some(approval) = &change.approval {
            check_approval(&view.plugin, approval)?;
            integration.approval = approval.clone();
        }
        let mut secrets = None;
        if let Some(connection) = &change.connection {
            let whole = self.with_kept_secrets(&view, &connection.0).await?;
            let split = self.check_connection(&view.plugin, &whole, &view.secrets).await?;
            integration.connection = split.public.to_string();
            secrets = Some(split.secrets);
        }
        self.apply_settings(&mut integration, change).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        let is_policy_changed =
            secrets.is_some() || integration.approval != view.integration.approval;
        tx.update_integration(&permit, &integration, is_policy_changed).await?;
        tx.hasten_waiting(&permit, &integration.app_id).await?;
        if let Some(secrets) = &secrets {
            tx.clear_secrets(&permit, id).await?;
            self.seal_all(&mut tx, &permit, id, version + 1, secrets).await?;
        }
        let detail = changes(&view.integration, &integration, change.connection.is_some());
        let event = "integration.updated";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        self.load_integration(id).await
    }

    /// A changed connection with the stored secrets that it leaves out. They are kept only while
    /// the connection still goes to the same place: a secret never moves to a new host by itself.
    async fn with_kept_secrets(&self, view: &IntegrationView, changed: &Value) -> Result<Value> {
        let before: Value = serde_json::from_str(&view.integration.connection).unwrap_or_default();
        let manifest = &view.plugin.manifest;
        let origins = |connection: &Value| {
            grantry_model::approval::granted(manifest, &Approval::all_of(manifest), connection)
                .origins
        };
        if origins(&before) != origins(changed) {
            return Ok(changed.clone());
        }
        Ok(connection::join(changed, &self.open_secrets(view).await?))
    }

    /// The stored secrets of a connection, by place.
    pub(crate) async fn open_secrets(
        &self,
        view: &IntegrationView,
    ) -> Result<Vec<(String, String)>> {
        let policy = view.integration.policy_version;
        let mut kept = Vec::new();
        for pointer in &view.secrets {
            let sealed = self.db().sealed_secret(&view.integration.id, pointer, policy).await?;
            let Some((version, sealed)) = sealed else { continue };
            let place = secret_place(&view.integration.id, pointer, version);
            if let Ok(secret) = self.engine.parts.keys.open(&place, &sealed) {
                kept.push((pointer.clone(), secret.expose().to_owned()));
            }
        }
        Ok(kept)
    }

    /// Runs an integration's plugin again after its quarantine.
    pub async fn release_integration(&self, id: &IntegrationId) -> Result<IntegrationView> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        let before = self.load_integration(id).await?.integration;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.release(&permit, id).await?;
        tx.hasten_jobs(&permit, id).await?;
        let event = "integration.released";
        let since = before.quarantined;
        let detail = json!({
            "before": { "quarantined_ms": since }, "after": { "quarantined_ms": null },
        });
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        self.load_integration(id).await
    }
}

/// Refuses an approval of what the plugin did not ask for: it would only look like a right.
pub(crate) fn check_approval(plugin: &Plugin, approval: &Approval) -> Result<()> {
    let is_fixed = |ip: std::net::IpAddr| !ip.is_unspecified() && !ip.is_multicast();
    if approval.bind_address.is_some_and(|ip| !is_fixed(ip)) {
        let message = "must be one address of this host";
        return Err(EngineError::field("/approval/bind_address", "invalid_address", message));
    }
    let beyond = approval.beyond(&plugin.manifest);
    if beyond.is_empty() {
        return Ok(());
    }
    let message = format!("the plugin does not ask for {}", beyond.join(", "));
    Err(EngineError::field("/approval", "not_asked_for", message))
}

/// The interface is offered by the plugin, or the call fails with its name.
pub(crate) fn require(plugin: &Plugin, interface: Interface, name: &str) -> Result<()> {
    if plugin.interfaces.contains(&interface) {
        return Ok(());
    }
    Err(not_offered(name))
}

/// The plugin does not offer the interface of that name.
pub(crate) fn not_offered(name: &str) -> EngineError {
    let unsupported = PluginError::Unsupported(format!("the plugin does not export `{name}`"));
    EngineError::Plugin(Fault::Plugin(unsupported))
}
