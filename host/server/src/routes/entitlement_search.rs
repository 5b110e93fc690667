//! All entitlements, over all apps (CAT-8).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::entitlement_search::{EntitlementSearchQuery, FoundEntitlement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::query::Query;
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::entitlement_search as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(search_entitlements))
}

/// Search all entitlements
///
/// Of all apps on which the caller holds *app & role read*. A filter by something that is not there
/// finds nothing.
#[utoipa::path(get, path = "/entitlements", tag = "catalogue",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(EntitlementSearchQuery),
    responses((status = 200, description = "A page of entitlements",
        body = List<FoundEntitlement>)))]
async fn search_entitlements(
    ctx: Ctx,
    Query(query): Query<EntitlementSearchQuery>,
) -> Reply<Body<List<FoundEntitlement>>> {
    let found = ctx.search_entitlements(&wire::read_query(query)).await?;
    let ids: Vec<&str> = found.items.iter().map(|found| found.entitlement.id.as_str()).collect();
    let profiles = ctx.profiles_of(&ids).await?;
    Ok(list(found, |found| wire::found(found, &profiles)))
}
