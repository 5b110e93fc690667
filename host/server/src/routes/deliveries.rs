//! Messages to people and how their delivery goes.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::deliveries::{Delivery, DeliveryQuery};
use grantry_engine::PageQuery;
use grantry_model::ids::DeliveryId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::deliveries as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_deliveries))
        .routes(routes!(get_delivery))
        .routes(routes!(retry_delivery))
}

/// List deliveries
///
/// Newest first. Finished ones are kept for 30 days.
#[utoipa::path(get, path = "/notifications/deliveries", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.read"))),
    params(DeliveryQuery),
    responses((status = 200, description = "A page of deliveries", body = List<Delivery>)))]
async fn list_deliveries(
    ctx: Ctx,
    Query(query): Query<DeliveryQuery>,
) -> Reply<Body<List<Delivery>>> {
    let status = query.state.map_or("", wire::read_state).to_owned();
    let wanted = PageQuery { status, ..page(query.limit, query.cursor) };
    let channel = query.channel.unwrap_or_default();
    Ok(list(ctx.list_deliveries(&channel, &wanted).await?, wire::delivery))
}

/// Show a delivery
#[utoipa::path(get, path = "/notifications/deliveries/{delivery_id}", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.read"))),
    params(("delivery_id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "The delivery", body = Delivery)))]
async fn get_delivery(ctx: Ctx, Path(id): Path<DeliveryId>) -> Reply<Body<Delivery>> {
    Ok(Body(wire::delivery(&ctx.delivery(&id).await?)))
}

/// Try a delivery again now
///
/// One that waits, or that was given up. A delivered one stays as it is.
#[utoipa::path(post, path = "/notifications/deliveries/{delivery_id}/retry",
    tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("delivery_id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "As it is now", body = Delivery)))]
async fn retry_delivery(ctx: Ctx, Path(id): Path<DeliveryId>) -> Reply<Body<Delivery>> {
    Ok(Body(wire::delivery(&ctx.retry_delivery(&id).await?)))
}
