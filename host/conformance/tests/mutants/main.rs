//! The suite itself is tested: connectors with one mistake each, and an honest one.
//!
//! Each mistake is caught by the check that is meant for it; the honest connector passes everything.
//! The target is a real directory on loopback, a fresh one for each mistake.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantry_conformance::approval::Said;
use grantry_conformance::config::GrantCase;
use grantry_conformance::{Config, Outcome, Report, Sandbox, Subject, checks, manifest, suite};
use grantry_model::catalogue::ObjectRef;
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_runtime::{Limits, Settings};
use grantry_tests::directory::Directory;
use grantry_tests::host::component;
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

const CONNECTING: [(&str, &str); 5] = [
    ("test-always-fails", "connection.works"),
    ("validates-anything", "connection.bad-refused"),
    ("test-always-works", "connection.wrong-secret"),
    ("test-always-works", "connection.wrong-host"),
    ("kind-of-its-own", "connection.within-manifest"),
];

const READING: [(&str, &str); 23] = [
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
    ("unchanged-loses-rows", "reading.scopes"),
    ("unchanged-unasked", "reading.scopes-asked"),
    ("traps-on-later-page", "reading.page-size"),
];

const FAILING: [(&str, &str); 15] = [
    ("errors-are-empty", "faults.unreachable"),
    ("errors-are-empty", "faults.refused"),
    ("errors-are-empty", "faults.server-error"),
    ("errors-are-empty", "faults.broken-off"),
    ("members-errors-are-empty", "faults.unreachable"),
    ("members-errors-are-empty", "faults.refused"),
    ("members-errors-are-empty", "faults.server-error"),
    ("members-errors-are-empty", "faults.later-page"),
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

const CALLING: [(&str, &str); 8] = [
    ("spins", "calls.end-well"),
    ("asks-somebody-else", "calls.within-approval"),
    ("test-writes", "calls.within-approval"),
    ("logs-connection", "calls.secrets"),
    ("logs-connection", "calls.canaries"),
    ("logs-connection-when-lost", "calls.secrets"),
    ("logs-connection-when-lost", "calls.canaries"),
    ("hogs-memory", "calls.memory"),
];

/// No mistake of these connectors is meant for them: `tests/journeys/author.rs` has a file that is
/// refused, and `manifest.rs` a test of its own.
const MEANT_ELSEWHERE: [&str; 2] = ["manifest.accepted", "manifest.verbs"];

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

fn mutants() -> Vec<u8> {
    component("mutants").unwrap()
}

/// The connector with a mistake of `describe`, which sees no connection.
fn described_as(mutant: &str) -> Vec<u8> {
    const MARK: &[u8] = b"mutant-of-describe:";
    let mut bytes = mutants();
    let place = bytes.windows(MARK.len()).position(|part| part == MARK).unwrap() + MARK.len();
    bytes[place..place + mutant.len()].copy_from_slice(mutant.as_bytes());
    bytes
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

fn directory() -> Directory {
    Directory::builder().people(9).groups(4).token(TOKEN).start().unwrap()
}

async fn report(sandbox: &Sandbox, mutant: Option<&str>, kind: &str, only: Option<&str>) -> Report {
    judge(sandbox, &config(&directory(), mutant, kind), only).await
}

async fn judge(sandbox: &Sandbox, config: &Config, only: Option<&str>) -> Report {
    let mut connection = config.connection.clone();
    connection["token"] = Value::String(TOKEN.to_owned());
    let said = Said { allows_loopback: true, ..Said::default() };
    let subject = Subject {
        sandbox,
        config,
        connection: &connection,
        said: &said,
        allows_writes: true,
        unique: "77aa",
        only,
    };
    suite::run(&subject).await.unwrap()
}

fn outcome<'a>(report: &'a Report, check: &str) -> Option<&'a Outcome> {
    let found = report.findings.iter().find(|finding| finding.check == check);
    found.map(|finding| &finding.outcome)
}

fn is_caught(report: &Report, check: &str) -> bool {
    matches!(outcome(report, check), Some(Outcome::Failed { .. }))
}

