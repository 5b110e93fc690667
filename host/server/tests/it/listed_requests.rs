//! Access to an app that lists feed is asked for, decided, given by a person, and in the list (CAT-10,
//! INT-13, PRV-3).

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};
use crate::owners::person;

const MEMBERS: &str =
    "external_id,email,roles\na,ADA@x.example,Reader\nb,bob@x.example,Reader;Editor\n";

/// An app with members, one of whom is a person of a data source.
struct Story {
    host: Host,
    /// The app's path, and its id.
    path: String,
    app: String,
    /// The role `Editor`.
    role: Value,
    ada: String,
    /// The token of somebody who asks.
    uma: String,
}

async fn named(host: &Host, path: &str, field: &str, name: &str) -> Value {
    let list = host.get(path).await.ok();
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| item[field] == name).unwrap().clone()
}

impl Story {
    async fn begin() -> Self {
        let host = Host::start().await;
        let source = host.call("POST", "/data-sources", json!({"name": "HR"})).await.ok();
        let source = format!("/data-sources/{}", text(&source, "id"));
        host.applied(&source, "external_id,email\n1,ada@x.example\n").await;
        let ada = host.first(&format!("{source}/identities")).await;
        let app = text(&host.call("POST", "/apps", json!({"name": "Wiki"})).await.ok(), "id");
        let path = format!("/apps/{app}");
        host.applied(&path, MEMBERS).await;
        let role = named(&host, &format!("{path}/roles"), "display", "Editor").await;
        let uma = person(&host, "uma").await;
        Self { host, path, app, role, ada, uma }
    }

    async fn ask(&self) -> Reply {
        let items = json!([{"app_id": self.app, "role_id": self.role["id"]}]);
        let body = json!({"identity_id": self.ada, "reason": "writes there", "items": items,
            "duration_ms": 3_600_000});
        self.host.call_as(&self.uma, "POST", "/requests", body).await
    }

    async fn change(&self, method: &str, path: &str, body: Value) -> Reply {
        let tag = self.host.get(path).await.header("etag").to_owned();
        let request = self.host.request(method, path, &body).header("If-Match", tag);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.host.send(request.body(Body::from(text)).unwrap()).await
    }
}

#[tokio::test]
async fn what_is_approved_is_a_task_and_once_it_is_done_it_is_in_the_list() {
    let story = Story::begin().await;
    let host = &story.host;
    let unmapped = host.get(&format!("{}/accounts?mapped=false", story.path)).await.ok();
    assert_eq!(unmapped["items"].as_array().unwrap().len(), 1);
    assert_eq!(unmapped["items"][0]["native_id"], "b");
    let asked = story.ask().await.ok();
    assert_eq!(asked["status"], "pending");
    let decision = format!("/requests/{}/decision", text(&asked, "id"));
    host.call("POST", &decision, json!({"decision": "approve"})).await.ok();
    let path = format!("/requests/{}", text(&asked, "id"));
    let seen = host.get_as(&story.uma, &path).await.ok();
    assert_eq!(seen["items"][0]["membership_status"], "provisioning");
    let tasks = host.get(&format!("/tasks?app_id={}&state=open", story.app)).await.ok();
    assert_eq!(tasks["items"][0]["task"], "Give `Editor` to `ADA@x.example` in `Wiki`");
    let done = format!("/tasks/{}/done", text(&tasks["items"][0], "id"));
    host.call("POST", &done, json!({})).await.ok();
    let seen = host.get_as(&story.uma, &path).await.ok();
    assert_eq!(seen["items"][0]["membership_status"], "active");
    let listed = host.get(&format!("{}/members/export", story.path)).await;
    assert!(listed.text.contains("ADA@x.example,Editor;Reader"), "{}", listed.text);
}

#[tokio::test]
async fn whose_the_account_is_decides_and_so_does_the_admins_word_about_the_app() {
    let story = Story::begin().await;
    let (host, path) = (&story.host, &story.path);
    let code = |reply: Reply| text(&reply.json()["errors"][0], "code");
    let account = named(host, &format!("{path}/accounts"), "native_id", "a").await;
    let mapping = format!("{path}/accounts/{}/mapping", text(&account, "id"));
    assert_eq!(host.get(&mapping).await.ok()["identity_display"], "ada@x.example");
    let nobody = story.change("PUT", &mapping, json!({"identity_id": null})).await.ok();
    assert_eq!(nobody["reason"], "by_hand");
    assert_eq!(code(story.ask().await), "no_account");
    story.change("DELETE", &mapping, Value::Null).await.ok();
    // A list whose line is about somebody else.
    let bob = "external_id,email\n1,ada@x.example\n2,bob@x.example\n";
    let source = host.first("/data-sources").await;
    host.applied(&format!("/data-sources/{source}"), bob).await;
    let others = MEMBERS.replace("ADA@", "bob@").replace("b,bob@", "b,cy@");
    host.applied(path, &others).await;
    assert_eq!(host.get(&mapping).await.ok()["proposal"]["why"], "another_identity");
    assert_eq!(code(story.ask().await), "no_account");
    host.applied(path, MEMBERS).await;
    let resource = text(&story.role, "resource_id");
    let rules = format!("{path}/resources/{resource}/request-rules");
    let closed = json!({"is_requestable": false, "workflow": "Nowhere"});
    story.change("PATCH", &rules, closed).await.ok();
    assert_eq!(code(story.ask().await), "not_requestable");
    let roles = format!("{path}/roles/{}/request-rules", text(&story.role, "id"));
    let seen = host.get(&roles).await.ok();
    assert_eq!(
        (&seen["workflow_of"], &seen["is_requestable"]),
        (&json!("resource"), &json!(false))
    );
    story.change("PATCH", &rules, json!({"is_requestable": null})).await.ok();
    assert_eq!(code(story.ask().await), "workflow_missing");
    let own = json!({"name": "At once",
        "steps": [{"kind": "rule", "then": "approve",
            "conditions": [{"kind": "privileged", "is": false}]}]});
    host.call("POST", "/workflows", own).await.ok();
    story.change("PATCH", &roles, json!({"workflow": "At once"})).await.ok();
    let given = story.ask().await.ok();
    assert_eq!(given["status"], "approved");
}

#[tokio::test]
async fn what_was_asked_for_is_not_given_once_the_account_is_somebody_elses() {
    let story = Story::begin().await;
    let host = &story.host;
    let asked = story.ask().await.ok();
    let account = named(host, &format!("{}/accounts", story.path), "native_id", "a").await;
    let mapping = format!("{}/accounts/{}/mapping", story.path, text(&account, "id"));
    story.change("PUT", &mapping, json!({"identity_id": null})).await.ok();
    let decision = format!("/requests/{}/decision", text(&asked, "id"));
    let approved = host.call("POST", &decision, json!({"decision": "approve"})).await.ok();
    let failure = "the account is no longer theirs: ask again";
    assert_eq!(approved["items"][0]["failure"], failure);
    let memberships = host.get(&format!("{}/memberships", story.path)).await.ok();
    assert_eq!(memberships["items"], json!([]));
}
