//! Pages and filters (security.md row 16).

use serde_json::json;

use crate::host::{Host, text};

#[tokio::test]
async fn limits_out_of_range_are_refused() {
    let host = Host::start().await;
    for limit in ["0", "-1", "1000000000", "x", "201"] {
        let reply = host.get(&format!("/clients?limit={limit}")).await;
        assert_eq!(reply.problem(), (422, "invalid_limit".to_owned()), "{limit}");
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused() {
    let host = Host::start().await;
    assert_eq!(host.get("/clients?page=2").await.problem(), (422, "unknown_field".to_owned()));
    assert_eq!(host.get("/jobs?status=lost").await.problem(), (422, "invalid_input".to_owned()));
    let nul = host.get("/apps?search=%00").await;
    assert_eq!(nul.problem(), (422, "invalid_string".to_owned()));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let host = Host::start().await;
    for i in 0..7 {
        host.call("POST", "/clients", json!({"name": format!("Client {i}")})).await.ok();
        host.pass_ms(1);
    }
    let (mut names, mut path) = (Vec::new(), "/clients?limit=3".to_owned());
    loop {
        let page = host.get(&path).await.ok();
        let items = page["items"].as_array().unwrap();
        names.extend(items.iter().map(|client| text(client, "name")));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/clients?limit=3&cursor={next}");
    }
    assert_eq!(names, (0..7).map(|i| format!("Client {i}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn foreign_and_edited_cursors_are_refused() {
    let host = Host::start().await;
    for _ in 0..2 {
        host.call("POST", "/clients", json!({"name": "Client"})).await.ok();
    }
    let cursor = text(&host.get("/clients?limit=1").await.ok(), "next");
    host.get(&format!("/clients?cursor={cursor}")).await.ok();
    let mut edited = cursor.clone();
    let last = if edited.pop() == Some('A') { 'B' } else { 'A' };
    edited.push(last);
    for path in [
        format!("/plugins?cursor={cursor}"),
        format!("/clients?cursor={edited}"),
        "/clients?cursor=garbage!".to_owned(),
        "/clients?cursor=".to_owned(),
    ] {
        assert_eq!(host.get(&path).await.problem(), (400, "invalid_cursor".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn the_catalogue_is_searched_and_filtered() {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let path = format!("/integrations/{}", text(&integration, "id"));
    let names = async |query: &str| {
        let list = host.get(&format!("{path}/{query}")).await.ok();
        let items = list["items"].as_array().unwrap().clone();
        let mut names: Vec<_> = items.iter().map(|item| text(item, "display")).collect();
        names.sort();
        names
    };
    assert_eq!(names("accounts").await, ["ADA", "BOB"]);
    assert_eq!(names("accounts?search=a*a").await, ["ADA"]);
    assert_eq!(names("accounts?search=ADA").await, ["ADA"]);
    assert_eq!(names("accounts?status=disabled").await, [""; 0]);
    assert_eq!(names("resources?kind=Group").await, ["STAFF"]);
    assert_eq!(names("entitlements").await, ["Member of staff"]);
    let held = host.get(&format!("{path}/assignments")).await.ok();
    assert_eq!(held["items"][0]["holder_display"], "ADA");
}
