//! Access profiles: named sets of entitlements of several apps (CAT-9).

use axum::Json as Body;
use grantry_api::access_profiles::{
    AccessProfile, AccessProfileQuery, CreateAccessProfile, ProfileEntitlement, UpdateAccessProfile,
};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::{List, ListQuery};
use grantry_engine::{AccessProfile as Stored, PageQuery};
use grantry_model::ids::AccessProfileId;
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
use crate::wire::access_profiles as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_access_profile, list_access_profiles))
        .routes(routes!(get_access_profile, update_access_profile, delete_access_profile))
        .routes(routes!(list_profile_entitlements))
}

/// Create an access profile
///
/// A named set of entitlements, of one app or several. It is privileged as soon as one of them is.
#[utoipa::path(post, path = "/access-profiles", tag = "access profiles",
    extensions(("x-grantry-action" = json!("access_profile.write"))),
    params(IdempotencyHeader), request_body = CreateAccessProfile,
    responses((status = 201, description = "Created", body = AccessProfile)))]
async fn create_access_profile(
    ctx: Ctx,
    once: Once,
    body: Json<CreateAccessProfile>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let created = |profile: &Stored| answer(StatusCode::CREATED, &wire::profile(profile));
    let input = wire::read_new(body.value);
    Ok(Settled(ctx.create_access_profile(&input, &once.answered(&created)).await?))
}

/// List access profiles
#[utoipa::path(get, path = "/access-profiles", tag = "access profiles",
    extensions(("x-grantry-action" = json!("access_profile.read"))),
    params(AccessProfileQuery),
    responses((status = 200, description = "A page of access profiles",
        body = List<AccessProfile>)))]
async fn list_access_profiles(
    ctx: Ctx,
    Query(query): Query<AccessProfileQuery>,
) -> Reply<Body<List<AccessProfile>>> {
    let entitlement = query.entitlement_id.unwrap_or_default();
    let search = query.search.unwrap_or_default();
    let wanted = PageQuery { search, ..page(query.limit, query.cursor) };
    Ok(list(ctx.list_access_profiles(&entitlement, &wanted).await?, wire::profile))
}

/// Show an access profile
#[utoipa::path(get, path = "/access-profiles/{access_profile_id}", tag = "access profiles",
    extensions(("x-grantry-action" = json!("access_profile.read"))),
    params(("access_profile_id" = String, Path, description = "The access profile's id.")),
    responses((status = 200, description = "The access profile", body = AccessProfile,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_access_profile(
    ctx: Ctx,
    Path(id): Path<AccessProfileId>,
) -> Reply<Versioned<AccessProfile>> {
    let profile = ctx.access_profile(&id).await?;
    Ok(Versioned(profile.version, wire::profile(&profile)))
}

/// Change an access profile
///
/// What is left out stays. Nobody gets or loses access by it.
#[utoipa::path(patch, path = "/access-profiles/{access_profile_id}", tag = "access profiles",
    extensions(("x-grantry-action" = json!("access_profile.write"))),
    params(("access_profile_id" = String, Path, description = "The access profile's id."),
        IfMatchHeader),
    request_body = UpdateAccessProfile,
    responses((status = 200, description = "Changed", body = AccessProfile,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_access_profile(
    ctx: Ctx,
    Path(id): Path<AccessProfileId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateAccessProfile>,
) -> Reply<Versioned<AccessProfile>> {
    let change = wire::read_change(body.value);
    let profile = ctx.update_access_profile(&id, version, &change).await?;
    Ok(Versioned(profile.version, wire::profile(&profile)))
}

/// Delete an access profile
///
/// Its entitlements, and who holds them, stay as they are.
#[utoipa::path(delete, path = "/access-profiles/{access_profile_id}", tag = "access profiles",
    extensions(("x-grantry-action" = json!("access_profile.write"))),
    params(("access_profile_id" = String, Path, description = "The access profile's id."),
        IfMatchHeader),
    responses((status = 204, description = "Deleted")))]
async fn delete_access_profile(
    ctx: Ctx,
    Path(id): Path<AccessProfileId>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    ctx.delete_access_profile(&id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the entitlements of an access profile
///
/// Also those that are gone, which it says of them.
#[utoipa::path(get, path = "/access-profiles/{access_profile_id}/entitlements",
    tag = "access profiles",
    extensions(("x-grantry-action" = json!("access_profile.read"))),
    params(("access_profile_id" = String, Path, description = "The access profile's id."),
        ListQuery),
    responses((status = 200, description = "A page of entitlements",
        body = List<ProfileEntitlement>)))]
async fn list_profile_entitlements(
    ctx: Ctx,
    Path(id): Path<AccessProfileId>,
    Query(query): Query<ListQuery>,
) -> Reply<Body<List<ProfileEntitlement>>> {
    let found = ctx.list_profile_entitlements(&id, &page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::entitlement))
}
