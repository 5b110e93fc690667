//! Waiting for something to become true, always with a limit and never for a fixed time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const POLL_INTERVAL_MS: u64 = 20;

/// Asks `probe` again and again until it answers `Some`, at most for `limit`.
///
/// An error of the probe ends the wait at once. `what` completes the sentence "gave up waiting
/// for …" and should name the thing that is expected.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = probe().await? {
            return Ok(value);
        }
        if started.elapsed() > limit {
            bail!("gave up waiting for {what} after {} s", limit.as_secs_f32());
        }
        tokio::time::sleep(Duration::from_millis(POLL_INTERVAL_MS)).await;
    }
}
