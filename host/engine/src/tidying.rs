//! Frees what nobody needs any more: old idempotency keys, ended sessions, what uploads staged.
//!
//! In a task of its own and in small transactions: no due job waits for it.

use std::time::Duration;

use grantry_model::deletion_guard::WINDOW_MS;
use tokio::sync::watch;

use crate::{Engine, Result};

/// How often it is looked for, in milliseconds.
const PAUSE_MS: u64 = 600_000;
/// Most parts that are freed in one turn; the next turn goes on.
const PARTS_MAX: u32 = 100_000;

/// Runs until `stop` becomes true.
pub(crate) async fn run(engine: Engine, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = turn(&engine, &stop).await {
            tracing::error!("cannot tidy: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(PAUSE_MS)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Frees everything that can be freed now. For tools and tests without a background worker.
pub(crate) async fn run_due(engine: &Engine) -> Result<()> {
    let (_never, stop) = watch::channel(false);
    turn(engine, &stop).await
}

async fn turn(engine: &Engine, stop: &watch::Receiver<bool>) -> Result<()> {
    engine.db().expire_idempotency().await?;
    engine.expire_sessions().await?;
    for _ in 0..PARTS_MAX {
        if *stop.borrow() || !engine.db().tidy_uploads(WINDOW_MS).await? {
            break;
        }
    }
    Ok(())
}
