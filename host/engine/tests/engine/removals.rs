//! Blocked runs: shown, approved once by the hash, discarded, undone; and what races with it.

use std::sync::Arc;

use grantry_engine::{EngineError, PageQuery, RemovalQuery};
use grantry_model::aggregation::RunStatus;
use grantry_model::deletion_guard::DeletionGuardChange;
use grantry_model::notification::NoticeKind;
use grantry_model::removal::{Excess, RemovalState, What};
use grantry_model::selection::Selection;
use grantry_store::{Class, Run};

use crate::host::{Host, hosts};

const DAY_MS: i64 = 24 * 3_600_000;

/// A run that is blocked, because only these many of 60 users are listed.
async fn blocked(host: &Host, lists: usize) -> Run {
    host.aggregate_at_once().await;
    host.directory.lock().unwrap().lists_only = Some(lists);
    let run = host.aggregate_at_once().await;
    assert_eq!((run.status, run.removed), (RunStatus::Blocked, 0), "{run:?}");
    run
}

async fn users(host: &Host) -> usize {
    let query = PageQuery { limit: 5_000, ..PageQuery::default() };
    host.ctx.list_objects(&host.integration, Class::Account, &query).await.unwrap().items.len()
}

#[tokio::test]
async fn a_blocked_run_shows_exactly_what_it_would_remove_in_words() {
    for host in hosts(60, 2).await {
        let run = blocked(&host, 40).await;
        let removal = host.removal(&run.id).await.removal;
        assert_eq!(removal.state, RemovalState::Waiting);
        assert_eq!(removal.code.as_deref(), Some("blocked_threshold"));
        let of = |what| removal.losses.iter().find(|loss| loss.of.what == what).unwrap();
        let accounts = of(What::Account);
        assert_eq!((accounts.before, accounts.removals), (60, 20));
        assert_eq!(accounts.excess, Some(Excess::Percent));
        assert_eq!(accounts.words(), "20 of 60 accounts `User` are gone");
        // Memberships of the accounts that are gone go along.
        assert_eq!(of(What::Assignment).removals, 13);
        assert!(
            run.error.unwrap().1.starts_with("13 of 40 assignments `Group` are gone; 20 of 60")
        );

        let mut rows = Vec::new();
        let mut query = PageQuery { limit: 7, ..PageQuery::default() };
        loop {
            let filter = RemovalQuery::default();
            let page = host.ctx.list_removed_rows(&run.id, &filter, &query).await.unwrap();
            rows.extend(page.items);
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(rows.len(), 33);
        let named = rows.iter().filter(|row| row.of.what == What::Account);
        let mut names: Vec<_> = named.map(|row| row.display.clone()).collect();
        names.sort();
        assert_eq!((names.len(), names[0].as_str()), (20, "User 40"));
        assert!(rows[0].holder.is_some());
        let filter = RemovalQuery { what: Some(What::Account), kind: "User".into() };
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let page = host.ctx.list_removed_rows(&run.id, &filter, &query).await.unwrap();
        assert_eq!((page.items.len(), page.next), (20, None));
    }
}

#[tokio::test]
async fn approval_removes_exactly_what_was_shown_once_and_counts_no_more() {
    for host in hosts(60, 2).await {
        let run = blocked(&host, 40).await;
        let hash = host.removal(&run.id).await.removal.hash;
        host.try_approve(&run.id, &hash).await.unwrap();
        // Nothing reads the source while it is removed from.
        let answer = |_: &Run| grantry_engine::Answer { status: 202, body: String::new() };
        let request = grantry_engine::Idempotent { key: "r", request: b"r", answer: &answer };
        let refused =
            host.ctx.start_aggregation(&host.integration, &Selection::default(), &request).await;
        assert!(matches!(refused, Err(EngineError::SyncRunning)));
        host.work_for(3).await;
        let removal = host.removal(&run.id).await.removal;
        assert_eq!((removal.state, removal.rows), (RemovalState::Removed, 33));
        assert_eq!(host.ctx.run(&run.id).await.unwrap().removed, 33);
        assert_eq!(users(&host).await, 40);
        // Once more: nothing happens.
        host.try_approve(&run.id, &hash).await.unwrap();
        host.work_for(2).await;
        assert_eq!(host.audited("aggregation.removal_approved").await, 1);
        // The next runs agree, and two more may go.
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        host.directory.lock().unwrap().lists_only = Some(38);
        let next = host.aggregate_at_once().await;
        assert_eq!(next.status, RunStatus::Succeeded, "{next:?}");
        assert_eq!(users(&host).await, 38);
    }
}

#[tokio::test]
async fn a_wrong_hash_and_a_changed_diff_are_refused() {
    for host in hosts(60, 2).await {
        let run = blocked(&host, 40).await;
        let hash = host.removal(&run.id).await.removal.hash;
        let wrong = host.try_approve(&run.id, &"0".repeat(64)).await;
        assert!(matches!(wrong, Err(EngineError::DiffChanged)), "{wrong:?}");
        // Another run reads something else: its diff counts.
        host.directory.lock().unwrap().lists_only = Some(30);
        let newer = host.aggregate_at_once().await;
        assert_eq!(newer.status, RunStatus::Blocked);
        let old = host.try_approve(&run.id, &hash).await;
        assert!(matches!(old, Err(EngineError::DiffChanged)), "{old:?}");
        assert_eq!(host.removal(&run.id).await.removal.state, RemovalState::Superseded);
        // A failed run has seen one of the rows again.
        host.directory.lock().unwrap().lists_only = None;
        host.directory.lock().unwrap().never_complete = true;
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Failed);
        let hash = host.removal(&newer.id).await.removal.hash;
        let seen = host.try_approve(&newer.id, &hash).await;
        assert!(matches!(seen, Err(EngineError::DiffChanged)), "{seen:?}");
        host.work_for(2).await;
        assert_eq!(users(&host).await, 60);
    }
}

