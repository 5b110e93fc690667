//! Integrations: configured instances of an application type.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::permissions::Action;
use crate::plugins::{HostRule, Kind};
use crate::settings::{Settings, SettingsChange, present};

/// An integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Integration {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The plugin that connects.
    pub plugin_id: String,
    /// The plugin version before this one, to which a roll-back goes.
    pub previous_plugin_id: Option<String>,
    /// The app that it feeds.
    pub app_id: String,
    /// The principal that its plugin acts as: see `/principals/{id}/permissions`.
    pub principal_id: String,
    /// The connection without its secret fields.
    #[schema(value_type = Object)]
    pub connection: Value,
    /// The places of the secret fields that are set (JSON pointers). Their values are never
    /// returned.
    pub secret_fields: Vec<String>,
    /// What the plugin may do.
    pub approval: Approval,
    /// The person who administers it.
    pub owner_id: Option<String>,
    /// How it is run.
    pub settings: Settings,
    /// What an admin should know about this approval, and about who signed the plugin.
    pub warnings: Vec<String>,
    /// Since when the plugin is not run any more, because it misbehaved.
    pub quarantined_ms: Option<i64>,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// What an admin allows an integration's plugin. It never exceeds what the manifest asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The approved ones of the manifest's host rules.
    #[serde(default)]
    pub hosts: Vec<HostRule>,
    /// The approved ones of the manifest's platform actions.
    #[serde(default)]
    pub platform_actions: Vec<Action>,
    /// Whether the plugin gets a key-value store.
    #[serde(default)]
    pub kv: bool,
    /// Private or loopback addresses that may be reached although such addresses are refused
    /// otherwise; plain http is accepted there.
    #[serde(default)]
    pub address_exceptions: Vec<AddressException>,
    /// The host's own address that requests leave from, so that the target can allow it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub bind_address: Option<std::net::IpAddr>,
    /// Requests go past the proxy that the operator set for all plugins, such as to a target inside
    /// the network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bypasses_proxy: bool,
}

/// One address and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressException {
    /// The exact address.
    #[schema(value_type = String, example = "127.0.0.1")]
    pub ip: std::net::IpAddr,
    /// The exact port.
    pub port: u16,
}

/// An integration to be created. Its app is created with it.
// No Debug: it holds secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIntegration {
    /// What people call it.
    #[schema(example = "Company directory", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
    /// The plugin that connects.
    pub plugin_id: String,
    /// The connection with its secrets, as the plugin's `connection_schema` wants it.
    #[schema(value_type = Object)]
    pub connection: Value,
    /// What the plugin may do. Without it, nothing.
    #[serde(default)]
    pub approval: Approval,
    /// The person who administers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// How it is to be run. What is missing has its default.
    #[serde(default)]
    pub settings: SettingsChange,
}

/// A change of an integration: what is missing stays.
// No Debug: it holds secrets.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateIntegration {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Company directory", min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// The whole new connection. Secret fields that are left out keep their values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub connection: Option<Value>,
    /// What the plugin may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The person who administers it; `null` for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub owner_id: Option<Option<String>>,
    /// Which settings change.
    #[serde(default)]
    pub settings: SettingsChange,
}

/// How far a connection is to be tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestDepth {
    /// The target answers.
    Connect,
    /// The credential can read.
    #[default]
    Read,
    /// A disposable write works.
    WriteProbe,
}

/// A test of an integration's connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestConnection {
    /// How far it goes.
    #[serde(default)]
    pub depth: TestDepth,
}

/// A test of a connection that is not saved.
// No Debug: it holds secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryConnection {
    /// The plugin that connects.
    pub plugin_id: String,
    /// The connection with its secrets.
    #[schema(value_type = Object)]
    pub connection: Value,
    /// What the plugin may do meanwhile. Platform actions and kv are left out.
    #[serde(default)]
    pub approval: Approval,
    /// How far it goes.
    #[serde(default)]
    pub depth: TestDepth,
}

/// What came of a connection test: the connector's own diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionTest {
    /// Whether the connection works.
    pub is_ok: bool,
    /// The tenant or organisation that answered.
    pub tenant: Option<String>,
    /// The kinds that this connection can see, with what it can do with them.
    pub kinds: Vec<Kind>,
    /// Permissions that the credential lacks in the target.
    pub missing_permissions: Vec<String>,
    /// What an admin should know.
    pub warnings: Vec<String>,
    /// Why it does not work.
    pub error: Option<TestError>,
    /// The plugin's log of the test.
    pub log: Vec<LogLine>,
}

/// How to delete an integration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteIntegrationQuery {
    /// Whether memberships that are living are given up: nothing revokes their access any more.
    /// For admins, where the target is gone for good.
    pub abandon_memberships: Option<bool>,
}

/// Why something that a plugin was asked to do did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestError {
    /// The kind of error, for programs.
    pub code: String,
    /// The error in words.
    pub detail: String,
}

/// A line of a plugin's log, with secrets scrubbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// `trace`, `debug`, `info` or `warn`.
    pub level: String,
    /// The message.
    pub message: String,
}
