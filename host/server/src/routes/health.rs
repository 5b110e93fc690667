//! Health, metrics, and the explanations of problems: for everybody.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::path::Path;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::Server;

/// The explanations, one table row each.
const EXPLANATIONS: &str = include_str!("../../../../docs/problems.md");

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(check_health))
        .routes(routes!(check_readiness))
        .routes(routes!(show_metrics))
        .routes(routes!(explain_problem))
}

/// Tell that the process runs
#[utoipa::path(get, path = "/healthz", tag = "service",
    extensions(("x-grantry-action" = json!("public"))),
    responses((status = 200, description = "It runs", body = String, content_type = "text/plain")))]
async fn check_health() -> &'static str {
    "ok\n"
}

/// Tell whether requests can be served
///
/// Asks the database.
#[utoipa::path(get, path = "/readyz", tag = "service",
    extensions(("x-grantry-action" = json!("public"))),
    responses((status = 200, description = "Ready", body = String, content_type = "text/plain"),
        (status = 503, description = "Not now", body = grantry_api::Problem,
            content_type = "application/problem+json")))]
async fn check_readiness(State(server): State<Server>) -> Reply<&'static str> {
    server.0.engine.db().ping().await?;
    Ok("ready\n")
}

/// Show metrics
///
/// In the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "service",
    extensions(("x-grantry-action" = json!("public"))),
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
async fn show_metrics(State(server): State<Server>) -> String {
    metrics::gauge!("grantry_uptime_seconds").set(server.0.started.elapsed().as_secs_f64());
    server.0.metrics.render()
}

/// Explain a problem
///
/// Where the `type` of a problem document leads.
#[utoipa::path(get, path = "/problems/{code}", tag = "service",
    extensions(("x-grantry-action" = json!("public"))),
    params(("code" = String, Path, description = "A problem's code.")),
    responses((status = 200, description = "What it means and what to do", body = String,
        content_type = "text/plain")))]
async fn explain_problem(Path(code): Path<String>) -> Reply<String> {
    let row = format!("| `{code}` |");
    let row = EXPLANATIONS.lines().find(|line| line.starts_with(&row));
    let cells: Vec<&str> = row.ok_or_else(Problem::not_found)?.split(" | ").collect();
    let [_, status, title, meaning] = cells.as_slice() else {
        return Err(Problem::not_found());
    };
    let meaning = meaning.trim_end_matches(" |");
    Ok(format!("{code} ({status}): {title}\n\n{meaning}\n"))
}
