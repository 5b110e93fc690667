//! What the connector is and what it asks for.

use grantry_sdk::lifecycle::{HostRule, KindClass, KindSchema, Manifest, NeededHost, Verb};

use crate::attributes;
use crate::connection;

/// The answer to `describe`.
pub fn describe() -> Manifest {
    Manifest {
        name: "scim".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "SCIM 2.0".into(),
        description: "Accounts, groups and memberships of any SCIM 2.0 server".into(),
        docs_url: Some("https://www.rfc-editor.org/rfc/rfc7644".into()),
        example_connection: connection::example().to_string(),
        connection_schema: connection::schema().to_string(),
        auth: connection::schemes(),
        hosts: vec![
            host("/url", &["GET", "POST", "PUT", "PATCH", "DELETE"], "the SCIM service"),
            host("/auth/token_url", &["POST"], "tokens for the SCIM service (OAuth 2)"),
        ],
        kinds: vec![user(), group()],
        can_read_back: true,
        ..Manifest::default()
    }
}

fn host(pointer: &str, methods: &[&str], why: &str) -> NeededHost {
    NeededHost {
        host: HostRule::FromConnection(pointer.into()),
        methods: methods.iter().map(|method| (*method).into()).collect(),
        path_prefix: "/".into(),
        why: why.into(),
    }
}

fn user() -> KindSchema {
    KindSchema {
        name_attribute: Some("userName".into()),
        verbs: vec![Verb::Create, Verb::Update, Verb::Delete, Verb::Enable, Verb::Disable],
        ..kind("User", KindClass::Account)
    }
}

fn group() -> KindSchema {
    KindSchema {
        name_attribute: Some("displayName".into()),
        verbs: vec![Verb::Grant, Verb::Revoke, Verb::Create, Verb::Update, Verb::Delete],
        ..kind("Group", KindClass::Group)
    }
}

fn kind(name: &str, class: KindClass) -> KindSchema {
    KindSchema {
        attributes: attributes::of_kind(name).iter().map(attributes::Known::schema).collect(),
        is_countable: true,
        ..KindSchema::new(name, class, name)
    }
}
