//! `grantry serve`: the HTTP API and the background worker.

use std::process::ExitCode;

use anyhow::Context as _;
use grantry_engine::{Engine, worker};
use grantry_server::{Limits, Rate, Server, serve};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Duration, interval};

use crate::data::{DataFolder, write_private};
use crate::options::ServeOptions;
use crate::output::Output;
use crate::stop::Stop;
use crate::wiring;

/// Upper bounds of latency histograms, in seconds.
const LATENCY_BUCKETS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// How often the metrics' buffers are drained, whether or not somebody asks for them.
const METRICS_UPKEEP: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: &ServeOptions, output: Output) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let data = DataFolder::of(&options.data);
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", options.listen))?;
    let engine = wiring::engine(&data, &options.egress).await?;
    let token = first_token(&engine, options).await?;
    announce(&listener, token.as_deref(), output)?;

    let limits = limits(options);
    let listening = format!("http://{}", listener.local_addr()?);
    let public_url = options.public_url.as_deref().unwrap_or(&listening);
    let server = Server::new(engine.clone(), limits, metrics()?).with_public_url(public_url);
    let (stop_worker, stopped) = watch::channel(false);
    let working = tokio::spawn(worker::run(engine, stopped));
    let serving = tokio::spawn(serve(server.clone(), listener));

    stop.asked().await;
    tracing::info!("stopping: open requests and running jobs come to an end first");
    server.stop();
    stop_worker.send_replace(true);
    serving.await?;
    working.await?;
    Ok(ExitCode::SUCCESS)
}

fn limits(options: &ServeOptions) -> Limits {
    let rate =
        |per_second: u32, factor| Rate { burst: per_second.saturating_mul(factor), per_second };
    Limits {
        requests: rate(options.requests_per_second, 2),
        failures: rate(options.failures_per_second, 20),
        ..Limits::default()
    }
}

/// Makes the local admin at the first start. Its token is told here and kept nowhere.
async fn first_token(engine: &Engine, options: &ServeOptions) -> anyhow::Result<Option<String>> {
    let Some(admin) = engine.create_first_admin().await? else { return Ok(None) };
    let token = admin.token.expose().to_owned();
    if let Some(path) = &options.admin_token_file {
        write_private(path, &format!("{token}\n"), true)?;
    }
    Ok(Some(token))
}

fn announce(listener: &TcpListener, token: Option<&str>, output: Output) -> anyhow::Result<()> {
    let url = format!("http://{}", listener.local_addr()?);
    let ready = json!({ "url": url, "docs": format!("{url}/api/docs"), "admin_token": token });
    output.print(&ready, |_| {
        let mut words = format!("Grantry listens on {url}\n  API description: {url}/api/docs");
        if let Some(token) = token {
            words += &format!("\n  Admin token:     {token}\n  It is shown this once: keep it.");
        }
        words
    })
}

fn metrics() -> anyhow::Result<PrometheusHandle> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &LATENCY_BUCKETS)?;
    let handle = builder.install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = interval(METRICS_UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
