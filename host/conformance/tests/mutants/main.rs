//! The suite itself is tested: connectors with one mistake each, and an honest one.
//!
//! Each mistake is caught by the check that is meant for it; the honest connector passes everything.
//! The target is a real directory on loopback, a fresh one for each mistake.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantry_conformance::approval::Said;
use grantry_conformance::{Config, Outcome, Report, Sandbox, Subject, manifest, suite};
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_runtime::{Limits, Settings};
use grantry_tests::directory::Directory;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Mistakes of `describe`, with the check that is meant for each.
const DESCRIBING: [(&str, &str); 7] = [
    ("describe-is-random", "manifest.stable"),
    ("schema-is-none", "manifest.schema"),
    ("example-is-wrong", "manifest.example"),
    ("secret-not-marked", "manifest.secrets"),
    ("kind-twice", "manifest.kinds"),
    ("required-not-creatable", "manifest.required"),
    ("validate-unwraps", "connection.any-input"),
];

const CONNECTING: [(&str, &str); 3] = [
    ("test-always-works", "connection.wrong-secret"),
    ("test-always-works", "connection.wrong-host"),
    ("kind-of-its-own", "connection.within-manifest"),
];

const READING: [(&str, &str); 22] = [
    ("never-complete", "reading.whole"),
    ("total-is-wrong", "reading.whole"),
    ("cursor-loop", "reading.cursors"),
    ("empty-pages", "reading.empty-pages"),
    ("repeats-last-row", "reading.duplicates"),
    ("wrong-kind", "reading.rows"),
    ("empty-id", "reading.rows"),
    ("holder-not-listed", "reading.references"),
    ("entitlement-not-listed", "reading.references"),
    ("attribute-not-declared", "reading.schema"),
    ("attribute-of-other-type", "reading.schema"),
    ("lists-passwords", "reading.unreadable"),
    ("counts-one-more", "reading.count"),
    ("gets-the-first", "reading.get"),
    ("get-fails-for-nobody", "reading.get"),
    ("skips-at-page-start", "reading.page-size"),
    ("ignores-max-items", "reading.page-limit"),
    ("cursor-is-page-number", "reading.resume"),
    ("remembers-rows", "reading.again"),
    ("random-names", "reading.again"),
    ("unchanged-unasked", "reading.scopes-asked"),
    ("traps-on-later-page", "reading.page-size"),
];

const FAILING: [(&str, &str); 11] = [
    ("errors-are-empty", "faults.unreachable"),
    ("errors-are-empty", "faults.refused"),
    ("errors-are-empty", "faults.server-error"),
    ("errors-are-empty", "faults.broken-off"),
    ("500-is-not-found", "faults.server-error"),
    ("401-is-unavailable", "faults.unauthenticated"),
    ("garbage-is-empty", "faults.garbage"),
    ("later-errors-end", "faults.later-page"),
    ("pause-is-internal", "faults.rate-limited"),
    ("body-in-error", "faults.body-kept"),
    ("logs-answers", "faults.body-kept"),
];

const GRANTING: [(&str, &str); 18] = [
    ("plan-writes", "writing.plan"),
    ("plan-is-empty", "writing.plan"),
    ("grant-does-nothing", "writing.grant"),
    ("grant-again-fails", "writing.grant-again"),
    ("revoke-does-nothing", "writing.revoke"),
    ("revoke-again-fails", "writing.revoke-again"),
    ("grant-replaces-members", "writing.nobody-else"),
    ("revoke-empties-group", "writing.nobody-else"),
    ("verify-always-holds", "writing.verify"),
    ("verify-cannot-tell", "writing.verify"),
    ("verify-repairs", "writing.verify-reads"),
    ("validator-stands-still", "writing.delta"),
    ("grants-to-nobody", "writing.unknown-holder"),
    ("grants-anything", "writing.unknown-entitlement"),
    ("lost-is-internal", "writing.lost-answer"),
    ("lost-is-a-pause", "writing.lost-answer"),
    ("lost-is-a-pause", "writing.lost-request"),
    ("lost-is-done", "writing.lost-request"),
];

/// Of an object that the configuration has created.
const CREATING: [(&str, &str, &str); 10] = [
    ("create-forgets-title", "writing.create", "User"),
    ("create-again-is-internal", "writing.create-again", "User"),
    ("create-takes-anything", "writing.unknown-attribute", "User"),
    ("update-does-nothing", "writing.update", "User"),
    ("updates-anything", "writing.not-updatable", "User"),
    ("disable-does-nothing", "writing.enable", "User"),
    ("delete-does-nothing", "writing.delete", "User"),
    ("delete-again-is-internal", "writing.delete-again", "User"),
    ("lost-is-internal", "writing.lost-creation", "User"),
    ("create-tries-blindly", "writing.lost-creation", "Group"),
];

