//! Apps and their roles.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::apps::{App, AppQuery};
use grantry_api::catalogue::{Entitlement, EntitlementQuery};
use grantry_engine::PageQuery;
use grantry_model::ids::AppId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalogue::entitlements;
use crate::context::Ctx;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_apps))
        .routes(routes!(get_app))
        .routes(routes!(list_roles))
}

/// List apps
///
/// Those on which the caller holds *app & role read*.
#[utoipa::path(get, path = "/apps", tag = "apps",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(AppQuery),
    responses((status = 200, description = "A page of apps", body = List<App>)))]
async fn list_apps(ctx: Ctx, Query(query): Query<AppQuery>) -> Reply<Body<List<App>>> {
    let search = query.search.unwrap_or_default();
    let wanted = PageQuery { search, ..page(query.limit, query.cursor) };
    Ok(list(ctx.list_apps(&wanted).await?, wire::apps::app))
}

/// Show an app
#[utoipa::path(get, path = "/apps/{app_id}", tag = "apps",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    responses((status = 200, description = "The app", body = App)))]
async fn get_app(ctx: Ctx, Path(id): Path<AppId>) -> Reply<Body<App>> {
    Ok(Body(wire::apps::app(&ctx.app(&id).await?)))
}

/// List an app's roles
#[utoipa::path(get, path = "/apps/{app_id}/roles", tag = "apps",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id."), EntitlementQuery),
    responses((status = 200, description = "A page of roles", body = List<Entitlement>)))]
async fn list_roles(
    ctx: Ctx,
    Path(id): Path<AppId>,
    Query(query): Query<EntitlementQuery>,
) -> Reply<Body<List<Entitlement>>> {
    Ok(list(ctx.list_roles(&id, &entitlements(query)).await?, wire::catalogue::entitlement))
}
