//! `grantry plugin check`: what the host would say of a component at install, with the fix.

use std::path::Path;
use std::process::ExitCode;

use grantry_conformance::{Report, SandboxError, manifest};

use super::author;
use crate::output::Output;

pub(super) async fn run(file: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let report = match author::open(file).await? {
        Ok(bench) => manifest::check(&bench.sandbox).await,
        Err(SandboxError::Refused(rejection)) => {
            manifest::refused(&file.display().to_string(), &rejection)
        }
        Err(error) => return Err(error.into()),
    };
    output.print(&report, Report::words)?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
