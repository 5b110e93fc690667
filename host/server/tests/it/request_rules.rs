//! How single resources and entitlements are requested: the order of the words, over syncs (INT-8,
//! INT-12).

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

async fn patch(host: &Host, path: &str, body: Value) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    let request = host.request("PATCH", path, &body).header(header::IF_MATCH, tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_role_comes_before_its_resource_and_that_before_the_integration() {
    let host = Host::start().await;
    let integration = text(&host.aggregated("Directory").await, "id");
    let base = format!("/integrations/{integration}");
    let found = host.get(&format!("{base}/entitlements")).await.ok();
    let entitlement = &found["items"][0];
    let role = format!("{base}/entitlements/{}/request-rules", text(entitlement, "id"));
    let resource = format!("{base}/resources/{}/request-rules", text(entitlement, "resource_id"));
    let settings = json!({ "settings": { "default_workflow": "Everybody" } });
    patch(&host, &base, settings).await.ok();

    let said = async |path: &str, body: Value| patch(&host, path, body).await.ok();
    let shown = async || {
        let rules = host.get(&role).await.ok();
        (rules["workflow"].clone(), rules["workflow_of"].clone())
    };
    assert_eq!(shown().await, (json!("Everybody"), json!("integration")));
    said(&resource, json!({ "workflow": "Owner", "is_requestable": false })).await;
    assert_eq!(shown().await, (json!("Owner"), json!("resource")));
    assert_eq!(host.get(&role).await.ok()["is_requestable"], false);
    let own = said(&role, json!({ "workflow": "Two people" })).await;
    assert_eq!((&own["own_workflow"], &own["version"]), (&json!("Two people"), &json!(2)));
    let run = host.call("POST", &format!("{base}/aggregations"), Value::Null).await.ok();
    host.work_until(&format!("/aggregations/{}", text(&run, "id")), &["succeeded"]).await;
    assert_eq!(shown().await, (json!("Two people"), json!("entitlement")));
    said(&role, json!({ "workflow": null })).await;
    assert_eq!(shown().await, (json!("Owner"), json!("resource")));
    said(&resource, json!({ "is_requestable": null })).await;
    assert_eq!(host.get(&role).await.ok()["is_requestable"], true);

    let entry = host.get("/audit?event=request_rules.updated&limit=1").await.ok();
    let detail = &entry["items"][0]["detail"];
    assert_eq!(
        (&detail["before"]["is_requestable"], &detail["after"]["is_requestable"]),
        (&json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn rules_of_nothing_and_words_in_the_wrong_place_are_refused() {
    let host = Host::start().await;
    let integration = text(&host.aggregated("Directory").await, "id");
    let base = format!("/integrations/{integration}");
    let role = host.first(&format!("{base}/entitlements")).await;
    let path = format!("{base}/entitlements/{role}/request-rules");
    let refused = patch(&host, &path, json!({ "is_requestable": true })).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["errors"][0]["code"]),
        (422, &json!("not_of_entitlements"))
    );
    assert_eq!(patch(&host, &path, json!({ "workflow": "" })).await.status, 422);
    // An entitlement is no resource, and the other way round.
    assert_eq!(host.get(&format!("{base}/resources/{role}/request-rules")).await.status, 404);
    let body = json!({ "workflow": "Owner" });
    let request = host.request("PATCH", &path, &body).header(header::IF_MATCH, "\"7\"");
    let stale = host.send(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(stale.status, 412);
}
