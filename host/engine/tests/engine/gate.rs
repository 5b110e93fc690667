//! The provisioning gate: no way leads to a write in the target against the settings.
//!
//! Every way into the runner's `apply` is tried against every setting that closes the gate; the
//! directory, which records every write, is the judge. The same way then writes with the gate open,
//! so that no way is dead for another reason.
use grantry_engine::EngineError;
use grantry_model::gate::Closed;
use grantry_model::ids::MembershipId;
use grantry_model::membership::Status;
use grantry_model::permission::Entity;
use grantry_model::platform::MembershipChange;
use grantry_model::plugin::TestDepth;
use grantry_model::settings::SettingsChange;

use crate::host::{Host, hosts};
use crate::scripted::{WriteFault, unknown};

/// A way into `apply`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Grant,
    Regrant,
    Renewal,
    Deletion,
    Expiry,
    Retry,
    RetriedRevocation,
    WorkerRestart,
    Platform,
}

const WAYS: [Way; 9] = [
    Way::Grant,
    Way::Regrant,
    Way::Renewal,
    Way::Deletion,
    Way::Expiry,
    Way::Retry,
    Way::RetriedRevocation,
    Way::WorkerRestart,
    Way::Platform,
];

const CLOSED: [Closed; 2] = [Closed::ReadOnly, Closed::PermissionChanges];

fn closing(closed: Closed) -> SettingsChange {
    match closed {
        Closed::ReadOnly => {
            SettingsChange { is_read_only: Some(true), ..SettingsChange::default() }
        }
        Closed::PermissionChanges
        | Closed::AccountCreation
        | Closed::Manual
        | Closed::ManualMethod
        | Closed::Fallback => {
            SettingsChange { allows_changing_permissions: Some(false), ..SettingsChange::default() }
        }
    }
}

fn opening() -> SettingsChange {
    SettingsChange {
        is_read_only: Some(false),
        allows_changing_permissions: Some(true),
        ..SettingsChange::default()
    }
}

fn writes(host: &Host) -> usize {
    host.directory.lock().unwrap().writes.len()
}

/// The plugin's own grant, through the platform that it is called with.
async fn grant_as_plugin(host: &Host) -> MembershipId {
    host.permit_plugin(&[], &[Entity::App(host.app.clone())]).await;
    let platform = host.platform().await;
    let change = MembershipChange::Grant {
        role: host.role("g00").to_string(),
        account: host.account("u001").to_string(),
        ends_ms: None,
    };
    let granted = platform.change_membership(host.app.as_str(), change, "k").await.unwrap();
    MembershipId::parse(&granted.id).unwrap()
}

async fn active(host: &Host) -> MembershipId {
    let ends = host.db().now().plus_ms(3_600_000);
    let id = host.try_grant("g00", "u001", Some(ends)).await.unwrap();
    host.work().await;
    assert_eq!(host.membership(&id).await.status, Status::Active);
    id
}

fn lose_next_write(host: &Host) {
    host.directory.lock().unwrap().write_faults.push_back(WriteFault::Lost(unknown()));
}

/// Goes the way until only the worker is missing, closing the gate as late as the way lets it.
async fn go(host: &Host, way: Way, closed: Closed) -> MembershipId {
    match way {
        Way::Grant => {
            let id = host.grant("g00", "u001").await;
            host.set(closing(closed)).await;
            id
        }
        Way::Regrant => {
            host.set(closing(closed)).await;
            let first = host.grant("g00", "u001").await;
            host.work().await;
            assert_eq!(host.grant("g00", "u001").await, first);
            first
        }
        Way::Renewal => {
            let id = active(host).await;
            host.advance(3_700_000);
            host.work_for(2).await;
            assert_eq!(host.membership(&id).await.status, Status::Expired);
            host.renew(&id).await;
            host.set(closing(closed)).await;
            id
        }
        Way::Deletion => {
            let id = active(host).await;
            host.delete(&id).await;
            host.set(closing(closed)).await;
            id
        }
        Way::Expiry => {
            let id = active(host).await;
            host.set(closing(closed)).await;
            host.advance(3_700_000);
            id
        }
        Way::Retry => {
            lose_next_write(host);
            let id = host.grant("g00", "u001").await;
            host.work().await;
            host.set(closing(closed)).await;
            id
        }
        Way::RetriedRevocation => {
            let id = active(host).await;
            lose_next_write(host);
            host.delete(&id).await;
            host.work().await;
            host.set(closing(closed)).await;
            id
        }
        Way::WorkerRestart => {
            let id = host.grant("g00", "u001").await;
            // A worker takes the job and dies.
            host.db().lease_job("provision/", 5_000).await.unwrap().unwrap();
            host.set(closing(closed)).await;
            host.advance(6_000);
            id
        }
        Way::Platform => {
            let id = grant_as_plugin(host).await;
            host.set(closing(closed)).await;
            id
        }
    }
}

