//! Plugins and their manifests.

use grantry_api::plugins as wire;
use grantry_engine::Installed;
use grantry_model::plugin::{
    AttributeSchema, AuthKind, AuthScheme, HostRule, KindSchema, Manifest,
};

use super::{name, permissions, stored_json};

/// An installed plugin.
pub(crate) fn plugin(plugin: &Installed) -> wire::Plugin {
    wire::Plugin {
        id: plugin.id.to_string(),
        digest: plugin.digest.to_string(),
        state: plugin.state.clone(),
        size_bytes: plugin.size_bytes,
        installed_ms: plugin.installed.0,
        contract: plugin.contract.clone(),
        interfaces: plugin.interfaces.iter().map(name).collect(),
        imports: plugin.imports.clone(),
        signer: signer(plugin),
        source: plugin.source.clone(),
        manifest: manifest(&plugin.manifest),
    }
}

/// Who signed a plugin.
pub(crate) fn signer(plugin: &Installed) -> Option<wire::Signer> {
    plugin.signer.as_ref().map(|signer| wire::Signer {
        publisher_id: signer.publisher.to_string(),
        name: signer.name.clone(),
        key_id: signer.key_id.to_string(),
        revoked_ms: signer.revoked.map(|at| at.0),
    })
}

fn manifest(manifest: &Manifest) -> wire::Manifest {
    let host = |needed: &grantry_model::plugin::NeededHost| wire::NeededHost {
        host: host_rule(&needed.host),
        methods: needed.methods.clone(),
        path_prefix: needed.path_prefix.clone(),
        why: needed.why.clone(),
    };
    wire::Manifest {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        publisher: manifest.publisher.clone(),
        application_type: manifest.application_type.clone(),
        description: manifest.description.clone(),
        docs_url: manifest.docs_url.clone(),
        example_connection: stored_json(&manifest.example_connection),
        connection_schema: stored_json(&manifest.connection_schema),
        auth: manifest.auth.iter().map(auth_scheme).collect(),
        hosts: manifest.hosts.iter().map(host).collect(),
        platform_actions: manifest.platform_actions.iter().map(permissions::action).collect(),
        needs_kv: manifest.needs_kv,
        kinds: manifest.kinds.iter().map(kind).collect(),
        can_read_back: manifest.can_read_back,
    }
}

fn auth_scheme(scheme: &AuthScheme) -> wire::AuthScheme {
    let (kind, pointers): (&str, Vec<&String>) = match &scheme.kind {
        AuthKind::Bearer { secret } => ("bearer", vec![secret]),
        AuthKind::Basic { username, password } => ("basic", vec![username, password]),
        AuthKind::Header { secret, .. } => ("header", vec![secret]),
        AuthKind::Query { secret, .. } => ("query", vec![secret]),
        AuthKind::Oauth2ClientCredentials { token_url, client_id, client_secret, scope } => {
            let needed = [token_url, client_id, client_secret].into_iter();
            ("oauth2_client_credentials", needed.chain(scope).collect())
        }
    };
    wire::AuthScheme {
        name: scheme.name.clone(),
        kind: kind.to_owned(),
        pointers: pointers.into_iter().cloned().collect(),
    }
}

/// A host rule.
pub(crate) fn host_rule(rule: &HostRule) -> wire::HostRule {
    match rule {
        HostRule::Exact(host) => wire::HostRule::Exact(host.clone()),
        HostRule::Suffix(suffix) => wire::HostRule::Suffix(suffix.clone()),
        HostRule::FromConnection(pointer) => wire::HostRule::FromConnection(pointer.clone()),
    }
}

/// A host rule from the wire.
pub(crate) fn read_host_rule(rule: wire::HostRule) -> HostRule {
    match rule {
        wire::HostRule::Exact(host) => HostRule::Exact(host),
        wire::HostRule::Suffix(suffix) => HostRule::Suffix(suffix),
        wire::HostRule::FromConnection(pointer) => HostRule::FromConnection(pointer),
    }
}

/// A kind of object.
pub(crate) fn kind(kind: &KindSchema) -> wire::Kind {
    wire::Kind {
        kind: kind.kind.clone(),
        classes: kind.classes.iter().map(name).collect(),
        display: kind.display.clone(),
        id_attribute: kind.id_attribute.clone(),
        name_attribute: kind.name_attribute.clone(),
        parent_kinds: kind.parent_kinds.clone(),
        attributes: kind.attributes.iter().map(attribute).collect(),
        verbs: kind.verbs.iter().map(name).collect(),
        delta: name(&kind.delta),
        is_countable: kind.is_countable,
    }
}

fn attribute(attribute: &AttributeSchema) -> wire::KindAttribute {
    wire::KindAttribute {
        name: attribute.name.clone(),
        of_type: name(&attribute.of_type),
        description: attribute.description.clone(),
        traits: attribute.traits.clone(),
        reference_kind: attribute.reference_kind.clone(),
        choices: attribute.choices.clone(),
    }
}
