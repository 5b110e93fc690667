//! Memberships: granted, extended, renewed, deleted (ACC-2).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::headers::{IdempotencyHeader, OptionalIdempotencyHeader};
use grantry_api::memberships::{
    ExtendMembership, GrantMembership, Membership, MembershipOperation, MembershipQuery,
    RenewMembership,
};
use grantry_engine::{Answer, PageQuery};
use grantry_model::ids::{AppId, MembershipId};
use grantry_model::membership::Membership as Stored;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{MaybeOnce, Once};
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, Versioned, answer, list};
use crate::state::Server;
use crate::wire::memberships as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_memberships, grant_membership))
        .routes(routes!(get_membership, delete_membership))
        .routes(routes!(list_operations))
        .routes(routes!(extend_membership))
        .routes(routes!(renew_membership))
        .routes(routes!(settle_membership))
}

/// A new membership is created; one that was there is answered as it is (security.md row 26).
fn granted(membership: &Stored) -> Answer {
    let is_new = membership.version == 1;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    answer(status, &wire::membership(membership))
}

fn changed(membership: &Stored) -> Answer {
    answer(StatusCode::OK, &wire::membership(membership))
}

/// List an app's memberships
#[utoipa::path(get, path = "/apps/{app_id}/memberships", tag = "memberships",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id."), MembershipQuery),
    responses((status = 200, description = "A page of memberships", body = List<Membership>)))]
async fn list_memberships(
    ctx: Ctx,
    Path(app): Path<AppId>,
    Query(query): Query<MembershipQuery>,
) -> Reply<Body<List<Membership>>> {
    let status = query.status.map_or("", wire::read_status).to_owned();
    let wanted = PageQuery { status, ..page(query.limit, query.cursor) };
    let of = grantry_engine::MembershipQuery {
        account: query.account_id.unwrap_or_default(),
        role: query.role_id.unwrap_or_default(),
        is_waiting: query.waiting,
        ..grantry_engine::MembershipQuery::default()
    };
    Ok(list(ctx.list_memberships(&app, of, &wanted).await?, wire::membership))
}

/// Grant a membership
///
/// Gives a role of the app to an account, or to the account that is mapped to an identity. The access
/// is made true in the target by a background job: the membership is `provisioning` until a read-back
/// confirms it. Where no integration feeds the app, it waits for a person. Granting what is there
/// already changes nothing.
#[utoipa::path(post, path = "/apps/{app_id}/memberships", tag = "memberships",
    extensions(("x-grantry-action" = json!("app_membership_write"))),
    params(("app_id" = String, Path, description = "The app's id."), IdempotencyHeader),
    request_body = GrantMembership,
    responses((status = 201, description = "Granted", body = Membership),
        (status = 200, description = "Was there already, or begins again", body = Membership)))]
async fn grant_membership(
    ctx: Ctx,
    Path(app): Path<AppId>,
    once: Once,
    body: Json<GrantMembership>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_grant(ctx.engine.db().now(), &body.value)?;
    Ok(Settled(ctx.grant_membership(&app, &input, &once.answered(&granted)).await?))
}

/// Show a membership
#[utoipa::path(get, path = "/apps/{app_id}/memberships/{membership_id}", tag = "memberships",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("membership_id" = String, Path, description = "The membership's id.")),
    responses((status = 200, description = "The membership", body = Membership,
        headers(("ETag" = String, description = "Its version.")))))]
async fn get_membership(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, MembershipId)>,
) -> Reply<Versioned<Membership>> {
    let membership = ctx.membership(&app, &id).await?;
    Ok(Versioned(membership.version, wire::membership(&membership)))
}

/// List what was done for a membership
///
/// Every change that was or is to be made in the target, oldest first.
#[utoipa::path(get, path = "/apps/{app_id}/memberships/{membership_id}/operations",
    tag = "memberships",
    extensions(("x-grantry-action" = json!("app_and_role_read"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("membership_id" = String, Path, description = "The membership's id.")),
    responses((status = 200, description = "All of them", body = List<MembershipOperation>)))]
async fn list_operations(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, MembershipId)>,
) -> Reply<Body<List<MembershipOperation>>> {
    let operations = ctx.list_operations(&app, &id).await?;
    let tickets = ctx.list_tickets(&app, &id).await?;
    let items = operations.iter().map(|one| wire::operation(one, &tickets)).collect();
    Ok(Body(List { items, next: None }))
}

/// Extend a membership
///
/// Moves the end of an active one.
#[utoipa::path(post, path = "/apps/{app_id}/memberships/{membership_id}/extend",
    tag = "memberships",
    extensions(("x-grantry-action" = json!("app_membership_write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("membership_id" = String, Path, description = "The membership's id."),
        IdempotencyHeader),
    request_body = ExtendMembership,
    responses((status = 200, description = "Extended", body = Membership)))]
async fn extend_membership(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, MembershipId)>,
    once: Once,
    body: Json<ExtendMembership>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let now = ctx.engine.db().now();
    let ends = wire::read_some_end(now, body.value.ends_ms, body.value.duration_ms)?;
    Ok(Settled(ctx.extend_membership(&app, &id, ends, &once.answered(&changed)).await?))
}

/// Renew a membership
///
/// Starts a new period of an expired or failed one. A deleted one is never renewed.
#[utoipa::path(post, path = "/apps/{app_id}/memberships/{membership_id}/renew",
    tag = "memberships",
    extensions(("x-grantry-action" = json!("app_membership_write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("membership_id" = String, Path, description = "The membership's id."),
        IdempotencyHeader),
    request_body = RenewMembership,
    responses((status = 200, description = "Renewed", body = Membership)))]
async fn renew_membership(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, MembershipId)>,
    once: Once,
    body: Json<RenewMembership>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let now = ctx.engine.db().now();
    let ends = wire::read_end(now, body.value.ends_ms, body.value.duration_ms)?;
    Ok(Settled(ctx.renew_membership(&app, &id, ends, &once.answered(&changed)).await?))
}

/// Settle a membership
///
/// Says that a person has done what the membership waits for. Of an app that no integration feeds this
/// is taken as true: the membership is `active`, or its access is gone, and the app's list says so.
/// Elsewhere the target is looked at now, and what is seen there counts. A membership that waits for
/// nobody stays as it is.
#[utoipa::path(post, path = "/apps/{app_id}/memberships/{membership_id}/settle",
    tag = "memberships",
    extensions(("x-grantry-action" = json!("app_membership_write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("membership_id" = String, Path, description = "The membership's id."),
        IdempotencyHeader),
    responses((status = 200, description = "As it is now", body = Membership)))]
async fn settle_membership(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, MembershipId)>,
    once: Once,
) -> Reply<Settled> {
    Ok(Settled(ctx.settle_membership(&app, &id, &once.answered(&changed)).await?))
}

/// Delete a membership
///
/// Ends it now: a background job revokes the access in the target. Deleting again changes nothing.
#[utoipa::path(delete, path = "/apps/{app_id}/memberships/{membership_id}", tag = "memberships",
    extensions(("x-grantry-action" = json!("app_membership_write"))),
    params(("app_id" = String, Path, description = "The app's id."),
        ("membership_id" = String, Path, description = "The membership's id."),
        OptionalIdempotencyHeader),
    responses((status = 200, description = "Being revoked, or gone already", body = Membership)))]
async fn delete_membership(
    ctx: Ctx,
    Path((app, id)): Path<(AppId, MembershipId)>,
    MaybeOnce(once): MaybeOnce,
) -> Reply<Settled> {
    Ok(Settled(ctx.delete_membership(&app, &id, &once.answered(&changed)).await?))
}
