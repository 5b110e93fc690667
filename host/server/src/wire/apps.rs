//! Apps.

use grantry_api::apps as wire;
use grantry_engine::App;
use grantry_model::csv::ListKind;

/// Which list an app takes, from the wire.
pub(crate) fn read_list(list: wire::AppList) -> ListKind {
    match list {
        wire::AppList::Members => ListKind::Members,
        wire::AppList::Entitlements => ListKind::Entitlements,
    }
}

/// An app.
pub(crate) fn app(app: &App) -> wire::App {
    wire::App {
        id: app.id.to_string(),
        name: app.name.clone(),
        description: app.description.clone(),
        integration_id: app.integration_id.as_ref().map(ToString::to_string),
        list: match app.list {
            ListKind::Entitlements => wire::AppList::Entitlements,
            ListKind::Members | ListKind::Users => wire::AppList::Members,
        },
        roles: app.roles,
        columns: app.columns.clone(),
        created_ms: app.created.0,
        version: app.version,
    }
}
