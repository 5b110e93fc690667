//! `grantry worker`: background work without the HTTP API.

use std::process::ExitCode;

use grantry_engine::worker;
use tokio::sync::watch;

use crate::data::DataFolder;
use crate::options::WorkerOptions;
use crate::stop::Stop;
use crate::wiring;

pub(crate) async fn run(options: &WorkerOptions) -> anyhow::Result<ExitCode> {
    let mut stop_signals = Stop::listen()?;
    let engine = wiring::engine(&DataFolder::of(&options.data), &options.egress).await?;
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(worker::run(engine, stopped));
    tracing::info!("the worker runs");
    stop_signals.asked().await;
    stop.send_replace(true);
    working.await?;
    Ok(ExitCode::SUCCESS)
}
