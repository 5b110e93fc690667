//! Channels that people are notified through.

use axum::Json as Body;
use grantry_api::audit_sinks::NewSigningKey;
use grantry_api::channels::{Channel, CreateChannel, NewChannel, TestChannel, UpdateChannel};
use grantry_api::deliveries::Delivery;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::{List, ListQuery};
use grantry_model::clock::UnixMs;
use grantry_model::ids::ChannelId;
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
use crate::wire::{audit_sinks, channels as wire, deliveries};

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_channel, list_channels))
        .routes(routes!(get_channel, update_channel, delete_channel))
        .routes(routes!(rotate_channel_key))
        .routes(routes!(test_channel))
}

fn versioned(channel: &grantry_engine::Channel) -> Versioned<Channel> {
    Versioned(channel.version, wire::channel(channel))
}

/// Create a channel
///
/// Addresses are checked now and again with every delivery. The answer is the only time that a
/// webhook's signing key is told.
#[utoipa::path(post, path = "/notifications/channels", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(IdempotencyHeader), request_body = CreateChannel,
    responses((status = 201, description = "Created", body = NewChannel)))]
async fn create_channel(ctx: Ctx, once: Once, body: Json<CreateChannel>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let created = |channel: &grantry_engine::Channel| {
        answer(StatusCode::CREATED, &wire::new_channel(channel))
    };
    let input = wire::read_create(body.value);
    let new = ctx.create_channel(&input, &once.answered(&created)).await?;
    Ok(Settled(audit_sinks::with_key::<NewChannel>(new, |channel| &mut channel.signing_key)))
}

/// List channels
#[utoipa::path(get, path = "/notifications/channels", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of channels", body = List<Channel>)))]
async fn list_channels(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Channel>>> {
    Ok(list(ctx.list_channels(&page(query.limit, query.cursor)).await?, wire::channel))
}

/// Show a channel
#[utoipa::path(get, path = "/notifications/channels/{channel_id}", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.read"))),
    params(("channel_id" = String, Path, description = "The channel's id.")),
    responses((status = 200, description = "The channel", body = Channel,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_channel(ctx: Ctx, Path(id): Path<ChannelId>) -> Reply<Versioned<Channel>> {
    Ok(versioned(&ctx.channel(&id).await?))
}

/// Change a channel
#[utoipa::path(patch, path = "/notifications/channels/{channel_id}", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("channel_id" = String, Path, description = "The channel's id."), IfMatchHeader),
    request_body = UpdateChannel,
    responses((status = 200, description = "Changed", body = Channel,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_channel(
    ctx: Ctx,
    Path(id): Path<ChannelId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateChannel>,
) -> Reply<Versioned<Channel>> {
    let change = wire::read_update(body.value);
    Ok(versioned(&ctx.update_channel(&id, version, &change).await?))
}

/// Remove a channel
///
/// With its deliveries.
#[utoipa::path(delete, path = "/notifications/channels/{channel_id}", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("channel_id" = String, Path, description = "The channel's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_channel(ctx: Ctx, Path(id): Path<ChannelId>) -> Reply<StatusCode> {
    ctx.delete_channel(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new signing key for a channel
///
/// Webhooks are signed with both keys for a day. The answer is the only time that the key is told.
#[utoipa::path(post, path = "/notifications/channels/{channel_id}/rotate-key",
    tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("channel_id" = String, Path, description = "The channel's id."), IdempotencyHeader),
    responses((status = 200, description = "Made", body = NewSigningKey)))]
async fn rotate_channel_key(ctx: Ctx, Path(id): Path<ChannelId>, once: Once) -> Reply<Settled> {
    let once = once.with(&[]);
    let made = |ends: &UnixMs| answer(StatusCode::OK, &audit_sinks::new_key(*ends));
    let new = ctx.rotate_channel_key(&id, &once.answered(&made)).await?;
    Ok(Settled(audit_sinks::with_key::<NewSigningKey>(new, |key| &mut key.signing_key)))
}

/// Send a test through a channel
///
/// The answer is the delivery: look at it again to see how it went.
#[utoipa::path(post, path = "/notifications/channels/{channel_id}/test", tag = "notifications",
    extensions(("x-grantry-action" = json!("notification.write"))),
    params(("channel_id" = String, Path, description = "The channel's id."), IdempotencyHeader),
    request_body = TestChannel,
    responses((status = 202, description = "On its way", body = Delivery)))]
async fn test_channel(
    ctx: Ctx,
    Path(id): Path<ChannelId>,
    once: Once,
    body: Json<TestChannel>,
) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let recipient = body.value.recipient;
    let sent = |delivery: &grantry_engine::Delivery| {
        answer(StatusCode::ACCEPTED, &deliveries::delivery(delivery))
    };
    Ok(Settled(ctx.test_channel(&id, recipient.as_deref(), &once.answered(&sent)).await?))
}
