//! Registries that plugins are pulled from.

use grantry_api::registries as wire;
use grantry_engine::{Registry, RegistryInput};
use grantry_model::secret::Secret;

use super::audit_sinks::{exceptions, read_exceptions};

/// A registry, without its password.
pub(crate) fn registry(stored: &Registry) -> wire::Registry {
    let settings = &stored.settings;
    wire::Registry {
        id: stored.id.to_string(),
        host: stored.host.clone(),
        username: settings.username.clone(),
        plain_http: settings.is_plain,
        address_exceptions: exceptions(settings.address_exceptions.clone()),
        created_ms: stored.created.0,
    }
}

/// A registry from the wire.
pub(crate) fn read_create(body: wire::CreateRegistry) -> RegistryInput {
    RegistryInput {
        host: body.host,
        username: body.username,
        password: body.password.map(Secret::new),
        is_plain: body.plain_http,
        address_exceptions: read_exceptions(body.address_exceptions),
    }
}
