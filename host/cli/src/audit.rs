//! `grantry audit …`: check the log, print its key, export it.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use grantry_api::client::Client;
use grantry_engine::AuditKey;
use grantry_verify::{PublicKey, Report, Trusted, database, lines};
use serde_json::json;

use crate::data::DataFolder;
use crate::options::{AuditCommand, AuditFormat, AuditVerifyOptions, DataOptions, ServerOptions};
use crate::output::Output;

pub(crate) async fn run(command: AuditCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Verify(options) => verify(&options, output).await,
        AuditCommand::Key(options) => key(&options, output),
        AuditCommand::Export { format, server } => export(format, &server).await,
    }
}

async fn verify(options: &AuditVerifyOptions, output: Output) -> anyhow::Result<ExitCode> {
    let data = DataFolder::of(&options.data);
    let mut trusted = Trusted { first_row: options.first_row, ..Trusted::default() };
    for text in &options.public_key {
        trusted.keys.push(PublicKey::parse(text)?);
    }
    if trusted.keys.is_empty()
        && let Some(keys) = data.keys()?
    {
        trusted.keys.push(PublicKey::parse(&AuditKey::of(&keys)?.public)?);
    }
    for path in &options.checkpoint {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let found = lines::checkpoints(BufReader::new(file))?;
        if found.is_empty() {
            bail!("`{}` holds no checkpoint", path.display());
        }
        trusted.checkpoints.extend(found);
    }
    let report = match &options.file {
        Some(path) => {
            let file =
                File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            lines::verify(BufReader::new(file), &trusted)?
        }
        None => database::verify(&data.database_url, &trusted).await?,
    };
    output.print(&report, words)?;
    Ok(if report.fault.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn words(report: &Report) -> String {
    let Report { rows, first, last, checkpoints, signed_up_to, .. } = report;
    if let Some(fault) = &report.fault {
        return format!("BAD  row {}: {}", fault.sequence, fault.what);
    }
    let signed = match report.signatures_checked {
        true => format!("{checkpoints} checkpoint(s) agree; signed up to row {signed_up_to}"),
        false => {
            format!("{checkpoints} checkpoint(s) agree; no public key: signatures not checked")
        }
    };
    format!("ok   {rows} rows, {first} to {last}, follow one another; {signed}")
}

fn key(options: &DataOptions, output: Output) -> anyhow::Result<ExitCode> {
    let data = DataFolder::of(options);
    let keys = data.keys()?;
    let keys =
        keys.with_context(|| format!("there is no key file `{}`", data.key_file.display()))?;
    let key = AuditKey::of(&keys)?;
    let shown = json!({ "id": key.id, "algorithm": "ed25519", "public_key": key.public });
    output.print(&shown, |_| key.public.clone())?;
    Ok(ExitCode::SUCCESS)
}

async fn export(format: AuditFormat, server: &ServerOptions) -> anyhow::Result<ExitCode> {
    let client = Client::new(&server.url, &server.token)?;
    let format = match format {
        AuditFormat::Jsonl => "jsonl",
        AuditFormat::Csv => "csv",
    };
    let mut response = client.download("/audit/export", &[("format", format)]).await?;
    let mut out = std::io::stdout().lock();
    while let Some(part) = response.chunk().await.context("the export broke off")? {
        out.write_all(&part)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
