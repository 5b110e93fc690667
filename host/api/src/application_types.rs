//! The application picker: what installed plugins connect to.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::plugins::Signer;

/// What a plugin connects to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationType {
    /// Such as `SCIM 2.0`.
    pub name: String,
    /// The plugin that connects.
    pub plugin_name: String,
    /// Who made the plugin.
    pub publisher: String,
    /// What the plugin does.
    pub description: String,
    /// Where its documentation is.
    pub docs_url: Option<String>,
    /// A connection that the schema accepts.
    #[schema(value_type = Object)]
    pub example_connection: Value,
    /// JSON Schema (2020-12) of the connection. Fields with `"writeOnly": true` are secrets.
    #[schema(value_type = Object)]
    pub connection_schema: Value,
    /// The places of the secret fields (JSON pointers): they are encrypted and never returned.
    pub secret_fields: Vec<String>,
    /// The newest installed version: the `plugin_id` of a new integration.
    pub plugin_id: String,
    /// All installed versions, newest first.
    pub versions: Vec<PluginVersion>,
}

/// An installed version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginVersion {
    /// The installed plugin's id.
    pub plugin_id: String,
    /// The version that it gives itself.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// Who signed it; nobody where an admin chose so.
    pub signer: Option<Signer>,
    /// When it was installed.
    pub installed_ms: i64,
}
