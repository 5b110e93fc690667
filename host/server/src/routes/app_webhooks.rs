//! Webhooks that bring changes of access to homegrown apps, and the apps' callbacks (PRV-5).

use axum::extract::State;
use grantry_api::app_webhooks::{AppWebhook, Callback, CallbackStatus, SetAppWebhook};
use grantry_api::audit_sinks::NewSigningKey;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_model::clock::UnixMs;
use grantry_model::ids::IntegrationId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{IfMatch, Once};
use crate::path::Path;
use crate::reply::{Reply, Settled, Versioned, answer};
use crate::state::Server;
use crate::wire::{app_webhooks as wire, audit_sinks};

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_app_webhook, set_app_webhook, delete_app_webhook))
        .routes(routes!(rotate_app_webhook_key))
        .routes(routes!(take_callback))
}

/// Show the webhook of an integration
#[utoipa::path(get, path = "/integrations/{integration_id}/webhook", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 200, description = "The webhook", body = AppWebhook,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_app_webhook(ctx: Ctx, Path(id): Path<IntegrationId>) -> Reply<Versioned<AppWebhook>> {
    Ok(wire::versioned(ctx.app_webhook(&id).await?))
}

/// Set the webhook of an integration
///
/// Changes of access whose method is `webhook` are sent there, signed by the Standard Webhooks
/// specification. A webhook that was disabled is enabled again. `…/rotate-key` tells a signing key.
#[utoipa::path(put, path = "/integrations/{integration_id}/webhook", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."), IfMatchHeader),
    request_body = SetAppWebhook,
    responses((status = 200, description = "Set", body = AppWebhook,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn set_app_webhook(
    State(server): State<Server>,
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<SetAppWebhook>,
) -> Reply<Versioned<AppWebhook>> {
    let settings = (wire::read(body.value), server.0.public_url.as_str());
    Ok(wire::versioned(Some(ctx.set_app_webhook(&id, version, settings).await?)))
}

/// Remove the webhook of an integration
#[utoipa::path(delete, path = "/integrations/{integration_id}/webhook", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_app_webhook(ctx: Ctx, Path(id): Path<IntegrationId>) -> Reply<StatusCode> {
    ctx.delete_app_webhook(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new signing key for the webhook of an integration
///
/// Requests are signed with both keys for a day. The answer is the only time that the key is told.
#[utoipa::path(post, path = "/integrations/{integration_id}/webhook/rotate-key",
    tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."),
        IdempotencyHeader),
    responses((status = 200, description = "Made", body = NewSigningKey)))]
async fn rotate_app_webhook_key(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    once: Once,
) -> Reply<Settled> {
    let once = once.with(&[]);
    let made = |ends: &UnixMs| answer(StatusCode::OK, &audit_sinks::new_key(*ends));
    let new = ctx.rotate_app_webhook_key(&id, &once.answered(&made)).await?;
    Ok(Settled(audit_sinks::with_key::<NewSigningKey>(new, |key| &mut key.signing_key)))
}

/// Say what became of a change that was taken in
///
/// For the app that was sent the address of this, once. An address that is not known, was used or is
/// too old is 404.
#[utoipa::path(post, path = "/callbacks/{callback_token}", tag = "memberships",
    extensions(("x-grantry-action" = json!("public"))),
    params(("callback_token" = String, Path, description = "The token of the address.")),
    request_body = Callback,
    responses((status = 204, description = "Taken")))]
async fn take_callback(
    State(server): State<Server>,
    Path(token): Path<String>,
    body: Json<Callback>,
) -> Reply<StatusCode> {
    let Callback { status, detail } = body.value;
    let is_done = status == CallbackStatus::Done;
    server.0.engine.take_callback(&token, is_done, &detail).await?;
    Ok(StatusCode::NO_CONTENT)
}
