//! Plugins and integrations: installed, connected, tried, changed (INT-2, INT-3, PLG-3).

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

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

async fn delete(host: &Host, token: &str, path: &str) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    delete_with(host, token, path, &tag).await
}

async fn delete_with(host: &Host, token: &str, path: &str, tag: &str) -> Reply {
    let request = host.request("DELETE", path, &Value::Null).header("If-Match", tag);
    let mut request = request.body(Body::empty()).unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    host.send(request).await
}

#[tokio::test]
async fn a_plugin_can_be_removed_once_its_integration_is_deleted() {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let path = format!("/integrations/{}", text(&integration, "id"));
    let app = text(&integration, "app_id");
    let (client, _) = host.client(json!([]), json!([{"kind": "app", "id": app}])).await;
    let unconditional = host.call("DELETE", &path, Value::Null).await;
    assert_eq!(unconditional.problem(), (428, "precondition_required".to_owned()));
    let stale = delete_with(&host, &host.admin, &path, "\"99\"").await;
    assert_eq!(stale.problem(), (412, "version_conflict".to_owned()));
    assert_eq!(delete(&host, &host.admin, &path).await.status, 204);
    for gone in [&path, &format!("/apps/{app}"), &format!("{path}/accounts")] {
        assert_eq!(host.get(gone).await.problem(), (404, "not_found".to_owned()), "{gone}");
    }
    let held = host.get(&format!("/principals/{client}/permissions")).await.ok();
    assert_eq!(held["entities"], json!([]));
    let again = delete_with(&host, &host.admin, &path, "\"1\"").await;
    assert_eq!(again.problem(), (404, "not_found".to_owned()));
    let plugin = format!("/plugins/{}", text(&integration, "plugin_id"));
    assert_eq!(host.call("DELETE", &plugin, Value::Null).await.status, 204);
    let entry = host.get("/audit?event=integration.deleted").await.ok();
    assert_eq!(entry["items"][0]["detail"]["name"], "Directory");
    assert_ne!(entry["items"][0]["detail"]["accounts"], 0);
}

#[tokio::test]
async fn an_integration_with_a_living_membership_is_deleted_by_an_admin_who_says_so() {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let (id, app) = (text(&integration, "id"), text(&integration, "app_id"));
    let account = host.first(&format!("/integrations/{id}/accounts")).await;
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let memberships = format!("/apps/{app}/memberships");
    let body = json!({"role_id": role, "account_id": account});
    let membership = text(&host.call("POST", &memberships, body).await.ok(), "id");
    host.work_until(&format!("{memberships}/{membership}"), &["active"]).await;
    let owner = crate::owners::person(&host, "owner").await;
    crate::owners::change(&host, "", &id, json!({"owner_id": "owner"})).await.ok();
    let path = format!("/integrations/{id}");
    let kept = delete(&host, &owner, &path).await;
    assert_eq!(kept.problem(), (409, "integration_in_use".to_owned()));
    assert!(text(&kept.json(), "detail").starts_with("1 membership(s)"), "{kept:?}");
    let abandoning = format!("{path}?abandon_memberships=true");
    let refused = delete_with(&host, &owner, &abandoning, "\"2\"").await;
    assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
    let deleted = delete_with(&host, &host.admin, &abandoning, "\"2\"").await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let entry = host.get("/audit?event=integration.deleted").await.ok();
    assert_eq!(entry["items"][0]["detail"]["memberships_abandoned"], 1);
}

#[tokio::test]
async fn an_owner_deletes_the_own_integration_and_a_stranger_does_not() {
    let host = Host::start().await;
    let id = text(&host.aggregated("Directory").await, "id");
    let path = format!("/integrations/{id}");
    let stranger = crate::owners::person(&host, "stranger").await;
    let refused = delete(&host, &stranger, &path).await;
    assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
    let owner = crate::owners::person(&host, "owner").await;
    crate::owners::change(&host, "", &id, json!({"owner_id": "owner"})).await.ok();
    let run = host.call("POST", &format!("{path}/aggregations"), Value::Null).await.ok();
    let busy = delete(&host, &owner, &path).await;
    assert_eq!(busy.problem(), (409, "integration_busy".to_owned()));
    let run = format!("/aggregations/{}", text(&run, "id"));
    host.work_until(&run, &["succeeded"]).await;
    assert_eq!(delete(&host, &owner, &path).await.status, 204);
}
