//! What admins say of entitlements, over syncs (CAT-2, CAT-9).

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

async fn patch(host: &Host, path: &str, body: Value) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    let request = host.request("PATCH", path, &body).header(header::IF_MATCH, tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn aggregate(host: &Host, integration: &str) {
    let path = format!("/integrations/{integration}/aggregations");
    let run = host.call("POST", &path, Value::Null).await.ok();
    let path = format!("/aggregations/{}", text(&run, "id"));
    let run = host.work_until(&path, &["succeeded", "failed"]).await;
    assert_eq!(run["status"], "succeeded");
}

/// The host, the integration's id, its app's and the entitlement's.
async fn world() -> (Host, String, String, String) {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let (id, app) = (text(&integration, "id"), text(&integration, "app_id"));
    let entitlement = host.first(&format!("/integrations/{id}/entitlements")).await;
    (host, id, app, entitlement)
}

#[tokio::test]
async fn an_admins_words_survive_a_sync_and_the_sources_stay_visible() {
    let (host, id, app, entitlement) = world().await;
    let path = format!("/integrations/{id}/entitlements/{entitlement}");
    let body = json!({"display": "All staff", "description": "Everybody", "is_privileged": true});
    assert_eq!(patch(&host, &path, body).await.ok()["version"], 2);
    aggregate(&host, &id).await;
    for list in [format!("/integrations/{id}/entitlements"), format!("/apps/{app}/roles")] {
        let found = host.get(&format!("{list}?search=all+staff&privileged=true")).await.ok();
        let seen = &found["items"][0];
        assert_eq!(
            (&seen["display"], &seen["source_display"], &seen["description"]),
            (&json!("All staff"), &json!("Member of staff"), &json!("Everybody"))
        );
        assert_eq!(
            (&seen["is_privileged"], &seen["source_is_privileged"]),
            (&json!(true), &json!(false))
        );
        let others = host.get(&format!("{list}?privileged=false")).await.ok();
        assert_eq!(others["items"], json!([]));
    }
    let held = host.get(&format!("/integrations/{id}/assignments")).await.ok();
    assert_eq!(held["items"][0]["entitlement_display"], "All staff");
    assert_eq!(held["items"][0]["is_privileged"], true);
    let source = patch(&host, &path, json!({"display": null, "is_privileged": null})).await.ok();
    assert_eq!(
        (&source["display"], &source["description"], &source["is_privileged"]),
        (&json!("Member of staff"), &json!("Everybody"), &json!(false))
    );
    let entry = host.get("/audit?event=entitlement.updated&limit=1").await.ok();
    let detail = &entry["items"][0]["detail"];
    assert_eq!(
        (&detail["before"]["display"], &detail["after"]["display"]),
        (&json!("All staff"), &Value::Null)
    );
}

#[tokio::test]
async fn entitlements_are_privileged_in_bulk_once_and_all_or_none() {
    let (host, id, _, entitlement) = world().await;
    let path = format!("/integrations/{id}/entitlements/privileged");
    let all = json!({"is_privileged": true, "filter": {"search": "mem*staff"}});
    let first = host.call("POST", &path, all.clone()).await.ok();
    assert_eq!(first, json!({"selected": 1, "changed": 1}));
    assert_eq!(host.call("POST", &path, all).await.ok(), json!({"selected": 1, "changed": 0}));
    aggregate(&host, &id).await;
    let privileged = format!("/integrations/{id}/entitlements?privileged=true");
    assert_eq!(host.get(&privileged).await.ok()["items"][0]["id"], json!(entitlement));
    let some = json!({"is_privileged": false, "ids": [entitlement, "missing"]});
    let refused = host.call("POST", &path, some).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["errors"][0]["path"]),
        (422, &json!("/ids/1"))
    );
    assert_eq!(host.get(&privileged).await.ok()["items"][0]["id"], json!(entitlement));
    for wrong in [json!({"is_privileged": true}), json!({"ids": [entitlement]})] {
        assert_eq!(host.call("POST", &path, wrong).await.status, 422);
    }
    let entries = host.get("/audit?event=entitlements.privileged_said").await.ok();
    assert_eq!(entries["items"].as_array().unwrap().len(), 2);
    assert_eq!(entries["items"][1]["detail"]["changed"], 1);
}
