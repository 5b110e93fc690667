//! Credentials go to the target and nowhere else (security notes rows 44 to 46).

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use grantry_model::plugin::{AuthKind, AuthScheme};
use grantry_runtime::http::Request;

use crate::egress::{access, get, send, session};
use crate::support::scope::{TOKEN, TestScope, digest};
use crate::support::target::{Received, Reply, Target};

fn scheme(kind: AuthKind) -> AuthScheme {
    AuthScheme { name: "own".to_owned(), kind }
}

fn with_auth(name: &str, url: &str) -> Request {
    Request { auth: Some(name.to_owned()), ..get(url) }
}

#[tokio::test]
async fn each_scheme_places_its_credential() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let secret = || "/token".to_owned();
    let basic = format!("Basic {}", STANDARD.encode(format!("https://example.com:{TOKEN}")));
    let cases = [
        (AuthKind::Bearer { secret: secret() }, "authorization", format!("Bearer {TOKEN}")),
        (
            AuthKind::Basic { username: "/url".to_owned(), password: secret() },
            "authorization",
            basic,
        ),
        (
            AuthKind::Header {
                header: "X-Api-Key".to_owned(),
                prefix: "key ".to_owned(),
                secret: secret(),
            },
            "x-api-key",
            format!("key {TOKEN}"),
        ),
    ];
    for (kind, header, expected) in cases {
        let scope = TestScope::new(digest()).reaching(target.address).auth(scheme(kind));
        send(&scope, with_auth("own", &target.url("/"))).await.unwrap();
        let received = target.received();
        assert_eq!(received.last().unwrap().header(header), Some(expected.as_str()));
    }
    let kind = AuthKind::Query { parameter: "key".to_owned(), secret: secret() };
    let scope = TestScope::new(digest()).reaching(target.address).auth(scheme(kind));
    send(&scope, with_auth("own", &target.url("/x?a=b"))).await.unwrap();
    let line = target.received().last().unwrap().line().to_owned();
    assert_eq!(line, "GET /x?a=b&key=tok-3f9a%2F8%2Bc%3D%3Dvery-secret HTTP/1.1");
    // Without `auth` nothing is placed.
    send(&scope, get(&target.url("/x"))).await.unwrap();
    assert_eq!(target.received().last().unwrap().line(), "GET /x HTTP/1.1");
}

#[tokio::test]
async fn a_scheme_that_the_manifest_does_not_have_is_refused() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let refusal = send(&scope, with_auth("other", &target.url("/"))).await.unwrap_err();
    assert_eq!(refusal.code(), "secret_not_granted");
    let missing = scheme(AuthKind::Bearer { secret: "/nothing".to_owned() });
    let scope = scope.auth(missing);
    let refusal = send(&scope, with_auth("own", &target.url("/"))).await.unwrap_err();
    assert_eq!(refusal.code(), "secret_missing");
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_credential_goes_to_the_connections_host_and_nowhere_else() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let kind = AuthKind::Bearer { secret: "/token".to_owned() };
    let scope = TestScope::new(digest()).reaching(target.address).auth(scheme(kind));
    let scope = scope.grant(|granted| {
        for origin in &mut granted.origins {
            origin.takes_credentials = false;
        }
    });
    let refusal = send(&scope, with_auth("own", &target.url("/"))).await.unwrap_err();
    assert_eq!(refusal.code(), "secret_not_for_host");
    assert_eq!(target.connections(), 0);
    // Without a credential it is a host as any other that was approved.
    send(&scope, get(&target.url("/"))).await.unwrap();
}

#[tokio::test]
async fn the_credentials_header_is_not_the_guests() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let kind = AuthKind::Header {
        header: "X-Api-Key".to_owned(),
        prefix: String::new(),
        secret: "/token".to_owned(),
    };
    let scope = TestScope::new(digest()).reaching(target.address).auth(scheme(kind));
    let headers = vec![("x-api-key".to_owned(), "mine".to_owned())];
    let request = Request { headers, ..with_auth("own", &target.url("/")) };
    assert_eq!(send(&scope, request).await.unwrap_err().code(), "header_not_allowed");
}

