//! Aggregations into SQLite: 1,000,000 assignments of 10,000 users and 1,000 groups, and two smaller ones
//! that tell whether the cost of a row grows with the rows.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use grantry_engine::{Answer, Idempotent, worker};
use grantry_model::aggregation::RunStatus;
use grantry_model::ids::{IntegrationId, RunId};
use grantry_model::selection::Selection;
use grantry_store::Run;
use serde_json::Value;

use crate::figure::Figure;
use crate::{host, process};

/// How large a directory is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    name: &'static str,
    pub users: u64,
    pub groups: u64,
    pub assignments: u64,
}

/// The one with the figures by which releases are compared.
const LARGE: Size = Size { name: "1m", users: 10_000, groups: 1_000, assignments: 1_000_000 };
const MIDDLE: Size = Size { name: "100k", users: 5_000, groups: 500, assignments: 100_000 };
const SMALL: Size = Size { name: "10k", users: 1_000, groups: 100, assignments: 10_000 };

impl Size {
    /// The size of that name.
    pub fn of(name: &str) -> Result<Self> {
        let found = [SMALL, MIDDLE, LARGE].into_iter().find(|size| size.name == name);
        found.with_context(|| format!("`{name}` is no size"))
    }

    /// What an aggregation writes.
    fn rows(self) -> f64 {
        (self.users + self.groups * 2 + self.assignments) as f64
    }
}

fn number(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().context("a number is missing")
}

/// Runs the phases over each size, each in a process of its own.
pub fn figures() -> Result<Vec<Figure>> {
    let mut figures = of_size(SMALL, ["sync_10k_cpu_s", "sync_10k_rows_per_s"])?;
    figures.extend(of_size(MIDDLE, ["sync_100k_cpu_s", "sync_100k_rows_per_s"])?);
    figures.extend(large()?);
    Ok(figures)
}

/// The first aggregation, beside an insert of the same rows.
fn of_size(size: Size, [cpu_s, rows_per_s]: [&'static str; 2]) -> Result<Vec<Figure>> {
    let (folder, bare_folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let bare = phase("child-bare", bare_folder.path(), "first", size)?;
    let first = phase("child-sync", folder.path(), "first", size)?;
    let bare_rows_per_s = size.assignments as f64 / number(&bare, "wall_s")?;
    Ok(vec![
        Figure {
            name: cpu_s,
            value: number(&first, "cpu_s")?,
            unit: "s",
            baseline: Some(("bare sqlx insert of the same rows", number(&bare, "cpu_s")?)),
        },
        Figure {
            name: rows_per_s,
            value: size.rows() / number(&first, "wall_s")?,
            unit: "rows/s",
            baseline: Some(("bare sqlx insert of the assignments", bare_rows_per_s)),
        },
    ])
}

fn large() -> Result<Vec<Figure>> {
    let phase = |command: &str, folder: &Path, part: &str| phase(command, folder, part, LARGE);
    let folder = tempfile::tempdir()?;
    let bare_folder = tempfile::tempdir()?;
    let bare = phase("child-bare", bare_folder.path(), "first")?;
    let first = phase("child-sync", folder.path(), "first")?;
    let again = phase("child-sync", folder.path(), "again")?;
    let validated_folder = tempfile::tempdir()?;
    let validated = phase("child-sync", validated_folder.path(), "first-validated")?;
    let unchanged = phase("child-sync", validated_folder.path(), "again-validated")?;
    let (cpu, bare_cpu) = (number(&first, "cpu_s")?, number(&bare, "cpu_s")?);
    eprintln!(
        "again: {:.2} CPU s, {:.1} s, {:.0} MiB",
        number(&again, "cpu_s")?,
        number(&again, "wall_s")?,
        number(&again, "rss_mib")?,
    );
    Ok(vec![
        Figure {
            name: "sync_1m_cpu_s",
            value: cpu,
            unit: "s",
            baseline: Some(("bare sqlx insert of the same rows", bare_cpu)),
        },
        Figure {
            name: "sync_1m_rows_per_s",
            value: LARGE.rows() / number(&first, "wall_s")?,
            unit: "rows/s",
            baseline: Some((
                "bare sqlx insert of the assignments",
                LARGE.assignments as f64 / number(&bare, "wall_s")?,
            )),
        },
        Figure {
            name: "sync_1m_rss_mib",
            value: number(&first, "rss_mib")?,
            unit: "MiB",
            baseline: Some(("bare sqlx insert of the same rows", number(&bare, "rss_mib")?)),
        },
        Figure {
            name: "resync_1m_cpu_ratio",
            value: number(&again, "cpu_s")? / cpu,
            unit: "",
            baseline: Some(("the first run", 1.0)),
        },
        Figure {
            name: "resync_1m_validators_cpu_ratio",
            value: number(&unchanged, "cpu_s")? / number(&validated, "cpu_s")?,
            unit: "",
            baseline: Some(("the first run with validators", 1.0)),
        },
        Figure {
            name: "resync_1m_rows_written",
            value: number(&again, "written")?,
            unit: "rows",
            baseline: None,
        },
    ])
}

fn phase(command: &str, folder: &Path, part: &str, size: Size) -> Result<Value> {
    let output = Command::new(std::env::current_exe()?)
        .args([command, &folder.display().to_string(), part, size.name])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{command} {part} failed");
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(text.lines().last().context("no answer")?).context("an odd answer")
}

/// One aggregation in this process; tells what it used.
pub async fn child(arguments: &[String]) -> Result<()> {
    let [folder, part, size] = arguments else {
        anyhow::bail!("FOLDER (first|again)[-validated] (10k|100k|1m)")
    };
    let folder = Path::new(folder);
    let engine = host::engine(folder).await?;
    let Size { users, groups, assignments, .. } = Size::of(size)?;
    let (ctx, integration) = if part.starts_with("first") {
        let connection = serde_json::json!({
            "users": users, "groups": groups, "assignments": assignments, "seed": 1,
            "validators": part.ends_with("-validated"),
        });
        host::connect(&engine, folder, connection).await?
    } else {
        let ctx = host::admin(&engine, folder).await?;
        let known = std::fs::read_to_string(folder.join("integration"))?;
        (ctx, IntegrationId::parse(&known)?)
    };
    std::fs::write(folder.join("integration"), integration.as_str())?;
    let (cpu, began) = (process::cpu_seconds()?, std::time::Instant::now());
    let answer = |run: &Run| Answer { status: 202, body: run.id.to_string() };
    let request = Idempotent { key: part, request: part.as_bytes(), answer: &answer };
    let run = RunId::parse(
        &ctx.start_aggregation(&integration, &Selection::default(), &request).await?.body,
    )?;
    worker::run_due(&engine).await?;
    let run = ctx.run(&run).await?;
    ensure!(run.status == RunStatus::Succeeded, "{run:?}");
    let unchanged = run.progress.as_ref().map_or(0, |progress| progress.scopes_unchanged);
    ensure!((unchanged > 0) == (part == "again-validated"), "{unchanged} unchanged scopes");
    let answer = serde_json::json!({
        "cpu_s": process::cpu_seconds()? - cpu,
        "wall_s": began.elapsed().as_secs_f64(),
        "rss_mib": process::peak_rss_mib()?,
        "written": run.progress.map_or(0, |progress| progress.written),
        "added": run.added,
    });
    println!("{answer}");
    Ok(())
}
