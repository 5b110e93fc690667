//! People's sign-in: what the browser is sent with, and which ID tokens are believed.

use grantry_model::oidc::{IdentityProvider as _, SignInRequest, TokenFault};
use grantry_model::secret::Secret;
use serde_json::{Value, json};
use url::Url;

use super::scripted::{GRANTRY, NOW_S, OBJECT, Scene, with};

fn request() -> SignInRequest {
    SignInRequest {
        state: Secret::new("state-1".to_owned()),
        nonce: Secret::new("nonce-1".to_owned()),
        // The verifier and the challenge of RFC 7636, appendix B.
        verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()),
        redirect_uri: "https://grantry.example/api/v1/sign-in/callback".to_owned(),
    }
}

fn id_claims(changes: Value) -> Value {
    let mut claims = with(json!({
        "aud": GRANTRY, "azp": null, "azpacr": null, "nonce": "nonce-1",
        "name": "Ada Lovelace", "preferred_username": "ada@example.com",
    }));
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

async fn redeem(scene: &Scene, claims: &Value) -> Result<String, TokenFault> {
    let token = scene.sign(claims);
    scene.served.lock().unwrap().id_token = token;
    let secret = Secret::new("s3cret".to_owned());
    let person = scene.issuers.redeem(&scene.trusted, Some(&secret), &request(), "code-1").await?;
    Ok(format!(
        "{} {} {}",
        person.subject,
        person.name.unwrap_or_default(),
        person.user_name.unwrap_or_default()
    ))
}

#[tokio::test]
async fn the_browser_carries_a_challenge_and_never_the_verifier() {
    let scene = Scene::new();
    let url = scene.issuers.sign_in_url(&scene.trusted, &request()).await.unwrap();
    assert!(!url.contains("dBjftJeZ4CVP"));
    let url = Url::parse(&url).unwrap();
    let value = |name: &str| url.query_pairs().find(|pair| pair.0 == name).unwrap().1.into_owned();
    assert_eq!(value("code_challenge"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert_eq!(value("code_challenge_method"), "S256");
    assert_eq!((value("state"), value("nonce")), ("state-1".to_owned(), "nonce-1".to_owned()));
    assert_eq!(value("redirect_uri"), request().redirect_uri);
}

#[tokio::test]
async fn a_good_id_token_names_the_person() {
    let scene = Scene::new();
    let person = redeem(&scene, &id_claims(json!({}))).await.unwrap();
    assert_eq!(person, format!("{OBJECT} Ada Lovelace ada@example.com"));
    let asked = scene.served.lock().unwrap().asked.join("\n");
    assert!(asked.contains("code_verifier=dBjftJeZ4CVP"), "{asked}");
    assert!(!asked.contains("s3cret"), "the secret goes into the header: {asked}");
}

#[tokio::test]
async fn an_id_token_for_something_else_is_refused() {
    let scene = Scene::new();
    for changes in [
        json!({"iss": "https://attacker.example"}),
        json!({"aud": "another application"}),
        json!({"aud": [GRANTRY, "another application"]}),
        json!({"azp": "another application"}),
        json!({"tid": "99999999-2222-4333-8444-555555555555"}),
        json!({"nonce": "of another sign-in"}),
        json!({"nonce": ""}),
        json!({"nonce": 1}),
        json!({"oid": null}),
        json!({"exp": null}),
    ] {
        let refused = redeem(&scene, &id_claims(changes.clone())).await;
        assert!(matches!(refused, Err(TokenFault::Invalid(_))), "{changes}: {refused:?}");
    }
    let late = redeem(&scene, &id_claims(json!({"exp": NOW_S - 61}))).await;
    assert_eq!(late, Err(TokenFault::Expired));
}

#[tokio::test]
async fn a_name_that_hides_what_it_says_is_left_out() {
    let scene = Scene::new();
    let changes = json!({"name": "Ada\u{202E}", "preferred_username": "ada\u{200B}"});
    assert_eq!(redeem(&scene, &id_claims(changes)).await.unwrap(), format!("{OBJECT}  "));
}

#[tokio::test]
async fn a_control_character_in_a_claim_refuses_the_token() {
    let scene = Scene::new();
    for changes in [
        json!({"oid": format!("{OBJECT}\0")}),
        json!({"oid": "ada\r\nSet-Cookie: x"}),
        json!({"oid": format!("\u{200B}{OBJECT}")}),
        json!({"sub": "ada\u{7f}"}),
        json!({"name": "Ada\n"}),
        json!({"preferred_username": "ada\u{1b}[2J"}),
        json!({"upn": "ada\0"}),
        json!({"email": "ada\u{85}@example.com"}),
    ] {
        let refused = redeem(&scene, &id_claims(changes.clone())).await;
        assert!(matches!(refused, Err(TokenFault::Invalid(_))), "{changes}: {refused:?}");
    }
}

#[tokio::test]
async fn a_mail_address_is_believed_of_an_issuer_that_has_verified_it() {
    let told = async |scene: &Scene, changes: Value| {
        let claims = id_claims(changes);
        scene.served.lock().unwrap().id_token = scene.sign(&claims);
        let secret = Secret::new("s3cret".to_owned());
        let request = request();
        let person = scene.issuers.redeem(&scene.trusted, Some(&secret), &request, "code-1");
        person.await.unwrap().verified_mail
    };
    let verified = json!({"sub": "ada", "email": "ada@example.com", "email_verified": true});
    let mut scene = Scene::new();
    assert_eq!(told(&scene, verified.clone()).await, None, "Entra ID verifies nothing");
    scene.trusted.kind = grantry_model::oidc::IssuerKind::Generic;
    assert_eq!(told(&scene, verified).await.as_deref(), Some("ada@example.com"));
    for claim in [json!(false), json!("true"), json!(1), Value::Null] {
        let unverified = json!({"sub": "ada", "email": "ada@example.com", "email_verified": claim});
        assert_eq!(told(&scene, unverified).await, None);
    }
}
