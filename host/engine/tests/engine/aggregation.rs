//! Aggregation: exact, resumable, and never deleting on a doubtful word.

use grantry_engine::{EngineError, Idempotent, IntegrationChange, WholeConnection};
use grantry_model::aggregation::{CHECKPOINT_AGE_MS_MAX, RunStatus};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::selection::Selection;
use grantry_store::Run;

use crate::host::{Host, hosts};
use crate::scripted::unavailable;

#[tokio::test]
async fn everything_is_aggregated_exactly() {
    for host in hosts(40, 5).await {
        let run = host.aggregate().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        host.assert_equal_to_directory().await;
        let directory = host.directory.lock().unwrap();
        // Users, groups, one entitlement a group, members.
        assert_eq!(run.added, 40 + 5 + 5 + directory.members.len() as u64);
        assert_eq!((run.changed, run.removed), (0, 0));
    }
}

#[tokio::test]
async fn a_second_run_writes_no_row_and_no_page_entry() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        let pages = host.audited("aggregation.page").await;
        let run = host.aggregate().await;
        assert_eq!(run.status, RunStatus::Succeeded);
        assert_eq!((run.added, run.changed, run.removed), (0, 0, 0));
        assert_eq!(run.progress.unwrap().written, 0);
        assert_eq!(host.audited("aggregation.page").await, pages);
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn changes_behind_our_back_are_seen() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        {
            let mut directory = host.directory.lock().unwrap();
            directory.users.insert("u001".into(), "Renamed".into());
            directory.users.insert("u999".into(), "New".into());
            directory.users.remove("u030");
            directory.members.retain(|(_, user)| user != "u030");
            directory.members.insert(("g01".into(), "u999".into()));
            let gone = directory.members.iter().next().unwrap().clone();
            directory.members.remove(&gone);
        }
        let run = host.aggregate().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        host.assert_equal_to_directory().await;
        let again = host.aggregate().await;
        assert_eq!((again.added, again.changed, again.removed), (0, 0, 0));
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn page_sizes_make_no_difference() {
    for page_items in [1, 7, 1_000] {
        for host in hosts(20, 4).await {
            host.directory.lock().unwrap().page_items = page_items;
            assert_eq!(host.aggregate().await.status, RunStatus::Succeeded);
            host.assert_equal_to_directory().await;
        }
    }
}

#[tokio::test]
async fn a_state_that_comes_back_is_stored_again() {
    for host in hosts(20, 4).await {
        host.aggregate().await;
        let set = |name: &str| {
            host.directory.lock().unwrap().users.insert("u003".into(), name.into());
        };
        for name in ["Changed", "User 3", "Changed", "User 3"] {
            set(name);
            // Every second run is cut off before its end: what it wrote must not be forgotten.
            host.directory.lock().unwrap().never_complete = name == "Changed";
            host.aggregate().await;
        }
        let page = grantry_engine::PageQuery { limit: 200, ..Default::default() };
        let class = grantry_store::Class::Account;
        let users = host.ctx.list_objects(&host.integration, class, &page).await.unwrap();
        let user = users.items.iter().find(|user| user.native_id == "u003").unwrap();
        assert_eq!(user.display, "User 3");
    }
}

#[tokio::test]
async fn a_run_goes_on_from_its_last_page_after_an_outage() {
    for host in hosts(40, 5).await {
        let clean = {
            host.aggregate().await;
            std::mem::take(&mut host.directory.lock().unwrap().pages_read)
        };
        let faults = [None, None, Some(unavailable(2_000)), None, Some(unavailable(1_000))];
        host.directory.lock().unwrap().page_faults = faults.into_iter().collect();
        let run = host.aggregate().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        // Two failed readings, and none of the others twice.
        assert_eq!(host.directory.lock().unwrap().pages_read, clean + 2);
    }
}

/// Row 55: what the target said the day before yesterday is no reason to remove anything.
#[tokio::test]
async fn a_run_does_not_go_on_from_a_page_that_was_read_more_than_a_day_ago() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        host.directory.lock().unwrap().users.remove("u030");
        for (pause_ms, status) in
            [(CHECKPOINT_AGE_MS_MAX + 1, RunStatus::Failed), (3_600_000, RunStatus::Succeeded)]
        {
            let faults = [None, None, Some(unavailable(1_000))];
            host.directory.lock().unwrap().page_faults = faults.into_iter().collect();
            let id = host.order_aggregation().await;
            host.work().await;
            host.advance(pause_ms);
            host.work_for(6).await;
            let run = host.ctx.run(&id).await.unwrap();
            assert_eq!(run.status, status, "{run:?}");
            let code = run.error.map(|(code, _)| code);
            let is_stale = status == RunStatus::Failed;
            assert_eq!(code.as_deref(), is_stale.then_some("checkpoint_too_old"));
            let is_kept = host.catalogue().await.0.contains(&"u030".to_owned());
            assert_eq!(is_kept, is_stale);
        }
    }
}

