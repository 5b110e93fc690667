//! `grantry plugin test`: the conformance suite against a target.

use std::process::ExitCode;

use grantry_conformance::{Config, Report, Subject, suite};
use grantry_model::clock::Random as _;

use super::author;
use crate::ambient::SystemRandom;
use crate::options::TestOptions;
use crate::output::Output;

pub(super) async fn run(options: &TestOptions, output: Output) -> anyhow::Result<ExitCode> {
    let bench = author::open(&options.file).await??;
    let config: Config = author::json(&options.config)?;
    let given = options.approval.secrets.iter().map(|(place, name)| (place, name));
    let schema = &bench.sandbox.report.manifest.connection_schema;
    let secrets = config.secrets.iter().chain(given);
    let connection = author::whole(schema, &config.connection, secrets)?;
    let mut random = [0; 4];
    SystemRandom.fill(&mut random);
    let subject = Subject {
        sandbox: &bench.sandbox,
        config: &config,
        connection: &connection,
        said: &author::said(&options.approval),
        allows_writes: options.allow_writes,
        unique: &format!("{:08x}", u32::from_be_bytes(random)),
        only: options.only.as_deref(),
    };
    let report = suite::run(&subject).await?;
    output.print(&report, Report::words)?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
