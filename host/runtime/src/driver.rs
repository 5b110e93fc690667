//! One call from beginning to end: a fresh Store, its limits, the guest, the verdict, the report.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use grantry_model::fault::{Fault, PluginError};
use grantry_model::runner::{CallFailure, CallResult, Called};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Instance;
use wasmtime::{Store, UpdateDeadline};

use crate::call::CallState;
use crate::meter::{CpuMeter, Metered};
use crate::plugin::Plugin;
use crate::verdict::{self, Phase};

/// Ticks after which a running guest is interrupted for a moment and its time is counted.
const SLICE_TICKS: u64 = 1;

/// One exported function with its arguments.
pub(crate) trait GuestCall: Send + 'static {
    /// The function, for metrics.
    const NAME: &str;

    /// What it answers, in the host's own types.
    type Answer: Send + 'static;

    /// Finds the function in the instance and calls it.
    fn run(
        self,
        plugin: &Plugin,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> impl Future<Output = Result<Self::Answer, CallError>> + Send;
}

/// How a call can fail before the verdict.
pub(crate) enum CallError {
    /// The guest answered with an error.
    Guest(PluginError),
    /// The interface is not exported.
    NotOffered(&'static str),
    /// wasmtime's word.
    Wasm(wasmtime::Error),
}

impl From<wasmtime::Error> for CallError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasm(error)
    }
}

/// Runs a call to its end. Must be polled on a guests' thread.
pub(crate) async fn run<C: GuestCall>(
    plugin: &Plugin,
    state: CallState,
    deadline: Instant,
    call: C,
) -> CallResult<C::Answer> {
    let limits = state.limits.clone();
    let mut store = Store::new(plugin.pre.engine(), state);
    let meter = arm(&mut store);
    let mut phase = Phase::Instantiating;
    let guest = async {
        let instance = plugin.pre.instantiate_async(&mut store).await?;
        phase = Phase::Calling;
        call.run(plugin, &mut store, &instance).await
    };
    let guest = Metered::new(meter, Box::pin(guest));
    let ended = AssertUnwindSafe(timeout_at(deadline, guest)).catch_unwind().await;
    let result = match ended {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(fault(error, phase, &store)),
        Ok(Err(_)) => Err(Fault::Timeout(limits.wall_ms)),
        Err(_) => Err(Fault::Host("a host function panicked".to_owned())),
    };
    let report = store.data_mut().report(result.is_ok());
    match result {
        Ok(value) => Ok(Called { value, report }),
        Err(fault) => Err(Box::new(CallFailure { fault, report })),
    }
}

/// Puts every limit into place; before anything of the guest runs.
fn arm(store: &mut Store<CallState>) -> Arc<CpuMeter> {
    let limits = store.data().limits.clone();
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits.transfer_bytes_max);
    store.set_max_component_handles(limits.handles_max);
    let meter = Arc::new(CpuMeter::default());
    let (budget, counted) = (Duration::from_millis(limits.cpu_ms), meter.clone());
    store.epoch_deadline_callback(move |_| {
        if counted.used() >= budget {
            return Ok(UpdateDeadline::Interrupt);
        }
        Ok(UpdateDeadline::YieldCustom(SLICE_TICKS, Box::pin(tokio::task::yield_now())))
    });
    store.set_epoch_deadline(SLICE_TICKS);
    meter
}

fn fault(error: CallError, phase: Phase, store: &Store<CallState>) -> Fault {
    match error {
        CallError::Guest(error) => Fault::Plugin(error),
        CallError::NotOffered(interface) => Fault::NotOffered(interface.to_owned()),
        CallError::Wasm(error) => {
            let state = store.data();
            verdict::fault(&error, phase, &state.limiter, state.limits.cpu_ms)
        }
    }
}
