//! Access profiles: what they hold, also what is gone, and what makes them privileged (CAT-9).

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

async fn change(host: &Host, method: &str, path: &str, tag: &str, body: Value) -> Reply {
    let request = host.request(method, path, &body).header(header::IF_MATCH, tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// A host, an integration's entitlement and a list's roles, all in a profile; and its path.
async fn world() -> (Host, Value, String, String, String) {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let of = format!("/integrations/{}/entitlements", text(&integration, "id"));
    let entitlement = host.first(&of).await;
    let list = text(&host.call("POST", "/apps", json!({"name": "List"})).await.ok(), "id");
    host.applied(&format!("/apps/{list}"), "external_id,roles\n1,Reader\n").await;
    let role = host.first(&format!("/apps/{list}/roles")).await;
    let body = json!({"name": "Support", "entitlement_ids": [entitlement, role, role]});
    let created = host.call("POST", "/access-profiles", body).await;
    assert_eq!(created.status, 201);
    let path = format!("/access-profiles/{}", text(&created.json(), "id"));
    assert_eq!(created.json()["entitlements"], 2);
    (host, integration, entitlement, list, path)
}

#[tokio::test]
async fn a_profile_is_privileged_as_long_as_one_of_its_entitlements_is() {
    let (host, integration, entitlement, _, path) = world().await;
    assert_eq!(host.get(&path).await.ok()["is_privileged"], false);
    let all = format!("/integrations/{}/entitlements/privileged", text(&integration, "id"));
    for is_privileged in [true, false] {
        let body = json!({"is_privileged": is_privileged, "ids": [entitlement]});
        host.call("POST", &all, body).await.ok();
        assert_eq!(host.get(&path).await.ok()["is_privileged"], is_privileged);
    }
}

#[tokio::test]
async fn an_entitlement_says_in_which_profiles_it_is_to_those_who_may_see_them() {
    let (host, _, entitlement, list, path) = world().await;
    let found = host.get(&format!("/access-profiles?entitlement_id={entitlement}")).await.ok();
    assert_eq!(found["items"][0]["name"], "Support");
    let nothing = host.get("/access-profiles?entitlement_id=x").await.ok();
    assert_eq!(nothing["items"], json!([]));
    let search = format!("/entitlements?app_id={list}");
    let id = path.rsplit('/').next().unwrap();
    let shown = host.get(&search).await.ok()["items"][0]["access_profiles"].clone();
    assert_eq!(shown, json!([{"id": id, "name": "Support"}]));
    let reader = host.client(json!(["app_and_role_read"]), json!([])).await.1;
    let shown = host.get_as(&reader, &search).await.ok()["items"][0].clone();
    assert_eq!((&shown["app_name"], &shown["access_profiles"]), (&json!("List"), &json!([])));
}

#[tokio::test]
async fn what_is_gone_stays_in_its_profile_and_is_shown_as_removed() {
    let (host, _, entitlement, list, path) = world().await;
    let held = async || {
        let page = host.get(&format!("{path}/entitlements")).await.ok();
        let mut held: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|held| {
                (text(held, "display"), held["app_name"].clone(), held["is_removed"].clone())
            })
            .collect();
        held.sort_by(|one, two| one.0.cmp(&two.0));
        held
    };
    let (staff, reader) = ("Member of staff".to_owned(), "Reader".to_owned());
    let first = (staff.clone(), json!("Directory"), json!(false));
    assert_eq!(held().await, [first.clone(), (reader.clone(), json!("List"), json!(false))]);
    let app = format!("/apps/{list}");
    let tag = host.get(&app).await.header("etag").to_owned();
    change(&host, "DELETE", &app, &tag, Value::Null).await;
    assert_eq!(held().await, [first, (reader, Value::Null, json!(true))]);
    // It may stay where everything is named anew.
    let ids: Vec<String> = host.get(&format!("{path}/entitlements")).await.ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| text(held, "id"))
        .collect();
    let same = change(&host, "PATCH", &path, "\"1\"", json!({"entitlement_ids": ids})).await.ok();
    assert_eq!((&same["entitlements"], &same["version"]), (&json!(2), &json!(2)));
    let gone: Vec<_> = ids.iter().filter(|id| **id != entitlement).collect();
    let one = json!({"entitlement_ids": [entitlement]});
    assert_eq!(change(&host, "PATCH", &path, "\"2\"", one).await.ok()["entitlements"], 1);
    let refused = change(&host, "PATCH", &path, "\"3\"", json!({"entitlement_ids": gone})).await;
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_entitlement");
    assert_eq!(host.get(&path).await.ok()["entitlements"], 1);
}

#[tokio::test]
async fn a_profile_is_changed_by_version_and_everything_is_audited() {
    let (host, _, _, _, path) = world().await;
    let rename = json!({"name": "Support, first line"});
    assert_eq!(change(&host, "PATCH", &path, "\"1\"", rename.clone()).await.ok()["version"], 2);
    assert_eq!(change(&host, "PATCH", &path, "\"1\"", rename).await.status, 412);
    for wrong in [json!({"name": " "}), json!({"entitlement_ids": ["x"]})] {
        assert_eq!(change(&host, "PATCH", &path, "\"2\"", wrong).await.status, 422);
    }
    let many = vec!["x"; 501];
    let body = json!({"name": "Many", "entitlement_ids": many});
    assert_eq!(host.call("POST", "/access-profiles", body).await.status, 422);
    assert_eq!(change(&host, "DELETE", &path, "\"2\"", Value::Null).await.status, 204);
    assert_eq!(host.get(&path).await.status, 404);
    for event in ["created", "updated", "deleted"] {
        let entries = host.get(&format!("/audit?event=access_profile.{event}")).await.ok();
        assert_eq!(entries["items"].as_array().unwrap().len(), 1, "{event}");
    }
}
