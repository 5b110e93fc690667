//! What the connector is, with the mistakes that a manifest can have.

use std::hint::black_box;

use grantry_sdk::lifecycle::{
    AttributeSchema, AttributeTraits, AttributeType, AuthKind, AuthScheme, HostRule, KindClass,
    KindSchema, Manifest, NeededHost, Verb,
};
use grantry_sdk::run;

use crate::connection;

/// A test writes the name of a mistake over the dots, in the component's bytes.
pub static MARK: [u8; 48] = *b"mutant-of-describe:.............................";
const MARK_NAME_AT: usize = 19;

/// The mistake of the manifest, if one was written into the component.
pub fn is(mutant: &str) -> bool {
    let mark = black_box(&MARK);
    mark[MARK_NAME_AT..].starts_with(mutant.as_bytes())
}

/// The answer to `describe`.
pub fn describe() -> Manifest {
    let mut schema = connection::schema();
    if is("secret-not-marked") {
        schema["properties"]["password"] = serde_json::json!({ "type": "string" });
    }
    if is("schema-is-none") {
        schema["required"] = "url".into();
    }
    let mut example = connection::example();
    if is("example-is-wrong") {
        example["url"] = "idp.example.com".into();
    }
    let mut kinds = kinds();
    if is("kind-twice") {
        kinds.push(kinds[0].clone());
    }
    if is("required-not-creatable") {
        kinds[0].attributes[0].traits.remove(AttributeTraits::CREATABLE);
    }
    let mut description = "A connector with a mistake of your choice".to_owned();
    if is("describe-is-random") {
        description = format!("{description}: {:?}", run::random_bytes(8));
    }
    Manifest {
        name: "mutants".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "SCIM 2.0".into(),
        description,
        example_connection: example.to_string(),
        connection_schema: schema.to_string(),
        auth: vec![AuthScheme { name: "bearer".into(), kind: AuthKind::Bearer("/token".into()) }],
        hosts: vec![NeededHost {
            host: HostRule::FromConnection("/url".into()),
            methods: Vec::new(),
            path_prefix: "/".into(),
            why: "the SCIM service".into(),
        }],
        needs_kv: true,
        kinds,
        can_read_back: !is("cannot-read-back"),
        ..Manifest::default()
    }
}

/// The kinds: users hold memberships of groups.
pub fn kinds() -> Vec<KindSchema> {
    let required = AttributeTraits::REQUIRED | AttributeTraits::CREATABLE | listed();
    let title = listed() | AttributeTraits::CREATABLE | AttributeTraits::UPDATABLE;
    let user = KindSchema {
        name_attribute: Some("userName".into()),
        attributes: vec![
            AttributeSchema::new("userName", AttributeType::Text, required),
            AttributeSchema::new("title", AttributeType::Text, title),
            AttributeSchema::new("password", AttributeType::Secret, AttributeTraits::CREATABLE),
        ],
        verbs: vec![Verb::Create, Verb::Update, Verb::Delete, Verb::Enable, Verb::Disable],
        is_countable: true,
        ..KindSchema::new("User", KindClass::Account, "User")
    };
    let group = KindSchema {
        name_attribute: Some("displayName".into()),
        attributes: vec![AttributeSchema::new("displayName", AttributeType::Text, required)],
        verbs: vec![Verb::Grant, Verb::Revoke, Verb::Create, Verb::Delete],
        is_countable: true,
        ..KindSchema::new("Group", KindClass::Group, "Group")
    };
    vec![user, group]
}

fn listed() -> AttributeTraits {
    AttributeTraits::READABLE | AttributeTraits::RETURNED_BY_DEFAULT
}
