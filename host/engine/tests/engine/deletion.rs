//! Integrations that are deleted: what keeps them, and that nothing of them stays.

use std::collections::BTreeMap;

use grantry_engine::EngineError;
use grantry_model::membership::Status;
use grantry_store::AuditFilter;

use crate::host::{Host, hosts};

/// What is kept on purpose: the log, answers to repeated requests, and what people are to be told.
const KEPT: [&str; 4] = ["audit", "audit_checkpoints", "idempotency", "notices"];

async fn rows(host: &Host) -> BTreeMap<&'static str, i64> {
    let mut counts = host.db().count_rows().await.unwrap();
    counts.retain(|table, _| !KEPT.contains(table));
    counts
}

async fn delete(host: &Host, abandons: bool) -> grantry_engine::Result<()> {
    let version = host.ctx.integration(&host.integration).await?.integration.version;
    host.ctx.delete_integration(&host.integration, version, abandons).await
}

/// A membership that was granted and has ended.
async fn ended(host: &Host) {
    let id = host.grant("g00", "u001").await;
    host.work_for(2).await;
    host.delete(&id).await;
    host.work_for(2).await;
    assert_eq!(host.membership(&id).await.status, Status::Deleted);
}

#[tokio::test]
async fn a_deleted_integration_leaves_nothing_behind_and_takes_nothing_else() {
    for mut host in hosts(12, 3).await {
        host.aggregate().await;
        ended(&host).await;
        let before = rows(&host).await;
        host.connect_another().await;
        host.aggregate().await;
        ended(&host).await;
        host.directory.lock().unwrap().members.insert(("g00".into(), "u001".into()));
        host.aggregate().await;
        let since = host.db().now().plus_ms(-1);
        host.db().add_plugin_fault(&host.integration, "plugin_trap", since).await.unwrap();
        let grown = rows(&host).await;
        for table in ["objects", "assignments", "pages", "runs", "external_changes", "operations"] {
            assert!(grown[table] > before[table], "{table}: nothing to be removed");
        }
        delete(&host, false).await.unwrap();
        host.work().await;
        assert_eq!(rows(&host).await, before);
        let gone = host.ctx.integration(&host.integration).await;
        assert!(matches!(gone, Err(EngineError::NotFound { .. })), "{gone:?}");
    }
}

#[tokio::test]
async fn the_audit_log_tells_what_the_memberships_of_a_deleted_integration_were() {
    for host in hosts(12, 3).await {
        host.aggregate().await;
        ended(&host).await;
        delete(&host, false).await.unwrap();
        let event = Some("integration.memberships_removed".to_owned());
        let filter = AuditFilter { event, ..AuditFilter::default() };
        let told = host.db().list_audit(&filter, 10).await.unwrap();
        assert_eq!(told.len(), 1);
        let detail = told[0].detail.to_string();
        for words in ["\"Group 0 member\"", "\"u001\"", "\"deleted\""] {
            assert!(detail.replace('\\', "").contains(words), "{words}: {detail}");
        }
        assert_eq!(host.audited("membership.granted").await, 1);
    }
}

#[tokio::test]
async fn living_memberships_and_waiting_jobs_keep_an_integration() {
    for host in hosts(12, 3).await {
        host.aggregate().await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let before = rows(&host).await;
        let kept = delete(&host, false).await;
        assert!(matches!(kept, Err(EngineError::IntegrationInUse(1))), "{kept:?}");
        host.delete(&id).await;
        host.work_for(2).await;
        host.order_aggregation().await;
        let kept = delete(&host, true).await;
        assert!(matches!(kept, Err(EngineError::IntegrationBusy(1))), "{kept:?}");
        host.work_for(6).await;
        assert_eq!(rows(&host).await["objects"], before["objects"], "a refusal removes nothing");
        delete(&host, false).await.unwrap();
    }
}

#[tokio::test]
async fn memberships_whose_target_is_gone_can_be_abandoned() {
    for host in hosts(12, 3).await {
        host.aggregate().await;
        host.grant("g00", "u001").await;
        host.work().await;
        host.grant("g00", "u002").await;
        delete(&host, true).await.unwrap();
        assert!(host.holds("g00", "u001"), "nothing in the target is touched");
        host.work_for(2).await;
        let rows = rows(&host).await;
        assert_eq!((rows["memberships"], rows["jobs"], rows["integrations"]), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_large_catalogue_goes_in_steps() {
    for host in hosts(40, 5).await {
        host.aggregate().await;
        delete(&host, false).await.unwrap();
        let mut steps = 0;
        while host.db().clear_leftovers(10).await.unwrap() {
            steps += 1;
            assert!(steps < 100, "it never ends");
        }
        assert!(steps > 4, "{steps}");
        let rows = rows(&host).await;
        let left: Vec<_> =
            ["objects", "entitlements", "assignments", "pages"].map(|table| rows[table]).to_vec();
        assert_eq!(left, [0; 4]);
    }
}
