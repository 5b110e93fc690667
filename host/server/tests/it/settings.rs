//! Owner and settings of an integration: validated, merged, versioned, audited (INT-1 to INT-11).

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

async fn change(host: &Host, id: &str, body: Value) -> Reply {
    let path = format!("/integrations/{id}");
    let tag = host.get(&path).await.header("etag").to_owned();
    let request = host.request("PATCH", &path, &body).header("If-Match", tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_new_integration_has_the_documented_defaults() {
    let host = Host::start().await;
    let created = host.connect("Directory").await;
    assert_eq!(
        created["settings"],
        json!({
            "runs_on": "this_host", "default_workflow": null, "is_read_only": false,
            "allows_changing_permissions": true, "allows_creating_accounts": false,
            "allows_users_to_edit_accounts": false, "is_requestable": true,
            "is_requestable_by_default": true, "assigns_recommended_owners": false,
            "assigns_recommended_maintainers": false, "notifies_external_changes": true,
            "allowed_durations_ms": null, "method": "connector", "fallback": "none",
            "task_assignees": [], "task_due_ms": 259_200_000,
        })
    );
    assert_eq!(created["owner_id"], Value::Null);
}

#[tokio::test]
async fn settings_that_are_left_out_stay_and_null_is_a_value() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let settings = json!({
        "is_read_only": true, "default_workflow": "Owner approves",
        "allowed_durations_ms": [86_400_000, 3_600_000],
    });
    let first = change(&host, &id, json!({ "settings": settings })).await.ok()["settings"].clone();
    assert_eq!(first["allowed_durations_ms"], json!([3_600_000, 86_400_000]));
    let body = json!({"settings": {"default_workflow": null}, "description": "What for"});
    let second = change(&host, &id, body).await.ok()["settings"].clone();
    assert_eq!(second["default_workflow"], Value::Null);
    assert_eq!(second["is_read_only"], true);
    assert_eq!(second["allowed_durations_ms"], first["allowed_durations_ms"]);
    let body = json!({"settings": {"allowed_durations_ms": null}});
    let third = change(&host, &id, body).await.ok()["settings"].clone();
    assert_eq!(third["allowed_durations_ms"], Value::Null);
}

#[tokio::test]
async fn wrong_settings_are_refused_with_their_places_and_nothing_is_written() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let before = host.get(&format!("/integrations/{id}")).await.ok();
    for (settings, path, code) in [
        (json!({"runs_on": "agent"}), "/settings/runs_on", "agent_unavailable"),
        (json!({"runs_on": "moon"}), "/settings/runs_on", "invalid_value"),
        (json!({"default_workflow": ""}), "/settings/default_workflow", "invalid_string"),
        (json!({"default_workflow": "a\u{202e}b"}), "/settings/default_workflow", "invalid_string"),
        (
            json!({"allowed_durations_ms": []}),
            "/settings/allowed_durations_ms",
            "invalid_durations",
        ),
        (
            json!({"allowed_durations_ms": [3_600_000, 1]}),
            "/settings/allowed_durations_ms/1",
            "invalid_durations",
        ),
        (json!({"is_readonly": true}), "/settings/is_readonly", "unknown_field"),
    ] {
        let refused = change(&host, &id, json!({ "settings": settings })).await;
        assert_eq!(refused.status, 422, "{settings}");
        let error = refused.json()["errors"][0].clone();
        assert_eq!((&error["path"], &error["code"]), (&json!(path), &json!(code)), "{refused:?}");
    }
    assert_eq!(host.get(&format!("/integrations/{id}")).await.ok(), before);
}

#[tokio::test]
async fn an_owner_is_a_person() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let (client, _) = host.client(json!([]), json!([])).await;
    for nobody in [client.as_str(), "nobody"] {
        let refused = change(&host, &id, json!({"owner_id": nobody})).await;
        assert_eq!(refused.json()["errors"][0]["code"], "unknown_person");
    }
    let me = text(&host.get("/me").await.ok(), "principal_id");
    assert_eq!(change(&host, &id, json!({"owner_id": me})).await.ok()["owner_id"], json!(me));
    let cleared = change(&host, &id, json!({"owner_id": null})).await.ok();
    assert_eq!(cleared["owner_id"], Value::Null);
}

#[tokio::test]
async fn a_change_is_audited_with_what_was_and_what_is() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let connection = json!({"url": "https://b.example", "token": "s3cret-canary"});
    let body = json!({
        "name": "People", "connection": connection, "settings": {"is_read_only": true},
    });
    change(&host, &id, body).await.ok();
    let entry = host.get("/audit?event=integration.updated&limit=1").await;
    assert_eq!(
        entry.ok()["items"][0]["detail"],
        json!({
            "before": { "name": "Directory", "is_read_only": false },
            "after": { "name": "People", "is_read_only": true },
            "connection_changed": true,
            "connection_places": ["/url"],
        })
    );
    assert!(!entry.text.contains("s3cret-canary"));
}

#[tokio::test]
async fn a_write_probe_of_a_read_only_integration_is_refused() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let path = format!("/integrations/{id}/test-connection");
    for (settings, code) in [
        (json!({"is_read_only": true}), "integration_read_only"),
        (
            json!({"is_read_only": false, "allows_changing_permissions": false}),
            "permission_changes_off",
        ),
    ] {
        change(&host, &id, json!({ "settings": settings })).await.ok();
        let refused = host.call("POST", &path, json!({"depth": "write_probe"})).await;
        assert_eq!(refused.problem(), (409, code.to_owned()));
        host.call("POST", &path, json!({"depth": "read"})).await.ok();
    }
}

#[tokio::test]
async fn a_membership_that_waits_says_why() {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let (id, app) = (text(&integration, "id"), text(&integration, "app_id"));
    change(&host, &id, json!({"settings": {"is_read_only": true}})).await.ok();
    let accounts = host.get(&format!("/integrations/{id}/accounts?search=bob")).await.ok();
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let path = format!("/apps/{app}/memberships");
    let body = json!({"role_id": role, "account_id": accounts["items"][0]["id"]});
    let membership = text(&host.call("POST", &path, body).await.ok(), "id");
    let path = format!("{path}/{membership}");
    let seen = host
        .working(async {
            loop {
                let seen = host.get(&path).await.ok();
                if !seen["waiting"].is_null() {
                    return seen;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    assert_eq!(
        (&seen["status"], &seen["waiting"]["code"]),
        (&json!("provisioning"), &json!("integration_read_only"))
    );
    change(&host, &id, json!({"settings": {"is_read_only": false}})).await.ok();
    let done = host.work_until(&path, &["active"]).await;
    assert_eq!(done["waiting"], Value::Null);
}
