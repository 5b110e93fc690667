//! `grantry audit …` on the log of a running server: its key, an export, the check of both, and what
//! the check says of a database that was edited.

use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use grantry_tests::host::{Database, Host, program};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::process::Command;

use super::{last_row, text, until};

/// Runs `grantry audit …`.
async fn audit(host: &Host, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(program()?)
        .args(["--json", "audit"])
        .args(arguments)
        .env("GRANTRY_DATA_DIR", host.data_folder())
        .env("GRANTRY_URL", host.api().base_url())
        .env("GRANTRY_TOKEN", host.admin_token())
        .env_remove("GRANTRY_DATABASE_URL")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output();
    output.await.context("run grantry")
}

/// The exit code and the report of a check.
async fn verify(host: &Host, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let output = audit(host, &[&["verify"], arguments].concat()).await?;
    let report = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((output.status.code(), report))
}

/// A host with some rows in its log, and the number of the last one.
async fn scene() -> Result<(Host, i64)> {
    let host = Host::start(Database::Sqlite).await?;
    for number in 0..12 {
        let client = json!({ "name": format!("Zo\u{eb}, \"{number}\"") });
        host.api().post("/clients", &client).await?.ok()?;
    }
    let last = last_row(host.api()).await?;
    Ok((host, last))
}

async fn execute(host: &Host, statement: &'static str, row: i64) -> Result<()> {
    let options = SqliteConnectOptions::new().filename(database(host)?);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let done = sqlx::query(statement).bind(row).execute(&mut connection).await?;
    ensure!(done.rows_affected() == 1, "{done:?}");
    Ok(connection.close().await?)
}

/// The only database file in the data folder.
fn database(host: &Host) -> Result<std::path::PathBuf> {
    let files = std::fs::read_dir(host.data_folder())?.filter_map(Result::ok);
    let mut paths = files.map(|file| file.path());
    let is_database = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "db");
    paths.find(is_database).context("a database file")
}

#[tokio::test]
async fn a_whole_log_is_verified_here_and_from_an_export() -> Result<()> {
    let (host, last) = scene().await?;
    let key = audit(&host, &["key"]).await?;
    ensure!(key.status.success(), "{key:?}");
    let key: Value = serde_json::from_slice(&key.stdout)?;
    let shown = host.api().get("/audit/key").await?.ok()?;
    assert_eq!(key["public_key"], shown["public_key"], "{shown}");
    let public_key = key["public_key"].as_str().context("a public key")?;

    let (code, report) = verify(&host, &[]).await?;
    assert_eq!(code, Some(0), "{report}");
    let found = (&report["first"], &report["last"], &report["fault"]);
    assert_eq!(found, (&json!(1), &json!(last), &Value::Null));
    assert_eq!(report["signatures_checked"], true, "{report}");
    assert!(report["checkpoints"].as_i64() >= Some(1), "the start signs the log: {report}");

    let export = audit(&host, &["export"]).await?;
    ensure!(export.status.success(), "{export:?}");
    let folder = tempfile::tempdir()?;
    let (whole, edited) = (folder.path().join("audit.jsonl"), folder.path().join("edited.jsonl"));
    std::fs::write(&whole, &export.stdout)?;
    let file = |path: &Path| path.to_str().map(str::to_owned).context("a path of UTF-8");
    let arguments = ["--file", &file(&whole)?, "--public-key", public_key];
    let (code, report) = verify(&host, &arguments).await?;
    assert_eq!(code, Some(0), "{report}");
    assert!(report["last"].as_i64() >= Some(last), "{report}");

    // One word in the fifth row.
    let text = String::from_utf8(export.stdout)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| number(line) == Some(5)).context("row 5")?;
    lines[at] = lines[at].replacen("\"is_allowed\":true", "\"is_allowed\":false", 1);
    std::fs::write(&edited, lines.join("\n"))?;
    let arguments = ["--file", &file(&edited)?, "--public-key", public_key];
    let (code, report) = verify(&host, &arguments).await?;
    assert_eq!((code, &report["fault"]["sequence"]), (Some(1), &json!(5)), "{report}");
    Ok(())
}