#[tokio::test]
async fn a_grant_since_the_run_began_makes_the_approval_a_refusal() {
    for host in hosts(60, 2).await {
        let run = blocked(&host, 40).await;
        let hash = host.removal(&run.id).await.removal.hash;
        // User 50 is in the diff, and somebody grants it access meanwhile.
        host.directory.lock().unwrap().lists_only = None;
        host.grant("g00", "u050").await;
        host.work_for(3).await;
        assert!(host.holds("g00", "u050"));
        let refused = host.try_approve(&run.id, &hash).await;
        assert!(matches!(refused, Err(EngineError::DiffChanged)), "{refused:?}");
        host.work_for(2).await;
        assert_eq!(users(&host).await, 60);
    }
}

#[tokio::test]
async fn two_approvals_at_once_remove_once() {
    for host in hosts(60, 2).await {
        let run = blocked(&host, 40).await;
        let hash = host.removal(&run.id).await.removal.hash;
        let host = Arc::new(host);
        let approve = || {
            let (host, run, hash) = (host.clone(), run.id.clone(), hash.clone());
            tokio::spawn(async move { host.try_approve(&run, &hash).await })
        };
        let (first, second) = tokio::join!(approve(), approve());
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
        host.work_for(3).await;
        assert_eq!(host.audited("aggregation.removal_approved").await, 1);
        assert_eq!(host.audited("aggregation.removal_finished").await, 1);
        assert_eq!(users(&host).await, 40);
    }
}

#[tokio::test]
async fn a_discarded_removal_stays_discarded() {
    for host in hosts(60, 2).await {
        let run = blocked(&host, 40).await;
        let hash = host.removal(&run.id).await.removal.hash;
        let view = host.ctx.discard_removal(&run.id).await.unwrap();
        assert_eq!(view.removal.state, RemovalState::Discarded);
        host.ctx.discard_removal(&run.id).await.unwrap();
        assert_eq!(host.audited("aggregation.removal_discarded").await, 1);
        let refused = host.try_approve(&run.id, &hash).await;
        assert!(matches!(refused, Err(EngineError::RemovalDecided { state: "discarded" })));
        // The same diff again: blocked, but nobody is told a second time.
        let again = host.aggregate_at_once().await;
        assert_eq!(again.status, RunStatus::Blocked);
        assert_eq!(host.removal(&again.id).await.removal.hash, hash);
        assert_eq!(host.db().latest_notices(10).await.unwrap().len(), 1);
        assert_eq!(users(&host).await, 60);
    }
}

#[tokio::test]
async fn undo_brings_back_exactly_what_the_run_removed() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        let before = host.catalogue().await;
        host.directory.lock().unwrap().lists_only = Some(57);
        let run = host.aggregate_at_once().await;
        assert_eq!(run.status, RunStatus::Succeeded);
        assert_eq!(users(&host).await, 57);
        assert!(host.removal(&run.id).await.undo_until.is_some());
        host.try_undo(&run.id).await.unwrap();
        host.work_for(2).await;
        assert_eq!(host.catalogue().await, before);
        assert_eq!(host.removal(&run.id).await.removal.state, RemovalState::Restored);
        host.try_undo(&run.id).await.unwrap();
        assert_eq!(host.audited("aggregation.undo_ordered").await, 1);
        // The target mended: all is seen again, and the next loss is noticed.
        host.directory.lock().unwrap().lists_only = None;
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        host.assert_equal_to_directory().await;
        host.advance(8 * DAY_MS);
        host.directory.lock().unwrap().lists_only = Some(59);
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        assert_eq!(users(&host).await, 59);
    }
}

