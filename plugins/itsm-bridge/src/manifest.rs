//! What the bridge is and what it asks for.

use grantry_sdk::lifecycle::{
    HostRule, KindClass, KindSchema, Manifest, NeededHost, PlatformAction,
};

use crate::connection;

/// The kind that a run works through. Tickets do not become resources: none is ever listed.
pub const TICKET: &str = "Ticket";

/// The answer to `describe`.
pub fn describe() -> Manifest {
    Manifest {
        name: "itsm-bridge".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "Jira service desk bridge".into(),
        description: "Grants the app memberships that approved Jira tickets ask for".into(),
        docs_url: Some("https://developer.atlassian.com/cloud/jira/platform/rest/v3/".into()),
        example_connection: connection::example().to_string(),
        connection_schema: connection::schema().to_string(),
        auth: connection::schemes(),
        hosts: vec![NeededHost {
            host: HostRule::FromConnection("/url".into()),
            methods: vec!["GET".into(), "POST".into()],
            path_prefix: "/rest/api/3/".into(),
            why: "reading approved tickets, and moving on those that are done".into(),
        }],
        platform_actions: vec![PlatformAction::AppAndRoleRead, PlatformAction::AppMembershipWrite],
        kinds: vec![KindSchema::new(TICKET, KindClass::Other, TICKET)],
        ..Manifest::default()
    }
}
