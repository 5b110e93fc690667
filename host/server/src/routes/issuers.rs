//! Issuers: who is trusted to say who somebody is.

use axum::Json as Body;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::issuers::{
    ApplicationQuery, Applications, CreateIssuer, Issuer, IssuerCheck, UpdateIssuer,
};
use grantry_api::{List, ListQuery};
use grantry_model::ids::IssuerId;
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
use crate::wire::issuers as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_issuer, list_issuers))
        .routes(routes!(get_issuer, update_issuer, delete_issuer))
        .routes(routes!(check_issuer))
        .routes(routes!(search_applications))
}

/// Trust an issuer
///
/// Microsoft Entra ID, or any other with an OpenID Connect discovery document. It is asked for that
/// and for its keys before it is saved, over TLS and at the given URL only.
#[utoipa::path(post, path = "/issuers", tag = "issuers",
    extensions(("x-grantry-action" = json!("issuer.write"))),
    params(IdempotencyHeader), request_body = CreateIssuer,
    responses((status = 201, description = "Trusted", body = Issuer)))]
async fn create_issuer(ctx: Ctx, once: Once, body: Json<CreateIssuer>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_create(body.value)?;
    let created =
        |issuer: &grantry_engine::Issuer| answer(StatusCode::CREATED, &wire::issuer(issuer));
    Ok(Settled(ctx.create_issuer(&input, &once.answered(&created)).await?))
}

/// List issuers
///
/// In order of creation.
#[utoipa::path(get, path = "/issuers", tag = "issuers",
    extensions(("x-grantry-action" = json!("issuer.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of issuers", body = List<Issuer>)))]
async fn list_issuers(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Issuer>>> {
    Ok(list(ctx.list_issuers(&page(query.limit, query.cursor)).await?, wire::issuer))
}

/// Show an issuer
#[utoipa::path(get, path = "/issuers/{issuer_id}", tag = "issuers",
    extensions(("x-grantry-action" = json!("issuer.read"))),
    params(("issuer_id" = String, Path, description = "The issuer's id.")),
    responses((status = 200, description = "The issuer", body = Issuer,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_issuer(ctx: Ctx, Path(id): Path<IssuerId>) -> Reply<Versioned<Issuer>> {
    let issuer = ctx.issuer(&id).await?;
    Ok(Versioned(issuer.version, wire::issuer(&issuer)))
}

/// Change what is trusted of an issuer
#[utoipa::path(patch, path = "/issuers/{issuer_id}", tag = "issuers",
    extensions(("x-grantry-action" = json!("issuer.write"))),
    params(("issuer_id" = String, Path, description = "The issuer's id."), IfMatchHeader),
    request_body = UpdateIssuer,
    responses((status = 200, description = "The issuer now", body = Issuer,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_issuer(
    ctx: Ctx,
    Path(id): Path<IssuerId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateIssuer>,
) -> Reply<Versioned<Issuer>> {
    let change = wire::read_update(body.value)?;
    let issuer = ctx.update_issuer(&id, version, &change).await?;
    Ok(Versioned(issuer.version, wire::issuer(&issuer)))
}

/// Stop trusting an issuer
///
/// Refused while people or clients come from it.
#[utoipa::path(delete, path = "/issuers/{issuer_id}", tag = "issuers",
    extensions(("x-grantry-action" = json!("issuer.write"))),
    params(("issuer_id" = String, Path, description = "The issuer's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_issuer(ctx: Ctx, Path(id): Path<IssuerId>) -> Reply<StatusCode> {
    ctx.delete_issuer(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask an issuer what it says now
///
/// Nothing is stored.
#[utoipa::path(post, path = "/issuers/{issuer_id}/check", tag = "issuers",
    extensions(("x-grantry-action" = json!("issuer.write"))),
    params(("issuer_id" = String, Path, description = "The issuer's id.")),
    responses((status = 200, description = "What it says", body = IssuerCheck)))]
async fn check_issuer(ctx: Ctx, Path(id): Path<IssuerId>) -> Reply<Body<IssuerCheck>> {
    Ok(Body(wire::check(ctx.check_issuer(&id).await?)))
}

/// Search the applications of an issuer's directory
///
/// For the registration of a client: with Entra ID, by Grantry's own registration, to which an
/// administrator of the tenant has consented (`consent_missing` says to what). Nothing is stored.
#[utoipa::path(get, path = "/issuers/{issuer_id}/applications", tag = "issuers",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(("issuer_id" = String, Path, description = "The issuer's id."), ApplicationQuery),
    responses((status = 200, description = "What was found", body = Applications)))]
async fn search_applications(
    ctx: Ctx,
    Path(id): Path<IssuerId>,
    Query(query): Query<ApplicationQuery>,
) -> Reply<Body<Applications>> {
    Ok(Body(wire::applications(ctx.search_applications(&id, &query.search).await?)))
}