#[tokio::test]
async fn what_was_undone_and_is_still_missing_is_asked_about() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lists_only = Some(59);
        let run = host.aggregate_at_once().await;
        host.try_undo(&run.id).await.unwrap();
        host.work_for(2).await;
        let again = host.aggregate_at_once().await;
        assert_eq!(again.status, RunStatus::Blocked, "{again:?}");
        let removal = host.removal(&again.id).await.removal;
        assert!(removal.losses.iter().all(|loss| loss.excess == Some(Excess::Restored)));
        assert_eq!(users(&host).await, 60);
    }
}

#[tokio::test]
async fn an_undo_comes_too_late_after_the_window() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lists_only = Some(57);
        let run = host.aggregate_at_once().await;
        host.advance(7 * DAY_MS + 1);
        assert!(matches!(host.try_undo(&run.id).await, Err(EngineError::UndoExpired)));
        assert_eq!(users(&host).await, 57);
    }
}

#[tokio::test]
async fn a_grant_during_a_run_outlives_it_with_its_account_and_its_role() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        // The run reads lists that lack a user and the membership that is granted meanwhile.
        host.directory.lock().unwrap().lists_only = Some(59);
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            page.assignments.retain(|row| row.holder.id != "u059");
        }));
        let id = host.order_aggregation().await;
        let mut faults = std::collections::VecDeque::from([None, None]);
        faults.push_back(Some(crate::scripted::unavailable(60_000)));
        host.directory.lock().unwrap().page_faults = faults;
        host.work_for(1).await;
        host.grant("g00", "u059").await;
        host.work_for(12).await;
        let run = host.ctx.run(&id).await.unwrap();
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        let (users, _, members) = host.catalogue().await;
        assert!(users.contains(&"u059".to_owned()));
        assert!(members.contains(&("g00".to_owned(), "u059".to_owned())));
        // The next complete run is newer than the grant, and its word counts.
        host.aggregate_at_once().await;
        assert!(!host.catalogue().await.0.contains(&"u059".to_owned()));
    }
}

#[tokio::test]
async fn the_guard_is_changed_with_an_audit_entry_and_then_applies() {
    for host in hosts(60, 2).await {
        let (guard, version) = host.ctx.deletion_guard(&host.integration).await.unwrap();
        assert_eq!((guard.percent_max, version), (20, 1));
        let change = DeletionGuardChange { percent_max: Some(60), ..Default::default() };
        let update = host.ctx.update_deletion_guard(&host.integration, 1, &change).await.unwrap();
        assert_eq!((update.0.percent_max, update.1), (60, 2));
        let stale = host.ctx.update_deletion_guard(&host.integration, 1, &change).await;
        assert!(matches!(stale, Err(EngineError::Store(_))));
        assert_eq!(host.audited("integration.deletion_guard_changed").await, 1);
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lists_only = Some(40);
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        assert_eq!(users(&host).await, 40);
    }
}

#[tokio::test]
async fn a_large_removal_is_carried_out_and_undone_step_by_step() {
    for host in hosts(2_300, 3).await {
        host.directory.lock().unwrap().page_items = 1_000;
        let change = DeletionGuardChange { percent_max: Some(100), ..Default::default() };
        host.ctx.update_deletion_guard(&host.integration, 1, &change).await.unwrap();
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lists_only = Some(100);
        let run = host.aggregate_at_once().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        host.work_for(4).await;
        let removal = host.removal(&run.id).await.removal;
        assert_eq!(removal.state, RemovalState::Removed);
        let steps = host.audited("aggregation.rows_removed").await;
        assert!(steps >= 4, "{steps} steps");
        assert_eq!(users(&host).await, 100);
        assert_eq!(host.ctx.run(&run.id).await.unwrap().removed, removal.rows);
        host.try_undo(&run.id).await.unwrap();
        host.work_for(4).await;
        assert_eq!(users(&host).await, 2_300);
        assert_eq!(host.audited("aggregation.rows_restored").await, steps);
    }
}

