//! Aggregations: ordered, watched, cancelled.

use axum::Json as Body;
use axum::response::IntoResponse;
use grantry_api::aggregations::{
    Aggregation, AggregationEvent, AggregationIssue, AggregationLogLine, StartAggregation,
};
use grantry_api::headers::IdempotencyHeader;
use grantry_api::{List, ListQuery};
use grantry_engine::RunView;
use grantry_model::ids::{IntegrationId, RunId};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::events::{EventStream, Seen};
use crate::headers::Once;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, answer, list};
use crate::state::Server;
use crate::wire::aggregations as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(start_aggregation, list_aggregations))
        .routes(routes!(get_aggregation))
        .routes(routes!(cancel_aggregation))
        .routes(routes!(watch_aggregation))
        .routes(routes!(list_issues))
        .routes(routes!(list_log))
}

/// Start an aggregation
///
/// Reads the integration's target as a background job: everything, or what the body says, and what is not
/// read stays as it is. Its progress is at
/// `/aggregations/{id}` and, live, at `/aggregations/{id}/events`.
#[utoipa::path(post, path = "/integrations/{integration_id}/aggregations", tag = "aggregations",
    extensions(("x-grantry-action" = json!("aggregation.run"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IdempotencyHeader),
    request_body = Option<StartAggregation>,
    responses((status = 202, description = "Ordered", body = Aggregation)))]
async fn start_aggregation(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    once: Once,
    body: Option<Json<StartAggregation>>,
) -> Reply<Settled> {
    let (bytes, selection) = body.map(|body| (body.bytes, body.value)).unwrap_or_default();
    let (once, selection) = (once.with(&bytes), wire::read_selection(selection));
    let ordered = |run: &RunView| answer(StatusCode::ACCEPTED, &wire::aggregation(run));
    Ok(Settled(ctx.start_aggregation(&id, &selection, &once.answered(&ordered)).await?))
}

/// List an integration's aggregations
///
/// Newest first.
#[utoipa::path(get, path = "/integrations/{integration_id}/aggregations", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."), ListQuery),
    responses((status = 200, description = "A page of aggregations", body = List<Aggregation>)))]
async fn list_aggregations(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Aggregation>>> {
    let found = ctx.list_runs(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::aggregation))
}

/// Show an aggregation
#[utoipa::path(get, path = "/aggregations/{aggregation_id}", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id.")),
    responses((status = 200, description = "The aggregation", body = Aggregation)))]
async fn get_aggregation(ctx: Ctx, Path(id): Path<RunId>) -> Reply<Body<Aggregation>> {
    Ok(Body(wire::aggregation(&ctx.run(&id).await?)))
}

/// Cancel an aggregation
///
/// It stops at its next page. What it read stays; nothing is removed. An aggregation that has
/// ended stays as it is.
#[utoipa::path(post, path = "/aggregations/{aggregation_id}/cancel", tag = "aggregations",
    extensions(("x-grantry-action" = json!("aggregation.run"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id.")),
    responses((status = 200, description = "Asked to stop", body = Aggregation)))]
async fn cancel_aggregation(ctx: Ctx, Path(id): Path<RunId>) -> Reply<Body<Aggregation>> {
    Ok(Body(wire::aggregation(&ctx.cancel_aggregation(&id).await?)))
}

/// Watch an aggregation
///
/// Server-sent events: `progress` with the aggregation whenever it has changed, `end` with its
/// final state, `problem` with a code if it cannot be watched any more.
#[utoipa::path(get, path = "/aggregations/{aggregation_id}/events", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id.")),
    responses((status = 200, description = "Events until the end", body = AggregationEvent,
        content_type = "text/event-stream")))]
async fn watch_aggregation(
    ctx: Ctx,
    Path(id): Path<RunId>,
    stream: EventStream,
) -> Reply<impl IntoResponse> {
    ctx.run(&id).await?;
    Ok(stream.watch(move |ctx| {
        let id = id.clone();
        async move {
            let run = ctx.run(&id).await?;
            Ok(Seen { wire: wire::aggregation(&run), is_final: run.status.is_final() })
        }
    }))
}

/// List an aggregation's issues
///
/// What it could not take over, and why. At most 1,000 are kept; all are counted.
#[utoipa::path(get, path = "/aggregations/{aggregation_id}/issues", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id."), ListQuery),
    responses((status = 200, description = "A page of issues", body = List<AggregationIssue>)))]
async fn list_issues(
    ctx: Ctx,
    Path(id): Path<RunId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<AggregationIssue>>> {
    let found = ctx.list_run_issues(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::issue))
}

/// Read the connector's log of an aggregation
///
/// What the plugin wrote while it read, in order: the first 2,000 lines, whatever became of the
/// aggregation.
#[utoipa::path(get, path = "/aggregations/{aggregation_id}/log", tag = "aggregations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("aggregation_id" = String, Path, description = "The aggregation's id."), ListQuery),
    responses((status = 200, description = "A page of lines", body = List<AggregationLogLine>)))]
async fn list_log(
    ctx: Ctx,
    Path(id): Path<RunId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<AggregationLogLine>>> {
    let found = ctx.list_run_log(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::log_line))
}
