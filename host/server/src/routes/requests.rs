//! Requests for access: people ask, people decide.

use axum::Json as Body;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::requests::{
    AccessRequest, CreateRequest, DecideRequest, Delegation, OwnDelegation, RequestEvent,
    RequestQuery, RequestSummary, SetDelegation,
};
use grantry_api::{List, ListQuery};
use grantry_engine::{PageQuery, RequestView};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{PrincipalId, RequestId};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::Once;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, answer, list};
use crate::state::Server;
use crate::wire::requests as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_request, list_requests))
        .routes(routes!(get_request))
        .routes(routes!(list_request_events))
        .routes(routes!(decide_request))
        .routes(routes!(withdraw_request))
        .routes(routes!(get_own_delegation, set_own_delegation, end_own_delegation))
}

/// Ask for access
///
/// For oneself, or for somebody else. Everything that stands against it is told at once. What the
/// workflow's rules allow is given at once; else people are asked.
#[utoipa::path(post, path = "/requests", tag = "requests",
    extensions(("x-grantry-action" = json!("own"))),
    params(IdempotencyHeader),
    request_body = CreateRequest,
    responses((status = 201, description = "Asked for", body = AccessRequest)))]
async fn create_request(ctx: Ctx, once: Once, body: Json<CreateRequest>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_create(body.value)?;
    let created = |view: &RequestView| answer(StatusCode::CREATED, &wire::request(view));
    Ok(Settled(ctx.create_request(&input, &once.answered(&created)).await?))
}

/// List requests
///
/// The latest first: the caller's own, or those that the caller was asked about; everybody's for admins
/// and auditors.
#[utoipa::path(get, path = "/requests", tag = "requests",
    extensions(("x-grantry-action" = json!("own"))),
    params(RequestQuery),
    responses((status = 200, description = "A page of requests", body = List<RequestSummary>)))]
async fn list_requests(
    ctx: Ctx,
    Query(query): Query<RequestQuery>,
) -> Reply<Body<List<RequestSummary>>> {
    let status = wire::status_name(query.status);
    let asked = PageQuery { status, ..page(query.limit, query.cursor) };
    let found = ctx.list_requests(wire::read_whose(query.whose), &asked).await?;
    Ok(list(found, wire::summary))
}

/// Show a request
///
/// To whoever made it, is asked about it, or gets the access; and to admins and auditors.
#[utoipa::path(get, path = "/requests/{request_id}", tag = "requests",
    extensions(("x-grantry-action" = json!("request"))),
    params(("request_id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "The request", body = AccessRequest)))]
async fn get_request(ctx: Ctx, Path(id): Path<RequestId>) -> Reply<Body<AccessRequest>> {
    Ok(Body(wire::request(&ctx.request(&id).await?)))
}

/// Show what happened to a request
///
/// In order.
#[utoipa::path(get, path = "/requests/{request_id}/events", tag = "requests",
    extensions(("x-grantry-action" = json!("request"))),
    params(("request_id" = String, Path, description = "The request's id."), ListQuery),
    responses((status = 200, description = "A page of events", body = List<RequestEvent>)))]
async fn list_request_events(
    ctx: Ctx,
    Path(id): Path<RequestId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<RequestEvent>>> {
    let found = ctx.list_request_events(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::event))
}

/// Decide about a request
///
/// For those who are asked in the step that is on. What was decided is not decided again.
#[utoipa::path(post, path = "/requests/{request_id}/decision", tag = "requests",
    extensions(("x-grantry-action" = json!("request"))),
    params(("request_id" = String, Path, description = "The request's id.")),
    request_body = DecideRequest,
    responses((status = 200, description = "Decided", body = AccessRequest)))]
async fn decide_request(
    ctx: Ctx,
    Path(id): Path<RequestId>,
    body: Json<DecideRequest>,
) -> Reply<Body<AccessRequest>> {
    let input = wire::read_decision(body.value);
    Ok(Body(wire::request(&ctx.decide_request(&id, &input).await?)))
}

/// Take a request back
///
/// For whoever made it, as long as something of it is pending.
#[utoipa::path(post, path = "/requests/{request_id}/withdrawal", tag = "requests",
    extensions(("x-grantry-action" = json!("request"))),
    params(("request_id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "Taken back", body = AccessRequest)))]
async fn withdraw_request(ctx: Ctx, Path(id): Path<RequestId>) -> Reply<Body<AccessRequest>> {
    Ok(Body(wire::request(&ctx.withdraw_request(&id).await?)))
}

/// Show who decides in the caller's place
#[utoipa::path(get, path = "/me/delegation", tag = "requests",
    extensions(("x-grantry-action" = json!("own"))),
    responses((status = 200, description = "Who, if anybody", body = OwnDelegation)))]
async fn get_own_delegation(ctx: Ctx) -> Reply<Body<OwnDelegation>> {
    let delegation = ctx.own_delegation().await?.as_ref().map(wire::delegation);
    Ok(Body(OwnDelegation { delegation }))
}

/// Let somebody decide in the caller's place
///
/// About requests, for a while. Replaces what was said before.
#[utoipa::path(put, path = "/me/delegation", tag = "requests",
    extensions(("x-grantry-action" = json!("own"))),
    request_body = SetDelegation,
    responses((status = 200, description = "Set", body = Delegation)))]
async fn set_own_delegation(ctx: Ctx, body: Json<SetDelegation>) -> Reply<Body<Delegation>> {
    let SetDelegation { delegate_id, starts_ms, ends_ms } = body.value;
    let delegate = PrincipalId::parse(&delegate_id)
        .map_err(|error| Problem::field("/delegate_id", "invalid_id", error.to_string()))?;
    let set = ctx.delegate(&delegate, UnixMs(starts_ms), UnixMs(ends_ms)).await?;
    Ok(Body(wire::delegation(&set)))
}

/// Decide oneself again
#[utoipa::path(delete, path = "/me/delegation", tag = "requests",
    extensions(("x-grantry-action" = json!("own"))),
    responses((status = 204, description = "Nobody decides in the caller's place")))]
async fn end_own_delegation(ctx: Ctx) -> Reply<StatusCode> {
    ctx.end_delegation().await?;
    Ok(StatusCode::NO_CONTENT)
}
