//! The audit log: read, exported, checked.

use axum::Json as Body;
use axum::response::Response;
use grantry_api::audit::{
    AuditEntry, AuditExportQuery, AuditKey, AuditQuery, Checkpoint, ExportFormat,
};
use grantry_api::{List, ListQuery};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ctx;
use crate::export;
use crate::query::{Query, page};
use crate::reply::{Reply, list};
use crate::state::Server;
use crate::wire::audit as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_audit))
        .routes(routes!(export_audit))
        .routes(routes!(list_checkpoints))
        .routes(routes!(get_audit_key))
}

/// Read the audit log
///
/// Newest first: every change and every denial, with who did it, through which door, and why it
/// was allowed. Reads are in the access log.
#[utoipa::path(get, path = "/audit", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = List<AuditEntry>)))]
async fn list_audit(
    ctx: Ctx,
    Query(mut query): Query<AuditQuery>,
) -> Reply<Body<List<AuditEntry>>> {
    let wanted = page(query.limit, query.cursor.take());
    Ok(list(ctx.list_audit(wire::read_filter(query), &wanted).await?, wire::entry))
}

/// Export the audit log
///
/// All rows in the order of the log, so that `grantry audit verify` can check the file; with a
/// filter, those that it lets through, newest first. The export itself is audited.
#[utoipa::path(get, path = "/audit/export", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    params(AuditExportQuery),
    responses((status = 200, description = "The rows, streamed", content(
        (String = "application/x-ndjson"), (String = "text/csv")))))]
async fn export_audit(ctx: Ctx, Query(query): Query<AuditExportQuery>) -> Reply<Response> {
    let (format, filter) = wire::read_export(query);
    let name = match format {
        ExportFormat::Jsonl => "jsonl",
        ExportFormat::Csv => "csv",
    };
    Ok(export::stream(ctx.export_audit(filter, name).await?, format))
}

/// List checkpoints
///
/// Newest first. Keep some of them elsewhere: a log that was cut short contradicts them.
#[utoipa::path(get, path = "/audit/checkpoints", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of checkpoints", body = List<Checkpoint>)))]
async fn list_checkpoints(
    ctx: Ctx,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Checkpoint>>> {
    let found = ctx.list_checkpoints(&page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::checkpoint))
}

/// Show the key that checkpoints are signed with
///
/// Its public half: keep it elsewhere too.
#[utoipa::path(get, path = "/audit/key", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    responses((status = 200, description = "The public key", body = AuditKey)))]
async fn get_audit_key(ctx: Ctx) -> Reply<Body<AuditKey>> {
    Ok(Body(wire::key(ctx.show_audit_key().await?)))
}