fn every_encoding() -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(TOKEN.as_bytes()).unwrap();
    let form: String = url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect();
    vec![
        ("raw", TOKEN.as_bytes().to_vec()),
        ("upper case", TOKEN.to_uppercase().into_bytes()),
        ("base64", STANDARD.encode(TOKEN).into_bytes()),
        ("base64 inside", STANDARD.encode(format!("user:{TOKEN}:rest")).into_bytes()),
        ("base64url", URL_SAFE_NO_PAD.encode(TOKEN).into_bytes()),
        ("hex", hex::encode(TOKEN).into_bytes()),
        ("upper hex", hex::encode_upper(TOKEN).into_bytes()),
        ("percent", form.into_bytes()),
        ("json", serde_json::to_vec(TOKEN).unwrap()),
        ("json with escaped slashes", TOKEN.replace('/', "\\/").into_bytes()),
        ("gzip", gzip.finish().unwrap()),
    ]
}

#[tokio::test]
async fn a_target_cannot_reflect_the_credential() {
    for (what, encoded) in every_encoding() {
        let header = match what {
            "gzip" => "content-encoding: gzip\r\n".to_owned(),
            _ => format!("x-echo: {}\r\n", String::from_utf8_lossy(&encoded)),
        };
        let body = encoded.clone();
        let target = Target::start(move |_, _| Reply::answer(200, &header, &body)).await;
        let scope = TestScope::new(digest()).reaching(target.address);

        let response = send(&scope, with_auth("token", &target.url("/"))).await.unwrap();

        let body = String::from_utf8_lossy(&response.body).into_owned();
        let shown = format!("{body} {:?}", response.headers);
        assert!(body.contains("[secret]"), "{what}: {shown}");
        let encodings = every_encoding();
        for (_, needle) in encodings.iter().filter(|(what, _)| *what != "gzip") {
            let needle = String::from_utf8_lossy(needle).into_owned();
            assert!(!shown.contains(&needle), "{what}: {shown}");
        }
    }
}