/// Runs the group of each check against its mistake.
async fn catch(mistakes: impl IntoIterator<Item = (&'static str, &'static str, &'static str)>) {
    let (sandbox, _cache) = sandbox(mutants()).await;
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
    let (sandbox, _cache) = sandbox(mutants()).await;
    let of_users = report(&sandbox, None, "User", None).await;
    assert_eq!((of_users.failed, of_users.skipped), (0, 0), "{}", of_users.words());
    let of_groups = report(&sandbox, None, "Group", Some("writing")).await;
    assert!(of_groups.is_good(), "{}", of_groups.words());
}

#[test]
fn every_check_has_its_mistake() {
    let pairs = DESCRIBING.iter().chain(&CONNECTING).chain(&READING).chain(&FAILING);
    let pairs = pairs.chain(&GRANTING).chain(&CALLING).map(|(_, check)| *check);
    let pairs = pairs.chain(CREATING.map(|(_, check, _)| check)).chain(MEANT_ELSEWHERE);
    let meant: BTreeSet<&str> = pairs.collect();
    let all: BTreeSet<&str> = checks::ALL.iter().copied().flatten().map(|check| check.id).collect();
    assert_eq!(meant, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_connector_does_without_is_not_held_against_it() {
    let (bench, _cache) = sandbox(mutants()).await;
    let without_get = report(&bench, Some("gets-users-only"), "User", Some("reading")).await;
    assert_eq!((without_get.failed, without_get.skipped), (0, 0), "{}", without_get.words());
    let (bench, _cache) = sandbox(described_as("cannot-read-back")).await;
    let of_writing = |mutant| report(&bench, Some(mutant), "User", Some("writing"));
    let silent = of_writing("verify-cannot-tell").await;
    assert_eq!(silent.failed, 0, "{}", silent.words());
    assert_eq!(outcome(&silent, "writing.lost-answer"), Some(&Outcome::Passed));
    // What it says beside that is still true or not.
    let lying = of_writing("revocations-always-hold").await;
    assert!(is_caught(&lying, "writing.verify"), "{}", lying.words());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_from_before_the_test_stays() {
    let (sandbox, _cache) = sandbox(mutants()).await;
    let directory = directory();
    let before = directory.memberships();
    let (group, member) = before.first().unwrap();
    let mut config = config(&directory, None, "User");
    config.grant = Some(GrantCase {
        entitlement: format!("{group}:member"),
        holder: ObjectRef { kind: "User".to_owned(), id: member.clone() },
    });
    let report = judge(&sandbox, &config, Some("writing")).await;
    assert_eq!(directory.memberships(), before);
    let reason = "the holder of the configuration holds the entitlement already".to_owned();
    let expected = Outcome::Skipped { reason };
    assert_eq!(outcome(&report, "writing.grant"), Some(&expected), "{}", report.words());
    assert_eq!(outcome(&report, "writing.lost-answer"), Some(&expected));
    assert_eq!(outcome(&report, "writing.create"), Some(&Outcome::Passed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_takes_its_time_is_made_once_and_taken_back() {
    let (sandbox, _cache) = sandbox(mutants()).await;
    let directory = directory();
    let before = directory.memberships();
    let config = config(&directory, Some("grants-take-their-time"), "Group");
    let report = judge(&sandbox, &config, Some("writing")).await;
    assert_eq!(directory.memberships(), before);
    let of_groups = |path: &str| path.starts_with("/Groups/");
    let requests = directory.requests().into_iter();
    let changes = requests.filter(|sent| sent.method == "PATCH" && of_groups(&sent.path)).count();
    assert_eq!((report.failed, changes), (0, 2), "{}", report.words());
    let reason = "the target does not finish it at once".to_owned();
    let expected = Outcome::Skipped { reason };
    assert_eq!(outcome(&report, "writing.grant"), Some(&expected));
    assert_eq!(outcome(&report, "writing.lost-answer"), Some(&expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_group_from_being_reached_is_told_with_it() {
    let (sandbox, _cache) = sandbox(mutants()).await;
    let report = report(&sandbox, Some("test-always-fails"), "User", Some("reading")).await;
    assert!(is_caught(&report, "connection.works"), "{}", report.words());
    assert_eq!((report.passed, report.failed), (0, 1), "{}", report.words());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_a_manifest_are_caught() {
    for (mutant, check) in DESCRIBING {
        let (sandbox, _cache) = sandbox(described_as(mutant)).await;
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
