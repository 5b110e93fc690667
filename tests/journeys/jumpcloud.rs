//! JumpCloud's administrators and roles through the real host, against a mock that JumpCloud's own
//! description judges.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use grantry_tests::host::{Database, Host, Integration};
use grantry_tests::jumpcloud::Console;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_listed_and_given_several_roles() -> Result<()> {
    let console = Console::start(230, 5)?;
    console.set_roles("admin-007", &["role-1", "role-2"]);
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    let (connection, address) = (console.connection(), console.address());
    let jumpcloud =
        Integration::connect(api, "jumpcloud-admin", &connection, Some(address)).await?;
    let shown = jumpcloud.shown().await?;
    assert!(!shown.to_string().contains("console-key"), "{shown}");
    let tested = jumpcloud.test_connection().await?;
    assert_eq!(tested["is_ok"], true, "{tested}");

    let run = jumpcloud.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    let catalogue = jumpcloud.catalogue().await?;
    assert_eq!((catalogue.accounts.len(), catalogue.resources.len()), (230, 5));
    assert_eq!(catalogue.assignments, console.assignments().into_iter().collect::<BTreeSet<_>>());

    let role = jumpcloud.role("role-3").await?;
    let account = jumpcloud.account("admin-007").await?;
    let granted = jumpcloud.grant(&role, &account, "grant").await?;
    let membership = granted["id"].as_str().context("an id")?;
    jumpcloud.wait_for_membership(membership, "active").await?;
    assert_eq!(console.roles_of("admin-007"), ["role-1", "role-2", "role-3"]);
    jumpcloud.delete(membership).await?;
    jumpcloud.wait_for_membership(membership, "deleted").await?;
    assert_eq!(console.roles_of("admin-007"), ["role-1", "role-2"]);

    // Somebody else's change is seen.
    console.set_roles("admin-008", &["role-4"]);
    assert_eq!(jumpcloud.aggregate().await?["status"], "succeeded");
    let seen = jumpcloud.catalogue().await?.assignments;
    assert!(seen.contains(&("role-4".into(), "admin-008".into())));
    assert!(!seen.contains(&("role-0".into(), "admin-008".into())));
    assert_eq!(console.faults(), Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_a_url_with_a_path_are_named() -> Result<()> {
    let console = Console::start(3, 3)?;
    let host = Host::start(Database::Sqlite).await?;
    let mut connection = console.connection();
    connection["token"] = json!("another");
    let (api, address) = (host.api(), console.address());
    let wrong = Integration::connect(api, "jumpcloud-admin", &connection, Some(address)).await?;
    let tested = wrong.test_connection().await?;
    assert_eq!(tested["error"]["code"], "unauthenticated", "{tested}");

    connection["url"] = json!(format!("http://{address}/api"));
    let reply = wrong.change(&json!({ "connection": connection })).await?;
    assert_eq!(reply.status, 422, "{reply:?}");
    assert!(reply.body.to_string().contains("leave out the path"), "{reply:?}");
    Ok(())
}
