//! The words of notices.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::templates::{NoticeKind, Template, Words};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::path::Path;
use crate::reply::Reply;
use crate::state::Server;
use crate::wire::templates as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_templates))
        .routes(routes!(set_template, reset_template))
        .routes(routes!(preview_template))
}

/// List the words of notices
///
/// One for every kind of notice, with the fields that it can name.
#[utoipa::path(get, path = "/notifications/templates", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.read"))),
    responses((status = 200, description = "All of them", body = List<Template>)))]
async fn list_templates(ctx: Ctx) -> Reply<Body<List<Template>>> {
    let items = ctx.list_templates().await?.iter().map(wire::template).collect();
    Ok(Body(List { items, next: None }))
}

/// Write the words for a kind of notice
#[utoipa::path(put, path = "/notifications/templates/{notice_kind}", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("notice_kind" = NoticeKind, Path, description = "The kind of notice.")),
    request_body = Words,
    responses((status = 200, description = "Written", body = Template)))]
async fn set_template(
    ctx: Ctx,
    Path(kind): Path<NoticeKind>,
    body: Json<Words>,
) -> Reply<Body<Template>> {
    let words = wire::read_words(body.value);
    Ok(Body(wire::template(&ctx.set_template(wire::read_kind(kind), &words).await?)))
}

/// Go back to the default words for a kind of notice
#[utoipa::path(delete, path = "/notifications/templates/{notice_kind}", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("notice_kind" = NoticeKind, Path, description = "The kind of notice.")),
    responses((status = 200, description = "The default words", body = Template)))]
async fn reset_template(ctx: Ctx, Path(kind): Path<NoticeKind>) -> Reply<Body<Template>> {
    Ok(Body(wire::template(&ctx.reset_template(wire::read_kind(kind)).await?)))
}

/// Preview words with example values
///
/// Nothing is stored or sent.
#[utoipa::path(post, path = "/notifications/templates/{notice_kind}/preview",
    tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.read"))),
    params(("notice_kind" = NoticeKind, Path, description = "The kind of notice.")),
    request_body = Words,
    responses((status = 200, description = "The message", body = Words)))]
async fn preview_template(
    ctx: Ctx,
    Path(kind): Path<NoticeKind>,
    body: Json<Words>,
) -> Reply<Body<Words>> {
    let words = wire::read_words(body.value);
    Ok(Body(wire::words(ctx.preview_template(wire::read_kind(kind), &words).await?)))
}
