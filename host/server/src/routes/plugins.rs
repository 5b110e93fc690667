//! Installed plugins.

use axum::Json as Body;
use grantry_api::headers::{IdempotencyHeader, SignatureHeader};
use grantry_api::plugins::{InstallQuery, Plugin, PullPlugin};
use grantry_api::{List, ListQuery};
use grantry_engine::{Installed, PluginUpload};
use grantry_model::ids::PluginId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{Component, Json};
use crate::context::Ctx;
use crate::headers::{Once, PluginSignature};
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, answer, list};
use crate::state::Server;
use crate::wire::plugins as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(install_plugin, list_plugins))
        .routes(routes!(pull_plugin))
        .routes(routes!(get_plugin, delete_plugin))
}

/// Install a plugin
///
/// Upload a WebAssembly component. Its signature, if it has one, must be by a trusted publisher and for
/// this name, version and digest; without one it is taken only with `allow_unsigned`. It is checked and
/// compiled apart, under limits, and described by itself without any capability. What it may do is
/// approved later, per integration. A component that is installed already, signed by nobody who is trusted
/// now, gets its new signer.
#[utoipa::path(post, path = "/plugins", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(IdempotencyHeader, SignatureHeader, InstallQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm",
        description = "The component, at most 64 MiB."),
    responses((status = 201, description = "Installed", body = Plugin)))]
async fn install_plugin(
    ctx: Ctx,
    once: Once,
    PluginSignature(signature): PluginSignature,
    Query(query): Query<InstallQuery>,
    component: Component,
) -> Reply<Settled> {
    let signature = signature.as_deref();
    let once = once.with(&component.0).with_digest(signature.unwrap_or_default());
    let installed = |plugin: &Installed| answer(StatusCode::CREATED, &wire::plugin(plugin));
    let allow_unsigned = query.allow_unsigned.unwrap_or(false);
    let upload = PluginUpload { component: &component.0, signature, allow_unsigned };
    Ok(Settled(ctx.install_plugin(&upload, &once.answered(&installed)).await?))
}

/// Install a plugin from a registry
///
/// The server pulls what an OCI reference names, holds every byte against its digest, and goes on as with
/// an upload. The signature is the manifest's annotation `io.grantry.plugin.minisig`.
#[utoipa::path(post, path = "/plugins/from-registry", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(IdempotencyHeader), request_body = PullPlugin,
    responses((status = 201, description = "Installed", body = Plugin)))]
async fn pull_plugin(ctx: Ctx, once: Once, body: Json<PullPlugin>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let PullPlugin { reference, allow_unsigned } = body.value;
    let installed = |plugin: &Installed| answer(StatusCode::CREATED, &wire::plugin(plugin));
    let once = once.answered(&installed);
    Ok(Settled(ctx.pull_plugin(&reference, allow_unsigned, &once).await?))
}

/// List plugins
///
/// In order of installation, each with its documentation link, its connection schema and an
/// example connection.
#[utoipa::path(get, path = "/plugins", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    params(ListQuery),
    responses((status = 200, description = "A page of plugins", body = List<Plugin>)))]
async fn list_plugins(ctx: Ctx, Query(query): Query<ListQuery>) -> Reply<Body<List<Plugin>>> {
    let found = ctx.list_plugins(&page(query.limit, query.cursor)).await?;
    Ok(list(found, wire::plugin))
}

/// Show a plugin
#[utoipa::path(get, path = "/plugins/{plugin_id}", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.read"))),
    params(("plugin_id" = String, Path, description = "The installed plugin's id.")),
    responses((status = 200, description = "The plugin", body = Plugin)))]
async fn get_plugin(ctx: Ctx, Path(id): Path<PluginId>) -> Reply<Body<Plugin>> {
    Ok(Body(wire::plugin(&ctx.plugin(&id).await?)))
}

/// Remove a plugin
///
/// Only one that no integration uses.
#[utoipa::path(delete, path = "/plugins/{plugin_id}", tag = "plugins",
    extensions(("x-grantry-action" = json!("plugin.install"))),
    params(("plugin_id" = String, Path, description = "The installed plugin's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_plugin(ctx: Ctx, Path(id): Path<PluginId>) -> Reply<StatusCode> {
    ctx.delete_plugin(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
