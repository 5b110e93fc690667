//! Health, panics, headers (security.md rows 70 and 74).

use axum::body::Body;
use http::Request;

use crate::host::{Host, Reply};

async fn get(host: &Host, path: &str) -> Reply {
    host.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn health_readiness_metrics_and_explanations_are_for_everybody() {
    let host = Host::start().await;
    assert_eq!(get(&host, "/healthz").await.text, "ok\n");
    assert_eq!(get(&host, "/readyz").await.text, "ready\n");
    assert_eq!(get(&host, "/metrics").await.status, 200);
    let explained = get(&host, "/problems/not_found").await;
    assert!(explained.text.starts_with("not_found (404): "), "{}", explained.text);
    assert_eq!(get(&host, "/problems/nonsense").await.code(), "not_found");
}

#[tokio::test]
async fn every_problem_has_an_explanation() {
    let host = Host::start().await;
    for kind in grantry_server::problem::KINDS {
        let explained = get(&host, &format!("/problems/{}", kind.code)).await;
        let head = format!("{} ({}): {}\n\n", kind.code, kind.status, kind.title);
        assert!(explained.text.starts_with(&head), "{}", explained.text);
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_of_its_request_only() {
    let host = Host::start().await;
    let reply = host.upload(b"\0asm panic").await;
    assert_eq!(reply.problem(), (500, "internal".to_owned()));
    assert!(!reply.text.contains("fault"), "{}", reply.text);
    host.get("/me").await.ok();
}

#[tokio::test]
async fn every_answer_is_neither_framed_nor_sniffed_nor_cached() {
    let host = Host::start().await;
    for path in ["/healthz", "/api/v1/me", "/nothing", "/api/docs/"] {
        let reply = get(&host, path).await;
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn the_description_is_browsable_under_a_strict_policy() {
    let host = Host::start().await;
    let page = get(&host, "/api/docs/").await;
    let policy = page.header("content-security-policy");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("<script>"), "an inline script would not run");
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert_eq!(get(&host, &format!("/api/docs/{file}")).await.status, 200, "{file}");
    }
    let initializer = get(&host, "/api/docs/swagger-initializer.js").await.text;
    assert!(initializer.contains("/api/v1/openapi.json"), "{initializer}");
}
