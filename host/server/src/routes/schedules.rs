//! Schedules of integrations.

use axum::Json as Body;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::schedules::{CreateSchedule, Schedule, UpdateSchedule};
use grantry_api::{List, ListQuery};
use grantry_engine::ScheduleView;
use grantry_model::ids::{IntegrationId, ScheduleId};
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
use crate::wire::schedules as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(create_schedule, list_schedules)).routes(routes!(
        get_schedule,
        update_schedule,
        delete_schedule
    ))
}

fn versioned(view: &ScheduleView) -> Versioned<Schedule> {
    Versioned(view.schedule.version, wire::schedule(view))
}

/// Create a schedule
///
/// The integration is aggregated at these times by itself. One that is due while an aggregation is
/// under way is skipped, which `last` tells.
#[utoipa::path(post, path = "/integrations/{integration_id}/schedules", tag = "schedules",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IdempotencyHeader),
    request_body = CreateSchedule,
    responses((status = 201, description = "Created", body = Schedule)))]
async fn create_schedule(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    once: Once,
    body: Json<CreateSchedule>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_create(body.value)?;
    let created = |view: &ScheduleView| answer(StatusCode::CREATED, &wire::schedule(view));
    Ok(Settled(ctx.create_schedule(&id, &input, &once.answered(&created)).await?))
}

/// List an integration's schedules
///
/// In order of creation.
#[utoipa::path(get, path = "/integrations/{integration_id}/schedules", tag = "schedules",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."), ListQuery),
    responses((status = 200, description = "A page of schedules", body = List<Schedule>)))]
async fn list_schedules(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Schedule>>> {
    let found = ctx.list_schedules(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::schedule))
}

/// Show a schedule
#[utoipa::path(get, path = "/integrations/{integration_id}/schedules/{schedule_id}",
    tag = "schedules",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("schedule_id" = String, Path, description = "The schedule's id.")),
    responses((status = 200, description = "The schedule", body = Schedule,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_schedule(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, ScheduleId)>,
) -> Reply<Versioned<Schedule>> {
    Ok(versioned(&ctx.schedule(&integration, &id).await?))
}

/// Change a schedule
///
/// What is left out stays. It is due anew, from now on.
#[utoipa::path(patch, path = "/integrations/{integration_id}/schedules/{schedule_id}",
    tag = "schedules",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("schedule_id" = String, Path, description = "The schedule's id."), IfMatchHeader),
    request_body = UpdateSchedule,
    responses((status = 200, description = "Changed", body = Schedule,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_schedule(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, ScheduleId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateSchedule>,
) -> Reply<Versioned<Schedule>> {
    let change = wire::read_update(body.value)?;
    Ok(versioned(&ctx.update_schedule(&integration, &id, version, &change).await?))
}

/// Remove a schedule
///
/// An aggregation that it started goes on.
#[utoipa::path(delete, path = "/integrations/{integration_id}/schedules/{schedule_id}",
    tag = "schedules",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("schedule_id" = String, Path, description = "The schedule's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_schedule(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, ScheduleId)>,
) -> Reply<StatusCode> {
    ctx.delete_schedule(&integration, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