/// What a file receiver writes is as good as an export, and one byte is enough to be found.
#[tokio::test]
async fn a_file_of_the_log_is_verified_and_one_changed_byte_is_named() -> Result<()> {
    let (host, _) = scene().await?;
    let sink = json!({
        "name": "Archive",
        "settings": { "kind": "file", "name": "archive" },
        "from_beginning": true,
    });
    let sink = host.api().post("/audit/sinks", &sink).await?.ok()?;
    let path = format!("/audit/sinks/{}", text(&sink, "id")?);
    host.api().post("/clients", &json!({ "name": "Later" })).await?.ok()?;
    let last = last_row(host.api()).await?;
    let is_there = |sink: &Value| sink["position"].as_i64() >= Some(last);
    until(host.api(), &path, "the file to have the log", is_there).await?;

    let key = host.api().get("/audit/key").await?.ok()?;
    let public_key = text(&key, "public_key")?;
    let file = host.data_folder().join("audit/archive.jsonl");
    // A copy: the receiver may write while the check reads.
    let copy = tempfile::NamedTempFile::new()?;
    let whole = std::fs::read(&file)?;
    let whole = &whole[..=whole.iter().rposition(|&byte| byte == b'\n').context("a line")?];
    std::fs::write(copy.path(), whole)?;
    let copied = copy.path().to_str().context("a path of UTF-8")?;
    let arguments = ["--file", copied, "--public-key", &public_key];
    let (code, report) = verify(&host, &arguments).await?;
    assert_eq!((code, &report["fault"]), (Some(0), &Value::Null), "{report}");
    assert_eq!((&report["first"], &report["signatures_checked"]), (&json!(1), &json!(true)));
    assert!(report["last"].as_i64() >= Some(last), "{report}");
    assert!(report["checkpoints"].as_i64() >= Some(1), "{report}");

    let mut edited = whole.to_vec();
    let lines: Vec<&[u8]> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    let row = last - 3;
    let is_row = |line: &&[u8]| std::str::from_utf8(line).ok().and_then(number) == Some(row);
    let line = lines.iter().position(is_row).context("the row")?;
    let start: usize = lines[..line].iter().map(|line| line.len()).sum();
    let word = b"client.created";
    let at = lines[line].windows(word.len()).position(|part| part == word).context("the event")?;
    edited[start + at] ^= 1;
    std::fs::write(copy.path(), &edited)?;
    let (code, report) = verify(&host, &arguments).await?;
    assert_eq!((code, &report["fault"]["sequence"]), (Some(1), &json!(row)), "{report}");
    Ok(())
}

/// The number of a row; a checkpoint has none.
fn number(line: &str) -> Option<i64> {
    serde_json::from_str::<Value>(line).ok()?["sequence"].as_i64()
}

#[tokio::test]
async fn an_edited_row_is_named() -> Result<()> {
    let (mut host, last) = scene().await?;
    host.kill()?;
    let edit = "UPDATE audit SET principal_id = 'somebody else' WHERE sequence = $1";
    execute(&host, edit, last - 3).await?;
    let (code, report) = verify(&host, &[]).await?;
    assert_eq!((code, &report["fault"]["sequence"]), (Some(1), &json!(last - 3)), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_removed_row_is_named() -> Result<()> {
    let (mut host, last) = scene().await?;
    host.kill()?;
    execute(&host, "DELETE FROM audit WHERE sequence = $1", last - 3).await?;
    let (code, report) = verify(&host, &[]).await?;
    assert_eq!((code, &report["fault"]["sequence"]), (Some(1), &json!(last - 3)), "{report}");
    Ok(())
}

/// The head of the chain is kept apart from the rows: even without a receiver elsewhere, a log whose
/// last row is missing does not pass.
#[tokio::test]
async fn a_log_without_its_end_is_found() -> Result<()> {
    let (mut host, last) = scene().await?;
    host.kill()?;
    execute(&host, "DELETE FROM audit WHERE sequence = $1", last).await?;
    let (code, report) = verify(&host, &[]).await?;
    assert_eq!((code, &report["fault"]["sequence"]), (Some(1), &json!(last)), "{report}");
    Ok(())
}
