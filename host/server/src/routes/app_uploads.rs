//! Uploads of an app's members (CAT-10).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::ListQuery;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::uploads::{ApplyUpload, ChangeQuery, ListChange, Upload};
use grantry_model::ids::{AppId, UploadId};
use grantry_model::permission::Entity;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::uploads;
use crate::body::Json;
use crate::context::Ctx;
use crate::csv::{self, CsvBody, CsvFile};
use crate::headers::Once;
use crate::path::Path;
use crate::query::Query;
use crate::reply::{Reply, Settled};
use crate::state::Server;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(upload_members, list_members_uploads))
        .routes(routes!(get_members_upload, discard_members_upload))
        .routes(routes!(preview_members_upload))
        .routes(routes!(list_members_upload_changes))
        .routes(routes!(apply_members_upload))
        .routes(routes!(undo_members_upload))
        .routes(routes!(get_members_template))
        .routes(routes!(export_members))
        .routes(routes!(get_list_template))
        .routes(routes!(export_list))
}

/// Upload an app's members
///
/// The file is read as it comes, compared with the list, and waits for a day to be applied; the
/// list stays as it is. docs/csv.md tells the columns. Lines that are wrong refuse the whole file.
#[utoipa::path(post, path = "/apps/{app_id}/uploads", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."), IdempotencyHeader),
    request_body(content = String, content_type = "text/csv", description = "At most 100 MiB."),
    responses((status = 201, description = "Ready to be applied", body = Upload)))]
async fn upload_members(
    ctx: Ctx,
    Path(id): Path<AppId>,
    once: Once,
    body: CsvBody,
) -> Reply<Settled> {
    uploads::receive(&ctx, &Entity::App(id), once, body).await
}

/// List uploads of an app's members
///
/// Newest first; those whose time is over are gone.
#[utoipa::path(get, path = "/apps/{app_id}/uploads", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."), ListQuery),
    responses((status = 200, description = "A page of uploads", body = List<Upload>)))]
async fn list_members_uploads(
    ctx: Ctx,
    Path(id): Path<AppId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Upload>>> {
    uploads::list_all(&ctx, &Entity::App(id), query).await
}

/// Show an upload of an app's members
#[utoipa::path(get, path = "/apps/{app_id}/uploads/{upload_id}", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("upload_id" = String, Path, description = "The upload's id.")),
    responses((status = 200, description = "The upload", body = Upload)))]
async fn get_members_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(AppId, UploadId)>,
) -> Reply<Body<Upload>> {
    uploads::show(&ctx, &Entity::App(id), &upload).await
}

/// Discard an upload of an app's members
#[utoipa::path(delete, path = "/apps/{app_id}/uploads/{upload_id}", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("upload_id" = String, Path, description = "The upload's id.")),
    responses((status = 204, description = "Given up")))]
async fn discard_members_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(AppId, UploadId)>,
) -> Reply<StatusCode> {
    ctx.discard_upload(&Entity::App(id), &upload).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compare an upload of an app's members again
///
/// After the list has changed: the diff gets another hash.
#[utoipa::path(post, path = "/apps/{app_id}/uploads/{upload_id}/preview", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("upload_id" = String, Path, description = "The upload's id.")),
    responses((status = 200, description = "With its diff as it is now", body = Upload)))]
async fn preview_members_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(AppId, UploadId)>,
) -> Reply<Body<Upload>> {
    uploads::preview(&ctx, &Entity::App(id), &upload).await
}

/// List what an upload of an app's members would change
#[utoipa::path(get, path = "/apps/{app_id}/uploads/{upload_id}/changes", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("upload_id" = String, Path, description = "The upload's id."), ChangeQuery),
    responses((status = 200, description = "A page of people", body = List<ListChange>)))]
async fn list_members_upload_changes(
    ctx: Ctx,
    Path((id, upload)): Path<(AppId, UploadId)>,
    Query(query): Query<ChangeQuery>,
) -> Reply<Body<List<ListChange>>> {
    uploads::changes(&ctx, &Entity::App(id), &upload, query).await
}

/// Apply an upload of an app's members
///
/// By the hash of the diff that you saw: all of it in one transaction, or nothing.
#[utoipa::path(post, path = "/apps/{app_id}/uploads/{upload_id}/apply", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("upload_id" = String, Path, description = "The upload's id."), IdempotencyHeader),
    request_body = ApplyUpload,
    responses((status = 200, description = "Applied, or was so already", body = Upload)))]
async fn apply_members_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(AppId, UploadId)>,
    once: Once,
    body: Json<ApplyUpload>,
) -> Reply<Settled> {
    uploads::apply(&ctx, &Entity::App(id), &upload, once, body).await
}

/// Undo what an upload of entitlements removed
///
/// Within a week after it was applied. What it added or changed stays.
#[utoipa::path(post, path = "/apps/{app_id}/uploads/{upload_id}/undo", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("upload_id" = String, Path, description = "The upload's id."), IdempotencyHeader),
    responses((status = 200, description = "Undone, or was so already", body = Upload)))]
async fn undo_members_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(AppId, UploadId)>,
    once: Once,
) -> Reply<Settled> {
    uploads::undo(&ctx, &Entity::App(id), &upload, once).await
}

/// Download the template for an app's members
///
/// The columns of the file that was applied last, or the usual ones.
#[utoipa::path(get, path = "/apps/{app_id}/members/template", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    responses((status = 200, description = "One line", body = String,
        content_type = "text/csv")))]
async fn get_members_template(ctx: Ctx, Path(id): Path<AppId>) -> Reply<CsvFile> {
    csv::template(&ctx, &Entity::App(id), "members").await
}

/// Export an app's members
///
/// As they are now, in the columns of the file that was applied last. A cell that a spreadsheet
/// would run has a `'` in front.
#[utoipa::path(get, path = "/apps/{app_id}/members/export", tag = "uploads",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    responses((status = 200, description = "The list", body = String,
        content_type = "text/csv")))]
async fn export_members(ctx: Ctx, Path(id): Path<AppId>) -> Reply<CsvFile> {
    csv::export(ctx, Entity::App(id), "members").await
}

/// Download the template for an app's list
///
/// Of members or of entitlements: the columns of the file that was applied last, or the usual ones.
#[utoipa::path(get, path = "/apps/{app_id}/list/template", tag = "uploads",
    extensions(("x-grantry-action" = json!("csv_app_user_upload"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    responses((status = 200, description = "One line", body = String,
        content_type = "text/csv")))]
async fn get_list_template(ctx: Ctx, Path(id): Path<AppId>) -> Reply<CsvFile> {
    csv::template(&ctx, &Entity::App(id), "list").await
}

/// Export an app's list
///
/// Of members or of entitlements, as it is now, in the columns of the file that was applied last. A
/// cell that a spreadsheet would run has a `'` in front.
#[utoipa::path(get, path = "/apps/{app_id}/list/export", tag = "uploads",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    responses((status = 200, description = "The list", body = String,
        content_type = "text/csv")))]
async fn export_list(ctx: Ctx, Path(id): Path<AppId>) -> Reply<CsvFile> {
    csv::export(ctx, Entity::App(id), "list").await
}
