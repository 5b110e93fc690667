//! The caller, and a person's own sessions and tokens.

use axum::Json as Body;
use axum::extract::State;
use grantry_api::data_sources::Identity;
use grantry_api::headers::IdempotencyHeader;
use grantry_api::me::{
    ClaimAccount, CreateOwnToken, Me, NewOwnToken, OwnAccount, OwnAccountQuery, OwnToken, UpdateMe,
};
use grantry_api::resources::OwnResource;
use grantry_api::sign_in::Session;
use grantry_api::{List, ListQuery};
use grantry_engine::TokenRecord;
use grantry_model::ids::{AccountId, SessionId, TokenId};
use http::{HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::Once;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, answer, list};
use crate::state::Server;
use crate::wire::{data_sources, me as wire, resources, sign_in};

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_me, update_me))
        .routes(routes!(list_own_identities))
        .routes(routes!(list_own_resources))
        .routes(routes!(list_own_accounts))
        .routes(routes!(claim_account, give_up_account))
        .routes(routes!(create_own_token, list_own_tokens))
        .routes(routes!(revoke_own_token))
        .routes(routes!(list_own_sessions, sign_out_everywhere))
        .routes(routes!(end_own_session))
        .routes(routes!(sign_out))
}

/// Show who calls
#[utoipa::path(get, path = "/me", tag = "me",
    extensions(("x-grantry-action" = json!("none"))),
    responses((status = 200, description = "The caller", body = Me)))]
async fn get_me(ctx: Ctx) -> Reply<Body<Me>> {
    Ok(Body(wire::me(&ctx).await?))
}

/// Change your own account
///
/// People only, and not with a scoped token.
#[utoipa::path(patch, path = "/me", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    request_body = UpdateMe,
    responses((status = 200, description = "The caller", body = Me)))]
async fn update_me(ctx: Ctx, body: Json<UpdateMe>) -> Reply<Body<Me>> {
    if let Some(mail) = &body.value.mail {
        ctx.set_own_mail(mail.as_deref()).await?;
    }
    Ok(Body(wire::me(&ctx).await?))
}

/// List the identities that you are
///
/// At most one of each data source that is tied to the issuer that you sign in by.
#[utoipa::path(get, path = "/me/identities", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    responses((status = 200, description = "All of them", body = List<Identity>)))]
async fn list_own_identities(ctx: Ctx) -> Reply<Body<List<Identity>>> {
    let items = ctx.own_identities().await?.iter().map(data_sources::identity).collect();
    Ok(Body(List { items, next: None }))
}

/// List the resources that you own or maintain
#[utoipa::path(get, path = "/me/resources", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    responses((status = 200, description = "All of them", body = List<OwnResource>)))]
async fn list_own_resources(ctx: Ctx) -> Reply<Body<List<OwnResource>>> {
    let items = ctx.own_resources().await?.iter().map(resources::own_resource).collect();
    Ok(Body(List { items, next: None }))
}

/// List your accounts
///
/// Those of the identities that you are, in every integration; with `claimable=true` nobody's accounts
/// that could be yours.
#[utoipa::path(get, path = "/me/accounts", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(OwnAccountQuery),
    responses((status = 200, description = "A page of them", body = List<OwnAccount>)))]
async fn list_own_accounts(
    ctx: Ctx,
    Query(query): Query<OwnAccountQuery>,
) -> Reply<Body<List<OwnAccount>>> {
    let wanted = page(query.limit, query.cursor);
    let found = match query.claimable {
        Some(true) => ctx.list_claimable_accounts(&wanted).await?,
        _ => ctx.list_own_accounts(&wanted).await?,
    };
    Ok(list(found, wire::own_account))
}

/// Claim an account
///
/// Leaves an account that was given up to the rules again, if its integration lets people do so and the
/// rules find you and nobody else for it. If they find others too, the claim waits for the integration's
/// owner. The body may be left out.
#[utoipa::path(put, path = "/me/accounts/{account_id}", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(("account_id" = String, Path, description = "The account's id.")),
    request_body = Option<ClaimAccount>,
    responses((status = 200, description = "Yours, or waiting", body = OwnAccount)))]
async fn claim_account(
    ctx: Ctx,
    Path(id): Path<AccountId>,
    body: Option<Json<ClaimAccount>>,
) -> Reply<Body<OwnAccount>> {
    let identity = wire::read_claim(body.map(|body| body.value).unwrap_or_default())?;
    Ok(Body(wire::own_account(&ctx.claim_account(&id, identity.as_ref()).await?)))
}

/// Give an account up
///
/// It is nobody's from now on, also for the rules. A claim that waits is taken back.
#[utoipa::path(delete, path = "/me/accounts/{account_id}", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(("account_id" = String, Path, description = "The account's id.")),
    responses((status = 200, description = "Nobody's", body = OwnAccount)))]
async fn give_up_account(ctx: Ctx, Path(id): Path<AccountId>) -> Reply<Body<OwnAccount>> {
    Ok(Body(wire::own_account(&ctx.give_up_account(&id).await?)))
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

/// List your own sessions
#[utoipa::path(get, path = "/me/sessions", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(ListQuery),
    responses((status = 200, description = "A page of them", body = List<Session>)))]
async fn list_own_sessions(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Session>>> {
    let query = page(query.limit, query.cursor);
    Ok(list(ctx.list_own_sessions(&query).await?, sign_in::session))
}

type SignedOut = (StatusCode, [(header::HeaderName, HeaderValue); 1]);

fn signed_out(server: &Server) -> SignedOut {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, server.0.cookies.clear_session())])
}

/// Sign out everywhere
///
/// Ends all your sessions. API tokens stay.
#[utoipa::path(delete, path = "/me/sessions", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    responses((status = 204, description = "All ended")))]
async fn sign_out_everywhere(State(server): State<Server>, ctx: Ctx) -> Reply<SignedOut> {
    ctx.end_own_sessions().await?;
    Ok(signed_out(&server))
}

/// End a session of your own
#[utoipa::path(delete, path = "/me/sessions/{own_session_id}", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    params(("own_session_id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "Ended")))]
async fn end_own_session(ctx: Ctx, Path(id): Path<SessionId>) -> Reply<StatusCode> {
    ctx.end_own_session(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out
///
/// Ends the session that the request came with; without one there is nothing to end.
#[utoipa::path(delete, path = "/me/session", tag = "me",
    extensions(("x-grantry-action" = json!("own"))),
    responses((status = 204, description = "Ended")))]
async fn sign_out(State(server): State<Server>, ctx: Ctx) -> Reply<SignedOut> {
    ctx.sign_out().await?;
    Ok(signed_out(&server))
}
