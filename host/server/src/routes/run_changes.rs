//! What an aggregation added, changed and removed, by name (CAT-11).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::run_changes::{RunChange, RunChangeQuery};
use grantry_model::ids::RunId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::run_changes as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(list_run_changes))
}

/// List what an aggregation changed
///
/// What it added and changed, in the order in which it was read, then what it removed. Of what it
/// added and changed the first 5,000 are named, for ninety days; the aggregation counts all.
#[utoipa::path(get, path = "/aggregations/{aggregation_id}/changes", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id."),
        RunChangeQuery),
    responses((status = 200, description = "A page of changes", body = List<RunChange>)))]
async fn list_run_changes(
    ctx: Ctx,
    Path(id): Path<RunId>,
    Query(query): Query<RunChangeQuery>,
) -> Reply<Body<List<RunChange>>> {
    let wanted = wire::read_query(&query);
    let found = ctx.list_run_changes(&id, &wanted, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::change))
}
