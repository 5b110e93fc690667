//! Uploads of a data source's users (CAT-10).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::ListQuery;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::uploads::{ApplyUpload, ChangeQuery, ListChange, Upload};
use grantry_model::ids::{DataSourceId, UploadId};
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
        .routes(routes!(upload_users, list_users_uploads))
        .routes(routes!(get_users_upload, discard_users_upload))
        .routes(routes!(preview_users_upload))
        .routes(routes!(list_users_upload_changes))
        .routes(routes!(apply_users_upload))
        .routes(routes!(get_users_template))
        .routes(routes!(export_users))
}

/// Upload a data source's users
///
/// The file is read as it comes, compared with the list, and waits for a day to be applied; the
/// list stays as it is. docs/csv.md tells the columns. Lines that are wrong refuse the whole file.
#[utoipa::path(post, path = "/data-sources/{data_source_id}/uploads", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."), IdempotencyHeader),
    request_body(content = String, content_type = "text/csv", description = "At most 100 MiB."),
    responses((status = 201, description = "Ready to be applied", body = Upload)))]
async fn upload_users(
    ctx: Ctx,
    Path(id): Path<DataSourceId>,
    once: Once,
    body: CsvBody,
) -> Reply<Settled> {
    uploads::receive(&ctx, &Entity::DataSource(id), once, body).await
}

/// List uploads of a data source's users
///
/// Newest first; those whose time is over are gone.
#[utoipa::path(get, path = "/data-sources/{data_source_id}/uploads", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."), ListQuery),
    responses((status = 200, description = "A page of uploads", body = List<Upload>)))]
async fn list_users_uploads(
    ctx: Ctx,
    Path(id): Path<DataSourceId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Upload>>> {
    uploads::list_all(&ctx, &Entity::DataSource(id), query).await
}

/// Show an upload of a data source's users
#[utoipa::path(get, path = "/data-sources/{data_source_id}/uploads/{upload_id}", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("upload_id" = String, Path, description = "The upload's id.")),
    responses((status = 200, description = "The upload", body = Upload)))]
async fn get_users_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(DataSourceId, UploadId)>,
) -> Reply<Body<Upload>> {
    uploads::show(&ctx, &Entity::DataSource(id), &upload).await
}

/// Discard an upload of a data source's users
#[utoipa::path(delete, path = "/data-sources/{data_source_id}/uploads/{upload_id}", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("upload_id" = String, Path, description = "The upload's id.")),
    responses((status = 204, description = "Given up")))]
async fn discard_users_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(DataSourceId, UploadId)>,
) -> Reply<StatusCode> {
    ctx.discard_upload(&Entity::DataSource(id), &upload).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compare an upload of a data source's users again
///
/// After the list has changed: the diff gets another hash.
#[utoipa::path(post, path = "/data-sources/{data_source_id}/uploads/{upload_id}/preview", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("upload_id" = String, Path, description = "The upload's id.")),
    responses((status = 200, description = "With its diff as it is now", body = Upload)))]
async fn preview_users_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(DataSourceId, UploadId)>,
) -> Reply<Body<Upload>> {
    uploads::preview(&ctx, &Entity::DataSource(id), &upload).await
}

/// List what an upload of a data source's users would change
#[utoipa::path(get, path = "/data-sources/{data_source_id}/uploads/{upload_id}/changes", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("upload_id" = String, Path, description = "The upload's id."), ChangeQuery),
    responses((status = 200, description = "A page of people", body = List<ListChange>)))]
async fn list_users_upload_changes(
    ctx: Ctx,
    Path((id, upload)): Path<(DataSourceId, UploadId)>,
    Query(query): Query<ChangeQuery>,
) -> Reply<Body<List<ListChange>>> {
    uploads::changes(&ctx, &Entity::DataSource(id), &upload, query).await
}

/// Apply an upload of a data source's users
///
/// By the hash of the diff that you saw: all of it in one transaction, or nothing.
#[utoipa::path(post, path = "/data-sources/{data_source_id}/uploads/{upload_id}/apply", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("upload_id" = String, Path, description = "The upload's id."), IdempotencyHeader),
    request_body = ApplyUpload,
    responses((status = 200, description = "Applied, or was so already", body = Upload)))]
async fn apply_users_upload(
    ctx: Ctx,
    Path((id, upload)): Path<(DataSourceId, UploadId)>,
    once: Once,
    body: Json<ApplyUpload>,
) -> Reply<Settled> {
    uploads::apply(&ctx, &Entity::DataSource(id), &upload, once, body).await
}

/// Download the template for a data source's users
///
/// The columns of the file that was applied last, or the usual ones.
#[utoipa::path(get, path = "/data-sources/{data_source_id}/users/template", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_users_update"))),
    params(("data_source_id" = String, Path, description = "The data source's id.")),
    responses((status = 200, description = "One line", body = String,
        content_type = "text/csv")))]
async fn get_users_template(ctx: Ctx, Path(id): Path<DataSourceId>) -> Reply<CsvFile> {
    csv::template(&ctx, &Entity::DataSource(id), "users").await
}

/// Export a data source's users
///
/// As they are now, in the columns of the file that was applied last. A cell that a spreadsheet
/// would run has a `'` in front.
#[utoipa::path(get, path = "/data-sources/{data_source_id}/users/export", tag = "uploads",
    extensions(("x-grantry-action" = json!("data_source_read"))),
    params(("data_source_id" = String, Path, description = "The data source's id.")),
    responses((status = 200, description = "The list", body = String,
        content_type = "text/csv")))]
async fn export_users(ctx: Ctx, Path(id): Path<DataSourceId>) -> Reply<CsvFile> {
    csv::export(ctx, Entity::DataSource(id), "users").await
}
