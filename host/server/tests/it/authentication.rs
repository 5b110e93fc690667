//! Who calls (security.md rows 1, 6 and 22).

use axum::body::Body;
use grantry_server::{Limits, Rate};
use http::Request;
use serde_json::{Value, json};

use crate::host::{Host, text, wide};

fn me(values: &[&str]) -> Request<Body> {
    let request = Request::builder().uri("/api/v1/me");
    let request =
        values.iter().fold(request, |request, value| request.header("Authorization", *value));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn without_exactly_one_good_token_nobody_is_anybody() {
    let host = Host::start().await;
    let good = format!("Bearer {}", host.admin);
    let edited = format!("{}0", &good[..good.len() - 1]);
    let edited = if edited == good { format!("{}1", &good[..good.len() - 1]) } else { edited };
    let refused: [&[&str]; 7] = [
        &[],
        &["Bearer garbage"],
        &["Basic dXNlcjpwYXNz"],
        &["Bearer "],
        &[&edited],
        &[&good, &good],
        &[&good, "Bearer other"],
    ];
    for values in refused {
        let reply = host.send(me(values)).await;
        assert_eq!(reply.problem(), (401, "invalid_token".to_owned()), "{values:?}");
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(host.send(me(&[&good])).await.ok()["role"], "admin");
}

#[tokio::test]
async fn a_failed_authentication_is_audited() {
    let host = Host::start().await;
    host.send(me(&["Bearer grantry_unknown_secret"])).await;
    let audit = host.get("/audit?event=auth.failed").await.ok();
    assert_eq!(audit["items"][0]["reason"], "invalid_token");
    assert_eq!(audit["items"][0]["is_allowed"], false);
}

#[tokio::test]
async fn the_token_of_a_deleted_client_is_refused_from_the_next_request_on() {
    let host = Host::start().await;
    let (id, token) = host.client(json!([]), json!([])).await;
    assert_eq!(host.get_as(&token, "/me").await.ok()["principal_id"], Value::String(id.clone()));
    let deleted = host.call("DELETE", &format!("/clients/{id}"), Value::Null).await;
    assert_eq!(deleted.status, 204);
    let refused = host.get_as(&token, "/me").await;
    assert_eq!(refused.problem(), (401, "client_disabled".to_owned()));
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused() {
    let host = Host::start().await;
    let (id, token) = host.client(json!([]), json!([])).await;
    let path = format!("/clients/{id}/tokens");
    let tokens = host.get(&path).await.ok();
    let first = text(&tokens["items"][0], "id");
    host.call("DELETE", &format!("{path}/{first}"), Value::Null).await;
    assert_eq!(host.get_as(&token, "/me").await.code(), "invalid_token");

    let expires_ms = 1_800_000_000_000_i64 + 60_000;
    let made = host.call("POST", &path, json!({"expires_ms": expires_ms})).await.ok();
    let token = text(&made, "token");
    host.get_as(&token, "/me").await.ok();
    host.pass_ms(60_000);
    assert_eq!(host.get_as(&token, "/me").await.problem(), (401, "token_expired".to_owned()));
}

#[tokio::test]
async fn the_eleventh_request_of_a_burst_waits() {
    let requests = Rate { burst: 10, per_second: 1 };
    let host = Host::start_with(Limits { requests, ..wide() }).await;
    for _ in 0..10 {
        host.get("/me").await.ok();
    }
    let reply = host.get("/me").await;
    assert_eq!(reply.problem(), (429, "rate_limited".to_owned()));
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn guessing_tokens_is_slowed_down_by_address() {
    let failures = Rate { burst: 3, per_second: 1 };
    let host = Host::start_with(Limits { failures, ..wide() }).await;
    for _ in 0..3 {
        assert_eq!(host.send(me(&["Bearer guess"])).await.code(), "invalid_token");
    }
    assert_eq!(host.send(me(&["Bearer guess"])).await.code(), "rate_limited");
    host.get("/me").await.ok();
}
