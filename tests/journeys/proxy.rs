//! A connector that reaches its target through the operator's proxy (INT-14).

use anyhow::Result;
use grantry_tests::connect_proxy::ConnectProxy;
use grantry_tests::host::{Database, Host, Integration, Target};
use grantry_tests::peers::{ScimServer, Variant};
use serde_json::json;

#[tokio::test]
async fn a_connector_reads_its_target_through_the_proxy_unless_it_bypasses_it() -> Result<()> {
    let server = ScimServer::start(Variant::Default).await?;
    server.seed(5, 2).await?;
    let proxy = ConnectProxy::start().await?;
    let environment = vec![("GRANTRY_PLUGIN_PROXY", proxy.url())];
    let host = Host::start_with(Database::Sqlite, environment).await?;
    let (url, token) = (server.base_url().to_owned(), server.token().to_owned());
    let target = Target { url, address: server.address(), token };
    let directory = Integration::scim(host.api(), &target).await?;
    assert_eq!(directory.aggregate().await?["status"], "succeeded");
    let asked = proxy.asked();
    assert!(!asked.is_empty(), "nothing went through the proxy");
    assert!(asked.iter().all(|place| *place == server.address().to_string()), "{asked:?}");

    let path = format!("/integrations/{}", directory.id);
    let mut approval = host.api().get(&path).await?.ok()?["approval"].clone();
    approval["bypasses_proxy"] = json!(true);
    let change = json!({ "approval": approval });
    host.api().change(reqwest::Method::PATCH, &path, &change).await?.ok()?;
    let before = proxy.asked().len();
    assert_eq!(directory.aggregate().await?["status"], "succeeded");
    assert_eq!(proxy.asked().len(), before);

    let log = String::from_utf8_lossy(&host.log()).into_owned();
    assert!(log.contains("go through a proxy"), "{log}");
    assert!(!log.contains(ConnectProxy::PASSWORD), "the proxy's password is in the log");
    Ok(())
}
