//! What the target goes on with by itself: nothing is confirmed or ordered behind its back.

use grantry_model::fault::{Fault, PluginError};
use grantry_model::gate::Closed;
use grantry_model::ids::MembershipId;
use grantry_model::membership::Status;
use grantry_model::provision::{Effects, Outcome};
use grantry_model::settings::SettingsChange;

use crate::host::{Host, hosts};
use crate::scripted::{WriteFault, unknown};

// In the directory of the tests, u001 is not in g00 and u000 is.

fn fault(host: &Host, fault: WriteFault) {
    host.directory.lock().unwrap().write_faults.push_back(fault);
}

fn answers(host: &Host, answers: impl IntoIterator<Item = Result<Outcome, Fault>>) {
    host.directory.lock().unwrap().statuses.extend(answers);
}

fn verbs(host: &Host) -> Vec<String> {
    host.directory.lock().unwrap().writes.iter().map(|write| write.0.clone()).collect()
}

fn in_progress() -> Outcome {
    Outcome::InProgress { token: "ticket-1".into(), poll_after_ms: 1_000 }
}

fn needs_human() -> Outcome {
    Outcome::NeedsHuman { message: "somebody has to sign".into(), url: None }
}

fn forgotten() -> Fault {
    Fault::Plugin(PluginError::NotFound(None))
}

fn invited(ends_ms: Option<i64>) -> WriteFault {
    WriteFault::Answered(Outcome::Invited { object: None, ends_ms })
}

async fn status(host: &Host, id: &MembershipId) -> Status {
    host.membership(id).await.status
}

#[tokio::test]
async fn a_revocation_waits_for_the_grant_that_the_target_still_works_on() {
    for is_blind in [false, true] {
        for host in hosts(3, 1).await {
            host.aggregate_at_once().await;
            if is_blind {
                host.make_blind().await;
            }
            host.directory.lock().unwrap().says_already = true;
            fault(&host, WriteFault::Pending(3));
            let id = host.grant("g00", "u001").await;
            host.work().await;
            host.delete(&id).await;
            host.work_for(2).await;
            assert_eq!(status(&host, &id).await, Status::Deprovisioning, "blind: {is_blind}");
            host.work_for(6).await;
            assert_eq!(status(&host, &id).await, Status::Deleted);
            assert!(!host.holds("g00", "u001"));
            assert_eq!(verbs(&host), ["grant", "revoke"]);
        }
    }
}

#[tokio::test]
async fn a_revocation_goes_on_where_the_target_gave_the_grant_up() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        fault(&host, WriteFault::Answered(in_progress()));
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.delete(&id).await;
        answers(&host, [Err(unknown()), Ok(needs_human()), Err(forgotten())]);
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deprovisioning);
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deleted);
        assert!(!host.holds("g00", "u001"));
    }
}

#[tokio::test]
async fn an_invitation_that_is_accepted_behind_the_revocation_leaves_no_access() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().says_already = true;
        fault(&host, invited(None));
        let id = host.grant("g00", "u001").await;
        host.work_for(3).await;
        host.delete(&id).await;
        host.work_for(3).await;
        assert_eq!(status(&host, &id).await, Status::Deprovisioning);
        host.directory.lock().unwrap().members.insert(("g00".into(), "u001".into()));
        host.advance(16 * 60_000);
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deleted);
        assert!(!host.holds("g00", "u001"));
        assert_eq!(verbs(&host), ["grant", "revoke"]);
    }
}

#[tokio::test]
async fn a_closed_gate_does_not_confirm_what_an_invitation_may_still_undo() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        fault(&host, invited(None));
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.set(SettingsChange { is_read_only: Some(true), ..SettingsChange::default() }).await;
        host.delete(&id).await;
        host.work_for(2).await;
        let waits = host.membership(&id).await;
        assert_eq!((waits.status, waits.waiting), (Status::Deprovisioning, Some(Closed::ReadOnly)));
        host.set(SettingsChange { is_read_only: Some(false), ..SettingsChange::default() }).await;
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deleted);
    }
}

#[tokio::test]
async fn an_invitation_that_is_over_ends_with_its_revocation() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().says_already = true;
        fault(&host, invited(Some(host.db().now().0 + 3_600_000)));
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.delete(&id).await;
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deprovisioning);
        host.advance(3_600_000);
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deleted);
    }
}

#[tokio::test]
async fn a_person_is_invited_once() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        fault(&host, invited(None));
        let id = host.grant("g00", "u001").await;
        for _ in 0..12 {
            host.work().await;
            host.advance(3_600_000);
        }
        assert_eq!(status(&host, &id).await, Status::Provisioning);
        assert_eq!(verbs(&host), ["grant"]);
        host.directory.lock().unwrap().members.insert(("g00".into(), "u001".into()));
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Active);
    }
}

#[tokio::test]
async fn a_grant_that_was_given_up_while_pending_is_not_ordered_twice() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        fault(&host, WriteFault::Pending(1_000));
        let id = host.grant("g00", "u001").await;
        host.work_for(41).await;
        assert_eq!(status(&host, &id).await, Status::Failed);
        host.renew(&id).await;
        host.work_for(3).await;
        assert_eq!(status(&host, &id).await, Status::Provisioning);
        host.directory.lock().unwrap().pending[0].1 = 0;
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Active);
        assert_eq!(verbs(&host), ["grant"]);
    }
}

