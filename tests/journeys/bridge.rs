//! The sample bridge from a service desk: what it may read and grant is what its principal holds, the
//! same as for an HTTP client. The desk is a mock of Jira, held against Atlassian's own description.

use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use grantry_tests::desk::{Desk, GRANTED, REFUSED};
use grantry_tests::directory::Directory;
use grantry_tests::host::{Api, Database, Host, Integration, Target};
use serde_json::{Value, json};

const READ: &str = "app_and_role_read";
const WRITE: &str = "app_membership_write";
const ACTIONS: [&str; 2] = [READ, WRITE];

/// An app with a role that accounts can be granted.
struct Governed {
    integration: Integration,
    role: Value,
    account: String,
}

impl Governed {
    async fn start(api: &Api, directory: &Directory) -> Result<Self> {
        let target = Target::from(directory);
        let integration = Integration::scim(api, &target).await?;
        assert_eq!(integration.aggregate().await?["status"], "succeeded");
        let roles = api.list(&format!("/apps/{}/roles", integration.app)).await?;
        let accounts = api.list(&format!("/integrations/{}/accounts", integration.id)).await?;
        let account = accounts[0]["id"].as_str().context("an account")?.to_owned();
        Ok(Self { integration, role: roles[0].clone(), account })
    }

    fn app(&self) -> &str {
        &self.integration.app
    }

    fn ticket(&self) -> Value {
        json!({ "app": self.app(), "role": self.role["display"], "account": self.account })
    }
}

async fn bridge(api: &Api, desk: &Desk) -> Result<Integration> {
    Integration::connect(api, "itsm-bridge", &desk.connection(), Some(desk.address())).await
}

