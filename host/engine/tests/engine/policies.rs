//! What takes the secrets from calls under way, and what does not.

use grantry_engine::{IntegrationChange, WholeConnection};
use grantry_model::settings::SettingsChange;

use crate::host::{Host, hosts};

async fn policy(host: &Host) -> i64 {
    host.ctx.integration(&host.integration).await.unwrap().integration.policy_version
}

#[tokio::test]
async fn a_change_of_words_or_settings_leaves_calls_under_way_their_secrets() {
    for host in hosts(1, 1).await {
        let before = policy(&host).await;
        let name = Some("Renamed".to_owned());
        let settings = SettingsChange { is_read_only: Some(true), ..SettingsChange::default() };
        host.try_update(&IntegrationChange { name, ..IntegrationChange::default() }).await.unwrap();
        host.set(settings).await;
        assert_eq!(policy(&host).await, before);
    }
}

#[tokio::test]
async fn a_change_of_the_connection_takes_the_secrets_from_calls_under_way() {
    for host in hosts(1, 1).await {
        let before = policy(&host).await;
        let connection = Some(WholeConnection(serde_json::json!({})));
        let change = IntegrationChange { connection, ..IntegrationChange::default() };
        host.try_update(&change).await.unwrap();
        assert!(policy(&host).await > before);
    }
}
