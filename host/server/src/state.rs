//! What the server is made of.

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use grantry_engine::Engine;
use grantry_model::ids::PrincipalId;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authentication::{Authenticator, BearerTokens};
use crate::cookies::Cookies;
use crate::limits::Limits;
use crate::rate::RateLimiter;
use crate::{access, openapi};

const A_MINUTE: Duration = Duration::from_secs(60);

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub engine: Engine,
    pub authenticator: Arc<dyn Authenticator>,
    pub limits: Limits,
    pub principals: RateLimiter<PrincipalId>,
    pub peers: RateLimiter<IpAddr>,
    /// Failed sign-ins, by address.
    pub sign_ins: RateLimiter<IpAddr>,
    /// Rows of the audit log about callers who are nobody, by address.
    pub audited: RateLimiter<IpAddr>,
    /// How many such rows were left out since the last one.
    pub unaudited: AtomicU64,
    /// Where people reach this server.
    pub public_url: String,
    pub cookies: Cookies,
    pub metrics: PrometheusHandle,
    /// Units of work that outlive their connection.
    pub units: TaskTracker,
    /// Open event streams.
    pub streams: Arc<Semaphore>,
    /// Set when the server stops: event streams end, no connection is accepted.
    pub stopping: CancellationToken,
    pub started: Instant,
}

impl Parts {
    /// Where issuers send browsers back to.
    pub fn redirect_uri(&self) -> String {
        format!("{}/api/v1/sign-in/callback", self.public_url)
    }
}

/// All routes with their descriptions: made once, since there are hundreds.
static ROUTES: LazyLock<Router<Server>> = LazyLock::new(|| {
    let (routes, document) = openapi::router().split_for_parts();
    routes.merge(openapi::pages(document))
});

impl Server {
    /// A server that accepts the engine's own bearer tokens and sessions.
    pub fn new(engine: Engine, limits: Limits, metrics: PrometheusHandle) -> Self {
        Self(Arc::new(Parts {
            engine,
            authenticator: Arc::new(BearerTokens),
            principals: RateLimiter::new(limits.requests),
            peers: RateLimiter::new(limits.failures),
            sign_ins: RateLimiter::every(limits.sign_in_failures, A_MINUTE),
            audited: RateLimiter::every(limits.audited_failures, A_MINUTE),
            unaudited: AtomicU64::new(0),
            cookies: Cookies::new(false),
            public_url: String::new(),
            metrics,
            units: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            stopping: CancellationToken::new(),
            started: Instant::now(),
            limits,
        }))
    }

    /// The same, reached by people's browsers at this origin, such as `https://grantry.example.com`.
    /// Without it nobody can sign in by an issuer.
    ///
    /// # Panics
    /// When it serves already.
    #[must_use]
    pub fn with_public_url(mut self, url: &str) -> Self {
        let parts = Arc::get_mut(&mut self.0).expect("nobody else has this server yet");
        parts.cookies = Cookies::new(url.starts_with("https://"));
        parts.public_url = url.trim_end_matches('/').to_owned();
        self
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
        access::around(ROUTES.clone(), self.clone())
    }

    /// Asks the server to stop; [`crate::serve`] returns when open requests have ended.
    pub fn stop(&self) {
        self.0.stopping.cancel();
    }
}
