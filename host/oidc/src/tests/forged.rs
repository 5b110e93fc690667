//! Which tokens are accepted, and which are not (security.md section 4, rows 1 to 5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_model::oidc::{IdentityProvider as _, IssuerKind, SigningAlgorithm, TrustedIssuer};
use serde_json::{Value, json};

use super::scripted::{
    API, APPLICATION, GRANTRY, NOW_S, OBJECT, PrivateKey, Scene, TENANT, claims, with,
};

#[tokio::test]
async fn both_versions_of_entra_tokens_name_application_and_principal() {
    let scene = Scene::new();
    let v1 = with(json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": format!("api://{API}"),
        "appid": APPLICATION, "azp": null, "azpacr": null, "ver": "1.0",
    }));
    for claims in [claims(), v1] {
        let judged = scene.judge(&scene.sign(&claims)).await.unwrap();
        assert_eq!(
            (judged.application_id.as_str(), judged.object_id.as_str()),
            (APPLICATION, OBJECT)
        );
    }
}

#[tokio::test]
async fn an_issuer_of_another_kind_names_the_principal_by_subject() {
    let mut scene = Scene::new();
    let generic = TrustedIssuer { kind: IssuerKind::Generic, tenant_id: None, ..scene.trusted };
    scene.trusted = TrustedIssuer { audience: "grantry".to_owned(), ..generic };
    for name in ["azp", "client_id", "cid"] {
        let claims = with(json!({
            "azp": null, "oid": null, "tid": null, name: "app", "sub": "service", "aud": ["grantry"],
        }));
        let judged = scene.judge(&scene.sign(&claims)).await.unwrap();
        assert_eq!((judged.application_id.as_str(), judged.object_id.as_str()), ("app", "service"));
    }
    assert_eq!(scene.code(&scene.sign(&claims())).await, "invalid_token");
}

#[tokio::test]
async fn one_wrong_claim_refuses_a_token() {
    let scene = Scene::new();
    for changes in [
        json!({"iss": "https://login.microsoftonline.com/other/v2.0"}),
        json!({"iss": "https://sts.windows.net/99999999-2222-4333-8444-555555555555/"}),
        json!({"iss": null}),
        json!({"aud": "api://somebody-else"}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": {"a": API}}),
        json!({"tid": "99999999-2222-4333-8444-555555555555"}),
        json!({"tid": null}),
        json!({"azp": null}),
        json!({"azp": ""}),
        json!({"azp": 5}),
        json!({"appid": "another application"}),
        json!({"oid": null}),
        json!({"oid": ["x"]}),
        json!({"exp": null}),
        json!({"exp": "1800003600"}),
        json!({"nbf": "now"}),
        json!({"scp": "access_as_user"}),
        json!({"azp": format!("{APPLICATION}\0")}),
        json!({"oid": format!("{OBJECT}\n")}),
        json!({"sub": "\u{202E}"}),
    ] {
        assert_eq!(
            scene.code(&scene.sign(&with(changes.clone()))).await,
            "invalid_token",
            "{changes}"
        );
    }
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let scene = Scene::new();
    for changes in [
        json!({"aud": GRANTRY, "azp": null, "nonce": "n"}),
        json!({"aud": GRANTRY, "azp": GRANTRY}),
        json!({"nonce": "n"}),
        json!({"at_hash": "h"}),
        json!({"c_hash": "h"}),
    ] {
        assert_eq!(
            scene.code(&scene.sign(&with(changes.clone()))).await,
            "invalid_token",
            "{changes}"
        );
    }
    let header = json!({"alg": "RS256", "typ": "logout+jwt", "kid": "k1"});
    assert_eq!(scene.code(&scene.key.sign(&header, &claims())).await, "invalid_token");
}

#[tokio::test]
async fn times_are_exact_to_the_second_of_the_skew() {
    let scene = Scene::new();
    for (changes, code) in [
        (json!({"exp": NOW_S - 60}), "ok"),
        (json!({"exp": NOW_S - 61}), "token_expired"),
        (json!({"exp": NOW_S - 61, "aud": "other"}), "invalid_token"),
        (json!({"nbf": NOW_S + 60}), "ok"),
        (json!({"nbf": NOW_S + 61}), "token_not_yet_valid"),
        (json!({"nbf": null}), "ok"),
        (json!({"exp": f64::from(1_800_000_100) + 0.5}), "ok"),
        (json!({"exp": 1e300}), "invalid_token"),
        (json!({"exp": i64::MAX}), "ok"),
        (json!({"exp": i64::MIN}), "token_expired"),
    ] {
        assert_eq!(scene.code(&scene.sign(&with(changes.clone()))).await, code, "{changes}");
    }
}

fn unsigned(header: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!("{}.{}.{signature}", part(header), part(&claims()))
}

#[tokio::test]
async fn algorithms_without_a_public_key_are_never_tried() {
    let scene = Scene::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": alg, "kid": "k1"});
        for signature in [&b""[..], b"x"] {
            assert_eq!(scene.code(&unsigned(&header, signature)).await, "invalid_token", "{alg}");
        }
    }
    // The public key as an HMAC secret, in the two forms that libraries have fallen for.
    let public = scene.key.public_bytes();
    for secret in [public.clone(), URL_SAFE_NO_PAD.encode(&public).into_bytes()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let header = json!({"alg": "HS256", "kid": "k1"});
        let signed = unsigned(&header, b"x");
        let (signed, _) = signed.rsplit_once('.').unwrap();
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        assert_eq!(scene.code(&unsigned(&header, tag.as_ref())).await, "invalid_token");
    }
    assert_eq!(scene.key_requests(), 0);
}

