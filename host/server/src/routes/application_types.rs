//! The application picker.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::application_types::ApplicationType;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::application_types as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(list_application_types))
}

/// List application types
///
/// What the installed plugins connect to, by name: with the documentation link, an example
/// connection, the schema that a connection is checked against, and its secret fields.
#[utoipa::path(get, path = "/application-types", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    responses((status = 200, description = "The application types", body = List<ApplicationType>)))]
async fn list_application_types(ctx: Ctx) -> Reply<Body<List<ApplicationType>>> {
    Ok(list(ctx.list_application_types().await?, wire::application_type))
}
