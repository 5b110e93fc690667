//! Registries that plugins are pulled from.

use axum::Json as Body;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::registries::{CreateRegistry, Registry};
use grantry_api::{List, ListQuery};
use grantry_model::ids::RegistryId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::Once;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, answer, list};
use crate::state::Server;
use crate::wire::registries as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_registry, list_registries))
        .routes(routes!(get_registry, delete_registry))
}

/// Say how a registry is reached
///
/// With which credential, or at which private address. A public registry that anybody may read needs
/// nothing said. To change something, remove it and say it again.
#[utoipa::path(post, path = "/registries", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(IdempotencyHeader), request_body = CreateRegistry,
    responses((status = 201, description = "Created", body = Registry)))]
async fn create_registry(ctx: Ctx, once: Once, body: Json<CreateRegistry>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let created = |registry: &grantry_engine::Registry| {
        answer(StatusCode::CREATED, &wire::registry(registry))
    };
    let input = wire::read_create(body.value);
    Ok(Settled(ctx.create_registry(&input, &once.answered(&created)).await?))
}

/// List registries
#[utoipa::path(get, path = "/registries", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of registries", body = List<Registry>)))]
async fn list_registries(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Registry>>> {
    Ok(list(ctx.list_registries(&page(query.limit, query.cursor)).await?, wire::registry))
}

/// Show a registry
#[utoipa::path(get, path = "/registries/{registry_id}", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    params(("registry_id" = String, Path, description = "The registry's id.")),
    responses((status = 200, description = "The registry", body = Registry)))]
async fn get_registry(ctx: Ctx, Path(id): Path<RegistryId>) -> Reply<Body<Registry>> {
    Ok(Body(wire::registry(&ctx.registry(&id).await?)))
}

/// Forget a registry
///
/// With its credential. What came from it stays installed.
#[utoipa::path(delete, path = "/registries/{registry_id}", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(("registry_id" = String, Path, description = "The registry's id.")),
    responses((status = 204, description = "Forgotten")))]
async fn delete_registry(ctx: Ctx, Path(id): Path<RegistryId>) -> Reply<StatusCode> {
    ctx.delete_registry(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
