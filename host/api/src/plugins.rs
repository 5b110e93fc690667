//! Installed plugins, and what they say of themselves.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::permissions::Action;

/// An installed plugin: one component, named by its digest, with what it asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// The installed plugin's id.
    pub id: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// `ready`, or why it is not run.
    pub state: String,
    /// The component's size.
    pub size_bytes: u64,
    /// When it was installed.
    pub installed_ms: i64,
    /// The version of the plugin contract that it was built against.
    pub contract: String,
    /// What it can do: the interfaces that it exports.
    pub interfaces: Vec<String>,
    /// The interfaces that it imports, by full name.
    pub imports: Vec<String>,
    /// Who signed it; nobody where an admin chose so.
    pub signer: Option<Signer>,
    /// Where it was pulled from, pinned by the manifest's digest.
    pub source: Option<String>,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Who signed a plugin. Its `publisher` is only what it says of itself; this was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PluginSigner)]
pub struct Signer {
    /// The trusted publisher whose key it was.
    pub publisher_id: String,
    /// What an admin calls the publisher.
    pub name: String,
    /// The key's number, as minisign prints it.
    pub key_id: String,
    /// Since when the key is not trusted any more: nothing new begins to run the plugin.
    pub revoked_ms: Option<i64>,
}

/// How an upload is to be taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstallQuery {
    /// Install it although nobody who is trusted signed it. The audit log says so.
    pub allow_unsigned: Option<bool>,
}

/// A plugin to be pulled from a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PullPlugin {
    /// `REGISTRY/NAME:TAG`, or `REGISTRY/NAME@sha256:DIGEST`. A tag is looked up once; what is kept is the
    /// digest.
    #[schema(example = "registry.example.com/connectors/scim:1.0.0", max_length = 600)]
    pub reference: String,
    /// Install it although nobody who is trusted signed it. The audit log says so.
    #[serde(default)]
    pub allow_unsigned: bool,
}

/// What a plugin says of itself. An admin reads and approves it, per integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PluginManifest)]
pub struct Manifest {
    /// Its name: lower case letters, digits and hyphens.
    pub name: String,
    /// Its version, by semantic versioning.
    pub version: String,
    /// Who made it.
    pub publisher: String,
    /// What it connects to, such as `SCIM 2.0`.
    pub application_type: String,
    /// What it does.
    pub description: String,
    /// Its documentation.
    pub docs_url: Option<String>,
    /// A connection that `connection_schema` accepts.
    #[schema(value_type = Object)]
    pub example_connection: Value,
    /// JSON Schema (2020-12) of the connection. Fields with `"writeOnly": true` are secrets: they
    /// are encrypted and never returned.
    #[schema(value_type = Object)]
    pub connection_schema: Value,
    /// How it authenticates: the host places the credential, the plugin never sees it.
    pub auth: Vec<AuthScheme>,
    /// The hosts that it asks to reach.
    pub hosts: Vec<NeededHost>,
    /// The actions that it asks for on Grantry itself.
    pub platform_actions: Vec<Action>,
    /// Whether it asks for a key-value store.
    pub needs_kv: bool,
    /// The kinds of objects that it knows.
    pub kinds: Vec<Kind>,
    /// Whether it can tell if a write took effect.
    pub can_read_back: bool,
}

/// A named way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthScheme {
    /// The name that the plugin uses for it.
    pub name: String,
    /// `bearer`, `basic`, `header`, `query` or `oauth2_client_credentials`.
    pub kind: String,
    /// The places in the connection that hold what it needs (JSON pointers).
    pub pointers: Vec<String>,
}

/// A host that a plugin asks to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NeededHost {
    /// Which.
    pub host: HostRule,
    /// With which methods; empty means any.
    pub methods: Vec<String>,
    /// Below which path.
    pub path_prefix: String,
    /// Why, in the plugin's words.
    pub why: String,
}

/// Which host: by name, by suffix, or as the connection says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "rule", content = "value", rename_all = "snake_case", deny_unknown_fields)]
pub enum HostRule {
    /// Exactly this host, https on its default port.
    Exact(String),
    /// Any name below this suffix, such as `.example.com`.
    Suffix(String),
    /// The origin of the URL at this place in the connection (a JSON pointer).
    FromConnection(String),
}

/// A kind of object in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kind {
    /// The kind's name, exactly as in the target.
    pub kind: String,
    /// What it is good for, such as `account` or `group`.
    pub classes: Vec<String>,
    /// What people call it.
    pub display: String,
    /// The attribute that identifies an object.
    pub id_attribute: String,
    /// The attribute that names an object.
    pub name_attribute: Option<String>,
    /// The kinds of its parents.
    pub parent_kinds: Vec<String>,
    /// Its attributes.
    pub attributes: Vec<KindAttribute>,
    /// What can be done, such as `grant` or `create`.
    pub verbs: Vec<String>,
    /// How much of a change history the target offers.
    pub delta: String,
    /// Whether the target says how many there are.
    pub is_countable: bool,
}

/// An attribute of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindAttribute {
    /// Its name.
    pub name: String,
    /// What it holds, such as `text` or `reference`.
    #[serde(rename = "type")]
    pub of_type: String,
    /// What it means.
    pub description: String,
    /// Such as `multi_valued` or `required`.
    pub traits: Vec<String>,
    /// The kind that a reference points at.
    pub reference_kind: Option<String>,
    /// The values that it can have, where they are known.
    pub choices: Vec<String>,
}