#[tokio::test]
async fn only_the_issuers_own_algorithms_and_keys_count() {
    let mut scene = Scene::new();
    let (other, curve) = (PrivateKey::rsa(1), PrivateKey::p256());
    scene.served.lock().unwrap().keys.push(curve.jwk("k2"));
    let pss = scene.key.sign(&json!({"alg": "PS256", "kid": "k1"}), &claims());
    let ecdsa = curve.sign(&json!({"alg": "ES256", "kid": "k2"}), &claims());
    for refused in [
        other.sign(&json!({"alg": "RS256", "kid": "k1"}), &claims()),
        scene.key.sign(&json!({"alg": "RS256"}), &claims()),
        scene.key.sign(&json!({"alg": "RS256", "kid": "k2"}), &claims()),
        pss.clone(),
        ecdsa.clone(),
    ] {
        assert_eq!(scene.code(&refused).await, "invalid_token");
    }
    scene.trusted.algorithms = vec![SigningAlgorithm::Ps256, SigningAlgorithm::Es256];
    assert_eq!(scene.code(&pss).await, "ok");
    assert_eq!(scene.code(&ecdsa).await, "ok");
    assert_eq!(scene.code(&scene.sign(&claims())).await, "invalid_token");
}

#[tokio::test]
async fn a_key_that_names_its_algorithm_serves_no_other() {
    let mut scene = Scene::new();
    scene.trusted.algorithms = vec![SigningAlgorithm::Rs256, SigningAlgorithm::Ps256];
    let mut jwk = scene.key.jwk("k1");
    jwk["alg"] = json!("PS256");
    scene.served.lock().unwrap().keys = vec![jwk];
    assert_eq!(scene.code(&scene.sign(&claims())).await, "invalid_token");
    let pss = scene.key.sign(&json!({"alg": "PS256", "kid": "k1"}), &claims());
    assert_eq!(scene.code(&pss).await, "ok");
}

#[tokio::test]
async fn a_token_that_brings_its_own_key_is_refused_unasked() {
    let scene = Scene::new();
    let attacker = PrivateKey::rsa(1);
    for (name, value) in [
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/cert")),
        ("jwk", attacker.jwk("k1")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "k1"});
        header[name] = value;
        assert_eq!(scene.code(&attacker.sign(&header, &claims())).await, "invalid_token", "{name}");
        // Also where the signature itself would be good.
        assert_eq!(
            scene.code(&scene.key.sign(&header, &claims())).await,
            "invalid_token",
            "{name}"
        );
    }
    assert!(scene.served.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn text_that_is_no_token_is_refused() {
    let scene = Scene::new();
    let good = scene.sign(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k1","alg":"none"}"#);
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}.x"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}=", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("[]"), parts[2]),
        format!("{twice}.{}.{}", parts[1], parts[2]),
    ] {
        assert_eq!(scene.code(&text).await, "invalid_token", "{text}");
        let _ = scene.issuers.claimed_issuer(&text);
    }
    assert_eq!(scene.issuers.claimed_issuer(&good), Some(scene.trusted.url.clone()));
    // Any changed character of a good one.
    for index in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character of Base64 can hold bits that do not count.
        assert!(scene.judge(&changed).await.is_err() || index == good.len() - 1, "{index}");
    }
}
