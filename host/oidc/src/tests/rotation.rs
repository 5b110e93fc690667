//! Keys that change while the host runs, and an issuer that does not answer.

use serde_json::json;

use super::scripted::{PrivateKey, Scene, claims};

fn signed_by_new_key() -> String {
    PrivateKey::rsa(1).sign(&json!({"alg": "RS256", "kid": "k2"}), &claims())
}

fn rotate(scene: &Scene) {
    scene.served.lock().unwrap().keys = vec![PrivateKey::rsa(1).jwk("k2")];
}

#[tokio::test]
async fn a_new_key_is_found_while_running_and_the_old_one_goes() {
    let scene = Scene::new();
    assert_eq!(scene.code(&scene.sign(&claims())).await, "ok");
    rotate(&scene);
    assert_eq!(scene.code(&scene.sign(&claims())).await, "ok");
    assert_eq!(scene.code(&signed_by_new_key()).await, "ok");
    assert_eq!(scene.code(&scene.sign(&claims())).await, "invalid_token");
    assert_eq!(scene.key_requests(), 2);
}

#[tokio::test]
async fn a_thousand_unknown_keys_ask_the_issuer_once_in_five_minutes() {
    let scene = Scene::new();
    assert_eq!(scene.code(&scene.sign(&claims())).await, "ok");
    for number in 0..1_000 {
        let header = json!({"alg": "RS256", "kid": format!("invented-{number}")});
        let token = scene.key.sign(&header, &claims());
        assert_eq!(scene.code(&token).await, "invalid_token");
        if number == 500 {
            assert_eq!(scene.key_requests(), 2);
        }
    }
    assert_eq!(scene.key_requests(), 2);
    rotate(&scene);
    scene.clock.pass_s(299);
    assert_eq!(scene.code(&signed_by_new_key()).await, "invalid_token");
    scene.clock.pass_s(1);
    assert_eq!(scene.code(&signed_by_new_key()).await, "ok");
    assert_eq!(scene.key_requests(), 3);
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_within_the_hour() {
    let scene = Scene::new();
    let token = scene.sign(&super::scripted::with(json!({"exp": 1_800_100_000})));
    assert_eq!(scene.code(&token).await, "ok");
    rotate(&scene);
    scene.clock.pass_s(3_599);
    assert_eq!(scene.code(&token).await, "ok");
    scene.clock.pass_s(1);
    assert_eq!(scene.code(&token).await, "invalid_token");
}

#[tokio::test]
async fn known_keys_serve_for_a_day_without_the_issuer() {
    let scene = Scene::new();
    let token = scene.sign(&super::scripted::with(json!({"exp": 1_800_900_000})));
    assert_eq!(scene.code(&token).await, "ok");
    scene.served.lock().unwrap().is_down = true;
    scene.clock.pass_s(2 * 3_600);
    assert_eq!(scene.code(&token).await, "ok");
    scene.clock.pass_s(23 * 3_600);
    assert_eq!(scene.code(&token).await, "issuer_unavailable");
    scene.served.lock().unwrap().is_down = false;
    scene.clock.pass_s(30);
    assert_eq!(scene.code(&token).await, "ok");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_left_alone_for_a_while() {
    let scene = Scene::new();
    scene.served.lock().unwrap().is_down = true;
    for _ in 0..100 {
        assert_eq!(scene.code(&scene.sign(&claims())).await, "issuer_unavailable");
    }
    assert_eq!(scene.served.lock().unwrap().asked.len(), 1);
}

#[tokio::test]
async fn a_discovery_document_leads_nowhere_else() {
    for (name, value) in [
        ("issuer", "https://attacker.example"),
        ("jwks_uri", "http://login.microsoftonline.com/keys"),
        ("jwks_uri", "http://127.0.0.1:9/keys"),
        ("jwks_uri", "https://localhost/keys"),
        ("token_endpoint", "http://169.254.169.254/token"),
    ] {
        let scene = Scene::new();
        scene.served.lock().unwrap().discovery[name] = json!(value);
        assert_eq!(
            scene.code(&scene.sign(&claims())).await,
            "issuer_unavailable",
            "{name} {value}"
        );
        assert_eq!(scene.key_requests(), 0);
    }
}
