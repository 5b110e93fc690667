//! How single resources and entitlements are requested (INT-8, INT-12): of integrations, and of apps that
//! lists feed.

use grantry_api::headers::IfMatchHeader;
use grantry_api::request_rules::{RequestRules, UpdateRequestRules};
use grantry_engine::{CatalogueSource, Requested, RulesView};
use grantry_model::ids::{AppId, EntitlementId, IntegrationId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::reply::{Reply, Versioned};
use crate::state::Server;
use crate::wire::request_rules as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_resource_rules, update_resource_rules))
        .routes(routes!(get_entitlement_rules, update_entitlement_rules))
        .routes(routes!(get_app_resource_rules, update_app_resource_rules))
        .routes(routes!(get_role_rules, update_role_rules))
}

fn versioned(view: &RulesView) -> Versioned<RequestRules> {
    Versioned(view.version, wire::rules(view))
}

/// Show how a resource is requested
#[utoipa::path(get, path = "/integrations/{integration_id}/resources/{resource_id}/request-rules",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("resource_id" = String, Path, description = "The resource's id.")),
    responses((status = 200, description = "The rules", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn get_resource_rules(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
) -> Reply<Versioned<RequestRules>> {
    let requested = Requested::Resource(id.to_string());
    let of = CatalogueSource::Integration(integration);
    Ok(versioned(&ctx.request_rules(&of, &requested).await?))
}

/// Change how a resource is requested
///
/// An admin's word, which no sync touches. It holds for all entitlements on the resource.
#[utoipa::path(patch, path = "/integrations/{integration_id}/resources/{resource_id}/request-rules",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("resource_id" = String, Path, description = "The resource's id."), IfMatchHeader),
    request_body = UpdateRequestRules,
    responses((status = 200, description = "Changed", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn update_resource_rules(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateRequestRules>,
) -> Reply<Versioned<RequestRules>> {
    let (requested, change) = (Requested::Resource(id.to_string()), wire::read_update(body.value));
    let of = CatalogueSource::Integration(integration);
    let changed = ctx.update_request_rules(&of, &requested, version, &change).await?;
    Ok(versioned(&changed))
}

/// Show how an entitlement is requested
#[utoipa::path(get,
    path = "/integrations/{integration_id}/entitlements/{entitlement_id}/request-rules",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id.")),
    responses((status = 200, description = "The rules", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn get_entitlement_rules(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
) -> Reply<Versioned<RequestRules>> {
    let of = CatalogueSource::Integration(integration);
    Ok(versioned(&ctx.request_rules(&of, &Requested::Entitlement(id)).await?))
}

/// Change how an entitlement is requested
///
/// Its workflow comes before its resource's. Whether it can be requested is said of the resource.
#[utoipa::path(patch,
    path = "/integrations/{integration_id}/entitlements/{entitlement_id}/request-rules",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id."), IfMatchHeader),
    request_body = UpdateRequestRules,
    responses((status = 200, description = "Changed", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn update_entitlement_rules(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateRequestRules>,
) -> Reply<Versioned<RequestRules>> {
    let (requested, change) = (Requested::Entitlement(id), wire::read_update(body.value));
    let of = CatalogueSource::Integration(integration);
    let changed = ctx.update_request_rules(&of, &requested, version, &change).await?;
    Ok(versioned(&changed))
}

/// Show how a resource of an app is requested
///
/// Of an app that lists feed.
#[utoipa::path(get, path = "/apps/{app_id}/resources/{resource_id}/request-rules",
    tag = "apps",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("resource_id" = String, Path, description = "The resource's id.")),
    responses((status = 200, description = "The rules", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn get_app_resource_rules(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, EntitlementId)>,
) -> Reply<Versioned<RequestRules>> {
    let requested = Requested::Resource(id.to_string());
    let view = ctx.request_rules(&CatalogueSource::List(app), &requested).await?;
    Ok(versioned(&view))
}

/// Change how a resource of an app is requested
///
/// An admin's word, which no list touches. It holds for all roles on the resource, which of an app
/// that lists feed are all its roles.
#[utoipa::path(patch, path = "/apps/{app_id}/resources/{resource_id}/request-rules",
    tag = "apps",
    extensions(("x-grantry-action" = json!("resource.write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("resource_id" = String, Path, description = "The resource's id."), IfMatchHeader),
    request_body = UpdateRequestRules,
    responses((status = 200, description = "Changed", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn update_app_resource_rules(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, EntitlementId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateRequestRules>,
) -> Reply<Versioned<RequestRules>> {
    let (of, requested) = (CatalogueSource::List(app), Requested::Resource(id.to_string()));
    let change = wire::read_update(body.value);
    let changed = ctx.update_request_rules(&of, &requested, version, &change).await?;
    Ok(versioned(&changed))
}

/// Show how a role of an app is requested
///
/// Of an app that lists feed.
#[utoipa::path(get, path = "/apps/{app_id}/roles/{role_id}/request-rules",
    tag = "apps",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("role_id" = String, Path, description = "The role's id.")),
    responses((status = 200, description = "The rules", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn get_role_rules(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, EntitlementId)>,
) -> Reply<Versioned<RequestRules>> {
    let requested = Requested::Entitlement(id);
    let view = ctx.request_rules(&CatalogueSource::List(app), &requested).await?;
    Ok(versioned(&view))
}

/// Change how a role of an app is requested
///
/// Its workflow comes before its resource's. Whether it can be requested is said of the resource.
#[utoipa::path(patch, path = "/apps/{app_id}/roles/{role_id}/request-rules",
    tag = "apps",
    extensions(("x-grantry-action" = json!("resource.write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("role_id" = String, Path, description = "The role's id."), IfMatchHeader),
    request_body = UpdateRequestRules,
    responses((status = 200, description = "Changed", body = RequestRules,
        headers(("ETag" = String, description = "Their version, for `If-Match`.")))))]
async fn update_role_rules(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, EntitlementId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateRequestRules>,
) -> Reply<Versioned<RequestRules>> {
    let (of, requested) = (CatalogueSource::List(app), Requested::Entitlement(id));
    let change = wire::read_update(body.value);
    let changed = ctx.update_request_rules(&of, &requested, version, &change).await?;
    Ok(versioned(&changed))
}