const CALLING: [(&str, &str); 6] = [
    ("spins", "calls.end-well"),
    ("asks-somebody-else", "calls.within-approval"),
    ("test-writes", "calls.within-approval"),
    ("logs-connection", "calls.secrets"),
    ("logs-connection", "calls.canaries"),
    ("hogs-memory", "calls.memory"),
];

const TOKEN: &str = "directory-token";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixMs {
        UnixMs(1_800_000_000_123)
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes()[0];
        }
    }
}

/// The component of that name: `cargo xtask plugins` makes it.
fn component(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("GRANTRY_GUESTS").map(std::path::PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/out");
    let path = folder.unwrap_or(built).join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

async fn sandbox(component: Vec<u8>) -> (Sandbox, TempDir) {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("cache");
    let settings = Settings {
        limits: Limits { cpu_ms: 1_000, ..Limits::default() },
        ..Settings::new(folder, [7; 32], Arc::new(FixedClock), Arc::new(Counter::default()))
    };
    (Sandbox::open(component, settings).await.unwrap(), cache)
}

fn config(directory: &Directory, mutant: Option<&str>, kind: &str) -> Config {
    let created = match kind {
        "User" => json!({ "userName": "new-{unique}", "title": "Tester" }),
        _ => json!({ "displayName": "New {unique}" }),
    };
    let update = if kind == "User" { json!({ "title": "Lead" }) } else { json!({}) };
    let mut connection = json!({ "url": directory.base_url(), "note": format!("canary {TOKEN}") });
    if let Some(mutant) = mutant {
        connection["mutant"] = mutant.into();
    }
    let config = json!({
        "connection": connection,
        "canaries": ["canary"],
        "bad_connections": [{ "why": "no web address", "connection": { "url": "idp" } }],
        "create": { "kind": kind, "attributes": created, "update": update },
    });
    serde_json::from_value(config).unwrap()
}

async fn report(sandbox: &Sandbox, mutant: Option<&str>, kind: &str, only: Option<&str>) -> Report {
    let directory = Directory::builder().people(9).groups(4).token(TOKEN).start().unwrap();
    let config = config(&directory, mutant, kind);
    let mut connection = config.connection.clone();
    connection["token"] = Value::String(TOKEN.to_owned());
    let said = Said { allows_loopback: true, ..Said::default() };
    let subject = Subject {
        sandbox,
        config: &config,
        connection: &connection,
        said: &said,
        allows_writes: true,
        unique: "77aa",
        only,
    };
    suite::run(&subject).await
}

fn is_caught(report: &Report, check: &str) -> bool {
    let found = report.findings.iter().find(|finding| finding.check == check);
    found.is_some_and(|finding| matches!(finding.outcome, Outcome::Failed { .. }))
}

/// Runs the group of each check against its mistake.
async fn catch(mistakes: impl IntoIterator<Item = (&'static str, &'static str, &'static str)>) {
    let (sandbox, _cache) = sandbox(component("mutants")).await;
    let mut missed = Vec::new();
    for (mutant, check, kind) in mistakes {
        let group = check.split('.').next();
        let report = report(&sandbox, Some(mutant), kind, group).await;
        if !is_caught(&report, check) {
            missed.push(format!("{mutant} is not caught by {check}: {}", report.words()));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

fn of_users(
    mistakes: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str, &'static str)> {
    mistakes.iter().map(|(mutant, check)| (*mutant, *check, "User")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_connector_keeps_every_rule() {
    let (sandbox, _cache) = sandbox(component("mutants")).await;
    let of_users = report(&sandbox, None, "User", None).await;
    assert_eq!((of_users.failed, of_users.skipped), (0, 0), "{}", of_users.words());
    let of_groups = report(&sandbox, None, "Group", Some("writing")).await;
    assert!(of_groups.is_good(), "{}", of_groups.words());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_a_manifest_are_caught() {
    const MARK: &[u8] = b"mutant-of-describe:";
    let honest = component("mutants");
    let place = honest.windows(MARK.len()).position(|part| part == MARK).unwrap() + MARK.len();
    for (mutant, check) in DESCRIBING {
        let mut bytes = honest.clone();
        bytes[place..place + mutant.len()].copy_from_slice(mutant.as_bytes());
        let (sandbox, _cache) = sandbox(bytes).await;
        let report = match check.starts_with("manifest.") {
            true => manifest::check(&sandbox).await,
            false => report(&sandbox, None, "User", Some("connection")).await,
        };
        assert!(is_caught(&report, check), "{mutant}: {}", report.words());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_a_connection_are_caught() {
    catch(of_users(&CONNECTING)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_listings_are_caught() {
    catch(of_users(&READING)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_that_are_kept_quiet_are_caught() {
    catch(of_users(&FAILING)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_grants_are_caught() {
    catch(of_users(&GRANTING)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_with_objects_are_caught() {
    catch(CREATING).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_all_calls_are_caught() {
    catch(of_users(&CALLING)).await;
}
