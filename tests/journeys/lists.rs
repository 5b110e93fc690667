//! Lists that are larger than the memory that reading them may take (security.md G10), streamed to the
//! real program.
//!
//! `GRANTRY_LIST_MB` sets how large (10 without it; `cargo xtask test --long` sets 100, all that a list
//! may have).

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::stream;
use grantry_tests::host::{Database, Host};
use reqwest::{Body, Method};
use serde_json::{Value, json};

/// More than the process had before, in KiB.
const GROWTH_KIB_MAX: u64 = 64 * 1024;
/// Time for one request: a debug build reads a few MB a second.
const REQUEST_LIMIT: Duration = Duration::from_secs(1_800);
/// Lines that are made at once.
const LINES_A_PIECE: usize = 500;
const HEADER: &str = "external_id,display_name,email,department\n";

fn list_bytes() -> usize {
    let told = std::env::var("GRANTRY_LIST_MB").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(10) * 1_000_000
}

/// One person; every line has as many bytes.
fn line(number: usize) -> String {
    // As long as that 100 MB stay below a million lines.
    let department = "Research and development of everything";
    format!(
        "{number:09},Person {number:09},person.{number:09}@people.example.com,{department} {number:09}\n"
    )
}

/// A list that is made while it is sent.
fn list(lines: usize) -> Body {
    let pieces = (0..lines).step_by(LINES_A_PIECE).map(move |first| {
        let end = (first + LINES_A_PIECE).min(lines);
        Ok::<_, std::io::Error>(Bytes::from((first..end).map(line).collect::<String>()))
    });
    let header = std::iter::once(Ok(Bytes::from_static(HEADER.as_bytes())));
    Body::wrap_stream(stream::iter(header.chain(pieces)))
}

/// A figure of the process, in KiB.
fn memory_kib(pid: u32, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.with_context(|| format!("no `{name}`"))?.trim();
    Ok(value.strip_suffix(" kB").context("not in kB")?.parse()?)
}

async fn a_large_list_takes_little_memory(database: Database) -> Result<()> {
    let host = Host::start(database).await?;
    let api = host.api();
    let pid = host.pid().context("the host runs")?;
    let source = api.post("/data-sources", &json!({ "name": "People" })).await?.ok()?;
    let source = format!("/data-sources/{}", source["id"].as_str().context("an id")?);
    let lines = list_bytes() / line(0).len();

    // From here on the peak counts from what is there now.
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("begin a new peak")?;
    let before = memory_kib(pid, "VmRSS")?;
    let growth = || Ok::<_, anyhow::Error>(memory_kib(pid, "VmHWM")?.saturating_sub(before));
    let post = |path: String| {
        let request = api.request(Method::POST, &path).timeout(REQUEST_LIMIT);
        request.header("idempotency-key", api.fresh_key())
    };

    let request = post(format!("{source}/uploads")).header("content-type", "text/csv");
    let upload = api.send(request.body(list(lines))).await?.ok()?;
    assert_eq!(upload["status"], "ready", "{upload}");
    assert_eq!(upload["diff"]["added"], lines, "{upload}");
    let received = growth()?;

    let path = format!("{source}/uploads/{}", upload["id"].as_str().context("an id")?);
    let preview = api.send(post(format!("{path}/preview"))).await?.ok()?;
    assert_eq!(preview["diff"], upload["diff"]);
    let previewed = growth()?;

    let apply = post(format!("{path}/apply")).json(&json!({ "diff": upload["diff"]["hash"] }));
    let applied = api.send(apply).await?.ok()?;
    assert_eq!(applied["status"], "applied", "{applied}");
    let growth = growth()?;
    eprintln!(
        "{lines} lines: {received} KiB when received, {previewed} previewed, {growth} applied"
    );
    assert!(growth <= GROWTH_KIB_MAX, "{received}, {previewed}, {growth} KiB");

    // The last one is there, as it was sent.
    let last = format!("{source}/identities?search=person.{:09}@people.example.com", lines - 1);
    let found: Value = api.get(&last).await?.ok()?;
    let people = found["items"].as_array().context("items")?;
    let [person] = people.as_slice() else { panic!("one person: {found}") };
    assert_eq!(person["display_name"], format!("Person {:09}", lines - 1), "{person}");
    Ok(())
}

#[tokio::test]
async fn a_large_list_takes_little_memory_with_sqlite() -> Result<()> {
    a_large_list_takes_little_memory(Database::Sqlite).await
}

#[tokio::test]
async fn a_large_list_takes_little_memory_with_postgres() -> Result<()> {
    a_large_list_takes_little_memory(Database::Postgres).await
}
