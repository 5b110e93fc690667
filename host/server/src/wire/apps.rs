//! Apps.

use grantry_api::apps as wire;
use grantry_engine::App;

/// An app.
pub(crate) fn app(app: &App) -> wire::App {
    wire::App {
        id: app.id.to_string(),
        name: app.name.clone(),
        description: app.description.clone(),
        integration_id: app.integration_id.as_ref().map(ToString::to_string),
        roles: app.roles,
        columns: app.columns.clone(),
        created_ms: app.created.0,
        version: app.version,
    }
}
