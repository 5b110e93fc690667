//! The main job on a real SCIM server: aggregate everything, grant, revoke, see it there.

use anyhow::{Context, Result};
use grantry_tests::host::{Catalogue, Database, Host, Integration, Target};
use grantry_tests::peers::{ScimServer, Variant};

const USERS: usize = 1_000;
const GROUPS: usize = 100;

fn target(server: &ScimServer) -> Target {
    Target {
        url: server.base_url().to_owned(),
        address: server.address(),
        token: server.token().to_owned(),
    }
}

/// What the server itself says that it holds.
async fn truth(server: &ScimServer) -> Result<Catalogue> {
    let snapshot = server.truth().snapshot().await?;
    Ok(Catalogue {
        accounts: snapshot.users.keys().cloned().collect(),
        resources: snapshot.groups.keys().cloned().collect(),
        assignments: snapshot.memberships(),
    })
}

/// Whether neither the group nor the group with one more member has as many members as a server's
/// page: the connector does not replace such a list, which may have been cut off.
fn is_surely_whole(catalogue: &Catalogue, group: &str) -> bool {
    let members = catalogue.assignments.iter().filter(|(of, _)| of == group).count();
    members % 5 != 0 && (members + 1) % 5 != 0
}

async fn the_whole_journey(variant: Variant, database: Database) -> Result<()> {
    let server = ScimServer::start(variant).await?;
    server.seed(USERS, GROUPS).await?;
    let host = Host::start(database).await?;
    let directory = Integration::scim(host.api(), &target(&server)).await?;

    let run = directory.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    let expected = truth(&server).await?;
    assert_eq!(directory.catalogue().await?, expected);

    let again = directory.aggregate().await?;
    assert_eq!((&again["written"], &again["removed"]), (&0.into(), &0.into()), "{again}");

    let group = expected.resources.iter().find(|group| is_surely_whole(&expected, group));
    let group = group.context("a group whose size is no page size")?;
    let is_outside =
        |user: &&String| !expected.assignments.contains(&(group.clone(), (*user).clone()));
    let user = expected.accounts.iter().find(is_outside).context("a user outside the group")?;
    let (role, account) = (directory.role(group).await?, directory.account(user).await?);
    let granted = directory.grant(&role, &account, "grant-1").await?;
    let membership = granted["id"].as_str().context("an id")?;
    directory.wait_for_membership(membership, "active").await?;
    assert!(server.truth().members_of(group).await?.contains(user));

    directory.delete(membership).await?;
    directory.wait_for_membership(membership, "deleted").await?;
    assert!(!server.truth().members_of(group).await?.contains(user));
    assert_eq!(truth(&server).await?, expected, "nobody else's access was touched");

    let metrics = host.api().metrics().await?;
    for counted in [
        r#"function="read-page",outcome="ok""#,
        r#"function="apply",outcome="ok""#,
        r#"grantry_job_turns_total{work="provision""#,
    ] {
        assert!(metrics.contains(counted), "{counted}: {metrics}");
    }

    server.truth().add_member(group, user).await?;
    let run = directory.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(directory.catalogue().await?, truth(&server).await?);
    Ok(())
}

#[tokio::test]
async fn the_default_server_is_governed_from_sqlite() -> Result<()> {
    the_whole_journey(Variant::Default, Database::Sqlite).await
}

#[tokio::test]
async fn the_default_server_is_governed_from_postgres() -> Result<()> {
    the_whole_journey(Variant::Default, Database::Postgres).await
}

#[tokio::test]
async fn a_server_with_cursors_and_without_patch_is_governed_from_sqlite() -> Result<()> {
    the_whole_journey(Variant::CursorNoPatch, Database::Sqlite).await
}

#[tokio::test]
async fn a_server_with_cursors_and_without_patch_is_governed_from_postgres() -> Result<()> {
    the_whole_journey(Variant::CursorNoPatch, Database::Postgres).await
}