#[tokio::test]
async fn an_outage_never_deletes() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        {
            let mut directory = host.directory.lock().unwrap();
            directory.users.remove("u030");
            directory.members.retain(|(_, user)| user != "u030");
            let refused = Fault::Plugin(PluginError::Unauthenticated("expired".into()));
            directory.page_faults = [None, Some(refused)].into_iter().collect();
        }
        let run = host.aggregate().await;
        assert_eq!(run.status, RunStatus::Failed);
        assert_eq!((run.error.unwrap().0.as_str(), run.removed), ("unauthenticated", 0));
        assert!(host.catalogue().await.0.contains(&"u030".to_owned()));
    }
}

#[tokio::test]
async fn a_listing_that_does_not_claim_to_be_whole_never_deletes() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        host.directory.lock().unwrap().never_complete = true;
        host.directory.lock().unwrap().users.remove("u039");
        host.directory.lock().unwrap().members.retain(|(_, user)| user != "u039");
        let run = host.aggregate().await;
        assert_eq!((run.status, run.removed), (RunStatus::Failed, 0));
        assert_eq!(run.error.unwrap().0, "incomplete_listing");
        assert!(host.catalogue().await.0.contains(&"u039".to_owned()));
    }
}

#[tokio::test]
async fn losing_everything_or_too_much_is_blocked() {
    for keep in [0, 20] {
        for host in hosts(60, 2).await {
            host.aggregate().await;
            host.directory.lock().unwrap().lists_only = Some(keep);
            let run = host.aggregate().await;
            assert_eq!((run.status, run.removed), (RunStatus::Blocked, 0), "{run:?}");
            assert_eq!(run.error.unwrap().0, "blocked_threshold");
            assert_eq!(host.catalogue().await.0.len(), 60);
            // The lie is over: nothing was lost.
            host.directory.lock().unwrap().lists_only = None;
            assert_eq!(host.aggregate().await.status, RunStatus::Succeeded);
            host.assert_equal_to_directory().await;
        }
    }
}

#[tokio::test]
async fn a_cursor_loop_ends_the_run() {
    for host in hosts(20, 2).await {
        host.directory.lock().unwrap().loops = true;
        let run = host.aggregate().await;
        assert_eq!((run.status, run.error.unwrap().0.as_str()), (RunStatus::Failed, "cursor_loop"));
    }
}

#[tokio::test]
async fn what_points_at_nothing_is_left_out_and_told() {
    for host in hosts(20, 2).await {
        host.directory.lock().unwrap().members.insert(("g00".into(), "ghost".into()));
        let run = host.aggregate().await;
        assert_eq!((run.status, run.progress.unwrap().quarantined), (RunStatus::Succeeded, 1));
        let query = grantry_engine::PageQuery { limit: 10, ..Default::default() };
        let issues = host.ctx.list_run_issues(&run.id, &query).await.unwrap().items;
        assert_eq!(issues[0].code, "dangling_reference");
        assert!(issues[0].detail.contains("ghost"), "{issues:?}");
        // The ghost becomes a user: its page is the same, and yet it is stored now.
        host.directory.lock().unwrap().users.insert("ghost".into(), "Ghost".into());
        assert_eq!(host.aggregate().await.status, RunStatus::Succeeded);
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn a_second_aggregation_of_the_same_source_is_refused() {
    for host in hosts(5, 1).await {
        host.order_aggregation().await;
        let answer = |_: &Run| grantry_engine::Answer { status: 202, body: String::new() };
        let request = Idempotent { key: "second", request: b"second", answer: &answer };
        let second =
            host.ctx.start_aggregation(&host.integration, &Selection::default(), &request).await;
        assert!(matches!(second, Err(EngineError::SyncRunning)));
    }
}

#[tokio::test]
async fn a_cancelled_run_stops_and_removes_nothing() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        host.directory.lock().unwrap().users.remove("u001");
        let id = host.order_aggregation().await;
        host.ctx.cancel_aggregation(&id).await.unwrap();
        host.work_for(3).await;
        let run = host.ctx.run(&id).await.unwrap();
        assert_eq!((run.status, run.removed), (RunStatus::Cancelled, 0));
    }
}

