//! Requests that happen once, and changes that lose nothing (security.md rows 17 to 20).

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::host::{Host, Reply, fresh_key, text};

async fn create(host: &Host, key: Option<&str>, body: &Value) -> Reply {
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/clients")
        .header("Authorization", format!("Bearer {}", host.admin))
        .header("Content-Type", "application/json");
    let request = key.into_iter().fold(request, |r, key| r.header("Idempotency-Key", key));
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_creating_request_wants_a_key() {
    let host = Host::start().await;
    let body = json!({"name": "a"});
    let missing = create(&host, None, &body).await;
    assert_eq!(missing.problem(), (400, "idempotency_key_required".to_owned()));
    for key in ["", "with space", &"k".repeat(256)] {
        let reply = create(&host, Some(key), &body).await;
        assert_eq!(reply.problem(), (400, "idempotency_key_invalid".to_owned()), "{key}");
    }
    create(&host, Some(&"k".repeat(255)), &body).await.ok();
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_works_once() {
    let host = Host::start().await;
    let body = json!({"name": "a"});
    let first = create(&host, Some("once"), &body).await;
    let second = create(&host, Some("once"), &body).await;
    assert_eq!((first.status.as_u16(), &first.text), (201, &second.text));
    assert_eq!(second.status.as_u16(), 201);
    assert_eq!(host.get("/clients").await.ok()["items"].as_array().unwrap().len(), 1);
    let other = create(&host, Some("once"), &json!({"name": "b"})).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused".to_owned()));
}

#[tokio::test]
async fn a_refused_request_frees_its_key() {
    let host = Host::start().await;
    let refused = create(&host, Some("once"), &json!({"name": " "})).await;
    assert_eq!(refused.code(), "invalid_string");
    create(&host, Some("once"), &json!({"name": "a"})).await.ok();
}

#[tokio::test]
async fn the_same_key_while_the_first_request_runs_is_refused() {
    let host = Host::start().await;
    let upload = || {
        let request = Request::builder()
            .method("POST")
            .uri("/api/v1/plugins?allow_unsigned=true")
            .header("Authorization", format!("Bearer {}", host.admin))
            .header("Idempotency-Key", "once")
            .header("Content-Type", "application/wasm");
        host.send(request.body(Body::from(&b"\0asm slow"[..])).unwrap())
    };
    let (first, second) = tokio::join!(upload(), upload());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{first:?} {second:?}");
}

#[tokio::test]
async fn the_text_of_a_token_is_told_once() {
    let host = Host::start().await;
    let (id, _) = host.client(json!([]), json!([])).await;
    let path = format!("/clients/{id}/tokens");
    let request = || {
        let request = Request::builder()
            .method("POST")
            .uri(format!("/api/v1{path}"))
            .header("Authorization", format!("Bearer {}", host.admin))
            .header("Idempotency-Key", "token")
            .header("Content-Type", "application/json");
        request.body(Body::from("{}")).unwrap()
    };
    let first = host.send(request()).await.ok();
    let second = host.send(request()).await.ok();
    assert_eq!(first["id"], second["id"]);
    let token = text(&first, "token");
    assert_eq!(second.get("token"), None);
    let listed = host.get(&path).await;
    assert_eq!(listed.ok()["items"].as_array().unwrap().len(), 2);
    assert!(!listed.text.contains(&token));
}

async fn rename(host: &Host, path: &str, tag: Option<&str>) -> Reply {
    let body = json!({"name": "Renamed"});
    let request = host.request("PATCH", path, &body);
    let request = tag.into_iter().fold(request, |request, tag| request.header("If-Match", tag));
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_about() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let path = format!("/integrations/{}", text(&integration, "id"));
    for missing in [None, Some("1"), Some("*")] {
        let missing = rename(&host, &path, missing).await;
        assert_eq!(missing.problem(), (428, "precondition_required".to_owned()));
    }
    for tag in ["\"7\"", "W/\"1\"", "\"1\", \"2\"", "\"x\""] {
        let stale = rename(&host, &path, Some(tag)).await;
        assert_eq!(stale.problem(), (412, "version_conflict".to_owned()), "{tag}");
    }
    let tag = host.get(&path).await.header("etag").to_owned();
    let renamed = rename(&host, &path, Some(&tag)).await;
    assert_eq!(renamed.ok()["name"], "Renamed");
    assert_ne!(renamed.header("etag"), tag);
    assert_eq!(rename(&host, &path, Some(&tag)).await.code(), "version_conflict");
}

#[tokio::test]
async fn what_is_created_tells_where_it_is_also_when_the_request_is_repeated() {
    let host = Host::start().await;
    let key = fresh_key();
    let mut places = Vec::new();
    for _ in 0..2 {
        let body = json!({"name": "Desk"});
        let mut request = host.request("POST", "/clients", &body);
        request.headers_mut().unwrap().insert("Idempotency-Key", key.parse().unwrap());
        let made = host.send(request.body(Body::from(body.to_string())).unwrap()).await;
        assert_eq!(made.status, 201);
        let place = made.header("location").to_owned();
        assert_eq!(place, format!("/api/v1/clients/{}", text(&made.json(), "id")));
        assert_eq!(host.get(place.strip_prefix("/api/v1").unwrap()).await.status, 200);
        places.push(place);
    }
    assert_eq!(places[0], places[1]);
}
