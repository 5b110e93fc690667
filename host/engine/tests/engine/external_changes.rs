//! Access that changed without Grantry: found by the difference, explained or told (INT-10).

use grantry_engine::{AuditFilter, Change, PageQuery};
use grantry_model::aggregation::RunStatus;
use grantry_model::gate::Closed;
use grantry_model::membership::Status;
use grantry_model::settings::SettingsChange;

use crate::host::{Host, hosts};
use crate::scripted::unavailable;

// In the directory of the tests, u001 is not in g00 and u000 is.

fn put(host: &Host, group: &str, user: &str) {
    host.directory.lock().unwrap().members.insert((group.into(), user.into()));
}

fn take(host: &Host, group: &str, user: &str) {
    host.directory.lock().unwrap().members.remove(&(group.into(), user.into()));
}

async fn found(host: &Host) -> Vec<(Change, String, String)> {
    let query = PageQuery { limit: 5_000, ..PageQuery::default() };
    let page = host.ctx.list_external_changes(&host.integration, &query).await.unwrap();
    let name = |found: grantry_engine::ExternalChange| {
        (found.change, found.entitlement_display.unwrap(), found.holder_display.unwrap())
    };
    let mut found: Vec<_> = page.items.into_iter().map(name).collect();
    found.sort_by(|one, other| one.2.cmp(&other.2));
    found
}

fn change(change: Change, group: &str, user: &str) -> (Change, String, String) {
    (change, format!("{group} member"), user.to_owned())
}

async fn sync(host: &Host) {
    host.advance(1_000);
    let run = host.aggregate().await;
    assert_eq!(run.status, grantry_model::aggregation::RunStatus::Succeeded, "{run:?}");
}

