//! Approval workflows.

use axum::Json as Body;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::workflows::{Workflow, WriteWorkflow};
use grantry_api::{List, ListQuery};
use grantry_engine::StoredWorkflow;
use grantry_model::ids::WorkflowId;
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
use crate::wire::workflows as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(create_workflow, list_workflows)).routes(routes!(
        get_workflow,
        update_workflow,
        delete_workflow
    ))
}

fn versioned(stored: &StoredWorkflow) -> Versioned<Workflow> {
    Versioned(stored.version, wire::workflow(stored))
}

/// Create a workflow
///
/// Settings of integrations and request rules name it. Where nothing names a workflow, the owner of the
/// resource or of the integration decides.
#[utoipa::path(post, path = "/workflows", tag = "requests",
    extensions(("x-grantry-action" = json!("workflow.write"))),
    params(IdempotencyHeader),
    request_body = WriteWorkflow,
    responses((status = 201, description = "Created", body = Workflow)))]
async fn create_workflow(ctx: Ctx, once: Once, body: Json<WriteWorkflow>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let new = wire::read(body.value)?;
    let created = |stored: &StoredWorkflow| answer(StatusCode::CREATED, &wire::workflow(stored));
    Ok(Settled(ctx.create_workflow(new, &once.answered(&created)).await?))
}

/// List workflows
///
/// In order of creation.
#[utoipa::path(get, path = "/workflows", tag = "requests",
    extensions(("x-grantry-action" = json!("workflow.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of workflows", body = List<Workflow>)))]
async fn list_workflows(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Workflow>>> {
    Ok(list(ctx.list_workflows(&page(query.limit, query.cursor)).await?, wire::workflow))
}

/// Show a workflow
#[utoipa::path(get, path = "/workflows/{workflow_id}", tag = "requests",
    extensions(("x-grantry-action" = json!("workflow.read"))),
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses((status = 200, description = "The workflow", body = Workflow,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_workflow(ctx: Ctx, Path(id): Path<WorkflowId>) -> Reply<Versioned<Workflow>> {
    Ok(versioned(&ctx.workflow(&id).await?))
}

/// Replace a workflow
///
/// Requests under way keep the one that they began with. What names it has to be changed before its
/// name is.
#[utoipa::path(put, path = "/workflows/{workflow_id}", tag = "requests",
    extensions(("x-grantry-action" = json!("workflow.write"))),
    params(("workflow_id" = String, Path, description = "The workflow's id."), IfMatchHeader),
    request_body = WriteWorkflow,
    responses((status = 200, description = "Replaced", body = Workflow,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_workflow(
    ctx: Ctx,
    Path(id): Path<WorkflowId>,
    IfMatch(version): IfMatch,
    body: Json<WriteWorkflow>,
) -> Reply<Versioned<Workflow>> {
    let changed = wire::read(body.value)?;
    Ok(versioned(&ctx.update_workflow(&id, version, changed).await?))
}

/// Remove a workflow
///
/// Only one that nothing names. Requests under way keep it.
#[utoipa::path(delete, path = "/workflows/{workflow_id}", tag = "requests",
    extensions(("x-grantry-action" = json!("workflow.write"))),
    params(("workflow_id" = String, Path, description = "The workflow's id."), IfMatchHeader),
    responses((status = 204, description = "Removed")))]
async fn delete_workflow(
    ctx: Ctx,
    Path(id): Path<WorkflowId>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    ctx.delete_workflow(&id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
