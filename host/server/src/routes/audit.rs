//! The audit log.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::audit::{AuditEntry, AuditQuery};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::audit as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// Read the audit log
///
/// Newest first: every change and every denial, with who did it, through which door, and why it
/// was allowed. Reads are in the access log.
#[utoipa::path(get, path = "/audit", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = List<AuditEntry>)))]
async fn list_audit(ctx: Ctx, Query(query): Query<AuditQuery>) -> Reply<Body<List<AuditEntry>>> {
    let filter = wire::read_filter(&query);
    let found = ctx.list_audit(filter, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::entry))
}
