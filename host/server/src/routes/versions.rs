//! Which plugin version integrations run, and single secrets of their connections.

use axum::Json as Body;
use grantry_api::headers::IfMatchHeader;
use grantry_api::integrations::Integration;
use grantry_api::versions::{MoveVersion, RollOut, RotateSecret};
use grantry_engine::IntegrationView;
use grantry_model::ids::{IntegrationId, PluginId};
use grantry_model::secret::Secret;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::reply::{Reply, Versioned};
use crate::state::Server;
use crate::wire::integrations::integration;
use crate::wire::versions as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(rotate_secret))
        .routes(routes!(move_version))
        .routes(routes!(roll_back_version))
        .routes(routes!(roll_out_version))
}

fn versioned(view: &IntegrationView) -> Versioned<Integration> {
    Versioned(view.integration.version, integration(view))
}

/// Replace one secret of a connection
///
/// The rest of the connection stays and need not be sent. Calls that began before finish with the
/// old secret or fail.
#[utoipa::path(put, path = "/integrations/{integration_id}/secret", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IfMatchHeader),
    request_body = RotateSecret,
    responses((status = 200, description = "Replaced", body = Integration,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn rotate_secret(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<RotateSecret>,
) -> Reply<Versioned<Integration>> {
    let RotateSecret { field, secret } = body.value;
    Ok(versioned(&ctx.rotate_secret(&id, version, &field, Secret::new(secret)).await?))
}

/// Move an integration to another plugin version
///
/// To an installed version of the same plugin, older or newer. Where it asks for more than the one
/// that runs, nothing changes until the approval for it is sent. Calls under way finish on the
/// version that they began with.
#[utoipa::path(put, path = "/integrations/{integration_id}/version", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IfMatchHeader),
    request_body = MoveVersion,
    responses((status = 200, description = "Moved", body = Integration,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn move_version(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<MoveVersion>,
) -> Reply<Versioned<Integration>> {
    let (plugin, approval) = wire::read_move(body.value)?;
    Ok(versioned(&ctx.move_version(&id, version, &plugin, approval.as_ref()).await?))
}

/// Go back to the plugin version before
///
/// With what was approved for it then.
#[utoipa::path(post, path = "/integrations/{integration_id}/roll-back", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IfMatchHeader),
    responses((status = 200, description = "Rolled back", body = Integration,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn roll_back_version(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
) -> Reply<Versioned<Integration>> {
    Ok(versioned(&ctx.roll_back_version(&id, version).await?))
}

/// Move every integration of a plugin to this version
///
/// After it was tried on one. An integration for which it asks for more, or whose connection it
/// does not take, stays at its version, with the reason.
#[utoipa::path(post, path = "/plugins/{plugin_id}/roll-out", tag = "plugins",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("plugin_id" = String, Path, description = "The installed plugin's id.")),
    responses((status = 200, description = "How it went", body = RollOut)))]
async fn roll_out_version(ctx: Ctx, Path(id): Path<PluginId>) -> Reply<Body<RollOut>> {
    Ok(Body(wire::roll_out(ctx.roll_out_version(&id).await?)))
}
