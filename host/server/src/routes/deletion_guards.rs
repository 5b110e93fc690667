//! Deletion guards of integrations.

use grantry_api::deletion_guards::{DeletionGuard, UpdateDeletionGuard};
use grantry_api::headers::IfMatchHeader;
use grantry_model::ids::IntegrationId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::reply::{Reply, Versioned};
use crate::state::Server;
use crate::wire::deletion_guards as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(get_deletion_guard, update_deletion_guard))
}

/// Show an integration's deletion guard
///
/// How much an aggregation may remove without a person's word.
#[utoipa::path(get, path = "/integrations/{integration_id}/deletion-guard", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 200, description = "The guard", body = DeletionGuard,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_deletion_guard(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
) -> Reply<Versioned<DeletionGuard>> {
    let (guard, version) = ctx.deletion_guard(&id).await?;
    Ok(Versioned(version, wire::guard(&guard)))
}

/// Change an integration's deletion guard
///
/// What is left out stays.
#[utoipa::path(patch, path = "/integrations/{integration_id}/deletion-guard", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IfMatchHeader),
    request_body = UpdateDeletionGuard,
    responses((status = 200, description = "Changed", body = DeletionGuard,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_deletion_guard(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateDeletionGuard>,
) -> Reply<Versioned<DeletionGuard>> {
    let change = wire::read_update(&body.value);
    let (guard, version) = ctx.update_deletion_guard(&id, version, &change).await?;
    Ok(Versioned(version, wire::guard(&guard)))
}
