//! Service desks and tickets.

use grantry_api::ticket_desks as wire;
use grantry_engine::{StoredDesk, StoredTicket};
use grantry_model::ids::IntegrationId;
use grantry_model::ticket::follow::Stage;
use grantry_model::ticket::template::{BODY, TITLE, TicketTemplate};
use grantry_model::ticket::{TicketSchema, TicketState};

use crate::problem::Problem;
use crate::reply::Versioned;

/// A desk with its version, or that there is none.
pub(crate) fn versioned(stored: Option<StoredDesk>) -> Versioned<wire::TicketDesk> {
    let version = stored.as_ref().map_or(1, |stored| stored.version);
    let (desk_id, template) = match stored {
        Some(stored) => (Some(stored.desk.to_string()), Some(template(stored.template))),
        None => (None, None),
    };
    Versioned(version, wire::TicketDesk { desk_id, template, version })
}

fn template(stored: TicketTemplate) -> wire::TicketTemplate {
    wire::TicketTemplate {
        schema: stored.schema,
        kind: stored.kind,
        title: Some(stored.title),
        body: Some(stored.body),
        labels: stored.labels,
        fields: stored.fields,
        requested_for: stored.requested_for,
    }
}

/// A desk, from the wire.
pub(crate) fn read(set: wire::SetTicketDesk) -> Result<(IntegrationId, TicketTemplate), Problem> {
    let desk = IntegrationId::parse(&set.desk_id)
        .map_err(|error| Problem::field("/desk_id", "invalid_id", error.to_string()))?;
    let template = set.template;
    let template = TicketTemplate {
        schema: template.schema,
        kind: template.kind,
        title: template.title.unwrap_or_else(|| TITLE.to_owned()),
        body: template.body.unwrap_or_else(|| BODY.to_owned()),
        labels: template.labels,
        fields: template.fields,
        requested_for: template.requested_for,
    };
    Ok((desk, template))
}

/// A kind of ticket.
pub(crate) fn schema(schema: &TicketSchema) -> wire::TicketSchema {
    let status = |(name, means): &(String, TicketState)| wire::TicketStatus {
        name: name.clone(),
        means: stage(Stage::Known(*means)),
    };
    wire::TicketSchema {
        id: schema.id.clone(),
        name: schema.display.clone(),
        types: schema.types.clone(),
        fields_schema: super::stored_json(&schema.fields_schema),
        statuses: schema.statuses.iter().map(status).collect(),
    }
}

fn stage(stage: Stage) -> wire::TicketStage {
    match stage {
        Stage::Ordered => wire::TicketStage::Ordered,
        Stage::Known(TicketState::Open) => wire::TicketStage::Open,
        Stage::Known(TicketState::InProgress) => wire::TicketStage::InProgress,
        Stage::Known(TicketState::Done) => wire::TicketStage::Done,
        Stage::Known(TicketState::Rejected) => wire::TicketStage::Rejected,
        Stage::Known(TicketState::Cancelled) => wire::TicketStage::Cancelled,
        Stage::Known(TicketState::Unknown) => wire::TicketStage::Unknown,
        Stage::Lost => wire::TicketStage::Lost,
    }
}

/// A ticket of an operation.
pub(crate) fn ticket(ticket: &StoredTicket) -> wire::OperationTicket {
    wire::OperationTicket {
        id: ticket.id.clone(),
        url: ticket.url.clone(),
        desk_id: ticket.desk.to_string(),
        title: ticket.request.title.clone(),
        stage: stage(ticket.followed.stage),
        status: ticket.native_status.clone(),
        resolution: ticket.resolution.clone(),
        misses: ticket.followed.misses,
        ordered_ms: ticket.ordered.0,
        looked_ms: ticket.looked.map(|at| at.0),
        next_look_ms: ticket.look.map(|at| at.0),
    }
}
