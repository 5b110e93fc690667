//! Clocks of the host as a language runtime sees them: too coarse to time the processor's caches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use grantry_model::clock::Clock;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

const WALL_STEP_MS: u64 = 10;
const MONOTONIC_STEP_NS: u64 = 1_000_000;

/// The host's clock in steps of 10 ms.
pub(super) struct CoarseWallClock(Arc<dyn Clock>);

impl CoarseWallClock {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl HostWallClock for CoarseWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(WALL_STEP_MS)
    }

    fn now(&self) -> Duration {
        let now_ms = u64::try_from(self.0.now().0).unwrap_or(0);
        Duration::from_millis(now_ms.saturating_sub(now_ms % WALL_STEP_MS))
    }
}

/// Time since the call began, in steps of 1 ms.
pub(super) struct CoarseMonotonicClock(Instant);

impl CoarseMonotonicClock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl HostMonotonicClock for CoarseMonotonicClock {
    fn resolution(&self) -> u64 {
        MONOTONIC_STEP_NS
    }

    fn now(&self) -> u64 {
        let now_ns = u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        now_ns.saturating_sub(now_ns % MONOTONIC_STEP_NS)
    }
}
