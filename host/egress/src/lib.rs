//! The way out: the only crate that dials. Plugins' requests (`runtime`) and the host's own
//! deliveries (`deliver`) go through the same check.
//!
//! The way of a connection: [`Target`] (parsed once), [`checked_addresses`] (every address of the
//! name is judged), [`Dialer`] (dials a judged one, checks the certificate against the name). There
//! is no redirect and no test-only way past it; a [`Proxy`] is one that the operator chose, and gets
//! judged addresses only; private addresses are reached through an admin's exception for exactly that
//! address and port.

mod address;
mod dial;
mod proxy;
mod resolve;
mod stream;
mod target;

pub use dial::{Connection, DialSettings, Dialer, SetupError, Way};
pub use proxy::{InvalidProxy, Proxy};
pub use resolve::{Resolver, SystemResolver, checked_addresses};
pub use stream::NetworkStream;
pub use target::Target;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Refused by the host, before anything was sent.
    #[error("{code}: {detail}")]
    Denied {
        /// Such as `address_not_allowed`.
        code: &'static str,
        /// What was tried, without secrets.
        detail: String,
    },
    /// Nothing was sent.
    #[error("{0}")]
    Connect(String),
}

impl EgressError {
    pub(crate) fn denied(code: &'static str, detail: String) -> Self {
        const DETAIL_CHARACTERS_MAX: usize = 300;
        let detail = grantry_model::text::printable(&detail, DETAIL_CHARACTERS_MAX);
        Self::Denied { code, detail }
    }
}
