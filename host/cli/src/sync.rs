//! `grantry sync …`: read integrations' targets now, look at past runs, set schedules.
//!
//! Everything goes through a server's HTTP API. [`watch`] shows a run while it runs.

mod history;
mod schedule;
mod watch;

use std::process::ExitCode;

use crate::ambient::{SystemClock, SystemRandom};
use crate::lists::list;
use crate::options::{KindOption, ModeOption, SelectionOptions, ServerOptions, SyncCommand};
use crate::output::Output;
use anyhow::{Context as _, bail};
use grantry_api::aggregations::{Aggregation, AggregationKind, AggregationMode, StartAggregation};
use grantry_api::client::Client;
use grantry_api::integrations::Integration;
use grantry_model::ids::fresh_uuid;
use grantry_model::text::printable;

/// Longest text of a connector that is shown, in characters.
const WORDS_MAX: usize = 1_000;

pub(crate) async fn run(command: SyncCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        SyncCommand::Run { integration, reads, watch: is_watched, server } => {
            let client = client(&server)?;
            let id = find_integration(&client, &integration).await?;
            let path = format!("/integrations/{id}/aggregations");
            let ordered: Aggregation = client.post(&path, &key(), &selection(reads)).await?;
            if is_watched {
                return watch::run(&client, &ordered.id, output).await;
            }
            output.print(&ordered, |run| format!("Ordered {}", run.id))?;
            Ok(ExitCode::SUCCESS)
        }
        SyncCommand::Watch { aggregation, server } => {
            watch::run(&client(&server)?, &segment(&aggregation)?, output).await
        }
        SyncCommand::History { integration, limit, server } => {
            let client = client(&server)?;
            let id = find_integration(&client, &integration).await?;
            history::run(&client, &id, limit, output).await
        }
        SyncCommand::Schedule(command) => schedule::run(command, output).await,
    }
}

/// What is to be read.
fn selection(options: SelectionOptions) -> StartAggregation {
    let kind = match options.kind {
        KindOption::All => AggregationKind::All,
        KindOption::Accounts => AggregationKind::Accounts,
        KindOption::Entitlements => AggregationKind::Entitlements,
    };
    let mode = match options.mode {
        ModeOption::Auto => AggregationMode::Auto,
        ModeOption::Full => AggregationMode::Full,
        ModeOption::Changes => AggregationMode::Changes,
    };
    StartAggregation { kind, types: options.types, mode }
}

fn client(server: &ServerOptions) -> anyhow::Result<Client> {
    Ok(Client::new(&server.url, &server.token)?)
}

/// A key that no request has used.
fn key() -> String {
    fresh_uuid(&SystemClock, &SystemRandom)
}

/// An id that can be put into a path.
fn segment(id: &str) -> anyhow::Result<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.is_empty() || !id.bytes().all(is_plain) {
        bail!("`{}` is not an id", shown(id));
    }
    Ok(id.to_owned())
}

/// The id of the integration with that id or name.
async fn find_integration(client: &Client, wanted: &str) -> anyhow::Result<String> {
    let all: Vec<Integration> = list(client, "/integrations").await?;
    if let Some(found) = all.iter().find(|integration| integration.id == wanted) {
        return Ok(found.id.clone());
    }
    let mut named = all.into_iter().filter(|integration| integration.name == wanted);
    let found = named.next();
    let found = found.with_context(|| format!("there is no integration `{}`", shown(wanted)))?;
    if named.next().is_some() {
        bail!("more than one integration is called `{}`: give its id", shown(wanted));
    }
    Ok(found.id)
}

/// A text from outside, safe for a terminal.
fn shown(text: &str) -> String {
    printable(text, WORDS_MAX)
}

/// A moment, in UTC.
fn moment(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
