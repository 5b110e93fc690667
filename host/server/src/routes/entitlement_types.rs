//! Entitlement types: made, edited, deleted, and known by another attribute (CAT-1 to CAT-3).

use axum::Json as Body;
use grantry_api::entitlement_types::{
    CreateEntitlementType, EntitlementType, PreviewReKey, ReKeyEntitlementType, ReKeyPreview,
    UpdateEntitlementType,
};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::{List, ListQuery};
use grantry_engine::StoredType;
use grantry_model::ids::{EntitlementTypeId, IntegrationId};
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
use crate::wire::entitlement_types as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_entitlement_type, list_entitlement_types))
        .routes(routes!(get_entitlement_type, update_entitlement_type, delete_entitlement_type))
        .routes(routes!(preview_re_key))
        .routes(routes!(re_key_entitlement_type))
}

fn versioned(of: &StoredType) -> Versioned<EntitlementType> {
    Versioned(of.version, wire::entitlement_type(of))
}

/// Make an entitlement type
///
/// One that was deleted is made again: its entitlements are aggregated from the next run on.
#[utoipa::path(post, path = "/integrations/{integration_id}/entitlement-types",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IdempotencyHeader),
    request_body = CreateEntitlementType,
    responses((status = 201, description = "Made", body = EntitlementType)))]
async fn create_entitlement_type(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    once: Once,
    body: Json<CreateEntitlementType>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_create(body.value);
    let made = |of: &StoredType| answer(StatusCode::CREATED, &wire::entitlement_type(of));
    Ok(Settled(ctx.create_entitlement_type(&id, &input, &once.answered(&made)).await?))
}

/// List an integration's entitlement types
///
/// In order of creation, deleted ones too.
#[utoipa::path(get, path = "/integrations/{integration_id}/entitlement-types",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."), ListQuery),
    responses((status = 200, description = "A page of types", body = List<EntitlementType>)))]
async fn list_entitlement_types(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<EntitlementType>>> {
    let found = ctx.list_entitlement_types(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::entitlement_type))
}

/// Show an entitlement type
#[utoipa::path(get, path = "/integrations/{integration_id}/entitlement-types/{type_id}",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("type_id" = String, Path, description = "The type's id.")),
    responses((status = 200, description = "The type", body = EntitlementType,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_entitlement_type(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementTypeId)>,
) -> Reply<Versioned<EntitlementType>> {
    Ok(versioned(&ctx.entitlement_type(&integration, &id).await?))
}

/// Change an entitlement type
///
/// An admin's word beside the connector's: it survives upgrades of the plugin. Rows are held against the
/// changed schema from the next aggregation on. Which attribute is the Entitlement ID is changed by
/// `…/re-key`.
#[utoipa::path(patch, path = "/integrations/{integration_id}/entitlement-types/{type_id}",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("type_id" = String, Path, description = "The type's id."), IfMatchHeader),
    request_body = UpdateEntitlementType,
    responses((status = 200, description = "Changed", body = EntitlementType,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_entitlement_type(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementTypeId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateEntitlementType>,
) -> Reply<Versioned<EntitlementType>> {
    let change = wire::read_update(body.value);
    Ok(versioned(&ctx.update_entitlement_type(&integration, &id, version, &change).await?))
}

/// Delete an entitlement type
///
/// Its entitlements stay as they are, frozen: no aggregation updates or removes them, and nobody is
/// granted them, until a type of that name is made again. Access that is there can be revoked.
#[utoipa::path(delete, path = "/integrations/{integration_id}/entitlement-types/{type_id}",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("type_id" = String, Path, description = "The type's id."), IfMatchHeader),
    responses((status = 204, description = "Deleted")))]
async fn delete_entitlement_type(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementTypeId)>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    ctx.delete_entitlement_type(&integration, &id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Preview another attribute as the Entitlement ID
///
/// Which entitlements would share an id, and which would have none. Nothing is changed.
#[utoipa::path(post,
    path = "/integrations/{integration_id}/entitlement-types/{type_id}/re-key-preview",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("type_id" = String, Path, description = "The type's id.")),
    request_body = PreviewReKey,
    responses((status = 200, description = "What it would change", body = ReKeyPreview)))]
async fn preview_re_key(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementTypeId)>,
    body: Json<PreviewReKey>,
) -> Reply<Body<ReKeyPreview>> {
    let attribute = body.value.id_attribute.as_deref();
    Ok(Body(wire::re_key(&ctx.preview_re_key(&integration, &id, attribute).await?)))
}

/// Make another attribute the Entitlement ID
///
/// Exactly what the preview with that hash showed, or nothing. Memberships, assignments and whatever else
/// points at an entitlement go on doing so.
#[utoipa::path(post, path = "/integrations/{integration_id}/entitlement-types/{type_id}/re-key",
    tag = "entitlement types",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("type_id" = String, Path, description = "The type's id."), IdempotencyHeader),
    request_body = ReKeyEntitlementType,
    responses((status = 200, description = "Changed", body = EntitlementType)))]
async fn re_key_entitlement_type(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementTypeId)>,
    once: Once,
    body: Json<ReKeyEntitlementType>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let to = (body.value.id_attribute.as_deref(), body.value.hash.as_str());
    let done = |of: &StoredType| answer(StatusCode::OK, &wire::entitlement_type(of));
    Ok(Settled(ctx.re_key_type(&integration, &id, to, &once.answered(&done)).await?))
}
