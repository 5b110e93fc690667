//! Frees what nobody needs any more: old idempotency keys, ended sessions, what uploads staged. Makes
//! up for mappings of lists that broke off.
//!
//! In a task of its own and in small transactions: no due job waits for it.

use std::time::Duration;

use grantry_model::deletion_guard::WINDOW_MS;
use tokio::sync::watch;

use crate::jobs::machine_provenance;
use crate::mappings::{How, apply_to_lists};
use crate::{Engine, Result};

/// How often it is looked for, in milliseconds.
const PAUSE_MS: u64 = 600_000;
/// In which of so many turns lists are mapped: hourly, and in the first one.
const MAPPING_TURNS: u32 = 6;
/// Most parts that are freed in one turn; the next turn goes on.
const PARTS_MAX: u32 = 100_000;

/// Runs until `stop` becomes true.
pub(crate) async fn run(engine: Engine, mut stop: watch::Receiver<bool>) {
    let mut turns = (0..MAPPING_TURNS).cycle();
    while !*stop.borrow() {
        if let Err(error) = turn(&engine, &stop).await {
            tracing::error!("cannot tidy: {error}");
        }
        if turns.next() == Some(0) {
            let mut stopping = stop.clone();
            tokio::select! {
                mapped = map_lists(&engine) => if let Err(error) = mapped {
                    tracing::error!("cannot tidy mappings: {error}");
                },
                // What breaks off here is made up for after the next start.
                _ = stopping.changed() => {}
            }
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
    turn(engine, &stop).await?;
    map_lists(engine).await
}

/// Maps the accounts of lists whose mapping broke off, or was never done.
async fn map_lists(engine: &Engine) -> Result<()> {
    apply_to_lists(engine.db(), &machine_provenance("mapping"), How::because("sweep")).await;
    Ok(engine.db().clear_mappings_of_nothing().await?)
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
