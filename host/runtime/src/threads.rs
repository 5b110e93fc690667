//! The threads on which guests run: few, of low priority, apart from those that serve requests.

use std::future::Future;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// How much lower than the host guests run.
const NICENESS: i32 = 5;

/// The guests' threads. Dropping it lets them end by themselves.
pub(crate) struct GuestThreads {
    runtime: Option<Runtime>,
}

impl GuestThreads {
    /// So many threads; 0 means one less than the machine has cores, at least one.
    pub(crate) fn start(threads: usize) -> std::io::Result<Self> {
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = match threads {
            0 => cores.saturating_sub(1).max(1),
            set => set,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("guest")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs the future there; dropping the returned future ends it. `None` if the threads are gone.
    pub(crate) async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let runtime = self.runtime.as_ref()?;
        let mut task = AbortOnDrop(runtime.spawn(work));
        (&mut task.0).await.ok()
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        // Waiting here would block whoever drops the host, perhaps inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// On Linux a priority belongs to a thread. Best effort: without it guests only run sooner.
fn lower_priority() {
    let thread = rustix::thread::gettid();
    let _ = rustix::process::setpriority_process(Some(thread), NICENESS);
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
