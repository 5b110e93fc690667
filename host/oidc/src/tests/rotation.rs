//! Keys that change while the host runs, and an issuer that does not answer.

use grantry_model::oidc::IdentityProvider as _;
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

/// A token that outlives everything that the tests wait for.
fn long_lived(scene: &Scene) -> String {
    scene.sign(&super::scripted::with(json!({"exp": 1_800_900_000})))
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_within_half_an_hour() {
    let scene = Scene::new();
    let token = long_lived(&scene);
    assert_eq!(scene.code(&token).await, "ok");
    rotate(&scene);
    scene.clock.pass_s(1_799);
    assert_eq!(scene.code(&token).await, "ok");
    scene.clock.pass_s(1);
    assert_eq!(scene.code(&token).await, "invalid_token");
    // And stays refused when the issuer is down afterwards.
    scene.served.lock().unwrap().is_down = true;
    scene.clock.pass_s(1_800);
    assert_eq!(scene.code(&token).await, "invalid_token");
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_as_soon_as_the_issuer_was_read() {
    let scene = Scene::new();
    let token = long_lived(&scene);
    assert_eq!(scene.code(&token).await, "ok");
    // The last key goes too: an empty key set is an answer.
    scene.served.lock().unwrap().keys = Vec::new();
    assert_eq!(scene.code(&signed_by_new_key()).await, "invalid_token");
    assert_eq!(scene.code(&token).await, "invalid_token");
    scene.issuers.discover(&scene.trusted).await.unwrap_err();
}

#[tokio::test]
async fn known_keys_serve_for_an_hour_without_the_issuer_or_with_garbage_from_it() {
    let garble: [fn(&mut super::scripted::Served); 4] = [
        |served| served.is_down = true,
        |served| served.discovery = json!({"issuer": "https://attacker.example"}),
        |served| served.discovery = json!("<html>"),
        |served| served.discovery["jwks_uri"] = json!("https://login.microsoftonline.com/garbage"),
    ];
    for garble in garble {
        let scene = Scene::new();
        let token = long_lived(&scene);
        assert_eq!(scene.code(&token).await, "ok");
        let before = scene.served.lock().unwrap().discovery.clone();
        garble(&mut scene.served.lock().unwrap());
        scene.clock.pass_s(3_599);
        assert_eq!(scene.code(&token).await, "ok");
        scene.clock.pass_s(1);
        assert_eq!(scene.code(&token).await, "issuer_unavailable");
        {
            let mut served = scene.served.lock().unwrap();
            (served.is_down, served.discovery) = (false, before);
        }
        scene.clock.pass_s(30);
        assert_eq!(scene.code(&token).await, "ok");
    }
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
