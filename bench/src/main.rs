//! Benchmarks: each figure beside a named baseline of the same run.
//!
//! `grantry-bench [NAME …] [--json]`, started by `cargo xtask bench` in a release build. The large
//! aggregation runs in child processes, so that processor time and peak memory are its own.

mod bare;
mod bare_wasm;
mod decision;
mod figure;
mod host;
mod http_read;
mod process;
mod search;
mod sync;

use anyhow::{Context as _, Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("child-sync") => runtime.block_on(sync::child(&arguments[1..])),
        Some("child-bare") => runtime.block_on(bare::child(&arguments[1..])),
        _ => all(&runtime, &arguments),
    }
}

fn all(runtime: &tokio::runtime::Runtime, arguments: &[String]) -> Result<()> {
    let is_json = arguments.iter().any(|argument| argument == "--json");
    let names: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|name| *name != "--json").collect();
    let unknown = names.iter().find(|name| !figure::NAMES.contains(name));
    if let Some(unknown) = unknown {
        bail!("there is no figure `{unknown}`; there are {}", figure::NAMES.join(", "));
    }
    let is_wanted = |prefixes: &[&str]| {
        names.is_empty() || names.iter().any(|n| prefixes.iter().any(|p| n.starts_with(p)))
    };
    let mut figures = Vec::new();
    if is_wanted(&["page_", "instantiate_"]) {
        figures.extend(host::calls().context("calls of a plugin")?);
    }
    if is_wanted(&["permission_"]) {
        figures.extend(decision::figures()?);
    }
    if is_wanted(&["http_"]) {
        figures.extend(runtime.block_on(http_read::figures()).context("reads over HTTP")?);
    }
    if is_wanted(&["sync_", "resync_"]) {
        figures.extend(sync::figures().context("the large aggregation")?);
    }
    if is_wanted(&["search_"]) {
        figures.extend(runtime.block_on(search::figures()).context("searches")?);
    }
    figures.retain(|figure| names.is_empty() || names.contains(&figure.name));
    figure::print(&figures, is_json);
    Ok(())
}
