//! What the connector is and what it asks for.

use grantry_sdk::lifecycle::{
    AttributeSchema, AttributeTraits, AttributeType, HostRule, KindClass, KindSchema, Manifest,
    NeededHost, Verb,
};

use crate::connection;

/// The accounts.
pub const ADMINISTRATOR: &str = "Administrator";
/// What they hold.
pub const ROLE: &str = "Role";

/// The answer to `describe`.
pub fn describe() -> Manifest {
    Manifest {
        name: "jumpcloud-admin".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "JumpCloud Admin".into(),
        description: "Administrators of a JumpCloud organization and their roles".into(),
        docs_url: Some("https://docs.jumpcloud.com/api/1.0/index.html".into()),
        example_connection: connection::example().to_string(),
        connection_schema: connection::schema().to_string(),
        auth: connection::schemes(),
        hosts: vec![NeededHost {
            host: HostRule::FromConnection("/url".into()),
            methods: ["GET", "POST", "PUT", "DELETE"].map(Into::into).to_vec(),
            path_prefix: "/api/".into(),
            why: "JumpCloud's API".into(),
        }],
        kinds: kinds(),
        can_read_back: true,
        ..Manifest::default()
    }
}

/// Administrators and roles.
pub fn kinds() -> Vec<KindSchema> {
    let shown = AttributeTraits::READABLE | AttributeTraits::RETURNED_BY_DEFAULT;
    let made = shown | AttributeTraits::CREATABLE;
    let edited = made | AttributeTraits::UPDATABLE;
    let unique = AttributeTraits::UNIQUE | AttributeTraits::CASE_INSENSITIVE;
    let text = |name: &str, traits| AttributeSchema::new(name, AttributeType::Text, traits);
    let truth = |name: &str, traits| AttributeSchema::new(name, AttributeType::Boolean, traits);
    let administrator = KindSchema {
        name_attribute: Some("email".into()),
        verbs: vec![Verb::Create, Verb::Update, Verb::Delete],
        attributes: vec![
            text("email", made | unique | AttributeTraits::REQUIRED),
            text("firstname", edited),
            text("lastname", edited),
            // Roles of an administrator that is there are assignments.
            text("role", AttributeTraits::CREATABLE | AttributeTraits::REQUIRED),
            truth("enableMultiFactor", edited),
            truth("totpEnrolled", shown),
        ],
        is_countable: true,
        ..KindSchema::new(ADMINISTRATOR, KindClass::Account, ADMINISTRATOR)
    };
    let role = KindSchema {
        name_attribute: Some("name".into()),
        verbs: vec![Verb::Grant, Verb::Revoke],
        attributes: vec![
            text("scopes", shown | AttributeTraits::MULTI_VALUED),
            truth("isCustom", shown),
        ],
        is_countable: true,
        ..KindSchema::new(ROLE, KindClass::Role, ROLE)
    };
    vec![administrator, role]
}
