//! `grantry doctor`: looks for what is wrong, and says how to mend it. It changes nothing.

mod checks;

use std::process::ExitCode;

use serde::Serialize;

use crate::data::DataFolder;
use crate::options::DoctorOptions;
use crate::output::Output;

/// What one check found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    check: &'static str,
    /// How it stands.
    status: Status,
    /// In words.
    detail: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Good,
    Warning,
    Bad,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Good, detail: detail.into(), fix: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let (detail, fix) = (detail.into(), Some(fix.into()));
        Self { check, status: Status::Warning, detail, fix }
    }

    fn bad(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Status::Bad, ..Self::warning(check, detail, fix) }
    }
}

pub(crate) async fn run(options: &DoctorOptions, output: Output) -> anyhow::Result<ExitCode> {
    let data = DataFolder::of(&options.data);
    let mut findings = vec![checks::data_folder(&data), checks::key_file(&data)];
    findings.extend(checks::database(&data).await);
    findings.push(checks::compile_process().await);
    findings.push(checks::address_space());
    findings.push(checks::address(options.listen).await);
    output
        .print(&findings, |findings| findings.iter().map(words).collect::<Vec<_>>().join("\n"))?;
    let is_bad = findings.iter().any(|finding| finding.status == Status::Bad);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn words(finding: &Finding) -> String {
    let mark = match finding.status {
        Status::Good => "ok     ",
        Status::Warning => "warning",
        Status::Bad => "BAD    ",
    };
    let fix = finding.fix.as_ref().map(|fix| format!("\n         fix: {fix}"));
    format!("{mark}  {}: {}{}", finding.check, finding.detail, fix.unwrap_or_default())
}
