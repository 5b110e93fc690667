//! `grantry plugin …`: make, look at, check, run, sign, publish, install and list plugins.

mod author;
mod build;
mod cache;
mod check;
mod inspect;
mod install;
mod new;
mod package;
mod publish;
mod publishers;
mod run;
mod sign;
mod test;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use grantry_api::client::Client;
use grantry_api::plugins::Plugin;

use crate::lists;
use crate::options::{PluginCommand, ServerOptions};
use crate::output::{Output, table};

pub(crate) async fn run(command: PluginCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Inspect(options) => inspect::run(&options, output).await?,
        PluginCommand::New(options) => new::run(&options, output)?,
        PluginCommand::Build { folder } => build::run(&folder, output)?,
        PluginCommand::Check { file } => return check::run(&file, output).await,
        PluginCommand::Test(options) => return test::run(&options, output).await,
        PluginCommand::Run(options) => return run::run(&options, output).await,
        PluginCommand::Keygen(options) => sign::make_key(&options, output)?,
        PluginCommand::Sign(options) => sign::run(&options, output).await?,
        PluginCommand::Publish(options) => publish::run(&options, output).await?,
        PluginCommand::Install(options) => install::run(&options, output).await?,
        PluginCommand::Trust(options) => publishers::trust(&options, output).await?,
        PluginCommand::Publishers { server } => publishers::list(&server, output).await?,
        PluginCommand::Revoke(options) => publishers::revoke(&options, output).await?,
        PluginCommand::List { server } => list(&server, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(server: &ServerOptions, output: Output) -> anyhow::Result<()> {
    let client = Client::new(&server.url, &server.token)?;
    let plugins: Vec<Plugin> = lists::list(&client, "/plugins").await?;
    output.print(&plugins, |plugins| words(plugins))
}

fn words(plugins: &[Plugin]) -> String {
    if plugins.is_empty() {
        return "No plugins are installed.".to_owned();
    }
    let head =
        ["ID", "NAME", "VERSION", "CONNECTS TO", "SIGNED BY", "STATE"].map(str::to_owned).to_vec();
    let row = |plugin: &Plugin| {
        let manifest = &plugin.manifest;
        let signer = signer_words(plugin);
        let cells = [
            &plugin.id,
            &manifest.name,
            &manifest.version,
            &manifest.application_type,
            &signer,
            &plugin.state,
        ];
        cells.map(Clone::clone).to_vec()
    };
    let rows: Vec<_> = std::iter::once(head).chain(plugins.iter().map(row)).collect();
    table(&rows)
}

/// Who signed a plugin, and whether that still counts.
fn signer_words(plugin: &Plugin) -> String {
    match &plugin.signer {
        None => "nobody".to_owned(),
        Some(signer) if signer.revoked_ms.is_some() => format!("{} (revoked)", signer.name),
        Some(signer) => signer.name.clone(),
    }
}

/// The bytes of a component's file.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}
