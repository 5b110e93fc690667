//! Publishers whose signatures on plugins are believed.

use axum::Json as Body;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::publishers::{CreatePublisher, Publisher, RevokePublisher};
use grantry_api::{List, ListQuery};
use grantry_model::ids::PublisherId;
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
use crate::wire::publishers as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_publisher, list_publishers))
        .routes(routes!(get_publisher))
        .routes(routes!(revoke_publisher))
}

/// Trust a publisher
///
/// From now on plugins that are signed with its key can be installed. Each key is a publisher of its own;
/// one that was revoked cannot be trusted again.
#[utoipa::path(post, path = "/publishers", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(IdempotencyHeader), request_body = CreatePublisher,
    responses((status = 201, description = "Trusted", body = Publisher)))]
async fn create_publisher(ctx: Ctx, once: Once, body: Json<CreatePublisher>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let created = |publisher: &grantry_engine::Publisher| {
        answer(StatusCode::CREATED, &wire::publisher(publisher))
    };
    let input = wire::read_create(body.value);
    Ok(Settled(ctx.create_publisher(&input, &once.answered(&created)).await?))
}

/// List publishers
///
/// Trusted and revoked, in the order in which they were added.
#[utoipa::path(get, path = "/publishers", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of publishers", body = List<Publisher>)))]
async fn list_publishers(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Publisher>>> {
    let found = ctx.list_publishers(&page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::publisher))
}

/// Show a publisher
#[utoipa::path(get, path = "/publishers/{publisher_id}", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    params(("publisher_id" = String, Path, description = "The publisher's id.")),
    responses((status = 200, description = "The publisher", body = Publisher)))]
async fn get_publisher(ctx: Ctx, Path(id): Path<PublisherId>) -> Reply<Body<Publisher>> {
    Ok(Body(wire::publisher(&ctx.publisher(&id).await?)))
}

/// Revoke a publisher's key
///
/// For ever. Plugins that it signed are marked; integrations that run them go on and warn. Nothing new is
/// installed, created or moved to them.
#[utoipa::path(post, path = "/publishers/{publisher_id}/revoke", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(("publisher_id" = String, Path, description = "The publisher's id.")),
    request_body = RevokePublisher,
    responses((status = 200, description = "Revoked", body = Publisher)))]
async fn revoke_publisher(
    ctx: Ctx,
    Path(id): Path<PublisherId>,
    body: Json<RevokePublisher>,
) -> Reply<Body<Publisher>> {
    let revoked = ctx.revoke_publisher(&id, &body.value.reason).await?;
    Ok(Body(wire::publisher(&revoked)))
}
