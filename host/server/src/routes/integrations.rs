//! Integrations, and tries of their connections.

use axum::Json as Body;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::integrations::{
    ConnectionTest, CreateIntegration, DeleteIntegrationQuery, Integration, TestConnection,
    TryConnection, UpdateIntegration,
};
use grantry_api::{List, ListQuery};
use grantry_engine::IntegrationView;
use grantry_model::ids::IntegrationId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{IfMatch, Once};
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, Versioned, answer, list};
use crate::state::Server;
use crate::wire::integrations as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_integration, list_integrations))
        .routes(routes!(get_integration, update_integration, delete_integration))
        .routes(routes!(test_connection))
        .routes(routes!(try_connection))
        .routes(routes!(release_integration))
}

fn versioned(view: &IntegrationView) -> Versioned<Integration> {
    Versioned(view.integration.version, wire::integration(view))
}

/// Create an integration
///
/// With its app, and with the principal that its plugin acts as. The connection is checked against
/// the plugin's schema and by the plugin itself; its secret fields are encrypted apart.
#[utoipa::path(post, path = "/integrations", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(IdempotencyHeader), request_body = CreateIntegration,
    responses((status = 201, description = "Created", body = Integration)))]
async fn create_integration(ctx: Ctx, once: Once, body: Json<CreateIntegration>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_create(body.value)?;
    let created = |view: &IntegrationView| answer(StatusCode::CREATED, &wire::integration(view));
    Ok(Settled(ctx.create_integration(&input, &once.answered(&created)).await?))
}

/// List integrations
///
/// In order of creation.
#[utoipa::path(get, path = "/integrations", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of integrations", body = List<Integration>)))]
async fn list_integrations(
    ctx: Ctx,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Integration>>> {
    let found = ctx.list_integrations(&page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::integration))
}

/// Show an integration
#[utoipa::path(get, path = "/integrations/{integration_id}", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 200, description = "The integration", body = Integration,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_integration(ctx: Ctx, Path(id): Path<IntegrationId>) -> Reply<Versioned<Integration>> {
    Ok(versioned(&ctx.integration(&id).await?))
}

/// Change an integration
///
/// What is left out stays. A new connection replaces the whole old one; secret fields that it
/// leaves out keep their values while it goes to the same place.
#[utoipa::path(patch, path = "/integrations/{integration_id}", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IfMatchHeader),
    request_body = UpdateIntegration,
    responses((status = 200, description = "Changed", body = Integration,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_integration(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateIntegration>,
) -> Reply<Versioned<Integration>> {
    let change = wire::read_update(body.value)?;
    Ok(versioned(&ctx.update_integration(&id, version, &change).await?))
}

/// Delete an integration
///
/// With its app, its catalogue and all that is kept about it; what its memberships were stays in the
/// audit log. Nothing in its target is touched. Refused while memberships of its app are living or
/// work on it is under way.
#[utoipa::path(delete, path = "/integrations/{integration_id}", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        DeleteIntegrationQuery, IfMatchHeader),
    responses((status = 204, description = "Deleted")))]
async fn delete_integration(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<DeleteIntegrationQuery>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    let abandons = query.abandon_memberships.unwrap_or(false);
    ctx.delete_integration(&id, version, abandons).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test an integration's connection
///
/// The answer is the connector's own diagnosis, also when the connection does not work.
#[utoipa::path(post, path = "/integrations/{integration_id}/test-connection", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    request_body = TestConnection,
    responses((status = 200, description = "What came of it", body = ConnectionTest)))]
async fn test_connection(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    body: Json<TestConnection>,
) -> Reply<Body<ConnectionTest>> {
    let report = ctx.test_connection(&id, wire::read_depth(body.value.depth)).await?;
    Ok(Body(wire::test(report)))
}

/// Test a connection before saving it
///
/// Nothing is stored.
#[utoipa::path(post, path = "/integrations/test", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    request_body = TryConnection,
    responses((status = 200, description = "What came of it", body = ConnectionTest)))]
async fn try_connection(ctx: Ctx, body: Json<TryConnection>) -> Reply<Body<ConnectionTest>> {
    let depth = wire::read_depth(body.value.depth);
    let input = wire::read_try(body.value)?;
    Ok(Body(wire::test(ctx.try_connection(&input, depth).await?)))
}

/// Release an integration from quarantine
///
/// Its plugin, which misbehaved repeatedly, is run again.
#[utoipa::path(post, path = "/integrations/{integration_id}/release", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 200, description = "Released", body = Integration)))]
async fn release_integration(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
) -> Reply<Versioned<Integration>> {
    Ok(versioned(&ctx.release_integration(&id).await?))
}
