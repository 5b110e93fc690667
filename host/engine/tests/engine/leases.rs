//! Which jobs run side by side, and what is no loss of a lease.

use std::sync::Arc;
use std::time::Duration;

use grantry_authz::{Door, Provenance, Reason};
use grantry_model::ids::PrincipalId;
use grantry_model::job::JobStatus;
use grantry_model::permission::PrincipalKind;
use grantry_store::StoreError;
use tokio::sync::Barrier;

use crate::host::{Host, hosts};

const LEASE_MS: i64 = 5_000;

async fn lease(host: &Host) -> Option<grantry_store::Job> {
    host.db().lease_job("provision/", LEASE_MS).await.unwrap()
}

fn provenance() -> Provenance {
    Provenance {
        principal_id: PrincipalId::parse("tests").unwrap(),
        principal_kind: PrincipalKind::Person,
        door: Door::Http,
        reason: Reason::Job,
        action: "test",
        entity: None,
        request_id: "test".into(),
    }
}

/// Connectors read a list, change it and write it back.
#[tokio::test]
async fn one_job_at_a_time_writes_to_an_account_or_a_resource() {
    for other in [("g00", "u002"), ("g01", "u001")] {
        for host in hosts(5, 2).await {
            host.aggregate_at_once().await;
            host.grant("g00", "u001").await;
            host.grant(other.0, other.1).await;
            let first = lease(&host).await.unwrap();
            assert!(lease(&host).await.is_none(), "{other:?}");
            host.db().finish_job(&first.lease(), JobStatus::Succeeded, None).await.unwrap();
            assert!(lease(&host).await.is_some(), "{other:?}");
        }
    }
}

#[tokio::test]
async fn what_a_dead_worker_wrote_to_is_free_when_its_lease_ends() {
    for host in hosts(5, 2).await {
        host.aggregate_at_once().await;
        host.grant("g00", "u001").await;
        host.grant("g00", "u002").await;
        let first = lease(&host).await.unwrap();
        host.advance(LEASE_MS + 1);
        let again = lease(&host).await.unwrap();
        assert_eq!(again.id, first.id);
        assert!(lease(&host).await.is_none());
    }
}

#[tokio::test]
async fn one_integration_does_not_take_all_workers() {
    let pairs =
        [("g00", "u001"), ("g01", "u003"), ("g02", "u002"), ("g03", "u004"), ("g04", "u006")];
    for mut host in hosts(10, 5).await {
        host.aggregate_at_once().await;
        for (group, user) in pairs {
            host.grant(group, user).await;
        }
        let mut leased = Vec::new();
        while let Some(job) = lease(&host).await {
            leased.push(job);
        }
        assert_eq!(leased.len(), 3);
        // Another integration's revocations do not wait for this one's target.
        host.connect_another().await;
        host.aggregate_at_once().await;
        host.grant("g00", "u001").await;
        assert!(lease(&host).await.is_some());
    }
}

#[tokio::test]
async fn workers_that_lease_at_the_same_time_do_not_write_to_the_same_account() {
    for host in hosts(10, 5).await {
        host.aggregate_at_once().await;
        for group in ["g00", "g01", "g03", "g04"] {
            host.grant(group, "u001").await;
        }
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let db = host.db().clone();
                tokio::spawn(async move { db.lease_job("provision/", LEASE_MS).await.unwrap() })
            })
            .collect();
        let mut leased = 0;
        for task in tasks {
            leased += usize::from(task.await.unwrap().is_some());
        }
        assert_eq!(leased, 1);
    }
}

/// Whoever waits for SQLite's one writer still holds what he holds.
#[tokio::test]
async fn a_renewal_counts_from_when_the_database_could_be_had() {
    for host in hosts(5, 1).await {
        host.aggregate_at_once().await;
        host.grant("g00", "u001").await;
        let leased = lease(&host).await.unwrap().lease();
        let writer = host.db().begin(&provenance()).await.unwrap();
        let db = host.db().clone();
        let renewal = tokio::spawn(async move { db.renew_lease(&leased, LEASE_MS).await });
        if host.db().is_postgres() {
            drop(writer);
            assert_eq!(renewal.await.unwrap().unwrap(), host.db().now().plus_ms(LEASE_MS));
            continue;
        }
        tokio::task::yield_now().await;
        host.advance(4_900);
        drop(writer);
        let until = tokio::time::timeout(Duration::from_secs(20), renewal).await.unwrap();
        assert_eq!(until.unwrap().unwrap(), host.db().now().plus_ms(LEASE_MS));
    }
}

/// PostgreSQL ends one of two changes that wait for each other: that one can be repeated.
#[tokio::test]
async fn a_deadlock_is_a_conflict() {
    for host in hosts(5, 1).await.into_iter().filter(|host| host.db().is_postgres()) {
        host.aggregate_at_once().await;
        let (a, b) = (host.grant("g00", "u001").await, host.grant("g00", "u002").await);
        let met = Arc::new(Barrier::new(2));
        let both = [(a.clone(), b.clone()), (b, a)].map(|(mine, other)| {
            let (db, met) = (host.db().clone(), met.clone());
            tokio::spawn(async move {
                let mut tx = db.begin(&provenance()).await.unwrap();
                tx.lock_membership(&mine).await.unwrap();
                met.wait().await;
                tx.lock_membership(&other).await.map(drop)
            })
        });
        let [mine, theirs] = both;
        let (mine, theirs) = (mine.await.unwrap(), theirs.await.unwrap());
        let is_conflict = |ended: &Result<(), StoreError>| {
            matches!(ended, Err(StoreError::VersionConflict { .. }))
        };
        assert!(is_conflict(&mine) != is_conflict(&theirs), "{mine:?} {theirs:?}");
    }
}
