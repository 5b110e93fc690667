//! Access that a target takes away beside a change: seen, said, and not called active any more.

use grantry_model::membership::Status;
use grantry_model::notification::NoticeKind;

use crate::host::hosts;
use crate::scripted::WriteFault;

// In the directory of the tests, u001 is in neither g00 nor g01.

#[tokio::test]
async fn access_that_a_grant_replaced_is_not_called_active_any_more() {
    for is_blind in [false, true] {
        for host in hosts(3, 2).await {
            host.aggregate_at_once().await;
            if is_blind {
                host.make_blind().await;
            }
            let first = host.grant("g00", "u001").await;
            host.work().await;
            let took = WriteFault::Took(("g00".into(), "u001".into()), true);
            host.directory.lock().unwrap().write_faults.push_back(took);
            let second = host.grant("g01", "u001").await;
            host.work().await;
            assert_eq!(host.membership(&second).await.status, Status::Active);
            let lost = host.membership(&first).await;
            assert_eq!(lost.status, Status::Failed);
            assert!(lost.failure.unwrap().contains("Group 1 member"));
            host.assert_equal_to_directory().await;
            assert_eq!(host.told(NoticeKind::AccessLost).await, 1);
            let told = host.db().latest_notices(1).await.unwrap().remove(0).notice;
            assert_eq!(&*told.fields["lost"], "Group 0 member of User 1");
            assert_eq!(host.audited("operation.took_more_away").await, 1);
            host.renew(&first).await;
            host.work().await;
            assert_eq!(host.membership(&first).await.status, Status::Active);
        }
    }
}

#[tokio::test]
async fn access_that_is_still_there_stays_active_whatever_the_connector_says() {
    for host in hosts(3, 2).await {
        host.aggregate_at_once().await;
        let first = host.grant("g00", "u001").await;
        host.work().await;
        let took = WriteFault::Took(("g00".into(), "u001".into()), false);
        host.directory.lock().unwrap().write_faults.push_back(took);
        host.grant("g01", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&first).await.status, Status::Active);
        assert_eq!(host.told(NoticeKind::AccessLost).await, 0);
    }
}
