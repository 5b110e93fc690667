//! Background jobs.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::jobs::{Job, JobQuery};
use grantry_engine::PageQuery;
use grantry_model::ids::JobId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::jobs as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(cancel_job))
}

/// List jobs
///
/// Newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs",
    extensions(("x-grantry-action" = json!("job.read"))),
    params(JobQuery),
    responses((status = 200, description = "A page of jobs", body = List<Job>)))]
async fn list_jobs(ctx: Ctx, Query(query): Query<JobQuery>) -> Reply<Body<List<Job>>> {
    let status = query.status.map_or("", wire::read_status).to_owned();
    let wanted = PageQuery { status, ..page(query.limit, query.cursor) };
    Ok(list(ctx.list_jobs(&wanted).await?, wire::job))
}

/// Show a job
#[utoipa::path(get, path = "/jobs/{job_id}", tag = "jobs",
    extensions(("x-grantry-action" = json!("job.read"))),
    params(("job_id" = String, Path, description = "The job's id.")),
    responses((status = 200, description = "The job", body = Job)))]
async fn get_job(ctx: Ctx, Path(id): Path<JobId>) -> Reply<Body<Job>> {
    Ok(Body(wire::job(&ctx.job(&id).await?)))
}

/// Cancel a job
///
/// Only an aggregation can be cancelled. Delete a membership to undo its provisioning.
#[utoipa::path(post, path = "/jobs/{job_id}/cancel", tag = "jobs",
    extensions(("x-grantry-action" = json!("aggregation.run"))),
    params(("job_id" = String, Path, description = "The job's id.")),
    responses((status = 200, description = "Asked to stop", body = Job)))]
async fn cancel_job(ctx: Ctx, Path(id): Path<JobId>) -> Reply<Body<Job>> {
    Ok(Body(wire::job(&ctx.cancel_job(&id).await?)))
}
