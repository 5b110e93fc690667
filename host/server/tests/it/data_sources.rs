//! Data sources over HTTP.

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

impl Host {
    /// Sends a change of what is at the path, with the version that it has now.
    async fn change(&self, method: &str, path: &str, body: Value) -> Reply {
        let tag = self.get(path).await.header("etag").to_owned();
        let request = self.request(method, path, &body).header(header::IF_MATCH, tag);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request.body(Body::from(text)).unwrap()).await
    }
}

#[tokio::test]
async fn a_data_source_is_created_renamed_and_deleted() {
    let host = Host::start().await;
    let made = host.call("POST", "/data-sources", json!({"name": "Entra ID"})).await;
    assert_eq!(made.status, 201);
    let path = format!("/data-sources/{}", text(&made.json(), "id"));
    let renamed = host.change("PATCH", &path, json!({"name": "Entra"})).await.ok();
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("Entra"), &json!(2)));
    assert_eq!(host.get(&path).await.ok(), renamed);
    assert_eq!(host.get("/data-sources?search=ENTR").await.ok()["items"], json!([renamed]));
    assert_eq!(host.get("/data-sources?search=other").await.ok()["items"], json!([]));
    assert_eq!(host.change("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(host.get(&path).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_data_source_is_listed_by_whoever_holds_any_action_on_it() {
    let host = Host::start().await;
    let mut sources = Vec::new();
    for name in ["First", "Second"] {
        sources.push(host.call("POST", "/data-sources", json!({"name": name})).await.ok());
        host.pass_ms(1);
    }
    let given = json!([{"kind": "data_source", "id": sources[1]["id"]}]);
    let one = host.client(json!([]), given).await.1;
    let all = host.client(json!(["app_membership_write"]), json!([])).await.1;
    let none = host.client(json!([]), json!([])).await.1;
    let listed = async |token| host.get_as(token, "/data-sources").await.ok()["items"].clone();
    assert_eq!(listed(&one).await, json!([sources[1]]));
    assert_eq!(listed(&all).await, json!(sources));
    assert_eq!(listed(&none).await, json!([]));
}

#[tokio::test]
async fn a_permission_goes_with_its_data_source_and_is_never_given_on_a_missing_one() {
    let host = Host::start().await;
    let source = host.call("POST", "/data-sources", json!({"name": "People"})).await.ok();
    let given = json!([{"kind": "data_source", "id": source["id"]}]);
    let (client, _) = host.client(json!([]), given.clone()).await;
    let held = format!("/principals/{client}/permissions");
    assert_eq!(host.get(&held).await.ok()["entities"], given);
    host.change("DELETE", &format!("/data-sources/{}", text(&source, "id")), Value::Null).await;
    assert_eq!(host.get(&held).await.ok()["entities"], json!([]));
    let again = json!({"global": [], "entities": given});
    let refused = host.change("PUT", &held, again).await;
    assert_eq!(refused.problem(), (422, "invalid_input".to_owned()));
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_data_source");
}
