//! Tasks, and by which method access to an entitlement is made true (PRV-1, PRV-3).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::headers::IfMatchHeader;
use grantry_api::tasks::{
    AssignTask, CompleteTask, EntitlementProvisioning, RejectTask, SetEntitlementProvisioning,
    Task, TaskQuery, TaskSummary,
};
use grantry_engine::MethodView;
use grantry_model::ids::{EntitlementId, IntegrationId, TaskId};
use grantry_model::task::Word;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Versioned, list};
use crate::state::Server;
use crate::wire::settings::{read_method, read_people};
use crate::wire::tasks as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_tasks))
        .routes(routes!(get_task))
        .routes(routes!(complete_task))
        .routes(routes!(reject_task))
        .routes(routes!(assign_task))
        .routes(routes!(get_entitlement_provisioning, set_entitlement_provisioning))
}

/// List tasks
///
/// What people have to do in targets by hand, the latest first: the caller's own, or everybody's for
/// admins and auditors.
#[utoipa::path(get, path = "/tasks", tag = "tasks",
    extensions(("x-grantry-action" = json!("own"))),
    params(TaskQuery),
    responses((status = 200, description = "A page of tasks", body = List<TaskSummary>)))]
async fn list_tasks(ctx: Ctx, Query(query): Query<TaskQuery>) -> Reply<Body<List<TaskSummary>>> {
    let wanted = wire::read_query(&query);
    let found = ctx.list_tasks(&wanted, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::summary))
}

/// Show a task
///
/// To whoever has it or owns its integration; and to admins and auditors.
#[utoipa::path(get, path = "/tasks/{task_id}", tag = "tasks",
    extensions(("x-grantry-action" = json!("request"))),
    params(("task_id" = String, Path, description = "The task's id.")),
    responses((status = 200, description = "The task", body = Task)))]
async fn get_task(ctx: Ctx, Path(id): Path<TaskId>) -> Reply<Body<Task>> {
    Ok(Body(wire::task(&ctx.task(&id).await?)))
}

/// Say that a task is done
///
/// Where an integration feeds the app, its target is looked at now, and has the last word: until it shows
/// the change, the task is `done` and the membership waits. Elsewhere the word counts. Saying it twice
/// changes nothing.
#[utoipa::path(post, path = "/tasks/{task_id}/done", tag = "tasks",
    extensions(("x-grantry-action" = json!("request"))),
    params(("task_id" = String, Path, description = "The task's id.")),
    request_body = CompleteTask,
    responses((status = 200, description = "As it is now", body = Task)))]
async fn complete_task(
    ctx: Ctx,
    Path(id): Path<TaskId>,
    body: Json<CompleteTask>,
) -> Reply<Body<Task>> {
    Ok(Body(wire::task(&ctx.say_of_task(&id, Word::Done, &body.value.note).await?)))
}

/// Say that a task will not be done
///
/// A grant has failed then. Access that is not taken away stays, visibly overdue, until it is.
#[utoipa::path(post, path = "/tasks/{task_id}/rejection", tag = "tasks",
    extensions(("x-grantry-action" = json!("request"))),
    params(("task_id" = String, Path, description = "The task's id.")),
    request_body = RejectTask,
    responses((status = 200, description = "As it is now", body = Task)))]
async fn reject_task(
    ctx: Ctx,
    Path(id): Path<TaskId>,
    body: Json<RejectTask>,
) -> Reply<Body<Task>> {
    Ok(Body(wire::task(&ctx.say_of_task(&id, Word::Reject, &body.value.note).await?)))
}

/// Give a task to people
///
/// By name, in place of those who have it.
#[utoipa::path(put, path = "/tasks/{task_id}/assignees", tag = "tasks",
    extensions(("x-grantry-action" = json!("request"))),
    params(("task_id" = String, Path, description = "The task's id.")),
    request_body = AssignTask,
    responses((status = 200, description = "Given", body = Task)))]
async fn assign_task(
    ctx: Ctx,
    Path(id): Path<TaskId>,
    body: Json<AssignTask>,
) -> Reply<Body<Task>> {
    let people = read_people("/person_ids", &body.value.person_ids)?;
    Ok(Body(wire::task(&ctx.assign_task(&id, &people).await?)))
}

fn versioned(view: MethodView) -> Versioned<EntitlementProvisioning> {
    Versioned(view.version, wire::provisioning(&view))
}

/// Show how access to an entitlement is made true
#[utoipa::path(get,
    path = "/integrations/{integration_id}/entitlements/{entitlement_id}/provisioning",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id.")),
    responses((status = 200, description = "The method", body = EntitlementProvisioning,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_entitlement_provisioning(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
) -> Reply<Versioned<EntitlementProvisioning>> {
    Ok(versioned(ctx.entitlement_method(&integration, &id).await?))
}

/// Say how access to an entitlement is made true
///
/// In place of the integration's method. Memberships that wait look again.
#[utoipa::path(put,
    path = "/integrations/{integration_id}/entitlements/{entitlement_id}/provisioning",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id."), IfMatchHeader),
    request_body = SetEntitlementProvisioning,
    responses((status = 200, description = "Said", body = EntitlementProvisioning,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn set_entitlement_provisioning(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
    IfMatch(version): IfMatch,
    body: Json<SetEntitlementProvisioning>,
) -> Reply<Versioned<EntitlementProvisioning>> {
    let method = body.value.method.map(read_method);
    Ok(versioned(ctx.set_entitlement_method(&integration, &id, version, method).await?))
}
