//! The connection: which behaviour, and at whom it is aimed.

use grantry_sdk::lifecycle::{
    AuthKind, AuthScheme, HostRule, KindSchema, Manifest, NeededHost, PlatformAction,
};
use serde::Deserialize;
use serde_json::json;

use crate::behaviour;

/// What the plugin is told. The token is the host's secret and never arrives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// One of [`behaviour::NAMES`].
    pub behaviour: String,
    /// Where requests go. It is the one approved host.
    pub url: String,
    /// Where requests go that nobody approved; `url` if empty.
    pub target: String,
    /// Ids for the platform calls.
    pub app: String,
    pub role: String,
    pub account: String,
    pub membership: String,
}

/// It asks for everything.
pub fn describe(kinds: Vec<KindSchema>) -> Manifest {
    let text = || json!({ "type": "string" });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["behaviour"],
        "properties": {
            "behaviour": { "enum": behaviour::NAMES },
            "url": text(), "target": text(),
            "token": { "type": "string", "writeOnly": true },
            "app": text(), "role": text(), "account": text(), "membership": text()
        }
    });
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    Manifest {
        name: "hostile".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "Hostile".into(),
        description: "Misbehaves as it is told, for tests of the sandbox".into(),
        example_connection: json!({ "behaviour": "normal" }).to_string(),
        connection_schema: schema.to_string(),
        auth: vec![AuthScheme { name: "bearer".into(), kind: AuthKind::Bearer("/token".into()) }],
        hosts: vec![NeededHost {
            host: HostRule::FromConnection("/url".into()),
            methods: methods.map(Into::into).to_vec(),
            path_prefix: "/".into(),
            why: "to misbehave".into(),
        }],
        platform_actions: vec![
            PlatformAction::AppAndRoleRead,
            PlatformAction::CsvAppUserUpload,
            PlatformAction::DataSourceUsersUpdate,
            PlatformAction::AppMembershipWrite,
        ],
        needs_kv: true,
        kinds,
        ..Manifest::default()
    }
}
