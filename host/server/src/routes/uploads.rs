//! What both kinds of uploads share: `app_uploads` and `data_source_uploads` have the routes.

use axum::Json as Body;
use grantry_api::uploads::{ApplyUpload, ChangeQuery, ListChange, Upload};
use grantry_api::{List, ListQuery};
use grantry_engine::{Answer, PageQuery, Upload as Stored};
use grantry_model::ids::UploadId;
use grantry_model::permission::Entity;
use http::StatusCode;

use crate::body::Json;
use crate::context::Ctx;
use crate::csv::CsvBody;
use crate::headers::Once;
use crate::query::page;
use crate::reply::{Reply, Settled, answer, list};
use crate::wire::uploads as wire;

fn received(upload: &Stored) -> Answer {
    answer(StatusCode::CREATED, &wire::upload(upload))
}

fn applied(upload: &Stored) -> Answer {
    answer(StatusCode::OK, &wire::upload(upload))
}

/// The request's key is claimed after the body, whose digest tells one request from another.
pub(super) async fn receive(
    ctx: &Ctx,
    entity: &Entity,
    once: Once,
    body: CsvBody,
) -> Reply<Settled> {
    let intake = ctx.receive_upload(entity).await?;
    let file = body.pour(intake).await?;
    let once = once.with_digest(file.digest());
    Ok(Settled(ctx.finish_upload(&file, &once.answered(&received)).await?))
}

pub(super) async fn list_all(
    ctx: &Ctx,
    entity: &Entity,
    query: ListQuery,
) -> Reply<Body<List<Upload>>> {
    let wanted = page(query.limit, query.cursor);
    Ok(list(ctx.list_uploads(entity, &wanted).await?, wire::upload))
}

pub(super) async fn show(ctx: &Ctx, entity: &Entity, id: &UploadId) -> Reply<Body<Upload>> {
    Ok(Body(wire::upload(&ctx.upload(entity, id).await?)))
}

pub(super) async fn preview(ctx: &Ctx, entity: &Entity, id: &UploadId) -> Reply<Body<Upload>> {
    Ok(Body(wire::upload(&ctx.preview_upload(entity, id).await?)))
}

pub(super) async fn changes(
    ctx: &Ctx,
    entity: &Entity,
    id: &UploadId,
    query: ChangeQuery,
) -> Reply<Body<List<ListChange>>> {
    let kind = wire::read_kind(query.kind).to_owned();
    let wanted = PageQuery { kind, ..page(query.limit, query.cursor) };
    Ok(list(ctx.list_upload_changes(entity, id, &wanted).await?, wire::change))
}

pub(super) async fn apply(
    ctx: &Ctx,
    entity: &Entity,
    id: &UploadId,
    once: Once,
    body: Json<ApplyUpload>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let ApplyUpload { diff, approve_diff } = body.value;
    let named = (&*diff, approve_diff.as_deref());
    Ok(Settled(ctx.apply_upload(entity, id, named, &once.answered(&applied)).await?))
}

pub(super) async fn undo(ctx: &Ctx, entity: &Entity, id: &UploadId, once: Once) -> Reply<Settled> {
    Ok(Settled(ctx.undo_upload(entity, id, &once.answered(&applied)).await?))
}
