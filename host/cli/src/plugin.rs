//! `grantry plugin …`: look at, check, run, install and list plugins.

mod author;
mod build;
mod cache;
mod check;
mod inspect;
mod new;
mod run;
mod test;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use grantry_api::client::Client;
use grantry_api::plugins::Plugin;
use grantry_api::{List, ListQuery};
use grantry_model::ids::fresh_uuid;

use crate::ambient::{SystemClock, SystemRandom};
use crate::options::{PluginCommand, ServerOptions};
use crate::output::{Output, table};

/// Most pages of a list that are read.
const PAGES_MAX: usize = 100;

pub(crate) async fn run(command: PluginCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Inspect { file } => inspect::run(&file, output).await?,
        PluginCommand::New(options) => new::run(&options, output)?,
        PluginCommand::Build { folder } => build::run(&folder, output)?,
        PluginCommand::Check { file } => return check::run(&file, output).await,
        PluginCommand::Test(options) => return test::run(&options, output).await,
        PluginCommand::Run(options) => return run::run(&options, output).await,
        PluginCommand::Install { file, server } => install(&file, &server, output).await?,
        PluginCommand::List { server } => list(&server, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn install(file: &Path, server: &ServerOptions, output: Output) -> anyhow::Result<()> {
    let component = read(file)?;
    let client = Client::new(&server.url, &server.token)?;
    let key = fresh_uuid(&SystemClock, &SystemRandom);
    let plugin = client.install_plugin(component, &key).await;
    let plugin = plugin.with_context(|| format!("cannot install `{}`", file.display()))?;
    output.print(&plugin, |plugin| {
        let Plugin { id, manifest, digest, .. } = plugin;
        format!("Installed {} {} as {id}\nsha256 {digest}", manifest.name, manifest.version)
    })
}

async fn list(server: &ServerOptions, output: Output) -> anyhow::Result<()> {
    let client = Client::new(&server.url, &server.token)?;
    let mut plugins = Vec::new();
    let mut query = ListQuery { limit: Some(200), cursor: None };
    for _ in 0..PAGES_MAX {
        let List { items, next } = client.list_plugins(&query).await?;
        plugins.extend(items);
        query.cursor = next;
        if query.cursor.is_none() {
            break;
        }
    }
    output.print(&plugins, |plugins| words(plugins))
}

fn words(plugins: &[Plugin]) -> String {
    if plugins.is_empty() {
        return "No plugins are installed.".to_owned();
    }
    let head = ["ID", "NAME", "VERSION", "CONNECTS TO", "STATE"].map(str::to_owned).to_vec();
    let row = |plugin: &Plugin| {
        let manifest = &plugin.manifest;
        let cells = [
            &plugin.id,
            &manifest.name,
            &manifest.version,
            &manifest.application_type,
            &plugin.state,
        ];
        cells.map(Clone::clone).to_vec()
    };
    let rows: Vec<_> = std::iter::once(head).chain(plugins.iter().map(row)).collect();
    table(&rows)
}

/// The bytes of a component's file.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}
