//! People: roles, states, and the tokens that they make for themselves.

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

const A_DAY_ON_MS: i64 = 1_800_000_000_000 + 24 * 3_600_000;

async fn change(host: &Host, path: &str, body: Value) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    let request = host.request("PATCH", path, &body).header("If-Match", tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn token(host: &Host, scope: Value) -> Reply {
    let body = json!({"name": "Nightly", "scope": scope, "expires_ms": A_DAY_ON_MS});
    host.call("POST", "/me/tokens", body).await
}

#[tokio::test]
async fn the_first_start_is_in_the_audit_log() {
    let host = Host::start().await;
    let audit = host.get("/audit?event=person.created").await.ok();
    let row = &audit["items"][0];
    assert_eq!((&row["door"], &row["reason"]), (&json!("cli"), &json!("first_start")));
    assert_eq!(row["entity_id"], row["principal_id"]);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let host = Host::start().await;
    let id = host.first("/people").await;
    for body in [json!({"role": "auditor"}), json!({"is_disabled": true})] {
        let refused = change(&host, &format!("/people/{id}"), body).await;
        assert_eq!(refused.problem(), (409, "last_admin".to_owned()));
    }
    assert_eq!(host.get("/me").await.ok()["role"], "admin");
}

#[tokio::test]
async fn a_token_of_ones_own_holds_what_its_scope_names_and_no_more() {
    let host = Host::start().await;
    let made = token(&host, json!({"admin_actions": ["job.read", "client.read"]})).await.ok();
    let token = text(&made, "token");
    host.get_as(&token, "/jobs").await.ok();
    assert_eq!(host.get_as(&token, "/audit").await.problem(), (403, "action_not_granted".into()));
    assert_eq!(host.get_as(&token, "/apps").await.ok()["items"], json!([]));
    let me = host.get_as(&token, "/me").await.ok();
    assert_eq!(me["admin_actions"], json!(["client.read", "job.read"]));
    assert_eq!(me["global"], json!([]));
    // It cannot make itself a wider one.
    assert_eq!(host.get_as(&token, "/me/tokens").await.code(), "action_not_granted");
}

#[tokio::test]
async fn a_token_is_listed_with_its_last_use_until_it_is_revoked() {
    let host = Host::start().await;
    let made = token(&host, json!({"actions": ["app_and_role_read"]})).await.ok();
    let (id, token) = (text(&made, "id"), text(&made, "token"));
    host.pass_ms(5_000);
    host.get_as(&token, "/apps").await.ok();
    let listed = host.get("/me/tokens").await;
    assert!(!listed.text.contains(&token));
    let listed = listed.ok();
    let used = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == id.as_str());
    assert_eq!(used.unwrap()["used_ms"], 1_800_000_005_000_i64);
    let revoked = host.call("DELETE", &format!("/me/tokens/{id}"), Value::Null).await;
    assert_eq!(revoked.status, 204);
    assert_eq!(host.get_as(&token, "/apps").await.problem(), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn a_scope_names_something_that_its_owner_holds() {
    let host = Host::start().await;
    for (scope, code) in [
        (json!({}), "empty_scope"),
        (json!({"admin_actions": ["root.be"]}), "invalid_value"),
        (json!({"actions": ["app_and_role_read"], "root": true}), "unknown_field"),
    ] {
        let refused = token(&host, scope).await;
        assert_eq!(refused.json()["errors"][0]["code"], code, "{refused:?}");
    }
    for expires_ms in [0, A_DAY_ON_MS * 2] {
        let body = json!({"name": "x", "scope": {"actions": ["app_and_role_read"]},
            "expires_ms": expires_ms});
        let refused = host.call("POST", "/me/tokens", body).await;
        assert_eq!(refused.json()["errors"][0]["code"], "out_of_range");
    }
}

#[tokio::test]
async fn a_scope_names_nothing_that_its_owner_holds_nowhere() {
    let host = Host::start().await;
    let user = crate::owners::person(&host, "ada").await;
    for (scope, path) in [
        (json!({"actions": ["app_and_role_read"]}), "/scope/actions"),
        (json!({"actions": ["app_membership_write"]}), "/scope/actions"),
        (json!({"admin_actions": ["integration.read"]}), "/scope/admin_actions"),
    ] {
        let body = json!({"name": "Nightly", "scope": scope, "expires_ms": A_DAY_ON_MS});
        let refused = host.call_as(&user, "POST", "/me/tokens", body).await;
        assert_eq!(refused.problem(), (422, "invalid_input".to_owned()));
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["path"], &error["code"]), (&json!(path), &json!("not_held")));
    }
    assert_eq!(host.get_as(&user, "/me/tokens").await.ok()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_client_is_refused_until_it_is_enabled() {
    let host = Host::start().await;
    let (id, token) = host.client(json!([]), json!([])).await;
    let path = format!("/clients/{id}");
    change(&host, &path, json!({"is_disabled": true})).await.ok();
    assert_eq!(host.get_as(&token, "/me").await.problem(), (401, "client_disabled".to_owned()));
    change(&host, &path, json!({"is_disabled": false})).await.ok();
    host.get_as(&token, "/me").await.ok();
    let audit = host.get("/audit?event=client.updated&limit=1").await.ok();
    assert_eq!(audit["items"][0]["detail"]["before"]["is_disabled"], true);
}
