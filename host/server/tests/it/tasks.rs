//! Tasks over HTTP: who sees and does them; where no target is, the word counts (PRV-3).

use axum::body::Body;
use serde_json::json;

use crate::host::{Host, text};
use crate::owners::{change, person};

/// A task of an app that lists feed: its id, and the membership's path.
async fn listed(host: &Host) -> (String, String) {
    let app = text(&host.call("POST", "/apps", json!({"name": "Wiki"})).await.ok(), "id");
    host.applied(&format!("/apps/{app}"), "external_id\nada\n").await;
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let account = host.first(&format!("/apps/{app}/accounts")).await;
    let body = json!({"role_id": role, "account_id": account});
    let path = format!("/apps/{app}/memberships");
    let membership = text(&host.call("POST", &path, body).await.ok(), "id");
    let tasks = host.get(&format!("/tasks?app_id={app}&state=open")).await.ok();
    (text(&tasks["items"][0], "id"), format!("{path}/{membership}"))
}

#[tokio::test]
async fn of_an_app_without_a_target_the_word_counts_and_is_said_once() {
    let host = Host::start().await;
    let (task, membership) = listed(&host).await;
    let shown = host.get(&format!("/tasks/{task}")).await.ok();
    assert_eq!(shown["task"], "Give `member` to `ada` in `Wiki`");
    assert_eq!((&shown["is_mine"], &shown["reason"]), (&json!(true), &json!("manual")));
    let path = format!("/tasks/{task}/done");
    for _ in 0..2 {
        let done = host.call("POST", &path, json!({"note": "added"})).await.ok();
        assert_eq!((&done["state"], &done["note"]), (&json!("confirmed"), &json!("added")));
    }
    assert_eq!(host.get(&membership).await.ok()["status"], "active");
    let said = host.get("/audit?event=task.done&limit=5").await.ok();
    assert_eq!(said["items"].as_array().unwrap().len(), 1);
    let late = json!({"note": "no"});
    let late = host.call("POST", &format!("/tasks/{task}/rejection"), late).await;
    assert_eq!(late.problem(), (409, "task_over".into()));
}

#[tokio::test]
async fn a_task_is_for_those_who_have_it_and_for_admins() {
    let host = Host::start().await;
    let (task, membership) = listed(&host).await;
    let (bea, eve) = (person(&host, "bea").await, person(&host, "eve").await);
    let path = format!("/tasks/{task}");
    for token in [&bea, &eve] {
        assert_eq!(host.get_as(token, &path).await.code(), "not_found");
        assert_eq!(host.get_as(token, "/tasks").await.ok()["items"], json!([]));
    }
    assert_eq!(host.get_as(&bea, "/tasks?whose=all").await.code(), "action_not_granted");
    let to = |id: &str| json!({"person_ids": [id]});
    let unknown = host.call("PUT", &format!("{path}/assignees"), to("nobody")).await;
    assert_eq!(unknown.problem(), (422, "invalid_input".into()));
    let given = host.call("PUT", &format!("{path}/assignees"), to("bea")).await.ok();
    assert_eq!(given["assignees"], json!([{"id": "bea", "name": "bea"}]));
    assert_eq!(host.get_as(&bea, "/tasks").await.ok()["items"][0]["id"], json!(task));
    let no = json!({"note": "she has left"});
    let rejection = format!("{path}/rejection");
    assert_eq!(host.call_as(&eve, "POST", &rejection, no.clone()).await.code(), "not_found");
    let rejected = host.call_as(&bea, "POST", &rejection, no).await.ok();
    assert_eq!((&rejected["state"], &rejected["decided_by"]), (&json!("rejected"), &json!("bea")));
    let failed = host.get(&membership).await.ok();
    assert_eq!((&failed["status"], &failed["failure"]), (&json!("failed"), &json!("she has left")));
}

#[tokio::test]
async fn the_owner_has_what_is_given_to_nobody_by_name() {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let (id, app) = (text(&integration, "id"), text(&integration, "app_id"));
    let (olga, bea) = (person(&host, "olga").await, person(&host, "bea").await);
    change(&host, "", &id, json!({"owner_id": "olga"})).await.ok();
    change(&host, &olga, &id, json!({"settings": {"method": "manual"}})).await.ok();
    let wrong = json!({"settings": {"task_assignees": ["nobody"]}});
    let wrong = change(&host, &olga, &id, wrong).await;
    assert_eq!(wrong.json()["errors"][0]["path"], "/settings/task_assignees/0");
    let account = host.first(&format!("/integrations/{id}/accounts")).await;
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let path = format!("/integrations/{id}/entitlements/{role}/provisioning");
    assert_eq!(host.get_as(&olga, &path).await.ok()["in_force"], "manual");
    let body = json!({"role_id": role, "account_id": account});
    host.call("POST", &format!("/apps/{app}/memberships"), body).await.ok();
    grantry_engine::worker::run_due(&host.engine).await.unwrap();
    let mine = host.get_as(&olga, "/tasks").await.ok();
    let task = text(&mine["items"][0], "id");
    assert_eq!(mine["items"][0]["integration_id"], json!(id));
    let to = json!({"person_ids": ["bea"]});
    host.call_as(&olga, "PUT", &format!("/tasks/{task}/assignees"), to).await.ok();
    assert_eq!(host.get_as(&olga, "/tasks").await.ok()["items"], json!([]));
    let done = host.call_as(&bea, "POST", &format!("/tasks/{task}/done"), json!({})).await.ok();
    assert_eq!(done["state"], "done");
}

#[tokio::test]
async fn what_belongs_to_nobody_who_can_sign_in_is_the_admins() {
    let host = Host::start().await;
    let (task, _) = listed(&host).await;
    person(&host, "bea").await;
    let to = json!({"person_ids": ["bea"]});
    host.call("PUT", &format!("/tasks/{task}/assignees"), to).await.ok();
    assert_eq!(host.get("/tasks").await.ok()["items"], json!([]));
    let tag = host.get("/people/bea").await.header("etag").to_owned();
    let body = json!({"is_disabled": true});
    let request = host.request("PATCH", "/people/bea", &body).header("If-Match", tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await.ok();
    assert_eq!(host.get("/tasks").await.ok()["items"][0]["id"], json!(task));
    assert_eq!(host.get(&format!("/tasks/{task}")).await.ok()["is_mine"], true);
}
