//! `tickets`: what is opened, and how it stands.

use grantry_model::ticket as model;

use super::all;
use crate::bindings::exports::grantry::plugin::tickets as wit;

fn state(from: wit::TicketState) -> model::TicketState {
    match from {
        wit::TicketState::Open => model::TicketState::Open,
        wit::TicketState::InProgress => model::TicketState::InProgress,
        wit::TicketState::Done => model::TicketState::Done,
        wit::TicketState::Rejected => model::TicketState::Rejected,
        wit::TicketState::Cancelled => model::TicketState::Cancelled,
        wit::TicketState::Unknown => model::TicketState::Unknown,
    }
}

pub(crate) fn schemas(from: wit::SchemaPage) -> model::TicketSchemas {
    model::TicketSchemas { items: all(from.items, schema), next: from.next }
}

fn schema(from: wit::TicketSchema) -> model::TicketSchema {
    model::TicketSchema {
        id: from.id,
        display: from.display,
        fields_schema: from.fields_schema,
        statuses: all(from.statuses, |(name, means)| (name, state(means))),
        types: from.types,
    }
}

pub(crate) fn to_request(from: &model::TicketRequest) -> wit::TicketRequest {
    wit::TicketRequest {
        schema: from.schema.clone(),
        title: from.title.clone(),
        body: from.body.clone(),
        kind: from.kind.clone(),
        labels: from.labels.clone(),
        fields: from.fields.clone(),
        requested_for: from.requested_for.clone(),
        idempotency_key: from.idempotency_key.clone(),
    }
}

pub(crate) fn ticket(from: wit::Ticket) -> model::Ticket {
    model::Ticket {
        id: from.id,
        url: from.url,
        state: state(from.state),
        native_status: from.native_status,
        updated_ms: from.updated_ms,
        resolution: from.resolution,
    }
}
