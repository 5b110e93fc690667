//! An issuer in memory with keys of its own, and the clock that it shares with the host.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_model::clock::{Clock, UnixMs};
use grantry_model::ids::IssuerId;
use grantry_model::oidc::{
    AccessClaims, IdentityProvider as _, IssuerKind, ProviderFault, SigningAlgorithm, TokenFault,
    TrustedIssuer,
};
use serde_json::{Value, json};

use crate::Issuers;
use crate::fetch::{Answered, Fetch, Question};

pub(super) const TENANT: &str = "11111111-2222-4333-8444-555555555555";
pub(super) const API: &str = "33333333-4444-4555-8666-777777777777";
pub(super) const APPLICATION: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(super) const OBJECT: &str = "bbbbbbbb-0000-4000-8000-000000000001";
pub(super) const GRANTRY: &str = "cccccccc-0000-4000-8000-000000000001";
pub(super) const NOW_S: i64 = 1_800_000_000;

pub(super) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub(super) fn pass_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

/// A private key; RSA ones are made once for all tests.
#[derive(Clone)]
pub(super) enum PrivateKey {
    Rsa(Arc<KeyPair>),
    P256(Arc<EcdsaKeyPair>),
}

impl PrivateKey {
    pub(super) fn rsa(number: usize) -> Self {
        static KEYS: OnceLock<Vec<Arc<KeyPair>>> = OnceLock::new();
        let make = || Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap());
        let keys = KEYS.get_or_init(|| (0..2).map(|_| make()).collect());
        Self::Rsa(keys[number].clone())
    }

    pub(super) fn p256() -> Self {
        Self::P256(Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    /// The public half as the issuer publishes it.
    pub(super) fn jwk(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "use": "sig", "kid": id, "n": text(&public.n), "e": text(&public.e)})
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": text(x), "y": text(y)})
            }
        }
    }

    pub(super) fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Self::P256(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// A token with these parts.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let is_pss = header["alg"] == "PS256";
                let padding: &'static dyn signature::RsaEncoding =
                    if is_pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::P256(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What the issuer serves, and what it was asked.
pub(super) struct Served {
    pub keys: Vec<Value>,
    pub discovery: Value,
    pub id_token: String,
    pub is_down: bool,
    pub asked: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Scripted(pub Arc<Mutex<Served>>);

#[async_trait]
impl Fetch for Scripted {
    async fn ask(&self, question: Question<'_>) -> Result<Answered, ProviderFault> {
        let mut served = self.0.lock().unwrap();
        let form: Vec<String> =
            question.form.iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
        served.asked.push(format!("{} {}", question.url.path(), form.join("&")));
        if served.is_down {
            return Err(ProviderFault::Unavailable("it cannot be reached".to_owned()));
        }
        let body = match question.url.path() {
            path if path.ends_with("/openid-configuration") => served.discovery.clone(),
            "/keys" => json!({"keys": served.keys}),
            "/garbage" => json!("<html>"),
            "/token" => json!({"id_token": served.id_token}),
            other => panic!("asked for {other}"),
        };
        Ok(Answered { status: 200, body: body.to_string().into_bytes() })
    }
}

/// A host that trusts one issuer.
pub(super) struct Scene {
    pub issuers: Issuers,
    pub served: Arc<Mutex<Served>>,
    pub clock: Arc<TestClock>,
    pub trusted: TrustedIssuer,
    pub key: PrivateKey,
}

impl Scene {
    pub(super) fn new() -> Self {
        let url = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        let key = PrivateKey::rsa(0);
        let served = Arc::new(Mutex::new(Served {
            keys: vec![key.jwk("k1")],
            discovery: json!({
                "issuer": url,
                "jwks_uri": "https://login.microsoftonline.com/keys",
                "authorization_endpoint": "https://login.microsoftonline.com/authorize",
                "token_endpoint": "https://login.microsoftonline.com/token",
            }),
            id_token: String::new(),
            is_down: false,
            asked: Vec::new(),
        }));
        let clock = Arc::new(TestClock(AtomicI64::new(NOW_S * 1_000)));
        let fetch = Arc::new(Scripted(served.clone()));
        let trusted = TrustedIssuer {
            id: IssuerId::parse("issuer").unwrap(),
            kind: IssuerKind::Entra,
            url,
            tenant_id: Some(TENANT.to_owned()),
            audience: format!("api://{API}"),
            client_id: Some(GRANTRY.to_owned()),
            algorithms: vec![SigningAlgorithm::Rs256],
            address_exception: None,
        };
        Self { issuers: Issuers::fetching(fetch, clock.clone()), served, clock, trusted, key }
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.key.sign(&json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}), claims)
    }

    pub(super) async fn judge(&self, token: &str) -> Result<AccessClaims, TokenFault> {
        self.issuers.access_claims(&self.trusted, token).await
    }

    /// What a token is answered with, in the words of security.md section 4.
    pub(super) async fn code(&self, token: &str) -> &'static str {
        match self.judge(token).await {
            Ok(_) => "ok",
            Err(TokenFault::Invalid(_)) => "invalid_token",
            Err(TokenFault::Expired) => "token_expired",
            Err(TokenFault::NotYetValid) => "token_not_yet_valid",
            Err(TokenFault::Provider(_)) => "issuer_unavailable",
        }
    }

    /// How often the keys were asked for.
    pub(super) fn key_requests(&self) -> usize {
        self.served.lock().unwrap().asked.iter().filter(|asked| asked.starts_with("/keys")).count()
    }
}

/// The claims of an application's token, version 2.
pub(super) fn claims() -> Value {
    json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "aud": API, "tid": TENANT, "azp": APPLICATION, "azpacr": "1",
        "oid": OBJECT, "sub": OBJECT, "ver": "2.0",
        "iat": NOW_S - 10, "nbf": NOW_S - 10, "exp": NOW_S + 3_600,
    })
}

/// The same claims with some replaced; null removes one.
pub(super) fn with(changes: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    claims
}
