//! What the plugin is and what it asks for.

use grantry_sdk::lifecycle::{HostRule, Manifest, NeededHost};

use crate::connection;

/// The answer to `describe`.
pub fn describe() -> Manifest {
    Manifest {
        name: "jira".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "Jira".into(),
        description: "Opens tickets in Jira and follows them until they are closed".into(),
        docs_url: Some("https://developer.atlassian.com/cloud/jira/platform/rest/v3/".into()),
        example_connection: connection::example().to_string(),
        connection_schema: connection::schema().to_string(),
        auth: connection::schemes(),
        hosts: vec![NeededHost {
            host: HostRule::FromConnection("/url".into()),
            methods: vec!["GET".into(), "POST".into()],
            path_prefix: "/rest/api/3/".into(),
            why: "opening tickets, and reading how they stand".into(),
        }],
        ..Manifest::default()
    }
}
