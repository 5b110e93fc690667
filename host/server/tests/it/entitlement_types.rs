//! Entitlement types over the API: edits, the re-key in two steps, what deletion freezes (CAT-1 to
//! CAT-3).

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

async fn versioned(host: &Host, method: &str, path: &str, body: Value) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    let request = host.request(method, path, &body).header(header::IF_MATCH, tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn aggregate(host: &Host, base: &str) {
    let run = host.call("POST", &format!("{base}/aggregations"), Value::Null).await.ok();
    let path = format!("/aggregations/{}", text(&run, "id"));
    host.work_until(&path, &["succeeded"]).await;
}

/// The host, the integration's path, its app, and the path of the type that its one entitlement is of.
async fn world() -> (Host, String, String, String) {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let base = format!("/integrations/{}", text(&integration, "id"));
    let types = host.get(&format!("{base}/entitlement-types")).await.ok();
    let of = types["items"].as_array().unwrap().iter().find(|of| of["name"] == "member").unwrap();
    let path = format!("{base}/entitlement-types/{}", text(of, "id"));
    (host, base, text(&integration, "app_id"), path)
}

#[tokio::test]
async fn types_come_from_the_connector_and_from_syncs_and_an_admin_edits_them() {
    let (host, base, _, path) = world().await;
    let first = host.get(&format!("{base}/entitlement-types?limit=1")).await.ok();
    let next = format!("{base}/entitlement-types?cursor={}", text(&first, "next"));
    let second = host.get(&next).await.ok();
    let of = |page: &Value| (text(&page["items"][0], "name"), text(&page["items"][0], "origin"));
    let mut types = [of(&first), of(&second)];
    types.sort();
    let expected = [("Group", "connector"), ("member", "sync")];
    assert_eq!(types, expected.map(|(name, origin)| (name.to_owned(), origin.to_owned())));

    let body = json!({"display": "Membership", "attributes": [
        {"name": "code"}, {"name": "size", "type": "long"}, {"name": "parent", "type": "Group"},
    ]});
    let changed = versioned(&host, "PATCH", &path, body).await.ok();
    assert_eq!(changed["display"], "Membership");
    let shown: Vec<_> = changed["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (text(of, "name"), text(of, "type"), of["is_reference"].clone()))
        .collect();
    assert_eq!(shown[0], ("code".to_owned(), "string".to_owned(), json!(false)));
    assert_eq!(shown[2], ("parent".to_owned(), "Group".to_owned(), json!(true)));
    for (body, place) in [
        (json!({"attributes": [{"name": "a", "type": "Grup"}]}), "/attributes/0/type"),
        (json!({"attributes": [{"name": "a"}, {"name": "a"}]}), "/attributes/1/name"),
        (json!({"name_attribute": "nothing"}), "/name_attribute"),
        (json!({"display": ""}), "/display"),
        (json!({"name": "other"}), "/name"),
    ] {
        let refused = versioned(&host, "PATCH", &path, body).await;
        assert_eq!(refused.status, 422);
        assert_eq!(refused.json()["errors"][0]["path"], place);
    }
    let entry = host.get("/audit?event=entitlement_type.updated&limit=1").await.ok();
    let detail = &entry["items"][0]["detail"];
    assert_eq!(
        (&detail["before"]["own"]["display"], &detail["after"]["own"]["display"]),
        (&Value::Null, &json!("Membership"))
    );
    aggregate(&host, &base).await;
}

#[tokio::test]
async fn another_id_is_previewed_and_applied_by_the_previews_hash_alone() {
    let (host, base, _, path) = world().await;
    let body = json!({"attributes": [{"name": "code"}]});
    versioned(&host, "PATCH", &path, body).await.ok();
    let to = json!({"id_attribute": "code"});
    let preview = host.call("POST", &format!("{path}/re-key-preview"), to).await.ok();
    assert_eq!((&preview["entitlements"], &preview["without"]), (&json!(1), &json!(1)));
    assert!(text(&preview, "risk").contains("duplicates"));
    let other = json!({"id_attribute": "code", "hash": "other"});
    let refused = host.call("POST", &format!("{path}/re-key"), other).await;
    assert_eq!(refused.problem(), (409, "diff_changed".to_owned()));
    let body = json!({"id_attribute": "code", "hash": preview["hash"]});
    let done = host.call("POST", &format!("{path}/re-key"), body).await.ok();
    assert_eq!(done["id_attribute"], "code");
    // Nothing has such an attribute: the target's own id stays.
    let found = host.get(&format!("{base}/entitlements?known_as=staff/member")).await.ok();
    assert_eq!(found["items"][0]["known_as"], "staff/member");
}

#[tokio::test]
async fn a_deleted_type_is_shown_as_frozen_and_made_again_by_its_name() {
    let (host, base, app, path) = world().await;
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let account = host.first(&format!("{base}/accounts")).await;
    assert_eq!(versioned(&host, "DELETE", &path, Value::Null).await.status, 204);
    let frozen = host.get(&path).await.ok();
    assert_eq!((&frozen["is_frozen"], &frozen["entitlements"]), (&json!(true), &json!(1)));
    let shown = host.get(&format!("{base}/entitlements/{role}")).await.ok();
    assert_eq!(shown["is_frozen"], true);
    let rules = host.get(&format!("{base}/entitlements/{role}/request-rules")).await.ok();
    assert_eq!(rules["is_requestable"], false);
    let body = json!({"role_id": role, "account_id": account});
    let refused = host.call("POST", &format!("/apps/{app}/memberships"), body.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["errors"][0]["code"]),
        (422, &json!("role_frozen"))
    );
    let refused = versioned(&host, "PATCH", &path, json!({"display": "x"})).await;
    assert_eq!(refused.problem(), (409, "type_deleted".to_owned()));
    aggregate(&host, &base).await;
    assert_eq!(host.get(&path).await.ok()["is_frozen"], true);

    let create = format!("{base}/entitlement-types");
    let again = json!({"name": "member", "is_cloud_enabled": false});
    let made = host.call("POST", &create, again.clone()).await.ok();
    assert_eq!((&made["is_frozen"], &made["is_cloud_enabled"]), (&json!(false), &json!(false)));
    assert_eq!(host.call("POST", &create, again).await.problem().0, 409);
    // Governed, and not offered.
    let rules = host.get(&format!("{base}/entitlements/{role}/request-rules")).await.ok();
    assert_eq!(rules["is_requestable"], false);
    host.call("POST", &format!("/apps/{app}/memberships"), body).await.ok();
}

#[tokio::test]
async fn a_part_is_read_where_the_body_says_so_and_everything_where_it_says_nothing() {
    let (host, base, _, _) = world().await;
    let path = format!("{base}/aggregations");
    for (body, reads) in [
        (
            json!({"kind": "entitlements"}),
            json!({"kind": "entitlements", "types": [], "mode": "auto"}),
        ),
        (
            json!({"kind": "accounts", "types": ["member", "Group", "member"]}),
            json!({"kind": "accounts", "types": ["Group", "member"], "mode": "auto"}),
        ),
        (json!({"mode": "full"}), json!({"kind": "all", "types": [], "mode": "full"})),
        (json!({"mode": "changes"}), json!({"kind": "all", "types": [], "mode": "changes"})),
        (json!({}), json!({"kind": "all", "types": [], "mode": "auto"})),
        (Value::Null, json!({"kind": "all", "types": [], "mode": "auto"})),
    ] {
        let run = host.call("POST", &path, body).await.ok();
        assert_eq!(run["reads"], reads);
        host.work_until(&format!("/aggregations/{}", text(&run, "id")), &["succeeded"]).await;
    }
    for body in [
        json!({"types": ["Vault"]}),
        json!({"kind": "some"}),
        json!({"mode": "some"}),
        json!({"what": "all"}),
    ] {
        assert_eq!(host.call("POST", &path, body).await.status, 422);
    }
    let schedule = json!({"name": "Nightly", "recurrence": {"kind": "daily"}, "at": "17:00",
        "time_zone": "UTC", "reads": {"kind": "accounts"}});
    let path = format!("{base}/schedules");
    let made = host.call("POST", &path, schedule).await.ok();
    assert_eq!(made["reads"], json!({"kind": "accounts", "types": [], "mode": "auto"}));
    let path = format!("{path}/{}", text(&made, "id"));
    let body = json!({"reads": {"types": ["member"]}});
    let changed = versioned(&host, "PATCH", &path, body).await.ok();
    assert_eq!(changed["reads"], json!({"kind": "all", "types": ["member"], "mode": "auto"}));
}

#[tokio::test]
async fn who_holds_an_entitlement_is_told_with_the_way() {
    let (host, base, app, _) = world().await;
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let held = host.get(&format!("{base}/entitlements/{role}/holders")).await.ok();
    assert_eq!(held["is_complete"], true);
    assert_eq!(held["items"][0]["holder_display"], "ADA");
    assert_eq!(
        (&held["items"][0]["is_direct"], &held["items"][0]["via"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(host.get(&format!("{base}/entitlements/missing/holders")).await.status, 404);
}
