//! Single resources, and what their owners and maintainers may do (PRM-6, INT-9).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::catalogue::{Entitlement, EntitlementQuery};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::memberships::Membership;
use grantry_api::resources::{Resource, ResourceMembershipQuery, SetResourcePeople};
use grantry_engine::{Answer, PageQuery, ResourceView};
use grantry_model::ids::{EntitlementId, MembershipId};
use grantry_model::membership::Membership as Stored;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalogue::entitlements;
use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{IfMatch, Once};
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, Versioned, answer, list};
use crate::state::Server;
use crate::wire::{catalogue, memberships, resources as wire};

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_resource))
        .routes(routes!(set_resource_people))
        .routes(routes!(list_resource_roles))
        .routes(routes!(list_resource_memberships))
        .routes(routes!(settle_resource_membership))
}

fn versioned(view: &ResourceView) -> Versioned<Resource> {
    Versioned(view.version, wire::resource(view))
}

/// Show a resource
///
/// With its owners and maintainers, who see it as well as those who may read its integration.
#[utoipa::path(get, path = "/resources/{resource_id}", tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("resource_id" = String, Path, description = "The resource's id.")),
    responses((status = 200, description = "The resource", body = Resource,
        headers(("ETag" = String, description = "The version of its people, for `If-Match`.")))))]
async fn get_resource(ctx: Ctx, Path(id): Path<EntitlementId>) -> Reply<Versioned<Resource>> {
    Ok(versioned(&ctx.resource(id.as_str()).await?))
}

/// Name the owners and maintainers of a resource
///
/// They are identities. Who signs in as one of them sees the resource, its roles and memberships, and
/// settles those that wait for a person; an owner also changes how it is requested, and its people. Where the
/// integration assigns recommended people, a sync replaces them.
#[utoipa::path(put, path = "/resources/{resource_id}/people", tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.write"))),
    params(("resource_id" = String, Path, description = "The resource's id."), IfMatchHeader),
    request_body = SetResourcePeople,
    responses((status = 200, description = "Named", body = Resource,
        headers(("ETag" = String, description = "The version of its people, for `If-Match`.")))))]
async fn set_resource_people(
    ctx: Ctx,
    Path(id): Path<EntitlementId>,
    IfMatch(version): IfMatch,
    body: Json<SetResourcePeople>,
) -> Reply<Versioned<Resource>> {
    let people = wire::read_people(&body.value)?;
    Ok(versioned(&ctx.set_resource_people(id.as_str(), version, &people).await?))
}

/// List the roles on a resource
#[utoipa::path(get, path = "/resources/{resource_id}/roles", tag = "catalogue",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("resource_id" = String, Path, description = "The resource's id."), EntitlementQuery),
    responses((status = 200, description = "A page of roles", body = List<Entitlement>)))]
async fn list_resource_roles(
    ctx: Ctx,
    Path(id): Path<EntitlementId>,
    Query(query): Query<EntitlementQuery>,
) -> Reply<Body<List<Entitlement>>> {
    let found = ctx.list_resource_roles(id.as_str(), &entitlements(query)).await?;
    Ok(list(found, catalogue::entitlement))
}

/// List the memberships of a resource
///
/// Of all roles on it.
#[utoipa::path(get, path = "/resources/{resource_id}/memberships", tag = "memberships",
    extensions(("x-grantry-action" = json!("resource.read"))),
    params(("resource_id" = String, Path, description = "The resource's id."),
        ResourceMembershipQuery),
    responses((status = 200, description = "A page of memberships", body = List<Membership>)))]
async fn list_resource_memberships(
    ctx: Ctx,
    Path(id): Path<EntitlementId>,
    Query(query): Query<ResourceMembershipQuery>,
) -> Reply<Body<List<Membership>>> {
    let status = query.status.map_or("", memberships::read_status).to_owned();
    let wanted = PageQuery { status, ..page(query.limit, query.cursor) };
    let found = ctx.list_resource_memberships(id.as_str(), query.waiting, &wanted).await?;
    Ok(list(found, memberships::membership))
}

/// Settle a membership of a resource
///
/// Says that a person has done what the membership waits for, as its app's `settle` does: for whoever
/// owns or maintains the resource, or administers its integration.
#[utoipa::path(post, path = "/resources/{resource_id}/memberships/{membership_id}/settle",
    tag = "memberships",
    extensions(("x-grantry-action" = json!("resource.settle"))),
    params(("resource_id" = String, Path, description = "The resource's id."),
        ("membership_id" = String, Path, description = "The membership's id."),
        IdempotencyHeader),
    responses((status = 200, description = "As it is now", body = Membership)))]
async fn settle_resource_membership(
    ctx: Ctx,
    Path((id, membership)): Path<(EntitlementId, MembershipId)>,
    once: Once,
) -> Reply<Settled> {
    let settled = |membership: &Stored| -> Answer {
        answer(StatusCode::OK, &memberships::membership(membership))
    };
    let once = once.answered(&settled);
    Ok(Settled(ctx.settle_resource_membership(id.as_str(), &membership, &once).await?))
}
