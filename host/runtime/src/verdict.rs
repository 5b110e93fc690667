//! What ended a call, as a [`Fault`] with the exact code of the security notes (rows 32 to 41, 74).

use grantry_model::fault::Fault;
use grantry_model::text::printable;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use crate::limits::Limiter;

const MESSAGE_CHARACTERS_MAX: usize = 300;

/// Ends a call from within a host function: the guest does not get to see it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the plugin used up its quota of {0}")]
    Quota(&'static str),
    #[error("{0}")]
    Host(String),
}

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Start functions, data segments, limits of the component itself.
    Instantiating,
    /// The exported function, its arguments and its result.
    Calling,
}

/// The verdict over an error that wasmtime returned.
pub(crate) fn fault(
    error: &wasmtime::Error,
    phase: Phase,
    limiter: &Limiter,
    cpu_ms: u64,
) -> Fault {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Quota(what) => Fault::QuotaExceeded((*what).to_owned()),
            Stop::Host(why) => Fault::Host(why.clone()),
        };
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trapped(*trap, limiter, cpu_ms);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Fault::Trap(format!("it exited with status {}", exit.0));
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Fault::Host("too many plugin instances at a time".to_owned());
    }
    let text = printable(&format!("{error:#}"), MESSAGE_CHARACTERS_MAX);
    // These two have no type of their own in wasmtime 48; a test holds us to the wording.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return Fault::ResultTooLarge;
    }
    if text.contains("handle limit exceeded") || phase == Phase::Instantiating {
        return Fault::Trap(with_reason(text, limiter));
    }
    Fault::BadResult(text)
}

fn trapped(trap: Trap, limiter: &Limiter, cpu_ms: u64) -> Fault {
    match trap {
        Trap::Interrupt => Fault::Timeout(cpu_ms),
        Trap::InvalidChar
        | Trap::InvalidDiscriminant
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::UnalignedPointer => Fault::BadResult(trap.to_string()),
        _ => Fault::Trap(with_reason(trap.to_string(), limiter)),
    }
}

fn with_reason(text: String, limiter: &Limiter) -> String {
    match limiter.refused {
        Some(reason) => format!("{text}; {reason}"),
        None => text,
    }
}