/// What an HTTP client with the same permissions could do with a ticket's wish.
async fn as_client(api: &Api, governed: &Governed) -> Result<&'static str> {
    let apps = api.list("/apps").await?;
    if !apps.iter().any(|app| app["id"] == *governed.app()) {
        return Ok(REFUSED);
    }
    let body = json!({ "role_id": governed.role["id"], "account_id": governed.account });
    let reply = api.post(&format!("/apps/{}/memberships", governed.app()), &body).await?;
    Ok(match reply.status {
        200 | 201 => GRANTED,
        403 => "Approved",
        _ => anyhow::bail!("{reply:?}"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_carried_out_as_far_as_the_bridge_may_act() -> Result<()> {
    let directory = Directory::builder().people(12).groups(3).start()?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    let [own, other] =
        [Governed::start(api, &directory).await?, Governed::start(api, &directory).await?];
    let (own_app, other_app) = (own.app().to_owned(), other.app().to_owned());
    let (client, twin) = api.client("Twin").await?;
    // The same component twice: one bridge is never given anything.
    let desks = [Desk::start()?, Desk::start()?];
    let [able, powerless] = [bridge(api, &desks[0]).await?, bridge(api, &desks[1]).await?];

    let apps = |apps: &[&String]| apps.iter().map(|app| (*app).clone()).collect::<Vec<_>>();
    let sets: [(&[&str], Vec<String>); 8] = [
        (&[], vec![]),
        (&[READ], vec![]),
        (&[WRITE], vec![]),
        (&ACTIONS, vec![]),
        (&[], apps(&[&own_app])),
        (&[], apps(&[&other_app])),
        (&[READ], apps(&[&other_app])),
        (&[], apps(&[&own_app, &other_app])),
    ];
    for (global, entities) in &sets {
        let entities: Vec<&str> = entities.iter().map(String::as_str).collect();
        for principal in [&client, &able.principal] {
            api.permit(principal, global, &entities).await?;
        }
        for governed in [&own, &other] {
            let expected = as_client(&twin, governed).await?;
            let [key, left] = desks.each_ref().map(|desk| desk.approve(&governed.ticket()));
            let run = able.aggregate().await?;
            let at = format!("{global:?} {entities:?}: {run}");
            assert_eq!(desks[0].faults(), Vec::<String>::new());
            // A ticket that is left is a listing that is not whole: the run says so.
            let is_left = expected == "Approved";
            assert_eq!(run["status"], if is_left { "failed" } else { "succeeded" }, "{at}");
            let ticket = desks[0].ticket(&key)?;
            assert_eq!(ticket.status, expected, "{at} {ticket:?}");
            if is_left {
                // The admin sees which action is missing; the ticket waits, and is then withdrawn.
                let issues = api.list(&format!("/aggregations/{}/issues", id(&run)?)).await?;
                assert!(issues.iter().any(|issue| issue.to_string().contains(&key)), "{issues:?}");
                api.permit(&able.principal, &ACTIONS, &[]).await?;
                able.aggregate().await?;
                assert_eq!(desks[0].ticket(&key)?.status, GRANTED);
                api.permit(&able.principal, global, &entities).await?;
            }
            powerless.aggregate().await?;
            assert_eq!(desks[1].ticket(&left)?.status, REFUSED, "{at}");
        }
    }
    let memberships = api.list(&format!("/apps/{own_app}/memberships")).await?;
    assert_eq!(memberships.len(), 1, "the same access again is the same membership");
    for desk in &desks {
        assert_eq!(desk.faults(), Vec::<String>::new());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_granted_until_their_day_or_refused_with_the_reason() -> Result<()> {
    let directory = Directory::builder().people(12).groups(3).start()?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    let governed = Governed::start(api, &directory).await?;
    let desk = Desk::start()?;
    let bridge = bridge(api, &desk).await?;
    api.permit(&bridge.principal, &[], &[governed.app()]).await?;
    let tested = bridge.test_connection().await?;
    assert_eq!(tested["tenant"], "Bridge", "{tested}");

    let with = |change: Value| {
        let mut ticket = governed.ticket();
        for (name, value) in change.as_object().into_iter().flatten() {
            ticket[name] = value.clone();
        }
        desk.approve(&ticket)
    };
    let (last_day, midnight_ms) = a_day_of_next_year()?;
    let timed = with(json!({ "until": last_day }));
    let refused = [
        (with(json!({ "role": "Nobody" })), "no role `Nobody`"),
        (with(json!({ "account": "01a20000-0000-7000-8000-000000000000" })), "account"),
        (with(json!({ "until": "2001-01-01" })), "ends"),
        (with(json!({ "until": "soon" })), "no date"),
    ];
    let run = bridge.aggregate().await?;
    assert_eq!(desk.faults(), Vec::<String>::new());
    assert_eq!((&run["status"], &run["skipped"]), (&json!("succeeded"), &json!(0)), "{run}");

    assert_eq!(desk.ticket(&timed)?.status, GRANTED);
    for (key, reason) in refused {
        let ticket = desk.ticket(&key)?;
        assert_eq!(ticket.status, REFUSED, "{ticket:?}");
        assert!(ticket.comment.contains(reason), "{ticket:?}");
    }
    let memberships = api.list(&format!("/apps/{}/memberships", governed.app())).await?;
    assert_eq!(memberships.len(), 1, "{memberships:?}");
    let membership = memberships[0]["id"].as_str().context("an id")?;
    assert_eq!(memberships[0]["ends_ms"], midnight_ms, "the last day is over");
    governed.integration.wait_for_membership(membership, "active").await?;
    assert_eq!(desk.faults(), Vec::<String>::new());

    // Nothing is approved any more: the next run asks, and changes nothing.
    assert_eq!(bridge.aggregate().await?["status"], "succeeded");
    Ok(())
}

/// The 15th of January, and the moment at which it is over (until 2100).
fn a_day_of_next_year() -> Result<(String, u64)> {
    let year = 1971 + UNIX_EPOCH.elapsed()?.as_secs() / 31_556_952;
    let days = (year - 1970) * 365 + (year - 1969) / 4 + 15;
    Ok((format!("{year}-01-15"), days * 86_400_000))
}

fn id(run: &Value) -> Result<&str> {
    run["id"].as_str().context("an id")
}
