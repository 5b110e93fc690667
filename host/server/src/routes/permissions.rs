//! What principals hold (PRM-1 to PRM-3).

use axum::Json as Body;
use grantry_api::headers::IfMatchHeader;
use grantry_api::permissions::{EffectivePermissions, EffectiveQuery, Permissions, SetPermissions};
use grantry_model::ids::PrincipalId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::query::Query;
use crate::reply::{Reply, Versioned};
use crate::state::Server;
use crate::wire::permissions as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_permissions, set_permissions))
        .routes(routes!(list_effective))
}

/// Show what a principal holds
#[utoipa::path(get, path = "/principals/{principal_id}/permissions", tag = "permissions",
    extensions(("x-grantry-action" = json!("client.read"))),
    params(("principal_id" = String, Path,
        description = "A client, an integration's plugin, or a person.")),
    responses((status = 200, description = "All that it holds", body = Permissions,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_permissions(ctx: Ctx, Path(id): Path<PrincipalId>) -> Reply<Versioned<Permissions>> {
    let (version, held) = ctx.permissions(&id).await?;
    Ok(Versioned(version, wire::permissions(&held)))
}

/// Set what a principal holds
///
/// Replaces all of it. Global actions and entities add up; the answer warns about global ones.
#[utoipa::path(put, path = "/principals/{principal_id}/permissions", tag = "permissions",
    extensions(("x-grantry-action" = json!("client.write"))),
    params(("principal_id" = String, Path,
        description = "A client or an integration's plugin."), IfMatchHeader),
    request_body = SetPermissions,
    responses((status = 200, description = "All that it holds now", body = Permissions,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn set_permissions(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    IfMatch(version): IfMatch,
    body: Json<SetPermissions>,
) -> Reply<Versioned<Permissions>> {
    let wanted = wire::read_permissions(&body.value)?;
    let (version, held) = ctx.set_permissions(&id, version, &wanted).await?;
    Ok(Versioned(version, wire::permissions(&held)))
}

/// Show what a principal may do on an entity, and why
#[utoipa::path(get, path = "/principals/{principal_id}/effective", tag = "permissions",
    extensions(("x-grantry-action" = json!("client.read"))),
    params(("principal_id" = String, Path,
        description = "A client, an integration's plugin, or a person."), EffectiveQuery),
    responses((status = 200, description = "The four actions",
        body = EffectivePermissions)))]
async fn list_effective(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    Query(query): Query<EffectiveQuery>,
) -> Reply<Body<EffectivePermissions>> {
    let entity = wire::read_entity(query.entity_kind, &query.entity_id, "?entity_id")?;
    let (held, effective) = ctx.effective(&id, &entity).await?;
    let items = effective.iter().map(wire::effective).collect();
    Ok(Body(EffectivePermissions { items, warnings: wire::warnings(&held) }))
}
