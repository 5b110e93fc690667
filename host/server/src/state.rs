//! What the server is made of.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use grantry_engine::Engine;
use grantry_model::ids::PrincipalId;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authentication::{Authenticator, BearerTokens};
use crate::limits::Limits;
use crate::rate::RateLimiter;
use crate::{access, openapi};

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub engine: Engine,
    pub authenticator: Arc<dyn Authenticator>,
    pub limits: Limits,
    pub principals: RateLimiter<PrincipalId>,
    pub peers: RateLimiter<IpAddr>,
    pub metrics: PrometheusHandle,
    /// Units of work that outlive their connection.
    pub units: TaskTracker,
    /// Open event streams.
    pub streams: Arc<Semaphore>,
    /// Set when the server stops: event streams end, no connection is accepted.
    pub stopping: CancellationToken,
    pub started: Instant,
}

impl Server {
    /// A server that accepts the engine's own bearer tokens.
    pub fn new(engine: Engine, limits: Limits, metrics: PrometheusHandle) -> Self {
        Self(Arc::new(Parts {
            engine,
            authenticator: Arc::new(BearerTokens),
            principals: RateLimiter::new(limits.requests),
            peers: RateLimiter::new(limits.failures),
            metrics,
            units: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            stopping: CancellationToken::new(),
            started: Instant::now(),
            limits,
        }))
    }

    /// The same with another proof of who calls.
    ///
    /// # Panics
    /// When it serves already.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        let parts = Arc::get_mut(&mut self.0).expect("nobody else has this server yet");
        parts.authenticator = authenticator;
        self
    }

    /// The whole service: every route with the layers around them.
    pub fn router(&self) -> Router {
        let (routes, document) = openapi::router().split_for_parts();
        access::around(routes.merge(openapi::pages(document)), self.clone())
    }

    /// Asks the server to stop; [`crate::serve`] returns when open requests have ended.
    pub fn stop(&self) {
        self.0.stopping.cancel();
    }
}
