//! The one engine of a process, with its threads and limits; [`crate::LocalRunner`] and
//! [`crate::Inspector`] share it.

use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use grantry_model::fault::Fault;
use grantry_model::package::ComponentSource;
use grantry_model::plugin::Digest;
use grantry_model::runner::{CallFailure, CallReport, CallResult, CallScope};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant};

use crate::call::{CallState, Capabilities, Services};
use crate::driver::{self, GuestCall};
use crate::engine;
use crate::http::{Access, HttpAccess, HttpSetupError};
use crate::plugin::Plugin;
use crate::plugins::Plugins;
use crate::settings::Settings;
use crate::threads::GuestThreads;

/// How much of a digest names a plugin in metrics.
const DIGEST_CHARACTERS: usize = 12;

/// Everything that running plugins needs. Make one per process.
pub struct Runtime {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) component_bytes_max: u64,
    pub(crate) accepts_inert_sockets: bool,
    services: Services,
    http: Arc<HttpAccess>,
    threads: GuestThreads,
    calls: Arc<Semaphore>,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// wasmtime or the cache directory.
    #[error("the plugin engine cannot be set up: {0}")]
    Engine(String),
    /// The guests' threads.
    #[error("the guests' threads cannot be started: {0}")]
    Threads(#[from] std::io::Error),
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] HttpSetupError),
}

impl Runtime {
    /// Sets everything up. Must be called inside a tokio runtime: what plugins wait for (requests,
    /// database, audit) runs there, while the guests have threads of their own.
    pub fn start(
        settings: Settings,
        source: Arc<dyn ComponentSource>,
    ) -> Result<Arc<Self>, RuntimeError> {
        let setup = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let engine = engine::host_engine(&settings).map_err(setup)?;
        let plugins = Plugins::new(engine, &settings, source).map_err(setup)?;
        Ok(Arc::new(Self {
            plugins: Arc::new(plugins),
            component_bytes_max: settings.component_bytes_max,
            accepts_inert_sockets: settings.accepts_inert_sockets,
            threads: GuestThreads::start(settings.guest_threads)?,
            calls: Arc::new(Semaphore::new(usize::try_from(settings.calls_max).unwrap_or(1))),
            http: Arc::new(HttpAccess::new(settings.http)?),
            services: Services {
                io: Handle::current(),
                clock: settings.clock,
                random: settings.random,
            },
        }))
    }

    /// One call of the plugin of that digest.
    pub(crate) async fn call<C: GuestCall>(
        &self,
        digest: &Digest,
        scope: Option<&CallScope>,
        access: Access,
        call: C,
    ) -> CallResult<C::Answer> {
        let outcome = match self.plugins.get(digest).await {
            Ok(plugin) => self.call_plugin(plugin, scope, access, call).await,
            Err(fault) => Err(Box::new(CallFailure { fault, report: CallReport::default() })),
        };
        count(C::NAME, digest, &outcome);
        outcome
    }

    /// One call of a loaded plugin: waits for its turn, then runs it on the guests' threads.
    /// Dropping the future ends the call.
    pub(crate) async fn call_plugin<C: GuestCall>(
        &self,
        plugin: Arc<Plugin>,
        scope: Option<&CallScope>,
        access: Access,
        call: C,
    ) -> CallResult<C::Answer> {
        let permits = self.permits(&plugin).await?;
        let deadline = Instant::now() + Duration::from_millis(plugin.limits.wall_ms);
        let capabilities = scope.map(|scope| Capabilities {
            http: self.http.session(scope, access, deadline),
            scope: scope.clone(),
        });
        let state = CallState::new(self.services.clone(), plugin.limits.clone(), capabilities);
        let run = async move {
            // Held until the Store is gone, also when the call is dropped.
            let _permits = permits;
            driver::run(&plugin, state, deadline, call).await
        };
        self.on_guest_thread(run).await
    }

    async fn permits(
        &self,
        plugin: &Plugin,
    ) -> Result<[OwnedSemaphorePermit; 2], Box<CallFailure>> {
        let closed = |_| {
            let fault = Fault::Host("the host is shutting down".to_owned());
            Box::new(CallFailure { fault, report: CallReport::default() })
        };
        let own = plugin.permits.clone().acquire_owned().await.map_err(closed)?;
        let shared = self.calls.clone().acquire_owned().await.map_err(closed)?;
        Ok([own, shared])
    }

    async fn on_guest_thread<T: Send + 'static>(
        &self,
        run: impl Future<Output = CallResult<T>> + Send + 'static,
    ) -> CallResult<T> {
        match self.threads.spawn(std::panic::AssertUnwindSafe(run).catch_unwind()).await {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Box::new(failure("the host panicked"))),
            None => Err(Box::new(failure("the host is shutting down"))),
        }
    }
}

/// Counts a call and what it used.
fn count<T>(function: &'static str, digest: &Digest, outcome: &CallResult<T>) {
    let (code, usage) = match outcome {
        Ok(called) => ("ok", &called.report.usage),
        Err(failure) => (failure.fault.code(), &failure.report.usage),
    };
    let plugin: String = digest.as_str().chars().take(DIGEST_CHARACTERS).collect();
    let of = [("plugin", plugin)];
    metrics::counter!("grantry_plugin_requests_total", &of).increment(usage.requests.into());
    metrics::counter!("grantry_plugin_traffic_bytes_total", &of).increment(usage.traffic_bytes);
    let [plugin] = of;
    let labels = [plugin, ("function", function.to_owned()), ("outcome", code.to_owned())];
    metrics::counter!("grantry_plugin_calls_total", &labels).increment(1);
    let seconds = Duration::from_micros(usage.elapsed_us).as_secs_f64();
    metrics::histogram!("grantry_plugin_call_seconds", "function" => function).record(seconds);
}

fn failure(why: &str) -> CallFailure {
    CallFailure { fault: Fault::Host(why.to_owned()), report: CallReport::default() }
}