#[tokio::test]
async fn a_grant_that_the_target_forgot_fails_and_can_be_renewed() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        fault(&host, WriteFault::Answered(in_progress()));
        answers(&host, [Err(forgotten())]);
        let id = host.grant("g00", "u001").await;
        host.work_for(3).await;
        assert_eq!(status(&host, &id).await, Status::Failed);
        assert_eq!(verbs(&host), ["grant"]);
        host.renew(&id).await;
        host.work_for(3).await;
        assert_eq!(status(&host, &id).await, Status::Active);
    }
}

/// A revocation that the target took in and did not carry out is ordered again, whatever it says.
#[tokio::test]
async fn a_revocation_in_progress_is_ordered_again_until_the_access_is_gone() {
    let done = || Ok(Outcome::Done(Effects::default()));
    let partial = || Ok(Outcome::Partial { done: Effects::default(), failed: Vec::new() });
    for answer in [Err(forgotten()), Ok(needs_human()), partial(), done()] {
        for host in hosts(3, 1).await {
            host.aggregate_at_once().await;
            let id = host.grant("g00", "u001").await;
            host.work().await;
            fault(&host, WriteFault::Answered(in_progress()));
            host.delete(&id).await;
            host.work().await;
            answers(&host, [Ok(in_progress()), Err(unknown()), answer.clone()]);
            host.work_for(2).await;
            assert_eq!(status(&host, &id).await, Status::Deprovisioning, "{answer:?}");
            host.work_for(4).await;
            assert_eq!(status(&host, &id).await, Status::Deleted, "{answer:?}");
            assert!(!host.holds("g00", "u001"));
            assert_eq!(verbs(&host), ["grant", "revoke", "revoke"]);
        }
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_kept_is_refused() {
    for token in ["", "ticket\n1", &"t".repeat(4_001)] {
        for host in hosts(3, 1).await {
            host.aggregate_at_once().await;
            let pending = Outcome::InProgress { token: token.into(), poll_after_ms: 1_000 };
            fault(&host, WriteFault::Answered(pending));
            let id = host.grant("g00", "u001").await;
            host.work_for(2).await;
            let failed = host.membership(&id).await;
            assert_eq!(failed.status, Status::Failed);
            assert!(failed.failure.unwrap().contains("cannot be kept"));
            assert_eq!(verbs(&host), ["grant"]);
        }
    }
}

/// Whether a connector that cannot read back lost the effect or the answer, an aggregation tells.
#[tokio::test]
async fn an_unclear_revocation_ends_by_what_an_aggregation_sees() {
    for is_done in [true, false] {
        // So many that one loss is not a mass.
        for host in hosts(30, 1).await {
            host.aggregate_at_once().await;
            host.make_blind().await;
            let id = host.grant("g00", "u001").await;
            host.work().await;
            let lost = match is_done {
                true => WriteFault::AnswerLost(unknown()),
                false => WriteFault::Lost(unknown()),
            };
            fault(&host, lost);
            host.delete(&id).await;
            host.work_for(4).await;
            assert_eq!(status(&host, &id).await, Status::Deprovisioning);
            host.aggregate_at_once().await;
            host.advance(16 * 60_000);
            host.work_for(2).await;
            assert_eq!(status(&host, &id).await, Status::Deleted, "done: {is_done}");
            assert!(!host.holds("g00", "u001"));
            let revokes = verbs(&host).iter().filter(|verb| *verb == "revoke").count();
            assert_eq!(revokes, 1, "every one that arrived");
        }
    }
}

#[tokio::test]
async fn a_deletion_during_the_read_back_keeps_the_grant_from_being_written() {
    for host in hosts(3, 1).await {
        let id = failed_grant(&host).await;
        host.renew(&id).await;
        let deletion = Box::pin(host.deletion(&id));
        host.directory.lock().unwrap().during_verify = Some(deletion);
        host.work_for(2).await;
        assert_eq!(status(&host, &id).await, Status::Deleted);
        assert_eq!(verbs(&host), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_grant_whose_end_has_come_is_not_written() {
    for host in hosts(3, 1).await {
        host.aggregate_at_once().await;
        refuse_next(&host);
        let ends = host.db().now().plus_ms(3_600_000);
        let id = host.try_grant("g00", "u001", Some(ends)).await.unwrap();
        host.work().await;
        let again = host.try_grant("g00", "u001", Some(ends)).await.unwrap();
        assert_eq!(again, id);
        let advance = host.clock();
        let later = Box::pin(async move { advance(3_600_000) });
        host.directory.lock().unwrap().during_verify = Some(later);
        host.work_for(3).await;
        assert_eq!(status(&host, &id).await, Status::Expired);
        assert_eq!(verbs(&host), Vec::<String>::new());
    }
}

fn refuse_next(host: &Host) {
    let refusal = Fault::Plugin(PluginError::PermissionDenied(vec!["groups:write".into()]));
    fault(host, WriteFault::Lost(refusal));
}

async fn failed_grant(host: &Host) -> MembershipId {
    host.aggregate_at_once().await;
    refuse_next(host);
    let id = host.grant("g00", "u001").await;
    host.work().await;
    assert_eq!(status(host, &id).await, Status::Failed);
    id
}
