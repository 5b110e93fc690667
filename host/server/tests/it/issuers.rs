//! Issuers and the clients that come from them (PRM-5; security.md rows 5 and 6).

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const APPLICATION: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const OBJECT: &str = "bbbbbbbb-0000-4000-8000-000000000001";

fn entra() -> Value {
    json!({
        "name": "Example Ltd", "kind": "entra", "tenant_id": TENANT, "audience": "api://grantry",
        "client_id": "cccccccc-0000-4000-8000-000000000001", "client_secret": "s3cret-canary",
    })
}

async fn trusted(host: &Host) -> Value {
    host.call("POST", "/issuers", entra()).await.ok()
}

async fn register(host: &Host, issuer: &Value, application: &str, object: &str) -> Reply {
    let registration = json!({
        "issuer_id": issuer["id"], "application_id": application, "object_id": object,
    });
    let body = json!({"name": "Help desk", "registration": registration});
    host.call("POST", "/clients", body).await
}

fn token(issuer: &Value, application: &str, object: &str) -> String {
    format!("jwt|{}|{application}|{object}", text(issuer, "url"))
}

async fn change(host: &Host, path: &str, body: Value) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    let request = host.request("PATCH", path, &body).header("If-Match", tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_registered_client_authenticates_by_its_issuers_tokens() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    let client = register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    let me = host.get_as(&token(&issuer, APPLICATION, OBJECT), "/me").await.ok();
    assert_eq!((&me["principal_id"], &me["kind"]), (&client["id"], &json!("client")));
    // Entra's version 1 tokens name another issuer, with the same keys.
    let v1 = format!("jwt|https://sts.windows.net/{TENANT}/|{APPLICATION}|{OBJECT}");
    assert_eq!(host.get_as(&v1, "/me").await.ok()["principal_id"], client["id"]);
}

#[tokio::test]
async fn the_answer_says_how_to_get_a_token_and_what_to_consent_to() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    let client = register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    let request = &client["registration"]["token_request"];
    assert_eq!(request["audience"], "api://grantry");
    assert_eq!(
        request["curl"],
        format!(
            "curl -sS 'https://login.microsoftonline.com/{TENANT}/v2.0/token' \\\n  \
             -d grant_type=client_credentials \\\n  \
             --data-urlencode 'client_id={APPLICATION}' \\\n  \
             --data-urlencode \"client_secret=$CLIENT_SECRET\" \\\n  \
             --data-urlencode 'scope=api://grantry/.default'"
        )
    );
    let consent = request["consent"].to_string();
    assert!(consent.contains(APPLICATION) && consent.contains("Grant admin consent"), "{consent}");
    let path = format!("/clients/{}", text(&client, "id"));
    assert_eq!(host.get(&path).await.ok(), client);
    assert_eq!(host.get("/clients").await.ok()["items"][0], client);
}

#[tokio::test]
async fn each_fault_of_a_token_has_its_code() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    for (bad, status, code) in [
        (token(&issuer, "late", OBJECT), 401, "token_expired"),
        (token(&issuer, "early", OBJECT), 401, "token_not_yet_valid"),
        (token(&issuer, "forged", OBJECT), 401, "invalid_token"),
        (token(&issuer, "unknown", OBJECT), 503, "issuer_unavailable"),
        (token(&issuer, "a-stranger", OBJECT), 401, "invalid_token"),
        (
            token(&issuer, APPLICATION, "a person who uses the same application"),
            401,
            "invalid_token",
        ),
        (format!("jwt|https://other.example|{APPLICATION}|{OBJECT}"), 401, "invalid_token"),
    ] {
        let bad = bad.replace(' ', "-");
        assert_eq!(host.get_as(&bad, "/me").await.problem(), (status, code.to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn a_deleted_or_disabled_clients_valid_token_is_refused_at_once() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    let client = register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    let (path, token) =
        (format!("/clients/{}", text(&client, "id")), token(&issuer, APPLICATION, OBJECT));
    let refused = (401, "client_disabled".to_owned());
    change(&host, &path, json!({"is_disabled": true})).await.ok();
    assert_eq!(host.get_as(&token, "/me").await.problem(), refused);
    change(&host, &path, json!({"is_disabled": false})).await.ok();
    host.get_as(&token, "/me").await.ok();
    host.call("DELETE", &path, Value::Null).await;
    assert_eq!(host.get_as(&token, "/me").await.problem(), refused);
    // The application can be registered again, and is another client then.
    let again = register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    assert_eq!(host.get_as(&token, "/me").await.ok()["principal_id"], again["id"]);
}

#[tokio::test]
async fn an_application_is_one_client() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    let twice = register(&host, &issuer, APPLICATION, OBJECT).await;
    assert_eq!(twice.problem(), (409, "conflict".to_owned()));
    for (application, object, code) in [
        ("cccccccc-0000-4000-8000-000000000001", OBJECT, "own_registration"),
        ("not-a-guid", OBJECT, "invalid_guid"),
        (APPLICATION, "AAAAAAAA-0000-4000-8000-000000000001", "invalid_guid"),
        ("", OBJECT, "invalid_text"),
    ] {
        let refused = register(&host, &issuer, application, object).await;
        assert_eq!(refused.json()["errors"][0]["code"], code, "{refused:?}");
    }
    let missing = register(&host, &json!({"id": "missing"}), APPLICATION, OBJECT).await;
    assert_eq!(missing.json()["errors"][0]["code"], "unknown_issuer");
}

#[tokio::test]
async fn a_secret_is_never_shown_and_does_not_move_to_another_registration() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    assert_eq!(issuer["has_client_secret"], true);
    let path = format!("/issuers/{}", text(&issuer, "id"));
    change(&host, &path, json!({"name": "Renamed"})).await.ok();
    assert_eq!(host.get(&path).await.ok()["has_client_secret"], true);
    let moved = change(&host, &path, json!({"client_id": "another"})).await.ok();
    assert_eq!(moved["has_client_secret"], false);
    for path in ["/issuers", "/audit"] {
        assert!(!host.get(path).await.text.contains("s3cret-canary"), "{path}");
    }
}

