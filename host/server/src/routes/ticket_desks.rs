//! Service desks in which the changes of access of integrations are opened as tickets (PRV-4).

use axum::Json as Body;
use grantry_api::headers::IfMatchHeader;
use grantry_api::page::List;
use grantry_api::ticket_desks::{SetTicketDesk, TicketDesk, TicketSchema};
use grantry_model::ids::IntegrationId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::reply::{Reply, Versioned};
use crate::state::Server;
use crate::wire::ticket_desks as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(get_ticket_desk, set_ticket_desk, delete_ticket_desk))
        .routes(routes!(list_ticket_schemas))
}

/// Show the service desk of an integration
#[utoipa::path(get, path = "/integrations/{integration_id}/ticket-desk", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 200, description = "The desk", body = TicketDesk,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_ticket_desk(ctx: Ctx, Path(id): Path<IntegrationId>) -> Reply<Versioned<TicketDesk>> {
    Ok(wire::versioned(ctx.ticket_desk(&id).await?))
}

/// Set the service desk of an integration
///
/// Changes of access whose method is `ticket` are opened there as tickets. The desk is asked what
/// tickets it takes.
#[utoipa::path(put, path = "/integrations/{integration_id}/ticket-desk", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id."), IfMatchHeader),
    request_body = SetTicketDesk,
    responses((status = 200, description = "Set", body = TicketDesk,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn set_ticket_desk(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
    IfMatch(version): IfMatch,
    body: Json<SetTicketDesk>,
) -> Reply<Versioned<TicketDesk>> {
    let (desk, template) = wire::read(body.value)?;
    Ok(wire::versioned(Some(ctx.set_ticket_desk(&id, version, (&desk, &template)).await?)))
}

/// Remove the service desk of an integration
///
/// Tickets that are open are followed on.
#[utoipa::path(delete, path = "/integrations/{integration_id}/ticket-desk", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.write"))),
    params(("integration_id" = String, Path, description = "The integration's id.")),
    responses((status = 204, description = "Removed")))]
async fn delete_ticket_desk(ctx: Ctx, Path(id): Path<IntegrationId>) -> Reply<StatusCode> {
    ctx.delete_ticket_desk(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the kinds of tickets that a service desk takes
///
/// Of an integration whose plugin opens tickets, asked now.
#[utoipa::path(get, path = "/integrations/{integration_id}/ticket-schemas", tag = "integrations",
    extensions(("x-grantry-action" = json!("integration.read"))),
    params(("integration_id" = String, Path, description = "The desk's id.")),
    responses((status = 200, description = "All of them", body = List<TicketSchema>)))]
async fn list_ticket_schemas(
    ctx: Ctx,
    Path(id): Path<IntegrationId>,
) -> Reply<Body<List<TicketSchema>>> {
    let items = ctx.ticket_schemas(&id).await?.iter().map(wire::schema).collect();
    Ok(Body(List { items, next: None }))
}
