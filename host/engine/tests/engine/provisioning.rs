//! Provisioning: no effect lost, none doubled, none claimed that the target does not confirm.

use grantry_engine::{Answer, EngineError, Idempotent};
use grantry_model::fault::{Backoff, Fault, PluginError};
use grantry_model::membership::{Membership, Status};

use crate::host::hosts;
use crate::scripted::{WriteFault, unavailable, unknown};

// In the directory of the tests, u001 is not in g00 and u000 is.

#[tokio::test]
async fn a_grant_reaches_the_target_and_a_deletion_takes_it_away() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let id = host.grant("g00", "u001").await;
        assert_eq!(host.membership(&id).await.status, Status::Provisioning);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert!(host.holds("g00", "u001"));
        host.assert_equal_to_directory().await;
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert!(!host.holds("g00", "u001"));
        host.assert_equal_to_directory().await;
        host.aggregate().await;
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn granting_what_is_active_changes_nothing() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let first = host.grant("g00", "u001").await;
        host.work().await;
        let second = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(first, second);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_leads_to_a_read_back_and_one_effect() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::AnswerLost(unknown()));
        let id = host.grant("g00", "u001").await;
        host.work_for(3).await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_with_a_blind_read_back_waits_instead_of_repeating() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        {
            let mut directory = host.directory.lock().unwrap();
            directory.write_faults.push_back(WriteFault::AnswerLost(Fault::Timeout(1)));
            directory.blind = 2;
        }
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Provisioning);
        host.work_for(5).await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_never_arrived_is_repeated_with_the_same_key() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::Lost(unknown()));
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::Pretended);
        let id = host.grant("g00", "u001").await;
        host.work_for(5).await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        let directory = host.directory.lock().unwrap();
        let keys: Vec<_> = directory.writes.iter().map(|write| &write.3).collect();
        assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
    }
}

#[tokio::test]
async fn an_operation_in_progress_is_asked_about_and_never_ordered_again() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::Pending(3));
        let id = host.grant("g00", "u001").await;
        host.work_for(2).await;
        assert_eq!(host.membership(&id).await.status, Status::Provisioning);
        host.work_for(4).await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn what_the_target_calls_done_but_does_not_show_is_not_ordered_again() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::Pending(0));
        let id = host.grant("g00", "u001").await;
        host.work().await;
        // The target forgets the order, and says that it is done.
        host.directory.lock().unwrap().pending.clear();
        host.work_for(4).await;
        assert_eq!(host.membership(&id).await.status, Status::Provisioning);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn a_rate_limit_after_the_effect_leads_to_a_read_back() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let backoff = Backoff { after_ms: Some(1_000), bucket: None, remaining: None };
        let limited = Fault::Plugin(PluginError::RateLimited(backoff));
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::AnswerLost(limited));
        let id = host.grant("g00", "u001").await;
        host.work_for(3).await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn a_refused_grant_fails_with_the_reason_and_can_be_granted_again() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let refusal = Fault::Plugin(PluginError::PermissionDenied(vec!["groups:write".into()]));
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::Lost(refusal));
        let id = host.grant("g00", "u001").await;
        host.work_for(2).await;
        let failed = host.membership(&id).await;
        assert_eq!(failed.status, Status::Failed);
        assert!(failed.failure.unwrap().contains("groups:write"));
        let told = host.db().latest_notices(10).await.unwrap().remove(0).notice;
        assert_eq!(told.kind, grantry_model::notification::NoticeKind::MembershipFailed);
        assert_eq!(
            (&*told.fields["account"], &*told.fields["entitlement"]),
            ("User 1", "Group 0 member")
        );
        let again = host.grant("g00", "u001").await;
        host.work_for(2).await;
        assert_eq!(again, id);
        assert_eq!(host.membership(&id).await.status, Status::Active);
    }
}

#[tokio::test]
async fn a_revocation_is_retried_until_the_target_confirms_it() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let refusal = || Fault::Plugin(PluginError::PermissionDenied(vec!["groups:write".into()]));
        for _ in 0..12 {
            let fault = WriteFault::Lost(refusal());
            host.directory.lock().unwrap().write_faults.push_back(fault);
        }
        host.delete(&id).await;
        host.work_for(4).await;
        assert_eq!(host.membership(&id).await.status, Status::Deprovisioning);
        for _ in 0..12 {
            host.work().await;
            host.advance(16 * 60_000);
        }
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert!(!host.holds("g00", "u001"));
    }
}

#[tokio::test]
async fn a_target_that_asks_for_a_pause_gets_it() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.directory
            .lock()
            .unwrap()
            .write_faults
            .push_back(WriteFault::Lost(unavailable(90_000)));
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.advance(80_000);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Provisioning);
        host.advance(20_000);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
    }
}

