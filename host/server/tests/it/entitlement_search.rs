//! All entitlements over all apps: what is shown to whom, filters, and pages (CAT-8, PRM-2).

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, text};

/// Names of the apps of what is found.
async fn apps(host: &Host, token: &str, query: &str) -> Vec<String> {
    let found = host.get_as(token, &format!("/entitlements?{query}")).await.ok();
    let items = found["items"].as_array().unwrap();
    items.iter().map(|item| text(item, "app_name")).collect()
}

/// A host with two directories and a list of members, whose ids come along.
async fn world() -> (Host, Value, Value, String) {
    let host = Host::start().await;
    let one = host.aggregated("One").await;
    let two = host.aggregated("Two").await;
    let list = text(&host.call("POST", "/apps", json!({"name": "List"})).await.ok(), "id");
    let file = "external_id,roles\n1,Größe;Leser\n2,Leser\n";
    host.applied(&format!("/apps/{list}"), file).await;
    (host, one, two, list)
}

#[tokio::test]
async fn everybody_finds_what_is_in_the_apps_that_they_may_read() {
    let (host, one, _, list) = world().await;
    let admin = host.admin.clone();
    assert_eq!(apps(&host, &admin, "sort=app").await, ["List", "List", "One", "Two"]);
    let reads = host.client(json!(["app_and_role_read"]), json!([])).await.1;
    assert_eq!(apps(&host, &reads, "sort=app").await, ["List", "List", "One", "Two"]);
    let entity = |id: &str| json!({"kind": "app", "id": id});
    let some = json!([entity(&text(&one, "app_id")), entity(&list)]);
    let some = host.client(json!([]), some).await.1;
    assert_eq!(apps(&host, &some, "search=member").await, ["One"]);
    assert_eq!(apps(&host, &some, "sort=app&search=*e").await, ["List", "List", "One"]);
    for held in [json!([]), json!(["app_membership_write"])] {
        let token = host.client(held, json!([])).await.1;
        assert_eq!(apps(&host, &token, "").await, Vec::<String>::new());
        // Nor by a filter that names what they may not see.
        assert_eq!(apps(&host, &token, &format!("app_id={list}")).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn filters_add_up_and_what_is_not_there_finds_nothing() {
    let (host, one, two, list) = world().await;
    let admin = host.admin.clone();
    let found = async |query: String| apps(&host, &admin, &query).await;
    let (first, second) = (text(&one, "id"), text(&two, "id"));
    assert_eq!(found(format!("integration_id={first}")).await, ["One"]);
    assert_eq!(found(format!("integration_id={second}&search=mem*staff")).await, ["Two"]);
    assert_eq!(found(format!("integration_id={second}&app_id={list}")).await, [""; 0]);
    assert_eq!(found(format!("app_id={list}&search=GR%C3%96SSE")).await, [""; 0]);
    assert_eq!(found(format!("app_id={list}&search=GR%C3%96%C3%9FE")).await, ["List"]);
    let account = host.first(&format!("/apps/{list}/accounts?search=2")).await;
    assert_eq!(found(format!("account_id={account}")).await, ["List"]);
    assert_eq!(found(format!("account_id={account}&search=gr%C3%B6%C3%9Fe")).await, [""; 0]);
    for nothing in ["account_id=x", "identity_id=x", "integration_id=x", "app_id=x", "kind=x"] {
        assert_eq!(found(nothing.to_owned()).await, [""; 0], "{nothing}");
    }
    let (status, code) = host.get("/entitlements?sort=colour").await.problem();
    assert_eq!((status, code.as_str()), (422, "invalid_input"));
}

#[tokio::test]
async fn what_nobody_can_request_is_found_as_such() {
    let (host, one, _, _) = world().await;
    let base = format!("/integrations/{}", text(&one, "id"));
    let resource =
        text(&host.get(&format!("{base}/entitlements")).await.ok()["items"][0], "resource_id");
    let change = async |path: &str, body: Value| {
        let tag = host.get(path).await.header("etag").to_owned();
        let request = host.request("PATCH", path, &body).header(header::IF_MATCH, tag);
        host.send(request.body(Body::from(body.to_string())).unwrap()).await.ok()
    };
    let closed = async || apps(&host, &host.admin, "requestable=false&sort=app").await;
    let open = async || apps(&host, &host.admin, "requestable=true&sort=app").await;
    assert_eq!((closed().await.len(), open().await.len()), (0, 4));
    let rules = format!("{base}/resources/{resource}/request-rules");
    change(&rules, json!({"is_requestable": false})).await;
    assert_eq!(
        (closed().await, open().await),
        (vec!["One".into()], vec!["List".into(), "List".into(), "Two".into()])
    );
    change(&rules, json!({"is_requestable": null})).await;
    change(&base, json!({"settings": {"is_requestable_by_default": false}})).await;
    assert_eq!(closed().await, ["One"]);
    change(&rules, json!({"is_requestable": true})).await;
    assert_eq!(closed().await.len(), 0);
    change(&base, json!({"settings": {"is_requestable": false}})).await;
    assert_eq!(closed().await, ["One"]);
}

#[tokio::test]
async fn a_cursor_leads_through_all_of_one_order_and_fits_no_other() {
    let (host, ..) = world().await;
    for sort in ["name", "kind", "app", "changed"] {
        let whole = host.get(&format!("/entitlements?sort={sort}")).await.ok();
        let mut items = Vec::new();
        let mut path = format!("/entitlements?sort={sort}&limit=1");
        loop {
            let page = host.get(&path).await.ok();
            items.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/entitlements?sort={sort}&limit=1&cursor={next}");
            let other = if sort == "name" { "kind" } else { "name" };
            let foreign = host.get(&format!("/entitlements?sort={other}&cursor={next}")).await;
            assert_eq!(foreign.problem().1, "invalid_cursor");
        }
        assert_eq!(json!(items), whole["items"], "{sort}");
    }
}