#[tokio::test]
async fn an_issuer_is_checked_before_it_is_trusted() {
    let host = Host::start().await;
    let with = |changes: Value| {
        let mut body = entra();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (changes, path, code) in [
        (json!({"tenant_id": null}), "/tenant_id", "required"),
        (json!({"tenant_id": "example.com"}), "/tenant_id", "invalid_guid"),
        (json!({"kind": "generic"}), "/url", "required"),
        (json!({"url": "https://down.example"}), "/url", "issuer_unreachable"),
        (json!({"url": "https://a.example/?x"}), "/url", "invalid_url"),
        (json!({"algorithms": []}), "/algorithms", "required"),
        (json!({"algorithms": ["none"]}), "/algorithms/0", "invalid_value"),
        (json!({"algorithms": ["RS256", "HS256"]}), "/algorithms/1", "invalid_value"),
        (json!({"address_exception": "10.0.0.1:80"}), "/address_exception", "not_loopback"),
        (json!({"address_exception": "localhost"}), "/address_exception", "invalid_address"),
        (json!({"client_id": null}), "/client_id", "required"),
        (json!({"audience": "a b"}), "/audience", "invalid_text"),
    ] {
        let refused = host.call("POST", "/issuers", with(changes.clone())).await;
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["path"], &error["code"]), (&json!(path), &json!(code)), "{changes}");
    }
    assert_eq!(host.get("/issuers").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn an_address_exception_is_a_warning_and_in_the_audit_log() {
    let host = Host::start().await;
    let body = json!({
        "name": "Local", "kind": "generic", "audience": "grantry",
        "url": "http://localhost:8123", "address_exception": "127.0.0.1:8123",
    });
    let issuer = host.call("POST", "/issuers", body).await.ok();
    assert!(issuer["warnings"][0].as_str().unwrap().contains("127.0.0.1:8123"));
    let audit = host.get("/audit?event=issuer.created").await.ok();
    assert_eq!(audit["items"][0]["detail"]["address_exception"], "127.0.0.1:8123");
}

#[tokio::test]
async fn an_issuer_stays_while_clients_come_from_it() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    let client = register(&host, &issuer, APPLICATION, OBJECT).await.ok();
    let path = format!("/issuers/{}", text(&issuer, "id"));
    let refused = host.call("DELETE", &path, Value::Null).await;
    assert_eq!(refused.problem(), (409, "issuer_in_use".to_owned()));
    host.call("DELETE", &format!("/clients/{}", text(&client, "id")), Value::Null).await;
    assert_eq!(host.call("DELETE", &path, Value::Null).await.status, 204);
    let token = token(&issuer, APPLICATION, OBJECT);
    assert_eq!(host.get_as(&token, "/me").await.code(), "invalid_token");
}

#[tokio::test]
async fn an_application_that_is_found_can_be_registered() {
    let host = Host::start().await;
    let issuer = trusted(&host).await;
    let path = format!("/issuers/{}", text(&issuer, "id"));
    let search = async |words: &str| {
        host.get(&format!("{path}/applications?search={}", words.replace(' ', "%20"))).await
    };
    let found = search("Help desk").await.ok();
    assert_eq!(
        (&found["items"][0]["name"], &found["has_more"]),
        (&json!("Help desk"), &json!(false))
    );
    let application = &found["items"][0];
    let (id, object) = (text(application, "application_id"), text(application, "object_id"));
    register(&host, &issuer, &id, &object).await.ok();
    let missing = search("not consented").await;
    assert_eq!(missing.problem(), (409, "consent_missing".to_owned()));
    for word in ["Application.Read.All", "admin consent", &text(&issuer, "client_id")] {
        assert!(missing.text.contains(word), "{word}: {}", missing.text);
    }
    assert_eq!(search("down").await.problem(), (503, "issuer_unavailable".to_owned()));
    let empty = search("").await;
    assert_eq!(empty.json()["errors"][0]["path"], "?search");
    assert_eq!(empty.problem(), (422, "invalid_string".to_owned()));
    change(&host, &path, json!({"client_secret": "expired"})).await.ok();
    assert_eq!(search("x").await.problem(), (409, "registration_refused".to_owned()));
    change(&host, &path, json!({"client_id": "another"})).await.ok();
    assert_eq!(search("x").await.problem(), (409, "directory_not_offered".to_owned()));
}
