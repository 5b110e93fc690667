//! Tickets in a service desk.

use crate::bindings::exports::grantry::plugin::tickets::Guest;
pub use crate::bindings::exports::grantry::plugin::tickets::{
    SchemaPage, Ticket, TicketRequest, TicketSchema, TicketState,
};
use crate::types::{Cursor, Result};

/// Opens and follows tickets. The manual is `wit/provision.wit`.
pub trait Tickets {
    /// What kinds of tickets there are.
    ///
    /// # Errors
    /// As the service desk says.
    fn schemas(at: Option<Cursor>) -> Result<SchemaPage>;

    /// # Errors
    /// As the service desk says; [`crate::Error::OutcomeUnknown`] if the ticket may exist.
    fn create(request: TicketRequest) -> Result<Ticket>;

    /// # Errors
    /// As the service desk says.
    fn get(id: String) -> Result<Ticket>;

    /// Override it where the service desk takes many at once.
    fn create_many(requests: Vec<TicketRequest>) -> Vec<Result<Ticket>> {
        requests.into_iter().map(Self::create).collect()
    }

    /// Override it where the service desk answers many at once.
    fn get_many(ids: Vec<String>) -> Vec<Result<Ticket>> {
        ids.into_iter().map(Self::get).collect()
    }
}

impl<T: Tickets> Guest for T {
    fn schemas(at: Option<Cursor>) -> Result<SchemaPage> {
        crate::panics::log_them();
        T::schemas(at)
    }

    fn create(request: TicketRequest) -> Result<Ticket> {
        crate::panics::log_them();
        T::create(request)
    }

    fn get(id: String) -> Result<Ticket> {
        crate::panics::log_them();
        T::get(id)
    }

    fn create_many(requests: Vec<TicketRequest>) -> Vec<Result<Ticket>> {
        crate::panics::log_them();
        T::create_many(requests)
    }

    fn get_many(ids: Vec<String>) -> Vec<Result<Ticket>> {
        crate::panics::log_them();
        T::get_many(ids)
    }
}
