//! What an operator can set about outgoing requests.

use std::fmt;
use std::sync::Arc;

use grantry_egress::{DialSettings, Proxy, Resolver, SystemResolver};

/// Limits and trust of outgoing requests.
#[derive(Clone)]
pub struct HttpSettings {
    /// Certificates (PEM) that are trusted beside the public ones, such as a company's own root.
    pub extra_roots_pem: Vec<String>,
    /// Time for a whole exchange where the guest does not ask for less, in milliseconds.
    pub timeout_ms: u64,
    /// Time for a connection with TLS, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Most bytes of a request's body.
    pub request_bytes_max: usize,
    /// Most bytes of an answer's body, before and after decompression.
    pub response_bytes_max: usize,
    /// Most requests of one call.
    pub requests_max: u32,
    /// Requests a second to one host, for one integration.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub requests_burst: u32,
    /// How the host introduces itself.
    pub user_agent: String,
    /// Looks names up.
    pub resolver: Arc<dyn Resolver>,
    /// What requests go through that do not bypass it.
    pub proxy: Option<Proxy>,
}

impl HttpSettings {
    pub(crate) fn dialling(&self) -> DialSettings {
        DialSettings {
            extra_roots_pem: self.extra_roots_pem.clone(),
            connect_timeout_ms: self.connect_timeout_ms,
            resolver: self.resolver.clone(),
            proxy: self.proxy.clone(),
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            extra_roots_pem: Vec::new(),
            timeout_ms: 20_000,
            connect_timeout_ms: 5_000,
            request_bytes_max: 4 * 1024 * 1024,
            response_bytes_max: 4 * 1024 * 1024,
            requests_max: 1_000,
            requests_per_second: 200,
            requests_burst: 400,
            user_agent: concat!("grantry/", env!("CARGO_PKG_VERSION")).to_owned(),
            resolver: Arc::new(SystemResolver),
            proxy: None,
        }
    }
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSettings")
            .field("timeout_ms", &self.timeout_ms)
            .field("response_bytes_max", &self.response_bytes_max)
            .finish_non_exhaustive()
    }
}
