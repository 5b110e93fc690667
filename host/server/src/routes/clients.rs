//! Clients and their tokens.

use axum::Json as Body;
use grantry_api::clients::{Client, CreateClient, CreateToken, NewToken, Token, UpdateClient};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::{List, ListQuery};
use grantry_engine::{ClientView, TokenRecord};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{PrincipalId, TokenId};
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
use crate::wire::clients as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_client, list_clients))
        .routes(routes!(get_client, update_client, delete_client))
        .routes(routes!(create_token, list_tokens))
        .routes(routes!(revoke_token))
}

/// Create a client
///
/// It holds no permission at first. With a registration it authenticates by access tokens of an
/// issuer, and the answer says how it gets one; without, it needs a token of this installation.
#[utoipa::path(post, path = "/clients", tag = "clients",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(IdempotencyHeader), request_body = CreateClient,
    responses((status = 201, description = "Created", body = Client)))]
async fn create_client(ctx: Ctx, once: Once, body: Json<CreateClient>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let new = wire::read_create(body.value)?;
    let created = |client: &ClientView| answer(StatusCode::CREATED, &wire::client(client));
    Ok(Settled(ctx.create_client(&new, &once.answered(&created)).await?))
}

/// List clients
///
/// In order of creation.
#[utoipa::path(get, path = "/clients", tag = "clients",
    extensions(("x-grantry-action" = json!("client.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of clients", body = List<Client>)))]
async fn list_clients(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Client>>> {
    Ok(list(ctx.list_clients(&page(query.limit, query.cursor)).await?, wire::client))
}

/// Show a client
#[utoipa::path(get, path = "/clients/{client_id}", tag = "clients",
    extensions(("x-grantry-action" = json!("client.read"))),
    params(("client_id" = String, Path, description = "The client's id.")),
    responses((status = 200, description = "The client", body = Client,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_client(ctx: Ctx, Path(id): Path<PrincipalId>) -> Reply<Versioned<Client>> {
    let client = ctx.client(&id).await?;
    Ok(Versioned(client.record.version, wire::client(&client)))
}

/// Change, disable or enable a client
///
/// A disabled client is refused from its next request on, with every token that it has.
#[utoipa::path(patch, path = "/clients/{client_id}", tag = "clients",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(("client_id" = String, Path, description = "The client's id."), IfMatchHeader),
    request_body = UpdateClient,
    responses((status = 200, description = "The client now", body = Client,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_client(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateClient>,
) -> Reply<Versioned<Client>> {
    let client = ctx.update_client(&id, version, &wire::read_change(body.value)).await?;
    Ok(Versioned(client.record.version, wire::client(&client)))
}

/// Remove a client
///
/// Its tokens are refused from the next request on.
#[utoipa::path(delete, path = "/clients/{client_id}", tag = "clients",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(("client_id" = String, Path, description = "The client's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_client(ctx: Ctx, Path(id): Path<PrincipalId>) -> Reply<StatusCode> {
    ctx.delete_client(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a token for a client
///
/// The answer is the only time that its text is told: a repeated request gets the same answer
/// without it.
#[utoipa::path(post, path = "/clients/{client_id}/tokens", tag = "clients",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(("client_id" = String, Path, description = "The client's id."), IdempotencyHeader),
    request_body = CreateToken,
    responses((status = 201, description = "Made", body = NewToken)))]
async fn create_token(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    once: Once,
    body: Json<CreateToken>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let expires = body.value.expires_ms.map(UnixMs);
    let made = |record: &TokenRecord| answer(StatusCode::CREATED, &wire::new_token(record));
    let new = ctx.create_token(&id, expires, &once.answered(&made)).await?;
    Ok(Settled(wire::with_text(new)))
}

/// List a client's tokens
///
/// Without their texts.
#[utoipa::path(get, path = "/clients/{client_id}/tokens", tag = "clients",
    extensions(("x-grantry-action" = json!("client.read"))),
    params(("client_id" = String, Path, description = "The client's id."), ListQuery),
    responses((status = 200, description = "A page of them", body = List<Token>)))]
async fn list_tokens(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<Token>>> {
    let query = page(query.limit, query.cursor);
    Ok(list(ctx.list_tokens(&id, &query).await?, wire::token))
}

/// Revoke a token
///
/// It is refused from the next request on.
#[utoipa::path(delete, path = "/clients/{client_id}/tokens/{token_id}", tag = "clients",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(("client_id" = String, Path, description = "The client's id."),
        ("token_id" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "Revoked")))]
async fn revoke_token(
    ctx: Ctx,
    Path((client, token)): Path<(PrincipalId, TokenId)>,
) -> Reply<StatusCode> {
    ctx.revoke_token(&client, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
