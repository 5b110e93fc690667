//! Outgoing requests: the only HTTP client that a plugin can reach, with all its rules.
//!
//! [`HttpAccess`] lives as long as the host; a [`HttpSession`] is one call's use of it. The way of a
//! request, in order: [`grantry_egress::Target`] (parse once), [`policy`] (approved?), [`headers`],
//! [`rate`], [`grantry_egress::Dialer`] (every dial), [`credentials`] (last step before the socket),
//! [`exchange`], [`body`], [`scrub`]. HTTP/1.1 only: one parser, one request per connection at a time.

mod body;
mod credentials;
mod exchange;
mod headers;
mod oauth;
mod policy;
mod pool;
mod rate;
mod scrub;
mod session;
mod settings;
mod tenant;

use std::sync::Arc;

use grantry_egress::{Dialer, EgressError};
use grantry_model::runner::CallScope;
use tokio::time::Instant;

pub use grantry_egress::{Resolver, SetupError as HttpSetupError, SystemResolver};
pub(crate) use headers::is_own as is_own_header;
pub use scrub::Scrubber;
pub use session::HttpSession;
pub use settings::HttpSettings;

use rate::Rates;
use tenant::Tenants;

/// The host's HTTP client for plugins.
pub struct HttpAccess {
    settings: HttpSettings,
    dialer: Dialer,
    rates: Rates,
    tenants: Tenants,
}

impl HttpAccess {
    /// A client with these settings.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpSetupError> {
        let dialer = Dialer::new(&settings.dialling())?;
        let rates = Rates::new(settings.requests_per_second, settings.requests_burst);
        Ok(Self { settings, dialer, rates, tenants: Tenants::default() })
    }

    /// One call's use: within the scope's grants, until the deadline.
    pub fn session(
        self: &Arc<Self>,
        scope: &CallScope,
        access: Access,
        deadline: Instant,
    ) -> Arc<HttpSession> {
        Arc::new(HttpSession::new(self.clone(), scope.clone(), access, deadline))
    }
}

/// What a call may do to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// GET and HEAD.
    ReadOnly,
    /// Every method of the contract.
    ReadWrite,
}

/// A guest's request.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "documented field by field in wit/host.wit")]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub auth: Option<String>,
    pub timeout_ms: u32,
}

/// What a guest gets to see of an answer.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "documented field by field in wit/host.wit")]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer: `http-error` of `wit/host.wit`, with words for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Refused by the host; recorded in the audit log.
    Denied {
        /// What the guest is told.
        code: &'static str,
        /// What was tried, without secrets.
        detail: String,
    },
    /// Nothing was sent.
    Connect(String),
    /// The request may have arrived.
    TimedOut,
    /// The request may have arrived; the answer cannot be used.
    Protocol(String),
    /// The answer, or the request, has too many bytes.
    TooLarge,
    /// The target asks for a longer pause than the call has left.
    RateWaitExceeded {
        /// The pause, in milliseconds.
        ms: u64,
    },
    /// The call sent too much.
    QuotaExceeded(String),
}

impl From<EgressError> for Refusal {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Denied { code, detail } => Self::Denied { code, detail },
            EgressError::Connect(why) => Self::Connect(why),
        }
    }
}

impl Refusal {
    pub(crate) fn denied(code: &'static str, detail: String) -> Self {
        const DETAIL_CHARACTERS_MAX: usize = 300;
        let detail = grantry_model::text::printable(&detail, DETAIL_CHARACTERS_MAX);
        Self::Denied { code, detail }
    }

    /// The code of security notes rows 42 to 47.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { code, .. } => code,
            Self::Connect(_) => "upstream_unreachable",
            Self::TimedOut => "upstream_timeout",
            Self::Protocol(_) => "upstream_protocol_error",
            Self::TooLarge => "response_too_large",
            Self::RateWaitExceeded { .. } => "rate_wait_exceeded",
            Self::QuotaExceeded(_) => "plugin_quota_exceeded",
        }
    }
}
