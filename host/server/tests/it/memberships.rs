//! Memberships over the API (security.md rows 8 to 10 and 24 to 26, ACC-2).

use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

struct Directory {
    host: Host,
    app: String,
    role: String,
    account: String,
}

async fn directory() -> Directory {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let app = text(&integration, "app_id");
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let account = host.first(&format!("/integrations/{}/accounts", text(&integration, "id"))).await;
    Directory { host, app, role, account }
}

impl Directory {
    fn path(&self) -> String {
        format!("/apps/{}/memberships", self.app)
    }

    async fn grant(&self, more: Value) -> Reply {
        let mut body = json!({"role_id": self.role, "account_id": self.account});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.host.call("POST", &self.path(), body).await
    }

    async fn active(&self, more: Value) -> String {
        let id = text(&self.grant(more).await.ok(), "id");
        self.until(&id, "active").await;
        id
    }

    async fn until(&self, id: &str, status: &str) -> Value {
        self.host.work_until(&format!("{}/{id}", self.path()), &[status]).await
    }

    async fn change(&self, id: &str, verb: &str, body: Value) -> Reply {
        self.host.call("POST", &format!("{}/{id}/{verb}", self.path()), body).await
    }

    async fn delete(&self, id: &str) -> Reply {
        self.host.call("DELETE", &format!("{}/{id}", self.path()), Value::Null).await
    }
}

#[tokio::test]
async fn access_is_granted_extended_and_deleted() {
    let directory = directory().await;
    let granted = directory.grant(json!({"duration_ms": 3_600_000})).await;
    assert_eq!(granted.status, 201);
    let id = text(&granted.json(), "id");
    assert_eq!(granted.json()["status"], "provisioning");
    directory.until(&id, "active").await;
    let extended = directory.change(&id, "extend", json!({"duration_ms": 7_200_000})).await.ok();
    let now_ms = 1_800_000_000_000_i64;
    assert_eq!(extended["ends_ms"], json!(now_ms + 7_200_000));
    let deleted = directory.delete(&id).await.ok();
    assert_eq!(deleted["status"], "deprovisioning");
    directory.until(&id, "deleted").await;
    let path = format!("{}/{id}/operations", directory.path());
    let operations = directory.host.get(&path).await.ok();
    let verbs: Vec<_> =
        operations["items"].as_array().unwrap().iter().map(|item| text(item, "verb")).collect();
    assert_eq!(verbs, ["grant", "revoke"]);
}

#[tokio::test]
async fn granting_what_is_active_changes_nothing() {
    let directory = directory().await;
    let id = directory.active(json!({})).await;
    let again = directory.grant(json!({})).await;
    assert_eq!((again.status.as_u16(), text(&again.json(), "id")), (200, id));
    assert_eq!(again.json()["status"], "active");
}

#[tokio::test]
async fn impossible_durations_are_refused() {
    let directory = directory().await;
    let century_ms = 100_i64 * 366 * 24 * 3_600_000;
    for duration_ms in [-1, 0, 59_999, century_ms, i64::MAX, i64::MIN] {
        let reply = directory.grant(json!({"duration_ms": duration_ms})).await;
        assert_eq!(reply.problem(), (422, "invalid_duration".to_owned()), "{duration_ms}");
    }
    let both = directory.grant(json!({"duration_ms": 60_000, "ends_ms": 1})).await;
    assert_eq!(both.code(), "invalid_duration");
    let past = directory.grant(json!({"ends_ms": 1})).await;
    assert_eq!(past.code(), "invalid_duration");
}

#[tokio::test]
async fn a_deleted_membership_never_comes_back() {
    let directory = directory().await;
    let id = directory.active(json!({})).await;
    directory.delete(&id).await.ok();
    directory.until(&id, "deleted").await;
    let hour = json!({"duration_ms": 3_600_000});
    for verb in ["extend", "renew"] {
        let reply = directory.change(&id, verb, hour.clone()).await;
        assert_eq!(reply.problem(), (409, "membership_not_active".to_owned()), "{verb}");
    }
    assert_eq!(directory.delete(&id).await.ok()["status"], "deleted");
}

#[tokio::test]
async fn an_expired_membership_is_renewed_but_not_extended() {
    let directory = directory().await;
    let id = directory.active(json!({"duration_ms": 60_000})).await;
    directory.host.pass_ms(60_001);
    directory.until(&id, "expired").await;
    let hour = json!({"duration_ms": 3_600_000});
    let extended = directory.change(&id, "extend", hour.clone()).await;
    assert_eq!(extended.problem(), (409, "membership_not_active".to_owned()));
    directory.change(&id, "renew", hour).await.ok();
    directory.until(&id, "active").await;
}

#[tokio::test]
async fn a_role_or_membership_of_another_app_is_not_found() {
    let directory = directory().await;
    let id = directory.active(json!({})).await;
    let other = directory.host.connect("Other").await;
    let path = format!("/apps/{}/memberships", text(&other, "app_id"));
    let body = json!({"role_id": directory.role, "account_id": directory.account});
    let granted = directory.host.call("POST", &path, body).await;
    assert_eq!(granted.problem(), (404, "not_found".to_owned()));
    let read = directory.host.get(&format!("{path}/{id}")).await;
    assert_eq!(read.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn missing_permissions_hide_the_app_or_name_the_action() {
    let directory = directory().await;
    let host = &directory.host;
    let other = text(&host.connect("Other").await, "app_id");
    let entities = json!([{"kind": "app", "id": directory.app}]);
    let (_, token) = host.client(json!(["csv_app_user_upload"]), entities).await;
    host.get_as(&token, &format!("/apps/{}", directory.app)).await.ok();
    let refused = host.get_as(&token, &format!("/apps/{other}")).await;
    assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
    assert!(refused.text.contains("app_and_role_read"));

    let (_, token) = host.client(json!([]), json!([])).await;
    let mut hidden = Vec::new();
    for app in [&directory.app, "missing"] {
        let reply = host.get_as(&token, &format!("/apps/{app}")).await;
        assert_eq!(reply.problem(), (404, "not_found".to_owned()));
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        hidden.push(body);
    }
    assert_eq!(hidden[0], hidden[1]);
    assert_eq!(host.get_as(&token, "/apps").await.ok()["items"], json!([]));
    let denials = host.get("/audit?event=authz.denied").await.ok();
    assert_eq!(denials["items"].as_array().unwrap().len(), 3);
}
