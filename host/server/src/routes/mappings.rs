//! Whose accounts of integrations are: rules, previews, and what people say by hand (INT-13). Those of
//! apps that lists feed are in `app_mappings`.

use axum::Json as Body;
use grantry_api::headers::IfMatchHeader;
use grantry_api::mappings::{
    AccountMapping, ApplyMappingQuery, IdentityAccount, MappingOutcome, MappingRules,
    PreviewMapping, SetMapping, SetMappingRules,
};
use grantry_api::{List, ListQuery};
use grantry_engine::{CatalogueSource, StoredMapping};
use grantry_model::ids::{AccountId, DataSourceId, IdentityId, IntegrationId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Versioned, list};
use crate::state::Server;
use crate::wire::mappings as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_mapping_rules, set_mapping_rules))
        .routes(routes!(preview_mapping))
        .routes(routes!(apply_mapping))
        .routes(routes!(get_mapping, set_mapping, release_mapping))
        .routes(routes!(list_identity_accounts))
}

pub(super) fn versioned(mapping: &StoredMapping) -> Versioned<AccountMapping> {
    Versioned(mapping.version, wire::mapping(mapping))
}

/// Show an integration's mapping rules
///
/// By which its accounts are mapped to identities.
#[utoipa::path(get, path = "/integrations/{integration_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 200, description = "The rules", body = MappingRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn get_mapping_rules(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
) -> Reply<Versioned<MappingRules>> {
    let (rules, version) = ctx.mapping_rules(&CatalogueSource::Integration(id)).await?;
    Ok(Versioned(version, wire::rules(&rules, version)))
}

/// Change an integration's mapping rules
///
/// All of them are replaced, and the new ones are applied at once: preview them first. What people
/// said by hand stays.
#[utoipa::path(put, path = "/integrations/{integration_id}/mapping", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IfMatchHeader),
    request_body = SetMappingRules,
    responses((status = 200, description = "Changed and applied", body = MappingRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn set_mapping_rules(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<SetMappingRules>,
) -> Reply<Versioned<MappingRules>> {
    let rules = wire::read_rules(body.value.rules)?;
    let of = CatalogueSource::Integration(id);
    let (rules, version, _) = ctx.update_mapping_rules(&of, version, &rules).await?;
    Ok(Versioned(version, wire::rules(&rules, version)))
}

/// Preview a mapping
///
/// What the integration's rules, or those of the request, would change now. Nothing is changed.
#[utoipa::path(post, path = "/integrations/{integration_id}/mapping/preview", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    request_body = PreviewMapping,
    responses((status = 200, description = "What would change", body = MappingOutcome)))]
async fn preview_mapping(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    body: Json<PreviewMapping>,
) -> Reply<Body<MappingOutcome>> {
    let rules = body.value.rules.map(wire::read_rules).transpose()?;
    let of = CatalogueSource::Integration(id);
    Ok(Body(wire::outcome(&ctx.preview_mapping(&of, rules.as_deref()).await?)))
}

/// Apply an integration's mapping rules now
///
/// They are also applied after every complete aggregation, and when a list of users is applied. What
/// takes a person's word is done with `accept_proposals` only.
#[utoipa::path(post, path = "/integrations/{integration_id}/mapping/apply", tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ApplyMappingQuery),
    responses((status = 200, description = "What changed", body = MappingOutcome)))]
async fn apply_mapping(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<ApplyMappingQuery>,
) -> Reply<Body<MappingOutcome>> {
    let accepts = query.accept_proposals.unwrap_or(false);
    let of = CatalogueSource::Integration(id);
    Ok(Body(wire::outcome(&ctx.apply_mapping(&of, accepts).await?)))
}

/// Show whose an account is
#[utoipa::path(get, path = "/integrations/{integration_id}/accounts/{account_id}/mapping",
    tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("account_id" = String, Path, description = "The account's id.")),
    responses((status = 200, description = "The mapping", body = AccountMapping,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_mapping(
    ctx: Ctx,
    Path((id, account)): Path<(IntegrationId, AccountId)>,
) -> Reply<Versioned<AccountMapping>> {
    Ok(versioned(&ctx.mapping(&CatalogueSource::Integration(id), &account).await?))
}

/// Say whose an account is
///
/// By hand: rules and syncs leave it so, also if it is said to be nobody's.
#[utoipa::path(put, path = "/integrations/{integration_id}/accounts/{account_id}/mapping",
    tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("account_id" = String, Path, description = "The account's id."), IfMatchHeader),
    request_body = SetMapping,
    responses((status = 200, description = "Said", body = AccountMapping,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn set_mapping(
    ctx: Ctx,
    Path((id, account)): Path<(IntegrationId, AccountId)>,
    IfMatch(version): IfMatch,
    body: Json<SetMapping>,
) -> Reply<Versioned<AccountMapping>> {
    let identity = wire::read_identity(body.value)?;
    let of = CatalogueSource::Integration(id);
    Ok(versioned(&ctx.set_mapping(&of, &account, version, identity.as_ref()).await?))
}

/// Leave it to the rules whose an account is
///
/// What was said by hand is forgotten, and the rules are applied.
#[utoipa::path(delete, path = "/integrations/{integration_id}/accounts/{account_id}/mapping",
    tag = "mapping",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("account_id" = String, Path, description = "The account's id."), IfMatchHeader),
    responses((status = 200, description = "What the rules say", body = AccountMapping,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn release_mapping(
    ctx: Ctx,
    Path((id, account)): Path<(IntegrationId, AccountId)>,
    IfMatch(version): IfMatch,
) -> Reply<Versioned<AccountMapping>> {
    let of = CatalogueSource::Integration(id);
    Ok(versioned(&ctx.release_mapping(&of, &account, version).await?))
}

/// List an identity's accounts
///
/// Those of apps and integrations that the caller may read; a page may therefore be short, or empty.
#[utoipa::path(get, path = "/data-sources/{data_source_id}/identities/{identity_id}/accounts",
    tag = "mapping",
    extensions(("x-grantry-action" = json!("data_source_read"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("identity_id" = String, Path, description = "The identity's id."), ListQuery),
    responses((status = 200, description = "A page of accounts", body = List<IdentityAccount>)))]
async fn list_identity_accounts(
    ctx: Ctx,
    Path((source, id)): Path<(DataSourceId, IdentityId)>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<IdentityAccount>>> {
    let query = page(query.limit, query.cursor);
    Ok(list(ctx.list_identity_accounts(&source, &id, &query).await?, wire::account))
}
