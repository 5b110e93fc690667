//! Receivers of the audit log.

use axum::Json as Body;
use grantry_api::audit_sinks::{
    AuditSink, CreateAuditSink, NewAuditSink, NewSigningKey, UpdateAuditSink,
};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::{List, ListQuery};
use grantry_engine::Sink;
use grantry_model::clock::UnixMs;
use grantry_model::ids::SinkId;
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
use crate::wire::audit_sinks as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_audit_sink, list_audit_sinks))
        .routes(routes!(get_audit_sink, update_audit_sink, delete_audit_sink))
        .routes(routes!(rotate_audit_sink_key))
}

fn versioned(sink: &Sink) -> Versioned<AuditSink> {
    Versioned(sink.version, wire::sink(sink))
}

/// Create a receiver of the audit log
///
/// It gets every row after this moment, in order and at least once. Addresses are checked now and
/// again with every delivery. The answer is the only time that a webhook's signing key is told.
#[utoipa::path(post, path = "/audit/sinks", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.write"))),
    params(IdempotencyHeader), request_body = CreateAuditSink,
    responses((status = 201, description = "Created", body = NewAuditSink)))]
async fn create_audit_sink(ctx: Ctx, once: Once, body: Json<CreateAuditSink>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let created = |sink: &Sink| answer(StatusCode::CREATED, &wire::new_sink(sink));
    let input = wire::read_create(body.value);
    let new = ctx.create_sink(&input, &once.answered(&created)).await?;
    Ok(Settled(wire::with_key::<NewAuditSink>(new, |sink| &mut sink.signing_key)))
}

/// List receivers of the audit log
///
/// With how far each has got, and why it does not get on.
#[utoipa::path(get, path = "/audit/sinks", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of receivers", body = List<AuditSink>)))]
async fn list_audit_sinks(
    ctx: Ctx,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<AuditSink>>> {
    Ok(list(ctx.list_sinks(&page(query.limit, query.cursor)).await?, wire::sink))
}

/// Show a receiver of the audit log
#[utoipa::path(get, path = "/audit/sinks/{sink_id}", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.read"))),
    params(("sink_id" = String, Path, description = "The receiver's id.")),
    responses((status = 200, description = "The receiver", body = AuditSink,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_audit_sink(ctx: Ctx, Path(id): Path<SinkId>) -> Reply<Versioned<AuditSink>> {
    Ok(versioned(&ctx.sink(&id).await?))
}

/// Change a receiver of the audit log
///
/// It goes on where it stopped. A disabled one is tried again at once when it is enabled.
#[utoipa::path(patch, path = "/audit/sinks/{sink_id}", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.write"))),
    params(("sink_id" = String, Path, description = "The receiver's id."), IfMatchHeader),
    request_body = UpdateAuditSink,
    responses((status = 200, description = "Changed", body = AuditSink,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_audit_sink(
    ctx: Ctx,
    Path(id): Path<SinkId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateAuditSink>,
) -> Reply<Versioned<AuditSink>> {
    let change = wire::read_update(body.value);
    Ok(versioned(&ctx.update_sink(&id, version, &change).await?))
}

/// Remove a receiver of the audit log
///
/// What it has not got is not sent to it.
#[utoipa::path(delete, path = "/audit/sinks/{sink_id}", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.write"))),
    params(("sink_id" = String, Path, description = "The receiver's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_audit_sink(ctx: Ctx, Path(id): Path<SinkId>) -> Reply<StatusCode> {
    ctx.delete_sink(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new signing key for a receiver of the audit log
///
/// Webhooks are signed with both keys for a day. The answer is the only time that the key is told.
#[utoipa::path(post, path = "/audit/sinks/{sink_id}/rotate-key", tag = "audit",
    extensions(("x-grantry-action" = json!("audit.write"))),
    params(("sink_id" = String, Path, description = "The receiver's id."), IdempotencyHeader),
    responses((status = 200, description = "Made", body = NewSigningKey)))]
async fn rotate_audit_sink_key(ctx: Ctx, Path(id): Path<SinkId>, once: Once) -> Reply<Settled> {
    let once = once.with(&[]);
    let made = |ends: &UnixMs| answer(StatusCode::OK, &wire::new_key(*ends));
    let new = ctx.rotate_sink_key(&id, &once.answered(&made)).await?;
    Ok(Settled(wire::with_key::<NewSigningKey>(new, |key| &mut key.signing_key)))
}
