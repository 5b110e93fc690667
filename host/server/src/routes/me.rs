//! The caller, and a person's own tokens.

use axum::Json as Body;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::me::{CreateOwnToken, Me, NewOwnToken, OwnToken};
use grantry_api::{List, ListQuery};
use grantry_engine::TokenRecord;
use grantry_model::ids::TokenId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::Once;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, answer, list};
use crate::state::Server;
use crate::wire::me as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_me))
        .routes(routes!(create_own_token, list_own_tokens))
        .routes(routes!(revoke_own_token))
}

/// Show who calls
#[utoipa::path(get, path = "/me", tag = "me",
    extensions(("x-grantry-action" = json!("none"))),
    responses((status = 200, description = "The caller", body = Me)))]
async fn get_me(ctx: Ctx) -> Reply<Body<Me>> {
    Ok(Body(wire::me(&ctx.actor)))
}

/// Make an API token of your own
///
/// It holds what its scope names and you hold when it is used. The answer is the only time that its
/// text is told. People only, and not with a scoped token.
#[utoipa::path(post, path = "/me/tokens", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(IdempotencyHeader), request_body = CreateOwnToken,
    responses((status = 201, description = "Made", body = NewOwnToken)))]
async fn create_own_token(ctx: Ctx, once: Once, body: Json<CreateOwnToken>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let new = wire::read_token(body.value)?;
    let made = |record: &TokenRecord| answer(StatusCode::CREATED, &wire::new_token(record));
    let new = ctx.create_own_token(&new, &once.answered(&made)).await?;
    Ok(Settled(wire::with_text(new)))
}

/// List your own API tokens
///
/// Without their texts.
#[utoipa::path(get, path = "/me/tokens", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(ListQuery),
    responses((status = 200, description = "A page of them", body = List<OwnToken>)))]
async fn list_own_tokens(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<OwnToken>>> {
    Ok(list(ctx.list_own_tokens(&page(query.limit, query.cursor)).await?, wire::token))
}

/// Revoke an API token of your own
///
/// It is refused from the next request on.
#[utoipa::path(delete, path = "/me/tokens/{own_token_id}", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(("own_token_id" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "Revoked")))]
async fn revoke_own_token(ctx: Ctx, Path(id): Path<TokenId>) -> Reply<StatusCode> {
    ctx.revoke_own_token(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
