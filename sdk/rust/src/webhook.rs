//! The logic of a homegrown app, instead of a web server that would receive the webhook.

use crate::bindings::exports::grantry::plugin::webhook_logic::Guest;
pub use crate::bindings::exports::grantry::plugin::webhook_logic::{Event, Reply};
use crate::types::Result;

/// Reacts to events. The manual is `wit/logic.wit`.
pub trait WebhookLogic {
    /// # Errors
    /// The host decides by the case whether it delivers the event again.
    fn on_event(event: Event) -> Result<Reply>;
}

impl<T: WebhookLogic> Guest for T {
    fn on_event(event: Event) -> Result<Reply> {
        crate::panics::log_them();
        T::on_event(event)
    }
}
