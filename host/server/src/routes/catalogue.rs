//! What an integration's aggregations found.

use axum::Json as Body;
use grantry_api::catalogue::{
    AccountQuery, Assignment, AssignmentQuery, CatalogueObject, EffectiveHolders, Entitlement,
    EntitlementQuery, ObjectQuery,
};
use grantry_api::{List, ListQuery};
use grantry_engine::{Class, PageQuery};
use grantry_model::ids::{EntitlementId, IntegrationId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::catalogue as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_accounts))
        .routes(routes!(list_resources))
        .routes(routes!(list_entitlements))
        .routes(routes!(list_assignments))
        .routes(routes!(list_holders))
}

/// Which accounts.
pub(super) fn accounts(query: AccountQuery) -> PageQuery {
    PageQuery {
        search: query.search.unwrap_or_default(),
        kind: query.kind.unwrap_or_default(),
        status: query.status.unwrap_or_default(),
        mapped: query.mapped,
        proposed: query.proposed,
        identity: query.identity_id.unwrap_or_default(),
        ..page(query.limit, query.cursor)
    }
}

/// Which resources.
fn objects(query: ObjectQuery) -> PageQuery {
    PageQuery {
        search: query.search.unwrap_or_default(),
        kind: query.kind.unwrap_or_default(),
        status: query.status.unwrap_or_default(),
        ..page(query.limit, query.cursor)
    }
}

/// Which entitlements or roles.
pub(super) fn entitlements(query: EntitlementQuery) -> PageQuery {
    PageQuery {
        search: query.search.unwrap_or_default(),
        kind: query.kind.unwrap_or_default(),
        privileged: query.privileged,
        known_as: query.known_as.unwrap_or_default(),
        ..page(query.limit, query.cursor)
    }
}

/// List accounts
#[utoipa::path(get, path = "/integrations/{integration_id}/accounts", tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."), AccountQuery),
    responses((status = 200, description = "A page of accounts", body = List<CatalogueObject>)))]
async fn list_accounts(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<AccountQuery>,
) -> Reply<Body<List<CatalogueObject>>> {
    Ok(list(ctx.list_objects(&id, Class::Account, &accounts(query)).await?, wire::account))
}

/// List resources
#[utoipa::path(get, path = "/integrations/{integration_id}/resources", tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."), ObjectQuery),
    responses((status = 200, description = "A page of resources", body = List<CatalogueObject>)))]
async fn list_resources(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<ObjectQuery>,
) -> Reply<Body<List<CatalogueObject>>> {
    Ok(list(ctx.list_objects(&id, Class::Resource, &objects(query)).await?, wire::object))
}

/// List entitlements
#[utoipa::path(get, path = "/integrations/{integration_id}/entitlements", tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        EntitlementQuery),
    responses((status = 200, description = "A page of entitlements", body = List<Entitlement>)))]
async fn list_entitlements(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<EntitlementQuery>,
) -> Reply<Body<List<Entitlement>>> {
    Ok(list(ctx.list_entitlements(&id, &entitlements(query)).await?, wire::entitlement))
}

/// List assignments
///
/// Who holds what, as the last aggregation saw it.
#[utoipa::path(get, path = "/integrations/{integration_id}/assignments", tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        AssignmentQuery),
    responses((status = 200, description = "A page of assignments", body = List<Assignment>)))]
async fn list_assignments(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<AssignmentQuery>,
) -> Reply<Body<List<Assignment>>> {
    let entitlement = query.entitlement_id.unwrap_or_default();
    let holder = query.holder_id.unwrap_or_default();
    let search = query.search.unwrap_or_default();
    let wanted = PageQuery { search, ..page(query.limit, query.cursor) };
    let found = ctx.list_assignments(&id, &entitlement, &holder, &wanted).await?;
    Ok(list(found, wire::assignment))
}

/// List who holds an entitlement in the end
///
/// Directly, or through groups that hold it, with the way to each. Groups within each other end.
#[utoipa::path(get, path = "/integrations/{integration_id}/entitlements/{entitlement_id}/holders",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id."), ListQuery),
    responses((status = 200, description = "A page of holders", body = EffectiveHolders)))]
async fn list_holders(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<EffectiveHolders>> {
    let query = page(query.limit, query.cursor);
    Ok(Body(wire::holders(ctx.list_holders(&integration, &id, &query).await?)))
}