#[tokio::test]
async fn the_first_run_explains_itself_and_an_unchanged_one_finds_nothing() {
    for host in hosts(40, 5).await {
        sync(&host).await;
        sync(&host).await;
        assert_eq!(found(&host).await, []);
        assert_eq!(host.audited("access.changed_externally").await, 0);
        assert_eq!(host.db().latest_notices(10).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn access_that_appears_or_vanishes_is_listed_audited_and_told() {
    for host in hosts(10, 2).await {
        sync(&host).await;
        put(&host, "g00", "u001");
        take(&host, "g00", "u000");
        sync(&host).await;
        let expected = [
            change(Change::Vanished, "Group 0", "User 0"),
            change(Change::Appeared, "Group 0", "User 1"),
        ];
        assert_eq!(found(&host).await, expected);
        assert_eq!(host.audited("access.changed_externally").await, 2);
        let notices = host.db().latest_notices(10).await.unwrap();
        let mut told: Vec<_> = notices
            .iter()
            .map(|n| (n.notice.fields["change"].as_str(), n.notice.fields["account"].as_str()))
            .collect();
        told.sort_unstable();
        assert_eq!(told, [("granted", "User 1"), ("revoked", "User 0")]);
        sync(&host).await;
        assert_eq!(found(&host).await.len(), 2, "it is found once");
    }
}

#[tokio::test]
async fn what_grantry_does_is_explained() {
    for host in hosts(10, 2).await {
        sync(&host).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        sync(&host).await;
        host.delete(&id).await;
        host.work().await;
        sync(&host).await;
        assert_eq!(found(&host).await, []);
    }
}

#[tokio::test]
async fn what_a_person_does_for_a_waiting_membership_is_explained() {
    for host in hosts(10, 2).await {
        sync(&host).await;
        let read_only = SettingsChange { is_read_only: Some(true), ..SettingsChange::default() };
        host.set(read_only).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::ReadOnly));
        put(&host, "g00", "u001");
        sync(&host).await;
        host.advance(16 * 60_000);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        host.delete(&id).await;
        host.work().await;
        take(&host, "g00", "u001");
        sync(&host).await;
        assert_eq!(found(&host).await, []);
    }
}

#[tokio::test]
async fn an_active_membership_does_not_explain_that_its_access_is_gone() {
    for host in hosts(10, 2).await {
        sync(&host).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        take(&host, "g00", "u001");
        sync(&host).await;
        let query = PageQuery { limit: 10, ..PageQuery::default() };
        let page = host.ctx.list_external_changes(&host.integration, &query).await.unwrap();
        let seen: Vec<_> = page.items.iter().map(|c| (c.change, c.membership_id.clone())).collect();
        assert_eq!(seen, [(Change::Vanished, Some(id))]);
    }
}

#[tokio::test]
async fn an_account_that_is_gone_explains_the_end_of_its_access() {
    for host in hosts(40, 2).await {
        sync(&host).await;
        host.directory.lock().unwrap().users.remove("u000");
        host.directory.lock().unwrap().members.retain(|(_, user)| user != "u000");
        sync(&host).await;
        assert_eq!(found(&host).await, []);
    }
}

#[tokio::test]
async fn what_an_unfinished_run_found_is_concluded_by_the_next_complete_one() {
    for host in hosts(10, 2).await {
        sync(&host).await;
        put(&host, "g00", "u001");
        // The run fails after its pages of assignments were committed.
        let fault = grantry_model::fault::Fault::Trap("cut off".to_owned());
        let pages = std::mem::take(&mut host.directory.lock().unwrap().pages_read);
        let quiet = (1..pages).map(|_| None).chain([Some(fault)]);
        host.directory.lock().unwrap().page_faults = quiet.collect();
        host.advance(1_000);
        host.aggregate().await;
        assert_eq!(found(&host).await, []);
        sync(&host).await;
        assert_eq!(found(&host).await, [change(Change::Appeared, "Group 0", "User 1")]);
    }
}

#[tokio::test]
async fn a_run_that_was_interrupted_finds_every_change_once() {
    for host in hosts(10, 2).await {
        sync(&host).await;
        put(&host, "g00", "u001");
        let pages = std::mem::take(&mut host.directory.lock().unwrap().pages_read);
        let outage = (1..pages).map(|_| None).chain([Some(unavailable(1_000))]);
        host.directory.lock().unwrap().page_faults = outage.collect();
        sync(&host).await;
        assert_eq!(found(&host).await, [change(Change::Appeared, "Group 0", "User 1")]);
    }
}

#[tokio::test]
async fn many_changes_are_summed_up() {
    for host in hosts(200, 3).await {
        sync(&host).await;
        for user in (0..200).filter(|user| user % 3 != 0) {
            put(&host, "g00", &format!("u{user:03}"));
        }
        sync(&host).await;
        assert_eq!(found(&host).await.len(), 133);
        // A hundred by themselves, and the sum of the others.
        assert_eq!(host.audited("access.changed_externally").await, 101);
        assert_eq!(host.db().latest_notices(1_000).await.unwrap().len(), 21);
    }
}

#[tokio::test]
async fn nothing_is_told_where_the_setting_is_off_but_it_is_listed() {
    for host in hosts(10, 2).await {
        let quiet =
            SettingsChange { notifies_external_changes: Some(false), ..SettingsChange::default() };
        host.set(quiet).await;
        sync(&host).await;
        put(&host, "g00", "u001");
        sync(&host).await;
        assert_eq!(found(&host).await.len(), 1);
        assert_eq!(host.audited("access.changed_externally").await, 1);
        assert_eq!(host.db().latest_notices(10).await.unwrap().len(), 0);
    }
}

/// Two groups of which 600 users each are not members: more than a list holds.
#[tokio::test]
async fn what_a_failed_run_found_counts_in_the_next_whole_one_to_the_last_row() {
    for host in hosts(900, 2).await {
        host.directory.lock().unwrap().page_items = 500;
        sync(&host).await;
        let members = |host: &Host, group: usize| {
            for user in (0..900).filter(|user| !(user + group).is_multiple_of(3)) {
                put(host, &format!("g{group:02}"), &format!("u{user:03}"));
            }
        };
        members(&host, 0);
        let fault = grantry_model::fault::Fault::Trap("cut off".to_owned());
        let pages = std::mem::take(&mut host.directory.lock().unwrap().pages_read);
        let quiet = (0..pages).map(|_| None).chain([Some(fault)]);
        host.directory.lock().unwrap().page_faults = quiet.collect();
        host.advance(1_000);
        let cut_off = host.aggregate().await;
        assert_eq!(cut_off.status, RunStatus::Failed);
        host.directory.lock().unwrap().page_faults.clear();
        members(&host, 1);
        sync(&host).await;
        assert_eq!(found(&host).await.len(), 1_000);
        let filter = AuditFilter {
            event: Some("access.changed_externally".into()),
            search: Some("\"more\"".into()),
            ..AuditFilter::default()
        };
        let sums = host.db().list_audit(&filter, 10).await.unwrap();
        let more: Vec<serde_json::Value> = sums
            .iter()
            .map(|row| {
                serde_json::from_str::<serde_json::Value>(&row.detail).unwrap()["more"].take()
            })
            .collect();
        assert_eq!(more, [1_100]);
        sync(&host).await;
        assert_eq!(found(&host).await.len(), 1_000, "it is found once");
    }
}

#[tokio::test]
async fn a_blocked_run_concludes_what_appeared_and_leaves_what_vanished() {
    for host in hosts(60, 2).await {
        sync(&host).await;
        put(&host, "g00", "u001");
        host.directory.lock().unwrap().lists_only = Some(40);
        host.advance(1_000);
        let run = host.aggregate().await;
        assert_eq!(run.status, RunStatus::Blocked);
        let appeared = [change(Change::Appeared, "Group 0", "User 1")];
        assert_eq!(found(&host).await, appeared);
        let hash = host.removal(&run.id).await.removal.hash;
        host.try_approve(&run.id, &hash).await.unwrap();
        host.work_for(3).await;
        assert_eq!(found(&host).await, appeared, "it is found once");
    }
}
