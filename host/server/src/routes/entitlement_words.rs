//! What admins say of entitlements: names, descriptions, what is privileged (CAT-2, CAT-9).

use grantry_api::catalogue::{Entitlement, PrivilegedSet, SetPrivileged, UpdateEntitlement};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_engine::{SaidInBulk, StoredEntitlement};
use grantry_model::ids::{EntitlementId, IntegrationId};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{IfMatch, Once};
use crate::path::Path;
use crate::reply::{Reply, Settled, Versioned, answer};
use crate::state::Server;
use crate::wire::catalogue as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_entitlement, update_entitlement))
        .routes(routes!(set_privileged))
}

fn versioned(entitlement: &StoredEntitlement) -> Versioned<Entitlement> {
    Versioned(entitlement.said.version, wire::entitlement(entitlement))
}

/// Show an entitlement
///
/// Also one that is gone from the target.
#[utoipa::path(get, path = "/integrations/{integration_id}/entitlements/{entitlement_id}",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id.")),
    responses((status = 200, description = "The entitlement", body = Entitlement,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_entitlement(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
) -> Reply<Versioned<Entitlement>> {
    Ok(versioned(&ctx.entitlement(&integration, &id).await?))
}

/// Change what is said of an entitlement
///
/// An admin's own words beside those of the source: no sync touches them.
#[utoipa::path(patch, path = "/integrations/{integration_id}/entitlements/{entitlement_id}",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        ("entitlement_id" = String, Path, description = "The entitlement's id."), IfMatchHeader),
    request_body = UpdateEntitlement,
    responses((status = 200, description = "Changed", body = Entitlement,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_entitlement(
    ctx: Ctx,
    Path((integration, id)): Path<(IntegrationId, EntitlementId)>,
    IfMatch(version): IfMatch,
    body: Json<UpdateEntitlement>,
) -> Reply<Versioned<Entitlement>> {
    let change = wire::read_said(body.value);
    Ok(versioned(&ctx.update_entitlement(&integration, &id, version, &change).await?))
}

/// Say which entitlements are privileged
///
/// Of many at once: all of them, or none.
#[utoipa::path(post, path = "/integrations/{integration_id}/entitlements/privileged",
    tag = "catalogue",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IdempotencyHeader),
    request_body = SetPrivileged,
    responses((status = 200, description = "Said", body = PrivilegedSet)))]
async fn set_privileged(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    once: Once,
    body: Json<SetPrivileged>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let selection = wire::read_selection(body.value.ids, body.value.filter);
    let said = body.value.is_privileged.flatten();
    let done = |done: &SaidInBulk| {
        let SaidInBulk { selected, changed } = *done;
        answer(StatusCode::OK, &PrivilegedSet { selected, changed })
    };
    let request = once.answered(&done);
    Ok(Settled(ctx.say_privileged(&id, selection, said, &request).await?))
}
