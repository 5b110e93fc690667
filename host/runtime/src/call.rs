//! The state of one call: everything that its host functions may touch, and what it used.
//!
//! A call lives in a Store of its own and ends with it. Host functions are in `host/`; each begins
//! with [`CallState::enter`], which counts it.

use std::future::Future;
use std::sync::Arc;

use grantry_model::clock::{Clock, Random};
use grantry_model::runner::{CallReport, CallScope, Denial, Usage};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::host::kv::Overlay;
use crate::host::log::Log;
use crate::host::wasi::Wasi;
use crate::http::HttpSession;
use crate::limits::Limiter;
use crate::settings::Limits;
use crate::verdict::Stop;

/// Refusals after which a call is ended.
const DENIALS_MAX: u32 = 100;

/// What host functions need of the host.
#[derive(Clone)]
pub(crate) struct Services {
    /// Where everything that waits is run, apart from the guests' threads.
    pub(crate) io: Handle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// What a call with capabilities may reach.
pub(crate) struct Capabilities {
    pub(crate) scope: CallScope,
    pub(crate) http: Arc<HttpSession>,
}

/// The Store's data.
pub(crate) struct CallState {
    pub(crate) services: Services,
    pub(crate) limits: Arc<Limits>,
    pub(crate) limiter: Limiter,
    /// `None` for `describe` and `validate-config`: every import answers that it is denied.
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) log: Log,
    pub(crate) kv: Overlay,
    pub(crate) wasi: Option<Box<Wasi>>,
    pub(crate) began: Instant,
    host_calls: u32,
    denials: u32,
}

impl CallState {
    pub(crate) fn new(
        services: Services,
        limits: Arc<Limits>,
        capabilities: Option<Capabilities>,
    ) -> Self {
        Self {
            services,
            limiter: Limiter::new(&limits),
            log: Log::new(limits.log_bytes_max),
            kv: Overlay::new(limits.kv_writes_max, limits.kv_bytes_max),
            wasi: None,
            began: Instant::now(),
            host_calls: 0,
            denials: 0,
            limits,
            capabilities,
        }
    }

    /// The door of every host function: counts the call, ends the guest that makes too many.
    pub(crate) fn enter(&mut self) -> wasmtime::Result<()> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.limits.host_calls_max {
            return Err(Stop::Quota("host calls").into());
        }
        Ok(())
    }

    /// Waits for work that runs beside the guests. A panic in it ends this call and nothing else.
    pub(crate) async fn on_io<T: Send + 'static>(
        io: &Handle,
        work: impl Future<Output = T> + Send + 'static,
    ) -> wasmtime::Result<T> {
        let mut task = AbortOnDrop(io.spawn(work));
        match (&mut task.0).await {
            Ok(value) => Ok(value),
            Err(error) if error.is_panic() => {
                Err(Stop::Host("a host function panicked".to_owned()).into())
            }
            Err(_) => Err(Stop::Host("the host is shutting down".to_owned()).into()),
        }
    }

    /// Records a refusal in the audit log. It is written even if the call ends meanwhile. A call
    /// that is refused again and again is ended before it fills the log.
    pub(crate) async fn deny(
        &mut self,
        code: &'static str,
        detail: String,
    ) -> wasmtime::Result<()> {
        self.denials = self.denials.saturating_add(1);
        if self.denials > DENIALS_MAX {
            return Err(Stop::Quota("refused host calls").into());
        }
        let Some(capabilities) = &self.capabilities else { return Ok(()) };
        let audit = capabilities.scope.audit.clone();
        let integration = capabilities.scope.integration.clone();
        let write = async move { audit.denied(&integration, Denial { code, detail }).await };
        let written = self.services.io.spawn(write).await;
        written.map_err(|_| Stop::Host("the audit log could not be written".to_owned()).into())
    }

    /// What the call leaves behind. Writes to the key-value store count only if it succeeded.
    pub(crate) fn report(&mut self, is_success: bool) -> CallReport {
        if let Some(wasi) = &self.wasi {
            self.log.append_output(&wasi.output());
        }
        let scrub =
            self.capabilities.as_ref().and_then(|capabilities| capabilities.http.scrubber());
        let writes = self.kv.take_writes();
        let (requests, traffic_bytes) =
            self.capabilities.as_ref().map_or((0, 0), |capabilities| capabilities.http.used());
        CallReport {
            kv_writes: if is_success { writes } else { Vec::new() },
            log: self.log.take(scrub.as_deref()),
            usage: Usage {
                elapsed_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
                memory_bytes: self.limiter.memory_bytes(),
                host_calls: self.host_calls,
                requests,
                traffic_bytes,
            },
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            Box::new(Wasi::empty(self.limits.log_bytes_max, self.services.clock.clone()))
        });
        wasi.view()
    }
}

/// Ends its task with itself.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