#[tokio::test]
async fn no_way_writes_to_a_target_against_the_settings() {
    for way in WAYS {
        for closed in CLOSED {
            for host in hosts(10, 2).await {
                host.aggregate().await;
                let id = go(&host, way, closed).await;
                let before = writes(&host);
                host.work_for(6).await;
                host.advance(48 * 3_600_000);
                host.work_for(2).await;
                assert_eq!(writes(&host), before, "{way:?} {closed:?}");
                let waits = host.membership(&id).await;
                assert_eq!(waits.waiting, Some(closed), "{way:?}");
                let is_revocation =
                    matches!(way, Way::Deletion | Way::Expiry | Way::RetriedRevocation);
                let (status, is_held) = if is_revocation {
                    (Status::Deprovisioning, true)
                } else {
                    (Status::Provisioning, false)
                };
                assert_eq!(waits.status, status, "{way:?}");
                assert_eq!(host.holds("g00", "u001"), is_held, "{way:?}");
                // It is said once, however often it is looked at.
                assert_eq!(host.audited("membership.waits").await, 1, "{way:?}");

                host.set(opening()).await;
                host.work_for(3).await;
                assert_eq!(writes(&host), before + 1, "{way:?} is a way");
                let done = host.membership(&id).await;
                assert_eq!((done.waiting, host.holds("g00", "u001")), (None, !is_held), "{way:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_person_does_in_the_target_is_recorded() {
    for closed in CLOSED {
        for host in hosts(10, 2).await {
            host.aggregate().await;
            host.set(closing(closed)).await;
            let id = host.grant("g00", "u001").await;
            host.work().await;
            let pair = ("g00".to_owned(), "u001".to_owned());
            host.directory.lock().unwrap().members.insert(pair.clone());
            host.advance(16 * 60_000);
            host.work().await;
            let now = host.membership(&id).await;
            assert_eq!((now.status, now.waiting), (Status::Active, None));
            host.delete(&id).await;
            host.work().await;
            assert_eq!(host.membership(&id).await.status, Status::Deprovisioning);
            host.directory.lock().unwrap().members.remove(&pair);
            host.advance(16 * 60_000);
            host.work().await;
            let now = host.membership(&id).await;
            assert_eq!((now.status, now.waiting), (Status::Deleted, None));
            assert_eq!(writes(&host), 0);
        }
    }
}

#[tokio::test]
async fn a_membership_that_waits_can_be_deleted() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(closing(Closed::ReadOnly)).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert_eq!(writes(&host), 0);
    }
}

#[tokio::test]
async fn a_connection_test_writes_only_where_the_settings_let_it() {
    for host in hosts(10, 2).await {
        for closed in CLOSED {
            host.set(closing(closed)).await;
            let refused = host.ctx.test_connection(&host.integration, TestDepth::WriteProbe).await;
            assert!(matches!(refused, Err(EngineError::GateClosed(why)) if why == closed));
            host.ctx.test_connection(&host.integration, TestDepth::Read).await.unwrap();
            assert_eq!(host.directory.lock().unwrap().probes, 0);
            host.set(opening()).await;
        }
        host.ctx.test_connection(&host.integration, TestDepth::WriteProbe).await.unwrap();
        assert_eq!(host.directory.lock().unwrap().probes, 1);
    }
}

/// What an aggregation read before the target was asked says nothing about what became of it.
#[tokio::test]
async fn a_connector_that_cannot_read_back_is_believed_by_a_later_aggregation_only() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        host.make_blind().await;
        let lost = WriteFault::AnswerLost(unknown());
        host.directory.lock().unwrap().write_faults.push_back(lost);
        let id = host.grant("g00", "u001").await;
        host.work_for(4).await;
        assert_eq!(host.membership(&id).await.status, Status::Failed);
        assert!(host.holds("g00", "u001"), "it took effect, and nobody knows");
        host.set(closing(Closed::PermissionChanges)).await;
        host.delete(&id).await;
        host.work_for(2).await;
        let waits = host.membership(&id).await;
        assert_eq!(
            (waits.status, waits.waiting),
            (Status::Deprovisioning, Some(Closed::PermissionChanges))
        );

        // A person takes it away, and an aggregation sees that it is gone.
        host.directory.lock().unwrap().members.remove(&("g00".to_owned(), "u001".to_owned()));
        host.aggregate_at_once().await;
        host.advance(3_600_000);
        host.work_for(2).await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
    }
}
