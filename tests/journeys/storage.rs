//! A full disk (security.md row 70, G8): what cannot be recorded does not happen.
//!
//! The limit is that of file sizes, which every user may set for own processes: each write to a file
//! fails then, as on a full disk.

use std::time::Duration;

use anyhow::{Context, Result};
use grantry_tests::directory::Directory;
use grantry_tests::host::{Database, Host, Integration, Target};
use grantry_tests::recorder::Recorder;
use grantry_tests::wait;
use serde_json::json;

/// G8: so long may it take until a host serves again that has room again.
const RECOVERY_LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_full_disk_refuses_with_503_and_has_no_effect() -> Result<()> {
    let directory = Directory::builder().people(12).groups(4).start()?;
    let recorder = Recorder::start(&directory.base_url())?;
    let mut host = Host::start(Database::Sqlite).await?;
    let target = Target {
        url: recorder.base_url(),
        address: recorder.address(),
        token: directory.token().to_owned(),
    };
    let integration = Integration::scim(host.api(), &target).await?;
    assert_eq!(integration.aggregate().await?["status"], "succeeded");
    let group = directory.groups()[0]["id"].as_str().context("an id")?.to_owned();
    let before = directory.members_of(&group);
    let people = directory.people();
    let mut ids = people.iter().filter_map(|person| person["id"].as_str());
    let person = ids.find(|id| !before.contains(*id)).context("somebody outside")?.to_owned();
    let role = integration.role(&group).await?;
    let account = integration.account(&person).await?;
    recorder.clear_exchanges();
    let audited = host.api().list("/audit?event=membership.granted").await?.len();

    host.fill_disk()?;
    let path = format!("/apps/{}/memberships", integration.app);
    let body = json!({ "role_id": role, "account_id": account });
    for _ in 0..3 {
        let refused = host.api().post_once(&path, &body, "the-same-key").await?;
        assert_eq!((refused.status, refused.code()), (503, "storage_unavailable"));
    }
    assert!(host.is_running()?, "a full disk ends no process");
    assert_eq!(host.api().list(&path).await?, Vec::<serde_json::Value>::new());
    assert_eq!(recorder.exchanges().len(), 0, "the target was asked");
    assert_eq!(directory.members_of(&group), before);

    host.empty_disk()?;
    let granted = wait::until("the host to serve again", RECOVERY_LIMIT, async || {
        let reply = host.api().post_once(&path, &body, "the-same-key").await?;
        if reply.status == 503 { Ok(None) } else { reply.ok().map(Some) }
    })
    .await?;
    let id = granted["id"].as_str().context("an id")?;
    integration.wait_for_membership(id, "active").await?;
    assert!(directory.members_of(&group).contains(&person));
    let memberships = host.api().list(&path).await?;
    assert_eq!(memberships.len(), 1, "one membership for one key: {memberships:?}");
    let granted = host.api().list("/audit?event=membership.granted").await?.len();
    assert_eq!(granted, audited + 1, "nothing half-written in the audit log");
    let writes = recorder.exchanges().into_iter().filter(|each| each.is_state_changing()).count();
    assert_eq!(writes, 1);
    Ok(())
}
