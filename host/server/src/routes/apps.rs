//! Apps and their roles.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::apps::{App, AppAssignmentQuery, AppQuery, CreateApp, UpdateApp};
use grantry_api::catalogue::{
    AccountQuery, Assignment, CatalogueObject, Entitlement, EntitlementQuery,
};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_engine::{App as Stored, PageQuery};
use grantry_model::ids::AppId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalogue::{accounts, entitlements};
use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{IfMatch, Once};
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, Versioned, answer, list};
use crate::state::Server;
use crate::wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_app, list_apps))
        .routes(routes!(get_app, update_app, delete_app))
        .routes(routes!(list_app_accounts))
        .routes(routes!(list_app_assignments))
        .routes(routes!(list_roles))
}

/// Create an app
///
/// That no integration feeds: it has no members until a list of them is uploaded. With the list
/// `entitlements` it is a flat file source: its entitlements come by file.
#[utoipa::path(post, path = "/apps", tag = "apps",
    extensions(("x-grantry-action" = json!("app.write"))),
    params(IdempotencyHeader), request_body = CreateApp,
    responses((status = 201, description = "Created", body = App)))]
async fn create_app(ctx: Ctx, once: Once, body: Json<CreateApp>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let CreateApp { name, description, list } = &body.value;
    let list = wire::apps::read_list(*list);
    let created = |app: &Stored| answer(StatusCode::CREATED, &wire::apps::app(app));
    Ok(Settled(ctx.create_app((name, description), list, &once.answered(&created)).await?))
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
    responses((status = 200, description = "The app", body = App,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_app(ctx: Ctx, Path(id): Path<AppId>) -> Reply<Versioned<App>> {
    let app = ctx.app(&id).await?;
    Ok(Versioned(app.version, wire::apps::app(&app)))
}

/// Change an app
///
/// What is left out stays.
#[utoipa::path(patch, path = "/apps/{app_id}", tag = "apps",
    extensions(("x-grantry-action" = json!("app.write"))),
    params(("app_id" = String, Path, description = "The app's id."), IfMatchHeader),
    request_body = UpdateApp,
    responses((status = 200, description = "Changed", body = App,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_app(
    ctx: Ctx,
    Path(id): Path<AppId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateApp>,
) -> Reply<Versioned<App>> {
    let UpdateApp { name, description } = &body.value;
    let app = ctx.update_app(&id, version, name.as_deref(), description.as_deref()).await?;
    Ok(Versioned(app.version, wire::apps::app(&app)))
}

/// Delete an app
///
/// That no integration feeds: with its accounts and roles, and the permissions that anybody holds
/// on it. Refused while memberships of it are living.
#[utoipa::path(delete, path = "/apps/{app_id}", tag = "apps",
    extensions(("x-grantry-action" = json!("app.write"))),
    params(("app_id" = String, Path, description = "The app's id."), IfMatchHeader),
    responses((status = 204, description = "Deleted")))]
async fn delete_app(
    ctx: Ctx,
    Path(id): Path<AppId>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    ctx.delete_app(&id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List an app's accounts
#[utoipa::path(get, path = "/apps/{app_id}/accounts", tag = "apps",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id."), AccountQuery),
    responses((status = 200, description = "A page of accounts", body = List<CatalogueObject>)))]
async fn list_app_accounts(
    ctx: Ctx,
    Path(id): Path<AppId>,
    Query(query): Query<AccountQuery>,
) -> Reply<Body<List<CatalogueObject>>> {
    Ok(list(ctx.list_app_accounts(&id, &accounts(query)).await?, wire::catalogue::app_account))
}

/// List who holds which role of an app
#[utoipa::path(get, path = "/apps/{app_id}/assignments", tag = "apps",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id."), AppAssignmentQuery),
    responses((status = 200, description = "A page of assignments", body = List<Assignment>)))]
async fn list_app_assignments(
    ctx: Ctx,
    Path(id): Path<AppId>,
    Query(query): Query<AppAssignmentQuery>,
) -> Reply<Body<List<Assignment>>> {
    let role = query.role_id.unwrap_or_default();
    let account = query.account_id.unwrap_or_default();
    let search = query.search.unwrap_or_default();
    let wanted = PageQuery { search, ..page(query.limit, query.cursor) };
    let found = ctx.list_app_assignments(&id, &role, &account, &wanted).await?;
    Ok(list(found, wire::catalogue::assignment))
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
