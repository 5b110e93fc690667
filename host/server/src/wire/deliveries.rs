//! Messages to people.

use grantry_api::deliveries as wire;
use grantry_engine::{Delivery, DeliveryState};

/// A delivery.
pub(crate) fn delivery(stored: &Delivery) -> wire::Delivery {
    let message = &stored.message;
    wire::Delivery {
        id: message.id.to_string(),
        channel_id: message.channel.to_string(),
        kind: super::templates::kind(message.kind),
        recipient: Some(message.recipient.clone()).filter(|address| !address.is_empty()),
        title: message.title.clone(),
        text: message.text.clone(),
        fields: message.fields.clone(),
        state: match stored.state {
            DeliveryState::Waiting => wire::DeliveryState::Waiting,
            DeliveryState::Delivered => wire::DeliveryState::Delivered,
            DeliveryState::Failed => wire::DeliveryState::Failed,
        },
        attempts: stored.attempts,
        due_ms: stored.due.0,
        last_error: stored.error.clone(),
        created_ms: stored.created.0,
        finished_ms: stored.finished.map(|at| at.0),
    }
}

/// A state's name, from the wire.
pub(crate) fn read_state(state: wire::DeliveryState) -> &'static str {
    match state {
        wire::DeliveryState::Waiting => DeliveryState::Waiting.name(),
        wire::DeliveryState::Delivered => DeliveryState::Delivered.name(),
        wire::DeliveryState::Failed => DeliveryState::Failed.name(),
    }
}
