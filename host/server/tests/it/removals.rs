//! Removals and deletion guards over HTTP.

use serde_json::{Value, json};

use crate::host::{Host, text};

#[tokio::test]
async fn nothing_that_vanished_is_nothing_to_decide_about() {
    let host = Host::start().await;
    let integration = text(&host.aggregated("Directory").await, "id");
    let run = host.first(&format!("/integrations/{integration}/aggregations")).await;
    let path = format!("/aggregations/{run}");
    let removal = host.get(&format!("{path}/removal")).await.ok();
    assert_eq!((&removal["rows"], &removal["losses"]), (&json!(0), &json!([])));
    let rows = host.get(&format!("{path}/removal/rows")).await.ok();
    assert_eq!(rows["items"], json!([]));
    let approve = host.call("POST", &format!("{path}/approve"), json!({"hash": "0"})).await;
    assert_eq!(approve.problem(), (409, "diff_changed".to_owned()));
    let discard = host.call("POST", &format!("{path}/discard"), Value::Null).await;
    assert_eq!(discard.problem(), (409, "removal_decided".to_owned()));
    let undo = host.call("POST", &format!("{path}/undo"), Value::Null).await;
    assert_eq!(undo.problem(), (409, "undo_expired".to_owned()));
}

#[tokio::test]
async fn a_guard_is_changed_field_by_field_and_refuses_what_makes_no_sense() {
    let host = Host::start().await;
    let integration = text(&host.aggregated("Directory").await, "id");
    let path = format!("/integrations/{integration}/deletion-guard");
    let change = async |tag: &str, body: Value| {
        let request = host.request("PATCH", &path, &body).header("If-Match", tag);
        host.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
    };
    assert_eq!(host.get(&path).await.header("etag"), "\"1\"");
    let changed = change("\"1\"", json!({"percent_max": 5, "count_max": null})).await.ok();
    let expected = json!({"percent_max": 5, "count_max": null, "may_empty": false, "undo_days": 7});
    assert_eq!(changed, expected);
    assert_eq!(change("\"1\"", json!({})).await.problem().1, "version_conflict");
    let refused = change("\"2\"", json!({"percent_max": 101})).await;
    assert_eq!(refused.problem(), (422, "invalid_input".to_owned()));
    assert_eq!(host.get(&path).await.ok(), expected);
    let audited = host.get("/audit?event=integration.deletion_guard_changed").await.ok();
    assert_eq!(audited["items"][0]["detail"]["before"]["percent_max"], 20);
}