#[tokio::test]
async fn a_plugin_that_keeps_crashing_goes_into_quarantine() {
    for host in hosts(5, 1).await {
        for _ in 0..5 {
            let crash = Fault::Trap("unreachable".into());
            host.directory.lock().unwrap().page_faults.push_back(Some(crash));
            host.aggregate().await;
            host.advance(1_000 - 12 * 20_000);
        }
        let view = host.ctx.integration(&host.integration).await.unwrap();
        assert!(view.integration.quarantined.is_some());
        let notices = host.db().latest_notices(1_000).await.unwrap();
        let is_told = |kind| notices.iter().any(|stored| stored.notice.kind == kind);
        assert!(is_told(grantry_model::notification::NoticeKind::IntegrationQuarantined));
        let answer = |_: &Run| grantry_engine::Answer { status: 202, body: String::new() };
        let request = Idempotent { key: "q", request: b"q", answer: &answer };
        let refused =
            host.ctx.start_aggregation(&host.integration, &Selection::default(), &request).await;
        assert!(matches!(refused, Err(EngineError::Quarantined)));
        host.ctx.release_integration(&host.integration).await.unwrap();
        assert_eq!(host.aggregate().await.status, RunStatus::Succeeded);
    }
}

/// Row 33: its jobs are put off, not lost.
#[tokio::test]
async fn a_run_that_meets_the_quarantine_waits_for_the_release_or_is_cancelled() {
    for host in hosts(5, 1).await {
        for is_cancelled in [false, true] {
            let crash = || Some(Fault::Trap("unreachable".into()));
            host.directory.lock().unwrap().page_faults = (0..4).map(|_| crash()).collect();
            for _ in 0..4 {
                host.aggregate_at_once().await;
            }
            host.directory.lock().unwrap().page_faults =
                [Some(Fault::Timeout(1)), None].into_iter().collect();
            let id = host.order_aggregation().await;
            host.work_for(9).await;
            let view = host.ctx.integration(&host.integration).await.unwrap();
            assert!(view.integration.quarantined.is_some());
            assert!(!host.ctx.run(&id).await.unwrap().status.is_final());
            let expected = if is_cancelled {
                host.ctx.cancel_aggregation(&id).await.unwrap();
                RunStatus::Cancelled
            } else {
                host.ctx.release_integration(&host.integration).await.unwrap();
                RunStatus::Succeeded
            };
            host.work().await;
            assert_eq!(host.ctx.run(&id).await.unwrap().status, expected);
            if is_cancelled {
                host.ctx.release_integration(&host.integration).await.unwrap();
            }
        }
    }
}

/// The worker looked whether it shall stop, and a person's word came before the end was committed.
#[tokio::test]
async fn a_confirmed_cancel_removes_nothing_even_at_the_very_end() {
    for blocks in [false, true] {
        for host in hosts(60, 2).await {
            host.aggregate().await;
            let lists = if blocks { 40 } else { 58 };
            host.directory.lock().unwrap().lists_only = Some(lists);
            host.cancel_when_all_is_read().await;
            host.advance(1_000);
            let run = host.aggregate().await;
            assert_eq!(run.status, RunStatus::Cancelled, "{run:?}");
            assert_eq!((run.removed, host.catalogue().await.0.len()), (0, 60));
        }
    }
}

/// A run that meets an outage at its third page, and goes on after this change.
async fn changed_meanwhile(host: &Host, change: &IntegrationChange) -> Run {
    host.directory.lock().unwrap().page_faults = [None, None, Some(unavailable(1_000))].into();
    let id = host.order_aggregation().await;
    host.work().await;
    assert_eq!(host.ctx.run(&id).await.unwrap().status, RunStatus::Running);
    host.try_update(change).await.unwrap();
    host.work_for(5).await;
    host.ctx.run(&id).await.unwrap()
}

#[tokio::test]
async fn pages_of_two_connections_are_no_whole() {
    for host in hosts(20, 2).await {
        let whole = WholeConnection(serde_json::json!({ "tenant": "other" }));
        let change = IntegrationChange { connection: Some(whole), ..IntegrationChange::default() };
        let run = changed_meanwhile(&host, &change).await;
        assert_eq!(run.status, RunStatus::Failed);
        assert_eq!(run.error.unwrap().0, "policy_changed");
        assert_eq!(host.aggregate().await.status, RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn a_changed_name_does_not_disturb_a_run() {
    for host in hosts(20, 2).await {
        let change =
            IntegrationChange { name: Some("Renamed".into()), ..IntegrationChange::default() };
        assert_eq!(changed_meanwhile(&host, &change).await.status, RunStatus::Succeeded);
    }
}
