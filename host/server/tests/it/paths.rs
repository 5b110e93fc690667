//! Paths and methods (security.md row 21).

use axum::body::Body;
use http::Request;
use serde_json::Value;

use crate::host::Host;

async fn problem(host: &Host, method: &str, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("Authorization", format!("Bearer {}", host.admin));
    host.send(request.body(Body::empty()).unwrap()).await.problem()
}

#[tokio::test]
async fn odd_paths_are_refused() {
    let host = Host::start().await;
    let paths = [
        "//",
        "/api//v1/me",
        "/api/v1/apps/%2e%2e/clients",
        "/api/v1/../v1/me",
        "/api/v1/apps/a%2Fb",
        "/api/v1/apps/a%5Cb",
        "/api/v1/apps/%00",
        "/api/v1/apps/%ff",
    ];
    for path in paths {
        assert_eq!(problem(&host, "GET", path).await, (400, "invalid_path".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_ids_are_not_found_in_the_same_words() {
    let host = Host::start().await;
    let mut bodies = Vec::new();
    for path in ["/nothing", "/apps/unknown", "/plugins/not%20an%20id", "/clients/unknown"] {
        let reply = host.get(path).await;
        assert_eq!(reply.problem(), (404, "not_found".to_owned()), "{path}");
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn other_methods_are_refused_with_the_list_of_those_that_are_there() {
    let host = Host::start().await;
    for method in ["TRACE", "PURGE", "DELETE"] {
        let expected = (405, "method_not_allowed".to_owned());
        assert_eq!(problem(&host, method, "/api/v1/me").await, expected, "{method}");
    }
    let reply = host.call("PUT", "/plugins", Value::Null).await;
    let mut allowed: Vec<&str> = reply.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}
