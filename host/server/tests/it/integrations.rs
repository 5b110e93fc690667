//! Plugins and integrations: installed, connected, tried, changed (INT-2, INT-3, PLG-3).

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, text};

#[tokio::test]
async fn a_plugin_is_installed_once_and_kept_while_it_is_used() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let again = host.upload(b"\0asm fake").await;
    assert_eq!(again.problem(), (409, "plugin_installed".to_owned()));
    let path = format!("/plugins/{}", text(&integration, "plugin_id"));
    let plugin = host.get(&path).await.ok();
    assert_eq!(plugin["manifest"]["connection_schema"]["required"], json!(["url", "token"]));
    let used = host.call("DELETE", &path, Value::Null).await;
    assert_eq!(used.problem(), (409, "plugin_in_use".to_owned()));
    let unused = host.upload(b"\0asm other").await.ok();
    let path = format!("/plugins/{}", text(&unused, "id"));
    assert_eq!(host.call("DELETE", &path, Value::Null).await.status, 204);
}

#[tokio::test]
async fn secrets_never_come_back() {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let id = text(&integration, "id");
    assert_eq!(integration["secret_fields"], json!(["/token"]));
    assert_eq!(integration["connection"], json!({"url": "https://a.example"}));
    for path in ["", "/accounts", "/resources", "/entitlements", "/assignments", "/aggregations"] {
        let reply = host.get(&format!("/integrations/{id}{path}")).await;
        assert!(!reply.text.contains("s3cret-canary"), "{path}");
    }
    for path in ["/integrations", "/plugins", "/audit?limit=200", "/jobs"] {
        assert!(!host.get(path).await.text.contains("s3cret-canary"), "{path}");
    }
}

#[tokio::test]
async fn a_connection_is_checked_by_its_schema_and_by_its_plugin() {
    let host = Host::start().await;
    let plugin = host.upload(b"\0asm fake").await.ok();
    let create = async |connection: Value| {
        let body = json!({"name": "a", "plugin_id": plugin["id"], "connection": connection});
        host.call("POST", "/integrations", body).await
    };
    let wrong = create(json!({"url": 5, "token": "s3cret-canary"})).await;
    assert_eq!(wrong.problem(), (422, "invalid_input".to_owned()));
    assert_eq!(wrong.json()["errors"][0]["path"], "/connection/url");
    assert!(!wrong.text.contains("s3cret-canary"));
    let plain = create(json!({"url": "http://a.example", "token": "t"})).await;
    assert_eq!(plain.json()["errors"][0]["path"], "/connection/url");
    assert_eq!(plain.json()["errors"][0]["code"], "plain_http");
}

#[tokio::test]
async fn nothing_is_approved_that_the_plugin_does_not_ask_for() {
    let host = Host::start().await;
    let plugin = host.upload(b"\0asm fake").await.ok();
    let body = json!({
        "name": "a", "plugin_id": plugin["id"],
        "connection": {"url": "https://a.example", "token": "t"},
        "approval": {"platform_actions": ["app_membership_write"]},
    });
    let reply = host.call("POST", "/integrations", body).await;
    assert_eq!(reply.json()["errors"][0]["path"], "/approval");
}

#[tokio::test]
async fn an_address_to_leave_from_is_one_address() {
    let host = Host::start().await;
    let plugin = host.upload(b"\0asm fake").await.ok();
    let create = async |address: &str| {
        let body = json!({
            "name": "a", "plugin_id": plugin["id"],
            "connection": {"url": "https://a.example", "token": "t"},
            "approval": {"bind_address": address},
        });
        host.call("POST", "/integrations", body).await
    };
    let created = create("192.0.2.7").await.ok();
    assert_eq!(created["approval"]["bind_address"], "192.0.2.7");
    for refused in ["0.0.0.0", "::", "224.0.0.1", "no address"] {
        let reply = create(refused).await;
        assert_eq!(reply.json()["errors"][0]["path"], "/approval/bind_address", "{reply:?}");
    }
}

#[tokio::test]
async fn an_address_exception_comes_with_a_warning() {
    let host = Host::start().await;
    let plugin = host.upload(b"\0asm fake").await.ok();
    let body = json!({
        "name": "a", "plugin_id": plugin["id"],
        "connection": {"url": "https://a.example", "token": "t"},
        "approval": {"address_exceptions": [{"ip": "127.0.0.1", "port": 9000}]},
    });
    let created = host.call("POST", "/integrations", body).await.ok();
    let warning = text(&json!({"w": created["warnings"][0]}), "w");
    assert!(warning.contains("127.0.0.1") && warning.contains("9000"), "{warning}");
}

#[tokio::test]
async fn a_test_tells_the_connectors_diagnosis_also_when_it_fails() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let path = format!("/integrations/{}/test-connection", text(&integration, "id"));
    let good = host.call("POST", &path, json!({"depth": "read"})).await.ok();
    assert_eq!((&good["is_ok"], &good["tenant"]), (&json!(true), &json!("example")));
    assert_eq!(good["log"][0]["message"], "looked at the directory");
    let bad = host.call("POST", &path, json!({"depth": "write_probe"})).await.ok();
    assert_eq!((&bad["is_ok"], &bad["error"]["code"]), (&json!(false), &json!("plugin_trap")));
    let unsaved = json!({
        "plugin_id": integration["plugin_id"],
        "connection": {"url": "https://b.example", "token": "t"},
    });
    let tried = host.call("POST", "/integrations/test", unsaved).await.ok();
    assert_eq!(tried["is_ok"], true);
    assert_eq!(host.get("/integrations").await.ok()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn permissions_are_set_with_a_warning_about_global_ones() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let (principal, app) = (text(&integration, "principal_id"), text(&integration, "app_id"));
    let path = format!("/principals/{principal}/permissions");
    let tag = host.get(&path).await.header("etag").to_owned();
    let body = json!({
        "global": ["app_and_role_read"],
        "entities": [{"kind": "app", "id": app}],
    });
    let request = host.request("PUT", &path, &body).header("If-Match", tag);
    let set = host.send(request.body(Body::from(body.to_string())).unwrap()).await.ok();
    assert_eq!(set["warnings"].as_array().unwrap().len(), 1);
    let path = format!("/principals/{principal}/effective?entity_kind=app&entity_id={app}");
    let effective = host.get(&path).await.ok();
    let held: Vec<_> =
        effective["items"].as_array().unwrap().iter().map(|item| &item["is_allowed"]).collect();
    assert_eq!(held, [true; 4].map(|held| json!(held)).iter().collect::<Vec<_>>());
    let other = text(&host.call("POST", "/apps", json!({"name": "Other"})).await.ok(), "id");
    let path = format!("/principals/{principal}/effective?entity_kind=app&entity_id={other}");
    let elsewhere = host.get(&path).await.ok();
    let held =
        elsewhere["items"].as_array().unwrap().iter().filter(|item| item["is_allowed"] == true);
    assert_eq!(held.count(), 1);
}
