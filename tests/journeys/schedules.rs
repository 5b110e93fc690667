//! Runs from the command line and on schedule, on a real SCIM server.

use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use grantry_tests::host::{Database, Host, Integration, Target, program};
use grantry_tests::peers::{ScimServer, Variant};
use grantry_tests::wait;
use serde_json::Value;

const USERS: usize = 40;
const GROUPS: usize = 5;
/// A schedule is set to the next minute but a quarter; a run takes seconds.
const DUE_LIMIT: Duration = Duration::from_secs(180);

async fn connected() -> Result<(ScimServer, Host, Integration)> {
    let server = ScimServer::start(Variant::Default).await?;
    server.seed(USERS, GROUPS).await?;
    let host = Host::start(Database::Sqlite).await?;
    let target = Target {
        url: server.base_url().to_owned(),
        address: server.address(),
        token: server.token().to_owned(),
    };
    let directory = Integration::scim(host.api(), &target).await?;
    Ok((server, host, directory))
}

/// Runs `grantry sync …` against the host. It blocks: on a thread of its own.
async fn sync(host: &Host, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(program()?);
    command.arg("sync").args(arguments);
    command.env("GRANTRY_URL", host.api().base_url());
    command.env("GRANTRY_TOKEN", host.api().token().context("a token")?);
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}

fn text(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout.clone())?)
}

/// A time of the day that is 15 to 75 seconds away.
fn soon() -> Result<String> {
    let minutes = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 75) / 60;
    Ok(format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60))
}

#[tokio::test]
async fn a_run_is_started_watched_and_listed_from_the_command_line() -> Result<()> {
    let (_server, host, directory) = connected().await?;
    let none = text(&sync(&host, &["history", "Directory"]).await?)?;
    assert_eq!(none.trim(), "Nothing was read yet.");

    let first = sync(&host, &["run", "Directory", "--watch"]).await?;
    let told = text(&first)?;
    assert!(told.starts_with("succeeded: ") && told.contains(" added of "), "{told}");
    let progress = String::from_utf8(first.stderr)?;
    assert!(!progress.contains('\u{1b}'), "no terminal, no bar: {progress}");

    let again = text(&sync(&host, &["--json", "run", &directory.id, "--watch"]).await?)?;
    let again: Value = serde_json::from_str(&again)?;
    assert_eq!((&again["status"], &again["written"]), (&"succeeded".into(), &0.into()), "{again}");
    assert_eq!(again["rows_expected"], again["rows"], "{again}");
    assert_eq!(again["listings_read"], again["listings"], "{again}");

    let id = again["id"].as_str().context("an id")?;
    let watched = text(&sync(&host, &["watch", id]).await?)?;
    assert!(watched.starts_with("succeeded: nothing changed in "), "{watched}");
    let history = text(&sync(&host, &["history", "Directory"]).await?)?;
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 3, "{history}");
    assert!(lines[1].starts_with(id) && lines[1].contains("hand"), "{history}");
    assert!(lines[1].contains("nothing changed") && lines[2].contains("added"), "{history}");

    let unknown = sync(&host, &["run", "No such integration"]).await?;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8(unknown.stderr)?.contains("there is no integration"));
    Ok(())
}

#[tokio::test]
async fn a_failed_run_ends_the_command_with_1_and_a_blocked_one_with_3() -> Result<()> {
    let (server, host, directory) = connected().await?;
    text(&sync(&host, &["run", "Directory", "--watch"]).await?)?;
    for group in &directory.catalogue().await?.resources {
        server.truth().delete(&format!("/Groups/{group}")).await?;
    }
    let blocked = sync(&host, &["run", "Directory", "--watch"]).await?;
    assert_eq!(blocked.status.code(), Some(3), "{blocked:?}");
    assert!(String::from_utf8(blocked.stdout)?.starts_with("blocked: blocked_threshold: "));
    let unknown = sync(&host, &["watch", "0190a0b0-0000-7000-8000-000000000000"]).await?;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    Ok(())
}

#[tokio::test]
async fn a_schedule_that_is_due_reads_the_directory() -> Result<()> {
    let (_server, host, directory) = connected().await?;
    let at = soon()?;
    let plan = ["--name", "Soon", "--daily", "--at", &at];
    let arguments = [&["--json", "schedule", "create", "Directory"], &plan[..]].concat();
    let created: Value = serde_json::from_str(&text(&sync(&host, &arguments).await?)?)?;
    let id = created["id"].as_str().context("an id")?;
    assert_eq!(created["next_runs_ms"].as_array().map(Vec::len), Some(5), "{created}");

    let path = format!("/integrations/{}/aggregations", directory.id);
    let run = wait::until("the scheduled run", DUE_LIMIT, async || {
        let runs = host.api().list(&path).await?;
        Ok(runs.into_iter().find(|run| run["status"] == "succeeded"))
    })
    .await?;
    assert_eq!(run["schedule_id"], created["id"], "{run}");
    assert_eq!(directory.catalogue().await?.accounts.len(), USERS);

    let history = text(&sync(&host, &["history", "Directory"]).await?)?;
    assert!(history.lines().nth(1).is_some_and(|line| line.contains("schedule")), "{history}");
    let schedules = text(&sync(&host, &["schedule", "list", "Directory"]).await?)?;
    assert!(schedules.contains("Soon") && schedules.contains("started"), "{schedules}");
    let disabled = text(&sync(&host, &["schedule", "disable", "Directory", id]).await?)?;
    assert!(disabled.contains("disabled"), "{disabled}");
    text(&sync(&host, &["schedule", "delete", "Directory", id]).await?)?;
    let none = text(&sync(&host, &["schedule", "list", "Directory"]).await?)?;
    assert_eq!(none.trim(), "There are no schedules.");
    Ok(())
}
