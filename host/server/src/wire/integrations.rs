//! Integrations, approvals and connection tests.

use grantry_api::integrations as wire;
use grantry_engine::{
    Installed, IntegrationChange, IntegrationInput, IntegrationView, TestReport, WholeConnection,
};
use grantry_model::approval::{AddressException, Approval};
use grantry_model::ids::{PluginId, PrincipalId};
use grantry_model::plugin::TestDepth;
use grantry_model::settings::SettingsChange;

use super::audit_sinks::{exceptions, read_exceptions};
use super::{name, permissions, plugins, settings, stored_json};
use crate::problem::Problem;

/// An integration.
pub(crate) fn integration(view: &IntegrationView) -> wire::Integration {
    let stored = &view.integration;
    wire::Integration {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        description: stored.description.clone(),
        plugin_id: stored.plugin_id.to_string(),
        previous_plugin_id: stored.previous.as_ref().map(|old| old.plugin_id.to_string()),
        app_id: stored.app_id.to_string(),
        principal_id: stored.principal_id.to_string(),
        connection: stored_json(&stored.connection),
        secret_fields: view.secrets.clone(),
        approval: approval(&stored.approval),
        owner_id: stored.owner.as_ref().map(ToString::to_string),
        settings: settings::settings(&stored.settings),
        warnings: warnings(&stored.approval, &view.plugin),
        quarantined_ms: stored.quarantined.map(|at| at.0),
        created_ms: stored.created.0,
        version: stored.version,
    }
}

fn warnings(approval: &Approval, plugin: &Installed) -> Vec<String> {
    let warning = |exception: &AddressException| {
        let AddressException { ip, port } = exception;
        format!("the plugin may reach `{ip}` port {port} inside your network, without encryption")
    };
    let mut warnings: Vec<String> = approval.address_exceptions.iter().map(warning).collect();
    if let Some(signer) = plugin.signer.as_ref().filter(|signer| signer.revoked.is_some()) {
        let key = &signer.key_id;
        warnings.push(format!(
            "the plugin was signed by `{}` with key {key}, which was revoked",
            signer.name
        ));
    }
    warnings
}

fn approval(approval: &Approval) -> wire::Approval {
    wire::Approval {
        hosts: approval.hosts.iter().map(plugins::host_rule).collect(),
        platform_actions: approval.platform_actions.iter().map(permissions::action).collect(),
        kv: approval.kv,
        address_exceptions: exceptions(approval.address_exceptions.clone()),
        bind_address: approval.bind_address,
        bypasses_proxy: approval.bypasses_proxy,
    }
}

pub(super) fn read_approval(approval: wire::Approval) -> Approval {
    Approval {
        hosts: approval.hosts.into_iter().map(plugins::read_host_rule).collect(),
        platform_actions: approval.platform_actions.iter().map(permissions::read_action).collect(),
        kv: approval.kv,
        address_exceptions: read_exceptions(approval.address_exceptions),
        bind_address: approval.bind_address,
        bypasses_proxy: approval.bypasses_proxy,
    }
}

fn read_owner_id(id: &str) -> Result<PrincipalId, Problem> {
    PrincipalId::parse(id)
        .map_err(|error| Problem::field("/owner_id", "invalid_id", error.to_string()))
}

pub(super) fn read_plugin_id(id: &str) -> Result<PluginId, Problem> {
    PluginId::parse(id)
        .map_err(|error| Problem::field("/plugin_id", "invalid_id", error.to_string()))
}

/// An integration to be created, from the wire.
pub(crate) fn read_create(create: wire::CreateIntegration) -> Result<IntegrationInput, Problem> {
    Ok(IntegrationInput {
        name: create.name,
        description: create.description,
        plugin: read_plugin_id(&create.plugin_id)?,
        connection: WholeConnection(create.connection),
        approval: read_approval(create.approval),
        owner: create.owner_id.as_deref().map(read_owner_id).transpose()?,
        settings: settings::read_change(create.settings)?,
    })
}

/// A connection to be tried without saving it, from the wire.
pub(crate) fn read_try(wanted: wire::TryConnection) -> Result<IntegrationInput, Problem> {
    Ok(IntegrationInput {
        name: "Connection test".to_owned(),
        description: String::new(),
        plugin: read_plugin_id(&wanted.plugin_id)?,
        connection: WholeConnection(wanted.connection),
        approval: read_approval(wanted.approval),
        owner: None,
        settings: SettingsChange::default(),
    })
}

/// A change of an integration, from the wire.
pub(crate) fn read_update(update: wire::UpdateIntegration) -> Result<IntegrationChange, Problem> {
    let owner = update.owner_id.map(|owner| owner.as_deref().map(read_owner_id).transpose());
    Ok(IntegrationChange {
        name: update.name,
        description: update.description,
        connection: update.connection.map(WholeConnection),
        approval: update.approval.map(read_approval),
        owner: owner.transpose()?,
        settings: settings::read_change(update.settings)?,
    })
}

/// How far a test goes, from the wire.
pub(crate) fn read_depth(depth: wire::TestDepth) -> TestDepth {
    match depth {
        wire::TestDepth::Connect => TestDepth::Connect,
        wire::TestDepth::Read => TestDepth::Read,
        wire::TestDepth::WriteProbe => TestDepth::WriteProbe,
    }
}

/// What came of a connection test.
pub(crate) fn test(report: TestReport) -> wire::ConnectionTest {
    let log = report
        .log
        .iter()
        .map(|line| wire::LogLine { level: name(&line.level), message: line.message.clone() });
    let log = log.collect();
    match report.outcome {
        Ok(found) => wire::ConnectionTest {
            is_ok: found.missing_permissions.is_empty(),
            tenant: found.tenant,
            kinds: found.effective.iter().map(plugins::kind).collect(),
            missing_permissions: found.missing_permissions,
            warnings: found.warnings,
            error: None,
            log,
        },
        Err((code, detail)) => wire::ConnectionTest {
            is_ok: false,
            tenant: None,
            kinds: Vec::new(),
            missing_permissions: Vec::new(),
            warnings: Vec::new(),
            error: Some(wire::TestError { code, detail }),
            log,
        },
    }
}
