//! A recording proxy between the host and a real target: the judge of what was really sent.
//!
//! It forwards every request as it is, remembers both sides and, on request, injects faults:
//! before the target sees a request, after it has acted, or late ([`Fault`]). What the exchanges
//! prove is asked of [`Recorder::blind_repeats`].

mod exchange;
mod fault;
mod forward;
mod judge;

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result};
use reqwest::Client;
use url::Url;

use crate::loopback::LoopbackServer;
use fault::Rules;

pub use exchange::Exchange;
pub use fault::{Fault, Selector, When};
pub use judge::{BlindRepeat, EffectKey, scim_shows_lost};

/// A running proxy; dropping it ends it, not its target.
#[derive(Debug)]
pub struct Recorder {
    server: LoopbackServer,
    shared: Arc<Shared>,
    base_path: String,
}

#[derive(Debug)]
struct Shared {
    http: Client,
    /// Scheme, host and port of the target.
    origin: String,
    exchanges: Mutex<Vec<Exchange>>,
    /// How many requests have arrived, forgotten ones included.
    arrived: AtomicUsize,
    rules: Mutex<Rules>,
}

impl Recorder {
    /// Puts a proxy on a free port before the target at `target_url`, such as a SCIM base URL.
    ///
    /// # Errors
    /// When the URL is none, or no port is free.
    pub fn start(target_url: &str) -> Result<Self> {
        let url = Url::parse(target_url).with_context(|| format!("read `{target_url}`"))?;
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // A kept connection that the target has just closed would look like a fault of ours.
            .pool_max_idle_per_host(0)
            .build()
            .context("build the HTTP client")?;
        let shared = Arc::new(Shared {
            http,
            origin: url.origin().ascii_serialization(),
            exchanges: Mutex::default(),
            arrived: AtomicUsize::new(0),
            rules: Mutex::default(),
        });
        let server = LoopbackServer::start(forward::router(Arc::clone(&shared)), 0)?;
        Ok(Self { server, shared, base_path: url.path().trim_end_matches('/').to_owned() })
    }

    /// The target's base URL as seen through the proxy.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.server.address(), self.base_path)
    }

    /// The address to approve.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Injects `fault` into those requests that `selector` chooses, `when` it says.
    ///
    /// The first rule that strikes wins; every rule counts the requests that it chooses from 1.
    pub fn inject(&self, fault: Fault, selector: Selector, when: When) {
        lock(&self.shared.rules).add(fault, selector, when);
    }

    /// No more faults.
    pub fn clear_faults(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Every exchange so far, in the order in which the requests arrived.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.shared.exchanges).clone()
    }

    /// Forgets the exchanges.
    pub fn clear_exchanges(&self) {
        lock(&self.shared.exchanges).clear();
    }
}

/// A panic in one request must not hide the others from the test.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
