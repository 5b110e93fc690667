//! What ends by time: masses after a jump of the clock, and revocations that take too long.

use grantry_model::fault::{Fault, PluginError};
use grantry_model::ids::MembershipId;
use grantry_model::membership::Status;
use grantry_model::notification::NoticeKind;

use crate::host::{Host, hosts};
use crate::scripted::WriteFault;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// So many active memberships, of which the first ones end in half an hour.
async fn memberships(host: &Host, count: usize, ending: usize) -> Vec<MembershipId> {
    host.aggregate_at_once().await;
    let mut ids = Vec::new();
    for number in 0..count {
        let ends = host.db().now().plus_ms(HOUR_MS / 2);
        let ends = (number < ending).then_some(ends);
        let user = format!("u{:03}", number * 3 + 1);
        ids.push(host.try_grant("g00", &user, ends).await.unwrap());
    }
    host.work().await;
    ids
}

async fn status(host: &Host, id: &MembershipId) -> Status {
    host.membership(id).await.status
}

#[tokio::test]
async fn a_mass_that_ends_by_a_jump_of_the_clock_waits_and_then_ends() {
    for host in hosts(13, 1).await {
        let ids = memberships(&host, 4, 1).await;
        host.jump(HOUR_MS);
        host.work().await;
        host.advance(14 * MINUTE_MS);
        host.work().await;
        assert_eq!(status(&host, &ids[0]).await, Status::Active);
        assert_eq!(host.audited("clock.jumped").await, 1);
        assert_eq!(host.audited("memberships.expiry_held").await, 1);
        assert_eq!(host.told(NoticeKind::ClockJump).await, 2);
        host.advance(MINUTE_MS);
        host.work().await;
        assert_eq!(status(&host, &ids[0]).await, Status::Expired);
        assert!(!host.holds("g00", "u001"));
        assert_eq!(status(&host, &ids[1]).await, Status::Active);
    }
}

#[tokio::test]
async fn a_few_memberships_end_although_the_clock_jumped() {
    for host in hosts(34, 1).await {
        let ids = memberships(&host, 11, 1).await;
        host.jump(HOUR_MS);
        host.work().await;
        assert_eq!(status(&host, &ids[0]).await, Status::Expired);
        assert_eq!(host.audited("clock.jumped").await, 1);
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_raises_the_alarm_and_misses_no_end() {
    for host in hosts(4, 1).await {
        let ids = memberships(&host, 1, 1).await;
        host.jump(-HOUR_MS);
        host.work().await;
        assert_eq!(host.told(NoticeKind::ClockJump).await, 1);
        assert_eq!(status(&host, &ids[0]).await, Status::Active);
        host.advance(2 * HOUR_MS);
        host.work().await;
        assert_eq!(status(&host, &ids[0]).await, Status::Expired);
    }
}

#[tokio::test]
async fn a_clock_that_is_corrected_a_little_raises_no_alarm() {
    for host in hosts(4, 1).await {
        let ids = memberships(&host, 1, 1).await;
        host.jump(29_000);
        host.work().await;
        host.advance(HOUR_MS);
        host.work().await;
        assert_eq!(status(&host, &ids[0]).await, Status::Expired);
        assert_eq!(host.audited("clock.jumped").await, 0);
    }
}

#[tokio::test]
async fn a_revocation_that_fails_for_a_day_is_told_once() {
    for host in hosts(4, 1).await {
        let ids = memberships(&host, 1, 0).await;
        for _ in 0..200 {
            let refusal = Fault::Plugin(PluginError::PermissionDenied(vec!["groups:write".into()]));
            host.directory.lock().unwrap().write_faults.push_back(WriteFault::Lost(refusal));
        }
        host.delete(&ids[0]).await;
        host.work().await;
        host.advance(23 * HOUR_MS);
        host.work().await;
        assert_eq!(host.told(NoticeKind::RevokeOverdue).await, 0);
        assert_eq!(host.membership(&ids[0]).await.overdue, None);
        for _ in 0..3 {
            host.advance(2 * HOUR_MS);
            host.work().await;
        }
        assert_eq!(host.told(NoticeKind::RevokeOverdue).await, 1);
        assert_eq!(host.audited("membership.revoke_overdue").await, 1);
        let told = host.db().latest_notices(1).await.unwrap().remove(0).notice;
        assert_eq!(&*told.fields["account"], "User 1");
        assert!(told.fields["detail"].contains("groups:write"), "{told:?}");
        let overdue = host.membership(&ids[0]).await;
        assert!(overdue.status == Status::Deprovisioning && overdue.overdue.is_some());
        host.directory.lock().unwrap().write_faults.clear();
        host.advance(HOUR_MS);
        host.work().await;
        let deleted = host.membership(&ids[0]).await;
        assert_eq!((deleted.status, deleted.overdue), (Status::Deleted, None));
    }
}
