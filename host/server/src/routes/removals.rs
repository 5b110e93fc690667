//! What aggregations removed, or would remove: shown, approved, discarded, undone.

use axum::Json as Body;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::removals::{ApproveRemoval, Removal, RemovedRow};
use grantry_api::{List, ListQuery};
use grantry_engine::{RemovalQuery, RemovalView};
use grantry_model::ids::RunId;
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
use crate::wire::removals as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_removal))
        .routes(routes!(list_removed_rows))
        .routes(routes!(approve_removal))
        .routes(routes!(discard_removal))
        .routes(routes!(undo_removal))
}

/// Show what an aggregation removed, or would remove
#[utoipa::path(get, path = "/aggregations/{aggregation_id}/removal", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id.")),
    responses((status = 200, description = "The removal", body = Removal)))]
async fn get_removal(ctx: Ctx, Path(id): Path<RunId>) -> Reply<Body<Removal>> {
    Ok(Body(wire::removal(&ctx.removal(&id).await?)))
}

/// List the rows of a removal
///
/// With their names, in the order in which they go.
#[utoipa::path(get, path = "/aggregations/{aggregation_id}/removal/rows", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id."), ListQuery),
    responses((status = 200, description = "A page of rows", body = List<RemovedRow>)))]
async fn list_removed_rows(
    ctx: Ctx,
    Path(id): Path<RunId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<RemovedRow>>> {
    let query = page(query.limit, query.cursor);
    Ok(list(ctx.list_removed_rows(&id, &RemovalQuery::default(), &query).await?, wire::row))
}

/// Approve a blocked removal
///
/// Exactly the rows that the hash stands for are removed, once, by a background job.
#[utoipa::path(post, path = "/aggregations/{aggregation_id}/approve", tag = "aggregations",
    extensions(("x-grantry-action" = json!("aggregation.run"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id."),
        IdempotencyHeader),
    request_body = ApproveRemoval,
    responses((status = 202, description = "Approved", body = Removal)))]
async fn approve_removal(
    ctx: Ctx,
    Path(id): Path<RunId>,
    once: Once,
    body: Json<ApproveRemoval>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let done = |view: &RemovalView| answer(StatusCode::ACCEPTED, &wire::removal(view));
    Ok(Settled(ctx.approve_removal(&id, &body.value.hash, &once.answered(&done)).await?))
}

/// Discard a blocked removal
///
/// Everything stays.
#[utoipa::path(post, path = "/aggregations/{aggregation_id}/discard", tag = "aggregations",
    extensions(("x-grantry-action" = json!("aggregation.run"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id.")),
    responses((status = 200, description = "Discarded", body = Removal)))]
async fn discard_removal(ctx: Ctx, Path(id): Path<RunId>) -> Reply<Body<Removal>> {
    Ok(Body(wire::removal(&ctx.discard_removal(&id).await?)))
}

/// Undo a removal
///
/// Brings back what the aggregation removed, within the undo window, by a background job.
#[utoipa::path(post, path = "/aggregations/{aggregation_id}/undo", tag = "aggregations",
    extensions(("x-grantry-action" = json!("aggregation.run"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id."),
        IdempotencyHeader),
    responses((status = 202, description = "Ordered", body = Removal)))]
async fn undo_removal(ctx: Ctx, Path(id): Path<RunId>, once: Once) -> Reply<Settled> {
    let done = |view: &RemovalView| answer(StatusCode::ACCEPTED, &wire::removal(view));
    Ok(Settled(ctx.undo_removal(&id, &once.answered(&done)).await?))
}