#[tokio::test]
async fn access_ends_when_its_time_is_over_also_after_downtime() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let ends = host.db().now().plus_ms(3_600_000);
        let id = host.try_grant("g00", "u001", Some(ends)).await.unwrap();
        host.work().await;
        host.advance(3_599_000);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        host.advance(48 * 3_600_000);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Expired);
        assert!(!host.holds("g00", "u001"));
    }
}

#[tokio::test]
async fn a_deletion_during_provisioning_ends_without_access() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::AnswerLost(unknown()));
        host.directory.lock().unwrap().blind = 1;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert!(host.holds("g00", "u001"));
        host.delete(&id).await;
        host.work_for(3).await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert!(!host.holds("g00", "u001"));
    }
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused_with_the_reason() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let unknown_role = host.try_grant("g77", "u001", None).await;
        assert!(matches!(unknown_role, Err(EngineError::NotFound { what: "role" })));
        let Err(EngineError::Invalid(issues)) = host.try_grant("g00", "nobody", None).await else {
            panic!("an unknown account must be refused")
        };
        assert_eq!(issues[0].code, "unknown_account");
        let past = host.db().now().plus_ms(-1);
        let in_the_past = host.try_grant("g00", "u001", Some(past)).await;
        assert!(matches!(in_the_past, Err(EngineError::InvalidDuration(_))));
        assert_eq!(host.audited("membership.granted").await, 0);
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_one_is_refused() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let answer = |m: &Membership| Answer { status: 201, body: m.id.to_string() };
        let grant = async |user: &str, request: &[u8]| {
            let (role, account) = (host.role("g00"), host.account(user));
            let to = grantry_engine::Grantee::Account(account);
            let input = grantry_engine::GrantInput { role, to, ends: None };
            let request = Idempotent { key: "once", request, answer: &answer };
            host.ctx.grant_membership(&host.app, &input, &request).await
        };
        let first = grant("u001", b"one").await.unwrap();
        assert_eq!(grant("u001", b"one").await.unwrap(), first);
        let other = grant("u002", b"two").await;
        assert!(matches!(other, Err(EngineError::IdempotencyKeyReused)));
        assert_eq!(host.audited("membership.granted").await, 1);
    }
}

#[tokio::test]
async fn access_that_somebody_took_away_is_seen_by_the_next_run() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.grant("g00", "u001").await;
        host.work().await;
        host.directory.lock().unwrap().members.remove(&("g00".into(), "u001".into()));
        host.advance(1_000);
        host.aggregate().await;
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn access_that_somebody_gave_back_is_seen_by_the_next_run() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let id = host.grant("g00", "u000").await;
        host.work().await;
        host.delete(&id).await;
        host.work().await;
        host.assert_equal_to_directory().await;
        host.directory.lock().unwrap().members.insert(("g00".into(), "u000".into()));
        host.advance(1_000);
        host.aggregate().await;
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn access_granted_while_a_run_reads_is_not_taken_for_vanished() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        // The run reads everything but its last page, waits, and goes on after the grant.
        let pages = std::mem::take(&mut host.directory.lock().unwrap().pages_read);
        let quiet = (1..pages).map(|_| None).chain([Some(unavailable(60_000))]);
        host.directory.lock().unwrap().page_faults = quiet.collect();
        host.order_aggregation().await;
        host.work().await;
        host.advance(1_000);
        host.grant("g00", "u001").await;
        host.work().await;
        let held = host.directory.lock().unwrap().members.clone();
        host.directory.lock().unwrap().members.remove(&("g00".into(), "u001".into()));
        host.advance(80_000);
        host.work().await;
        host.directory.lock().unwrap().members = held;
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn our_own_revocations_are_not_taken_for_a_loss() {
    for host in hosts(10, 1).await {
        host.aggregate().await;
        for user in ["u000", "u003"] {
            let id = host.grant("g00", user).await;
            host.work().await;
            host.delete(&id).await;
            host.work().await;
        }
        host.advance(1_000);
        let run = host.aggregate().await;
        assert_eq!(run.status, grantry_model::aggregation::RunStatus::Succeeded, "{run:?}");
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn every_change_is_audited() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.delete(&id).await;
        host.work().await;
        for event in [
            "membership.granted",
            "membership.provisioned",
            "membership.deleted",
            "membership.deprovisioned",
        ] {
            assert_eq!(host.audited(event).await, 1, "{event}");
        }
        assert_eq!(host.audited("operation.attempted").await, 2);
        assert_eq!(host.verified(&grantry_verify::Trusted::default()).await.fault, None);
    }
}
