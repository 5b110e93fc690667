//! `kill -9` at random moments: the end equals the uninterrupted run, and no effect is doubled.
//!
//! `GRANTRY_KILLS` sets how often (10 without it; `cargo xtask test --long` sets 50).

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use grantry_tests::directory::Directory;
use grantry_tests::host::{Database, Host, Integration, Target};
use grantry_tests::recorder::{Fault, Recorder, Selector, When};
use grantry_tests::wait;
use serde_json::json;

fn kills() -> u32 {
    std::env::var("GRANTRY_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// Pauses of ever other length between two kills, the same in every run.
fn moment(number: u32, longest_ms: u32) -> Duration {
    let mixed = number.wrapping_mul(2_654_435_761).rotate_left(15);
    Duration::from_millis(u64::from(20 + mixed % longest_ms))
}

struct Scene {
    directory: Directory,
    recorder: Recorder,
    host: Host,
    integration: Integration,
}

async fn scene(database: Database) -> Result<Scene> {
    let directory = Directory::builder().people(120).groups(25).page_items_max(10).start()?;
    let recorder = Recorder::start(&directory.base_url())?;
    let host = Host::start(database).await?;
    let target = Target {
        url: recorder.base_url(),
        address: recorder.address(),
        token: directory.token().to_owned(),
    };
    let integration = Integration::scim(host.api(), &target).await?;
    Ok(Scene { directory, recorder, host, integration })
}

async fn aggregation_survives(database: Database) -> Result<()> {
    let Scene { directory, recorder, mut host, integration } = scene(database).await?;
    // Slow enough that a kill meets a run under way.
    recorder.inject(Fault::Delay(Duration::from_millis(40)), Selector::Reading, When::Always);
    let run = integration.order_aggregation().await?;
    for number in 0..kills() {
        tokio::time::sleep(moment(number, 900)).await;
        host.kill()?;
        host.start_again().await?;
    }
    let run = integration.wait_for_run(&run).await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    let catalogue = integration.catalogue().await?;
    assert_eq!(catalogue.assignments, directory.memberships());
    assert_eq!(catalogue.accounts.len(), directory.people().len());
    let again = integration.aggregate().await?;
    assert_eq!(again["written"], 0, "{again}");
    Ok(())
}

async fn provisioning_survives(database: Database) -> Result<()> {
    let Scene { directory, recorder, mut host, integration } = scene(database).await?;
    let run = integration.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    recorder.clear_exchanges();
    // The target fails after applying in 6 % of all writes, and is slow enough to be killed in.
    let after = When::PerMille { rate: 60, seed: 7 };
    recorder.inject(Fault::DropAfter, Selector::StateChanging, after);
    recorder.inject(Fault::Delay(Duration::from_millis(60)), Selector::Any, When::Always);

    let group = directory.groups()[3]["id"].as_str().context("an id")?.to_owned();
    let role = integration.role(&group).await?;
    let before = directory.members_of(&group);
    let all = directory.people();
    let ids = all.iter().filter_map(|person| person["id"].as_str());
    let people: Vec<&str> = ids.filter(|id| !before.contains(*id)).take(30).collect();
    let mut memberships = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let account = integration.account(person).await?;
        let granted = integration.grant(&role, &account, &format!("grant-{number}")).await?;
        memberships.push(granted["id"].as_str().context("an id")?.to_owned());
    }
    for number in 0..kills() {
        tokio::time::sleep(moment(number, 700)).await;
        host.kill()?;
        host.start_again().await?;
    }
    for membership in &memberships {
        integration.wait_for_membership(membership, "active").await?;
    }
    let expected: BTreeSet<String> =
        before.iter().cloned().chain(people.iter().map(|id| (*id).to_owned())).collect();
    assert_eq!(directory.members_of(&group), expected);

    for membership in &memberships {
        integration.delete(membership).await?;
    }
    for number in 0..kills() / 2 {
        tokio::time::sleep(moment(number + 100, 700)).await;
        host.kill()?;
        host.start_again().await?;
    }
    for membership in &memberships {
        integration.wait_for_membership(membership, "deleted").await?;
    }
    assert_eq!(directory.members_of(&group), before);

    let repeats = recorder.blind_repeats(grantry_tests::recorder::scim_shows_lost);
    assert!(repeats.is_empty(), "repeated without a read-back: {repeats:#?}");
    audited(&host, memberships.len()).await
}

/// A removal that a person approved, and its undo, are carried out to the last row and once.
async fn removal_survives(database: Database) -> Result<()> {
    let mut host = Host::start(database).await?;
    let whole = json!({ "users": 400, "groups": 40, "assignments": 12_000 });
    let mut shrunken = whole.clone();
    shrunken["fault"] = json!({ "shrink": 60 });
    let uninterrupted = Integration::connect(host.api(), "synthetic", &shrunken, None).await?;
    assert_eq!(uninterrupted.aggregate().await?["status"], "succeeded");
    let expected = uninterrupted.catalogue().await?;

    let integration = Integration::connect(host.api(), "synthetic", &whole, None).await?;
    assert_eq!(integration.aggregate().await?["status"], "succeeded");
    let before = integration.catalogue().await?;
    integration.change(&json!({ "connection": shrunken })).await?.ok()?;
    let blocked = integration.aggregate().await?;
    assert_eq!(blocked["status"], "blocked", "{blocked}");
    assert_eq!(integration.catalogue().await?, before);

    let run = format!("/aggregations/{}", blocked["id"].as_str().context("an id")?);
    let removal = host.api().get(&format!("{run}/removal")).await?.ok()?;
    let rows = removal["rows"].as_u64().context("a number of rows")?;
    for (decision, body, state, event, catalogue) in [
        ("approve", json!({ "hash": removal["hash"] }), "removed", "rows_removed", &expected),
        ("undo", json!({}), "restored", "rows_restored", &before),
    ] {
        host.api().post(&format!("{run}/{decision}"), &body).await?.ok()?;
        for number in 0..kills() / 2 {
            tokio::time::sleep(moment(number, 120)).await;
            host.kill()?;
            host.start_again().await?;
        }
        wait::until(state, Duration::from_secs(60), async || {
            let removal = host.api().get(&format!("{run}/removal")).await?.ok()?;
            Ok((removal["state"] == state).then_some(()))
        })
        .await?;
        assert_eq!(&integration.catalogue().await?, catalogue);
        let steps = host.api().list(&format!("/audit?event=aggregation.{event}")).await?;
        let told: u64 = steps.iter().filter_map(|step| step["detail"]["rows"].as_u64()).sum();
        assert_eq!(told, rows, "{steps:?}");
    }
    Ok(())
}

/// Every effect has its entries: ordered, attempted, confirmed; for grants and deletions.
async fn audited(host: &Host, memberships: usize) -> Result<()> {
    for event in ["granted", "provisioned", "deleted", "deprovisioned"] {
        let rows = host.api().list(&format!("/audit?event=membership.{event}")).await?;
        assert_eq!(rows.len(), memberships, "membership.{event}");
    }
    wait::until("no job to be left", Duration::from_secs(30), async || {
        let jobs = host.api().list("/jobs?status=running").await?;
        Ok(jobs.is_empty().then_some(()))
    })
    .await
}

#[tokio::test]
async fn an_aggregation_survives_kills_on_sqlite() -> Result<()> {
    aggregation_survives(Database::Sqlite).await
}

#[tokio::test]
async fn an_aggregation_survives_kills_on_postgres() -> Result<()> {
    aggregation_survives(Database::Postgres).await
}

#[tokio::test]
async fn provisioning_survives_kills_on_sqlite() -> Result<()> {
    provisioning_survives(Database::Sqlite).await
}

#[tokio::test]
async fn provisioning_survives_kills_on_postgres() -> Result<()> {
    provisioning_survives(Database::Postgres).await
}

#[tokio::test]
async fn an_approved_removal_and_its_undo_survive_kills_on_sqlite() -> Result<()> {
    removal_survives(Database::Sqlite).await
}

#[tokio::test]
async fn an_approved_removal_and_its_undo_survive_kills_on_postgres() -> Result<()> {
    removal_survives(Database::Postgres).await
}
