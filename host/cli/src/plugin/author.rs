//! What the commands for authors share: a sandbox, and a connection with its approval.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail, ensure};
use grantry_conformance::approval::Said;
use grantry_conformance::sandbox::Refused;
use grantry_conformance::{Sandbox, SandboxError, Session};
use grantry_model::approval::{AddressException, Approval};
use grantry_model::connection;
use grantry_model::fault::FieldIssue;
use grantry_model::runner::LogLine;
use grantry_model::text::printable;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cache::CompiledCode;
use super::read;
use crate::options::ApprovalOptions;
use crate::wiring;

const CHARACTERS_MAX: usize = 2_000;

/// A sandbox with the folder of its compiled code.
pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    _compiled: CompiledCode,
}

/// The component of a file in a sandbox, as a server would run it.
pub(super) async fn open(file: &Path) -> anyhow::Result<Result<Bench, SandboxError>> {
    let component = read(file)?;
    let compiled = CompiledCode::open()?;
    let settings = wiring::runtime_settings(compiled.folder.clone(), compiled.key, None)?;
    let opened = Sandbox::open(component, settings).await;
    Ok(opened.map(|sandbox| Bench { sandbox, _compiled: compiled }))
}

/// A file with JSON in it.
pub(super) fn json<T: DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read `{}`", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not as it should be", file.display()))
}

/// The whole connection: with secrets from the environment, by place and name of the variable.
///
/// A secret goes only where the plugin's schema marks one: from elsewhere the host would not take it
/// out again.
pub(super) fn whole<'a>(
    schema: &str,
    public: &Value,
    secrets: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> anyhow::Result<Value> {
    let places = connection::secret_places(schema);
    let mut opened = Vec::new();
    for (place, variable) in secrets {
        ensure!(
            places.contains(place),
            "the plugin does not mark `{place}` as a secret: it would see it"
        );
        if public.pointer(place).is_some() {
            bail!("the connection has a value at `{place}` already: leave one of the two out");
        }
        let value = std::env::var(variable);
        let value = value.with_context(|| format!("`{variable}` is not set in the environment"))?;
        opened.push((place.clone(), value));
    }
    Ok(connection::join(public, &opened))
}

/// What the person approved.
pub(super) fn said(options: &ApprovalOptions) -> Said {
    let exception = |address: &std::net::SocketAddr| AddressException {
        ip: address.ip(),
        port: address.port(),
    };
    Said {
        hosts: options.hosts.clone(),
        addresses: options.addresses.iter().map(exception).collect(),
        allows_loopback: options.allow_loopback,
    }
}

/// A session, or what is wrong with the connection.
pub(super) fn session(
    sandbox: &Sandbox,
    whole: &Value,
    approval: &Approval,
) -> anyhow::Result<Session> {
    sandbox.session(whole, approval).map_err(|issues| anyhow!("{}", issue_words(&issues)))
}

/// Faults of a connection, in one line each.
pub(super) fn issue_words(issues: &[FieldIssue]) -> String {
    let line = |issue: &FieldIssue| {
        printable(
            &format!("`{}`: {} (`{}`)", issue.path, issue.message, issue.code),
            CHARACTERS_MAX,
        )
    };
    let lines: Vec<String> = issues.iter().map(line).collect();
    format!("the connection is not valid\n  {}", lines.join("\n  "))
}

/// Tells on standard error what the plugin logged and what it was refused.
pub(super) fn tell(session: &Session) {
    let mut journal = session.journal();
    for line in journal.log.drain(..) {
        eprintln!("plugin: {}", log_words(&line));
    }
    for refused in journal.refused.drain(..) {
        eprintln!("refused: {}", refusal_words(&refused));
    }
}

fn log_words(line: &LogLine) -> String {
    let fields: String =
        line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{} {}{fields}", line.level.name(), line.message)
}

/// The refusal, and what would allow it.
fn refusal_words(refused: &Refused) -> String {
    let denial = &refused.denial;
    let way = match denial.code {
        "host_not_allowed" => "approve it with `--host`, if the plugin's manifest asks for it",
        "address_not_allowed" | "scheme_not_allowed" => {
            "`--allow-loopback` or `--address IP:PORT` lets it through"
        }
        "method_not_allowed" => "the manifest does not ask for it, or the call may only read",
        _ => "see docs/plugin-guide.md",
    };
    let what = printable(&denial.detail, CHARACTERS_MAX);
    format!("`{}` in `{}`: {what}; {way}", denial.code, refused.call)
}
