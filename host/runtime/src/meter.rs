//! Counts the processor time of one call, and nothing else: neither waiting for the host nor waiting
//! for a thread is charged to a guest, so a busy machine does not end an innocent call.
//!
//! A call is a future; the guest runs only while it is polled. [`Metered`] reads the thread's
//! processor clock around every poll, and the epoch callback, which runs inside a poll, asks
//! [`CpuMeter::used`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of one call. Only one thread polls a call at a time, so the order of the two
/// counters does not matter.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    before_ns: AtomicU64,
    poll_began_ns: AtomicU64,
}

impl CpuMeter {
    /// The time used so far. To be asked inside a poll of the call.
    pub(crate) fn used(&self) -> Duration {
        let in_poll_ns = thread_cpu_ns().saturating_sub(self.poll_began_ns.load(Ordering::Relaxed));
        Duration::from_nanos(self.before_ns.load(Ordering::Relaxed).saturating_add(in_poll_ns))
    }

    fn begin(&self) {
        self.poll_began_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    fn end(&self) {
        let used = self.used();
        self.before_ns.store(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// A future whose polls are measured.
pub(crate) struct Metered<F> {
    meter: Arc<CpuMeter>,
    inner: F,
}

impl<F> Metered<F> {
    pub(crate) fn new(meter: Arc<CpuMeter>, inner: F) -> Self {
        Self { meter, inner }
    }
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin();
        let poll = Pin::new(&mut self.inner).poll(context);
        self.meter.end();
        poll
    }
}