/// What Grantry revoked itself since is not for the undoing of an earlier removal.
#[tokio::test]
async fn an_undo_does_not_bring_back_what_was_revoked_since() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        let id = host.grant("g00", "u001").await;
        host.work_for(2).await;
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            page.assignments
                .retain(|row| (&*row.entitlement, &*row.holder.id) != ("g00:member", "u001"));
        }));
        let run = host.aggregate_at_once().await;
        assert_eq!((run.status, run.removed), (RunStatus::Succeeded, 1), "{run:?}");
        host.directory.lock().unwrap().lie = None;
        host.delete(&id).await;
        host.work_for(3).await;
        assert!(!host.holds("g00", "u001"));
        host.try_undo(&run.id).await.unwrap();
        host.work_for(2).await;
        assert_eq!(host.removal(&run.id).await.removal.state, RemovalState::Restored);
        let held = host.catalogue().await.2;
        assert!(!held.contains(&("g00".to_owned(), "u001".to_owned())));
        // Nothing was brought back, so nothing has to be asked about.
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
    }
}

async fn told(host: &Host, kind: NoticeKind) -> usize {
    let notices = host.db().latest_notices(1_000).await.unwrap();
    notices.iter().filter(|stored| stored.notice.kind == kind).count()
}

#[tokio::test]
async fn the_same_loss_is_told_once_and_again_after_the_target_was_fine() {
    for host in hosts(60, 2).await {
        blocked(&host, 40).await;
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Blocked);
        assert_eq!(told(&host, NoticeKind::AggregationBlocked).await, 1);
        host.directory.lock().unwrap().lists_only = None;
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        host.directory.lock().unwrap().lists_only = Some(40);
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Blocked);
        assert_eq!(told(&host, NoticeKind::AggregationBlocked).await, 2);
    }
}

#[tokio::test]
async fn an_aggregation_that_fails_is_told_once_until_one_ends_otherwise() {
    for host in hosts(5, 2).await {
        for (never_complete, status, notices) in [
            (true, RunStatus::Failed, 1),
            (true, RunStatus::Failed, 1),
            (false, RunStatus::Succeeded, 1),
            (true, RunStatus::Failed, 2),
        ] {
            host.directory.lock().unwrap().never_complete = never_complete;
            assert_eq!(host.aggregate_at_once().await.status, status);
            assert_eq!(told(&host, NoticeKind::AggregationFailed).await, notices);
        }
    }
}

#[tokio::test]
async fn a_longer_window_does_not_bring_back_what_was_forgotten() {
    for host in hosts(60, 2).await {
        let days = |undo_days| DeletionGuardChange {
            undo_days: Some(undo_days),
            ..DeletionGuardChange::default()
        };
        let (id, ctx) = (&host.integration, &host.ctx);
        ctx.update_deletion_guard(id, 1, &days(1)).await.unwrap();
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lists_only = Some(59);
        let old = host.aggregate_at_once().await;
        assert!(host.removal(&old.id).await.undo_until.is_some());
        host.advance(2 * DAY_MS);
        host.directory.lock().unwrap().lists_only = Some(58);
        let new = host.aggregate_at_once().await;
        let (_, version) = ctx.deletion_guard(id).await.unwrap();
        ctx.update_deletion_guard(id, version, &days(90)).await.unwrap();
        assert!(host.removal(&old.id).await.undo_until.is_none());
        assert!(matches!(host.try_undo(&old.id).await, Err(EngineError::UndoExpired)));
        assert!(host.removal(&new.id).await.undo_until.is_some());
    }
}

#[tokio::test]
async fn an_entitlement_that_is_listed_under_another_kind_keeps_its_own() {
    for host in hosts(20, 4).await {
        host.aggregate_at_once().await;
        let before = host.db().count_kinds(&host.integration).await.unwrap();
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            for entitlement in &mut page.entitlements {
                entitlement.kind = "Disguise".to_owned();
            }
        }));
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        assert_eq!(host.db().count_kinds(&host.integration).await.unwrap(), before);
    }
}

#[tokio::test]
async fn access_that_is_gone_by_an_approved_removal_changed_without_grantry() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| page.assignments.clear()));
        let run = host.aggregate_at_once().await;
        assert_eq!(run.status, RunStatus::Blocked);
        let removal = host.removal(&run.id).await.removal;
        assert_eq!(host.audited("access.changed_externally").await, 0);
        host.try_approve(&run.id, &removal.hash).await.unwrap();
        host.work_for(3).await;
        let query = PageQuery { limit: 1_000, ..PageQuery::default() };
        let found = host.ctx.list_external_changes(&host.integration, &query).await.unwrap();
        assert_eq!(found.items.len() as u64, removal.rows);
        assert!(told(&host, NoticeKind::ExternalChange).await > 0);
    }
}
