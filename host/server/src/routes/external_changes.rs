//! Access that changed in a target without Grantry.

use axum::Json as Body;
use grantry_api::external_changes::ExternalChange;
use grantry_api::{List, ListQuery};
use grantry_model::ids::IntegrationId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::external_changes as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(list_external_changes))
}

/// List external changes
///
/// Access that appeared or vanished in the target between two complete aggregations, and that no
/// membership explains; newest first. An aggregation adds at most 1,000.
#[utoipa::path(get, path = "/integrations/{integration_id}/external-changes",
    tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."), ListQuery),
    responses((status = 200, description = "A page of changes", body = List<ExternalChange>)))]
async fn list_external_changes(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<ExternalChange>>> {
    let found = ctx.list_external_changes(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::external_change))
}
