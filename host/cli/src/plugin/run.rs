//! `grantry plugin run`: one call of a component in the real sandbox, for its author.

mod change;
mod rows;

use std::process::ExitCode;

use anyhow::{anyhow, bail};
use grantry_conformance::Session;
use grantry_conformance::approval::approval;
use grantry_model::catalogue::{Object, ObjectRef};
use grantry_model::fault::Fault;
use grantry_model::plugin::{ConnectionReport, KindSchema, TestDepth};
use grantry_model::text::printable;
use serde_json::Value;

use super::author;
use crate::options::{Call, RunOptions};
use crate::output::{Output, table};

const CELL_CHARACTERS_MAX: usize = 80;

pub(super) async fn run(options: &RunOptions, output: Output) -> anyhow::Result<ExitCode> {
    if options.kind.is_some() && !options.call.is_listing() {
        bail!("`--kind` is for calls that read listings");
    }
    if options.plan && !options.call.is_change() {
        bail!("`--plan` is for calls that change the target");
    }
    let bench = author::open(&options.file).await??;
    let public: Value = author::json(&options.connection)?;
    let secrets = options.approval.secrets.iter().map(|(place, name)| (place, name));
    let manifest = &bench.sandbox.report.manifest;
    let whole = author::whole(&manifest.connection_schema, &public, secrets)?;
    let said = author::said(&options.approval);
    let approval = approval(manifest, &public, &said)?;
    let session = author::session(&bench.sandbox, &whole, &approval)?;
    let outcome = call(&session, options, output).await;
    author::tell(&session);
    outcome
}

async fn call(session: &Session, options: &RunOptions, output: Output) -> anyhow::Result<ExitCode> {
    let issues = session.validate_config(None).await.map_err(failed)?;
    if !issues.is_empty() {
        bail!("{}", author::issue_words(&issues));
    }
    match options.call {
        Call::TestConnection => {
            let [] = arguments(options, "no words")?;
            let report = session.test_connection(TestDepth::Read).await.map_err(failed)?;
            output.print(&report, report_words)?;
        }
        Call::Schema => {
            let [] = arguments(options, "no words")?;
            let kinds = session.discover_schema().await.map_err(failed)?;
            output.print(&kinds, |kinds| kind_words(kinds))?;
        }
        Call::Get => {
            let [kind, id] = arguments(options, "KIND ID")?;
            let found = session.get(ObjectRef { kind, id }).await.map_err(failed)?;
            output.print(&found, |found| {
                found.as_ref().map_or("The target has no such object.".to_owned(), object_words)
            })?;
        }
        Call::Count => {
            let [kind] = arguments(options, "KIND")?;
            let count = session.count(&kind).await.map_err(failed)?;
            let words = |count: &Option<u64>| {
                count.map_or("The target does not say.".to_owned(), |count| count.to_string())
            };
            output.print(&count, words)?;
        }
        Call::Accounts | Call::Resources | Call::Entitlements | Call::Assignments => {
            let [] = arguments(options, "no words; `--kind` names a kind")?;
            rows::print(session, options, output).await?;
        }
        Call::Grant
        | Call::Revoke
        | Call::Create
        | Call::Update
        | Call::Delete
        | Call::Enable
        | Call::Disable => return change::make(session, options, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Exactly the arguments that the call takes.
fn arguments<const N: usize>(options: &RunOptions, names: &str) -> anyhow::Result<[String; N]> {
    let given = options.arguments.clone();
    given.try_into().map_err(|_| anyhow!("the call takes {names}"))
}

/// A failed call, with its code.
fn failed(fault: Fault) -> anyhow::Error {
    anyhow!("{} (`{}`)", printable(&fault.to_string(), 2_000), fault.code())
}

/// Text of a target in a table: on one line, short, without what a terminal would obey.
fn cell(text: &str) -> String {
    printable(text, CELL_CHARACTERS_MAX)
}

fn report_words(report: &ConnectionReport) -> String {
    let mut lines = vec!["The connection works.".to_owned()];
    lines.extend(report.tenant.iter().map(|tenant| format!("tenant: {}", cell(tenant))));
    let missing = report.missing_permissions.iter();
    lines.extend(missing.map(|missing| format!("missing permission: {missing}")));
    lines.extend(report.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(kind_words(&report.effective));
    lines.join("\n")
}

fn kind_words(kinds: &[KindSchema]) -> String {
    let head = ["KIND", "IS", "VERBS", "ATTRIBUTES"].map(str::to_owned).to_vec();
    let row = |kind: &KindSchema| {
        let names = |list: Vec<String>| list.join(" ").to_lowercase();
        let attributes = kind.attributes.iter().map(|attribute| attribute.name.clone());
        vec![
            cell(&kind.kind),
            names(kind.classes.iter().map(|class| format!("{class:?}")).collect()),
            names(kind.verbs.iter().map(|verb| format!("{verb:?}")).collect()),
            cell(&attributes.collect::<Vec<_>>().join(" ")),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(kinds.iter().map(row)).collect();
    table(&rows)
}

fn object_words(object: &Object) -> String {
    table(&[rows::OBJECT_HEAD.map(str::to_owned).to_vec(), rows::object(object)])
}
