//! Whose accounts are of apps that lists feed (INT-13, CAT-10): as of integrations.

use axum::Json as Body;
use grantry_api::headers::IfMatchHeader;
use grantry_api::mappings::{
    AccountMapping, ApplyMappingQuery, MappingOutcome, MappingRules, PreviewMapping, SetMapping,
    SetMappingRules,
};
use grantry_engine::CatalogueSource;
use grantry_model::ids::{AccountId, AppId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::mappings;
use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::query::Query;
use crate::reply::{Reply, Versioned};
use crate::state::Server;
use crate::wire::mappings::{outcome, read_identity, read_rules, rules};

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_app_mapping_rules, set_app_mapping_rules))
        .routes(routes!(preview_app_mapping))
        .routes(routes!(apply_app_mapping))
        .routes(routes!(get_app_mapping, set_app_mapping, release_app_mapping))
}

/// Show an app's mapping rules
///
/// By which its accounts are mapped to identities. Of an app that lists feed: those of all others are
/// their integration's.
#[utoipa::path(get, path = "/apps/{app_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    responses((status = 200, description = "The rules", body = MappingRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn get_app_mapping_rules(ctx: Ctx, Path(id): Path<AppId>) -> Reply<Versioned<MappingRules>> {
    let (found, version) = ctx.mapping_rules(&CatalogueSource::List(id)).await?;
    Ok(Versioned(version, rules(&found, version)))
}

/// Change an app's mapping rules
///
/// All of them are replaced, and the new ones are applied at once: preview them first. What people
/// said by hand stays.
#[utoipa::path(put, path = "/apps/{app_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("app_id" = String, Path, description = "The app's id."), IfMatchHeader),
    request_body = SetMappingRules,
    responses((status = 200, description = "Changed and applied", body = MappingRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn set_app_mapping_rules(
    ctx: Ctx,
    Path(id): Path<AppId>,
    IfMatch(version): IfMatch,
    body: Json<SetMappingRules>,
) -> Reply<Versioned<MappingRules>> {
    let new = read_rules(body.value.rules)?;
    let of = CatalogueSource::List(id);
    let (new, version, _) = ctx.update_mapping_rules(&of, version, &new).await?;
    Ok(Versioned(version, rules(&new, version)))
}

/// Preview an app's mapping
///
/// What the app's rules, or those of the request, would change now. Nothing is changed.
#[utoipa::path(post, path = "/apps/{app_id}/mapping/preview", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("app_id" = String, Path, description = "The app's id.")),
    request_body = PreviewMapping,
    responses((status = 200, description = "What would change", body = MappingOutcome)))]
async fn preview_app_mapping(
    ctx: Ctx,
    Path(id): Path<AppId>,
    body: Json<PreviewMapping>,
) -> Reply<Body<MappingOutcome>> {
    let rules = body.value.rules.map(read_rules).transpose()?;
    let of = CatalogueSource::List(id);
    Ok(Body(outcome(&ctx.preview_mapping(&of, rules.as_deref()).await?)))
}

/// Apply an app's mapping rules now
///
/// They are also applied after every list of its members or of users. What takes a person's word is
/// done with `accept_proposals` only.
#[utoipa::path(post, path = "/apps/{app_id}/mapping/apply", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("app_id" = String, Path, description = "The app's id."), ApplyMappingQuery),
    responses((status = 200, description = "What changed", body = MappingOutcome)))]
async fn apply_app_mapping(
    ctx: Ctx,
    Path(id): Path<AppId>,
    Query(query): Query<ApplyMappingQuery>,
) -> Reply<Body<MappingOutcome>> {
    let accepts = query.accept_proposals.unwrap_or(false);
    Ok(Body(outcome(&ctx.apply_mapping(&CatalogueSource::List(id), accepts).await?)))
}

/// Show whose an app's account is
#[utoipa::path(get, path = "/apps/{app_id}/accounts/{account_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("account_id" = String, Path, description = "The account's id.")),
    responses((status = 200, description = "The mapping", body = AccountMapping,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_app_mapping(
    ctx: Ctx,
    Path((id, account)): Path<(AppId, AccountId)>,
) -> Reply<Versioned<AccountMapping>> {
    Ok(mappings::versioned(&ctx.mapping(&CatalogueSource::List(id), &account).await?))
}

/// Say whose an app's account is
///
/// By hand: rules and lists leave it so, also if it is said to be nobody's.
#[utoipa::path(put, path = "/apps/{app_id}/accounts/{account_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("account_id" = String, Path, description = "The account's id."), IfMatchHeader),
    request_body = SetMapping,
    responses((status = 200, description = "Said", body = AccountMapping,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn set_app_mapping(
    ctx: Ctx,
    Path((id, account)): Path<(AppId, AccountId)>,
    IfMatch(version): IfMatch,
    body: Json<SetMapping>,
) -> Reply<Versioned<AccountMapping>> {
    let identity = read_identity(body.value)?;
    let of = CatalogueSource::List(id);
    Ok(mappings::versioned(&ctx.set_mapping(&of, &account, version, identity.as_ref()).await?))
}

/// Leave it to the rules whose an app's account is
///
/// What was said by hand is forgotten, and the rules are applied.
#[utoipa::path(delete, path = "/apps/{app_id}/accounts/{account_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("account_id" = String, Path, description = "The account's id."), IfMatchHeader),
    responses((status = 200, description = "What the rules say", body = AccountMapping,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn release_app_mapping(
    ctx: Ctx,
    Path((id, account)): Path<(AppId, AccountId)>,
    IfMatch(version): IfMatch,
) -> Reply<Versioned<AccountMapping>> {
    let of = CatalogueSource::List(id);
    Ok(mappings::versioned(&ctx.release_mapping(&of, &account, version).await?))
}
