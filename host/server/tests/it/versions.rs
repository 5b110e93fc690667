//! The picker, single secrets, and plugin versions of integrations (INT-2, INT-15).

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

async fn put(host: &Host, method: &str, path: &str, id: &str, body: Value) -> Reply {
    let tag = host.get(&format!("/integrations/{id}")).await.header("etag").to_owned();
    let path = format!("/integrations/{id}/{path}");
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = host.request(method, &path, &body).header("If-Match", tag);
    host.send(request.body(Body::from(text)).unwrap()).await
}

#[tokio::test]
async fn the_picker_shows_how_to_connect_and_which_fields_are_secret() {
    let host = Host::start().await;
    host.connect("Directory").await;
    host.upload(b"\0asm other").await.ok();
    let picker = host.get("/application-types").await.ok();
    let items = picker["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    let shown = &items[0];
    assert_eq!((&shown["name"], &shown["secret_fields"]), (&json!("Fake"), &json!(["/token"])));
    assert_eq!(shown["example_connection"]["url"], "https://a.example");
    assert_eq!(shown["connection_schema"]["required"], json!(["url", "token"]));
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);
    assert_eq!(shown["plugin_id"], shown["versions"][0]["plugin_id"]);
}

#[tokio::test]
async fn one_secret_is_replaced_without_the_rest_and_never_comes_back() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let body = json!({"field": "/token", "secret": "n3w-canary"});
    let rotated = put(&host, "PUT", "secret", &id, body).await;
    assert_eq!(rotated.ok()["version"], 2);
    assert!(!rotated.text.contains("n3w-canary"));
    let unknown = put(&host, "PUT", "secret", &id, json!({"field": "/url", "secret": "x"})).await;
    assert_eq!(unknown.json()["errors"][0]["code"], "unknown_secret");
    let audit = host.get("/audit?event=integration.secret_rotated").await;
    assert_eq!(audit.ok()["items"][0]["detail"], json!({"field": "/token"}));
    assert!(!audit.text.contains("n3w-canary"));
}

#[tokio::test]
async fn one_integration_tries_a_version_the_others_follow_and_one_goes_back() {
    let host = Host::start().await;
    let first = host.connect("First").await;
    let second = text(&host.connect("Second").await, "id");
    let old = text(&first, "plugin_id");
    let id = text(&first, "id");
    let new = text(&host.upload(b"\0asm newer").await.ok(), "id");
    let moved = put(&host, "PUT", "version", &id, json!({"plugin_id": new})).await.ok();
    assert_eq!((&moved["plugin_id"], &moved["previous_plugin_id"]), (&json!(new), &json!(old)));
    assert_eq!(moved["secret_fields"], json!(["/token"]), "its secrets moved along");
    let other = host.get(&format!("/integrations/{second}")).await.ok();
    assert_eq!(other["plugin_id"], json!(old));
    let rest = host.call("POST", &format!("/plugins/{new}/roll-out"), Value::Null).await.ok();
    assert_eq!(rest, json!({"moved": [second], "kept": []}));
    let back = put(&host, "POST", "roll-back", &second, Value::Null).await.ok();
    assert_eq!(back["plugin_id"], json!(old));
}

#[tokio::test]
async fn a_version_that_asks_for_more_waits_for_its_approval() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let (id, old) = (text(&integration, "id"), text(&integration, "plugin_id"));
    let wider = text(&host.upload(b"\0asm wider").await.ok(), "id");
    let refused = put(&host, "PUT", "version", &id, json!({"plugin_id": wider})).await;
    assert_eq!(refused.problem(), (409, "plugin_asks_for_more".to_owned()));
    assert!(refused.text.contains("app_membership_write"), "{}", refused.text);
    let kept = host.call("POST", &format!("/plugins/{wider}/roll-out"), Value::Null).await.ok();
    assert_eq!(kept["kept"][0]["reason"]["code"], "plugin_asks_for_more");
    assert_eq!(host.get(&format!("/integrations/{id}")).await.ok()["plugin_id"], json!(old));
    let approval = json!({
        "hosts": [{"rule": "from_connection", "value": "/url"}],
        "platform_actions": ["app_membership_write"],
    });
    let body = json!({"plugin_id": wider, "approval": approval});
    let moved = put(&host, "PUT", "version", &id, body).await.ok();
    assert_eq!(moved["approval"]["platform_actions"], json!(["app_membership_write"]));
    // What was approved for the version before comes back with it.
    let back = put(&host, "POST", "roll-back", &id, Value::Null).await.ok();
    assert_eq!(back["approval"]["platform_actions"], json!([]));
}

#[tokio::test]
async fn nothing_but_another_version_of_the_same_plugin_is_taken() {
    let host = Host::start().await;
    let id = text(&host.connect("Directory").await, "id");
    let foreign = text(&host.upload(b"\0asm foreign").await.ok(), "id");
    let refused = put(&host, "PUT", "version", &id, json!({"plugin_id": foreign})).await;
    assert_eq!(refused.json()["errors"][0]["code"], "other_plugin");
    let nothing = put(&host, "POST", "roll-back", &id, Value::Null).await;
    assert_eq!(nothing.problem(), (409, "no_previous_version".to_owned()));
}

/// A version whose schema tells a secret would store it in the clear, show it, and hand it to the
/// plugin.
#[tokio::test]
async fn a_stored_secret_stays_secret_in_every_version() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let (id, old) = (text(&integration, "id"), text(&integration, "plugin_id"));
    let telling = text(&host.upload(b"\0asm telling").await.ok(), "id");
    let refused = put(&host, "PUT", "version", &id, json!({"plugin_id": telling})).await;
    assert_eq!(refused.problem(), (409, "secret_not_kept".to_owned()));
    let kept = host.call("POST", &format!("/plugins/{telling}/roll-out"), Value::Null).await.ok();
    assert_eq!(kept["kept"][0]["reason"]["code"], "secret_not_kept");
    let stays = host.get(&format!("/integrations/{id}")).await.ok();
    assert_eq!((&stays["plugin_id"], &stays["secret_fields"]), (&json!(old), &json!(["/token"])));
}