/// In two chunks, and in a later answer to a request without the credential.
#[tokio::test]
async fn a_target_cannot_reflect_it_in_pieces_or_later() {
    let chunked = |text: &str| {
        let (first, second) = text.split_at(text.len() / 2);
        format!(
            "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        )
    };
    let reply = chunked(TOKEN);
    let target = Target::start(move |_, _| Reply::Bytes(reply.clone().into_bytes())).await;
    let access = access(|_| {});
    let scope = TestScope::new(digest()).reaching(target.address);
    let session = session(&access, &scope);
    for request in [with_auth("token", &target.url("/")), get(&target.url("/"))] {
        assert_eq!(session.send(request).await.unwrap().body, b"[secret]");
    }
}

#[tokio::test]
async fn cookies_are_not_shown() {
    let target =
        Target::start(|_, _| Reply::answer(200, "set-cookie: a=b\r\nx-a: b\r\n", "")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let headers = send(&scope, get(&target.url("/"))).await.unwrap().headers;
    assert_eq!(headers, [("x-a".to_owned(), "b".to_owned())]);
}

/// A target whose `/token` issues `token-…-1`, `token-…-2` and so on.
async fn oauth_target(accepts: &'static str, lifetime_s: u32, basic: bool) -> Target {
    let issued = std::sync::atomic::AtomicU32::new(0);
    Target::start(move |_, request: &Received| {
        if request.line().starts_with("POST /token") {
            let is_basic = request.header("authorization").is_some();
            if is_basic != basic {
                return Reply::answer(401, "", r#"{"error":"invalid_client"}"#);
            }
            let number = issued.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            return Reply::ok(format!(
                r#"{{"access_token":"token-abcdef-{number}","token_type":"Bearer","expires_in":{lifetime_s}}}"#
            ));
        }
        let used = request.header("authorization").unwrap_or_default().to_owned();
        match accepts.is_empty() || used.ends_with(accepts) {
            true => Reply::ok(format!("you said {used}")),
            false => Reply::answer(401, "", ""),
        }
    })
    .await
}

fn oauth_scope(target: &Target) -> TestScope {
    let kind = AuthKind::Oauth2ClientCredentials {
        token_url: "/token_url".to_owned(),
        client_id: "/client_id".to_owned(),
        client_secret: "/client_secret".to_owned(),
        scope: Some("/scope".to_owned()),
    };
    let mut scope = TestScope::new(digest()).reaching(target.address).auth(scheme(kind));
    let url = target.url("/token");
    scope.scope.connection =
        format!(r#"{{"token_url":"{url}","client_id":"the client","scope":"a b"}}"#).into();
    scope
}

fn token_requests(target: &Target) -> Vec<Received> {
    let received = target.received().into_iter();
    received.filter(|request| request.line().starts_with("POST /token")).collect()
}

#[tokio::test]
async fn a_token_is_fetched_once_and_never_shown() {
    let target = oauth_target("", 3_600, true).await;
    let scope = oauth_scope(&target);
    let access = access(|_| {});
    for _ in 0..3 {
        let response = session(&access, &scope).send(with_auth("own", &target.url("/"))).await;
        assert_eq!(response.unwrap().body, b"you said Bearer [secret]");
    }
    let asked = token_requests(&target);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=a+b");
    let basic = STANDARD.encode("the+client:cl1ent-s3cret%2F%2B");
    assert_eq!(asked[0].header("authorization"), Some(format!("Basic {basic}").as_str()));
}

#[tokio::test]
async fn a_scope_that_the_connection_leaves_out_is_not_asked_for() {
    let target = oauth_target("", 3_600, true).await;
    let mut scope = oauth_scope(&target);
    let url = target.url("/token");
    scope.scope.connection = format!(r#"{{"token_url":"{url}","client_id":"x"}}"#).into();
    send(&scope, with_auth("own", &target.url("/"))).await.unwrap();
    assert_eq!(token_requests(&target)[0].body, "grant_type=client_credentials");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_once_when_refused() {
    // Lives for less than the time before which it is renewed: fetched for every request.
    let short = oauth_target("", 10, true).await;
    let (scope, access) = (oauth_scope(&short), access(|_| {}));
    for _ in 0..2 {
        session(&access, &scope).send(with_auth("own", &short.url("/"))).await.unwrap();
    }
    assert_eq!(token_requests(&short).len(), 2);

    let picky = oauth_target("-2", 3_600, true).await;
    let response = send(&oauth_scope(&picky), with_auth("own", &picky.url("/"))).await.unwrap();
    assert_eq!((response.status, token_requests(&picky).len()), (200, 2));

    let never = oauth_target("-99", 3_600, true).await;
    let response = send(&oauth_scope(&never), with_auth("own", &never.url("/"))).await.unwrap();
    assert_eq!((response.status, token_requests(&never).len()), (401, 2));
}

#[tokio::test]
async fn a_token_server_that_takes_only_the_form_gets_the_form() {
    let target = oauth_target("", 3_600, false).await;
    send(&oauth_scope(&target), with_auth("own", &target.url("/"))).await.unwrap();
    let body = token_requests(&target).pop().unwrap().body;
    assert!(body.contains("client_id=the+client&client_secret=cl1ent-s3cret%2F%2B"), "{body}");
}

#[tokio::test]
async fn the_token_server_passes_the_same_egress_check() {
    let (target, canary) = (oauth_target("", 60, true).await, oauth_target("", 60, true).await);
    let mut scope = oauth_scope(&target);
    let url = canary.url("/token");
    scope.scope.connection =
        format!(r#"{{"token_url":"{url}","client_id":"x","scope":""}}"#).into();
    let refusal = send(&scope, with_auth("own", &target.url("/"))).await.unwrap_err();
    assert_eq!(refusal.code(), "port_not_allowed");
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_token_server_that_refuses_is_told_as_such() {
    let target =
        Target::start(|_, _| Reply::answer(400, "", r#"{"error":"invalid_client"}"#)).await;
    let refusal =
        send(&oauth_scope(&target), with_auth("own", &target.url("/"))).await.unwrap_err();
    assert_eq!(refusal.code(), "token_refused");
}
