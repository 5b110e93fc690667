//! Application types.

use grantry_api::application_types as wire;
use grantry_engine::{ApplicationType, Installed};

use super::stored_json;

/// An application type.
pub(crate) fn application_type(found: &ApplicationType) -> wire::ApplicationType {
    let manifest = &found.newest.manifest;
    wire::ApplicationType {
        name: manifest.application_type.clone(),
        plugin_name: manifest.name.clone(),
        publisher: manifest.publisher.clone(),
        description: manifest.description.clone(),
        docs_url: manifest.docs_url.clone(),
        example_connection: stored_json(&manifest.example_connection),
        connection_schema: stored_json(&manifest.connection_schema),
        secret_fields: found.secrets.clone(),
        plugin_id: found.newest.id.to_string(),
        versions: found.versions.iter().map(version).collect(),
    }
}

fn version(plugin: &Installed) -> wire::PluginVersion {
    wire::PluginVersion {
        plugin_id: plugin.id.to_string(),
        version: plugin.manifest.version.clone(),
        digest: plugin.digest.to_string(),
        signer: super::plugins::signer(plugin),
        installed_ms: plugin.installed.0,
    }
}
