//! Where requests may go and what they may carry (security notes rows 42 to 47): one table of
//! refusals, each with its code, and canaries that nobody may ever reach.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_model::approval::{AddressException, AllowedHost, AllowedOrigin, Granted};
use grantry_runtime::HttpSettings;
use grantry_runtime::http::{
    Access, HttpAccess, HttpSession, Refusal, Request, Resolver, Response,
};
use tokio::time::Instant;

use crate::support::scope::{TestScope, digest, origin};
use crate::support::target::{Reply, Target};

/// Gives the n-th lookup the n-th list of addresses.
pub struct Rebinding {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Rebinding {
    pub fn new(answers: Vec<Vec<&'static str>>) -> Arc<Self> {
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.get(asked).or(self.answers.last()).unwrap();
        Ok(answer.iter().map(|ip| ip.parse().unwrap()).collect())
    }
}

pub fn access(change: impl FnOnce(&mut HttpSettings)) -> Arc<HttpAccess> {
    let mut settings = HttpSettings { timeout_ms: 2_000, ..HttpSettings::default() };
    change(&mut settings);
    Arc::new(HttpAccess::new(settings).unwrap())
}

pub fn session(access: &Arc<HttpAccess>, scope: &TestScope) -> Arc<HttpSession> {
    access.session(&scope.scope, Access::ReadWrite, Instant::now() + Duration::from_secs(10))
}

pub fn get(url: &str) -> Request {
    Request { method: "GET".to_owned(), url: url.to_owned(), ..Request::default() }
}

pub fn post(url: &str) -> Request {
    Request { method: "POST".to_owned(), body: b"{}".to_vec(), ..get(url) }
}

pub async fn send(scope: &TestScope, request: Request) -> Result<Response, Refusal> {
    session(&access(|_| {}), scope).send(request).await
}

/// A scope that allows `https://example.com`, `*.example.org` below `/api/`, and a server.
fn scope(server: &Target) -> TestScope {
    TestScope::new(digest()).reaching(server.address).grant(|granted| {
        granted.origins.push(origin("example.com", 443, false));
        granted.origins.push(AllowedOrigin {
            host: AllowedHost::Suffix(".example.org".to_owned()),
            port: 443,
            is_plain: false,
            methods: vec!["GET".to_owned()],
            path_prefix: "/api/".to_owned(),
            takes_credentials: true,
        });
        for ip in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:7f00:1]"] {
            granted.origins.push(origin(ip, 443, false));
        }
    })
}

#[tokio::test]
async fn places_that_were_not_approved_are_refused() {
    let canary = Target::start(|_, _| Reply::ok("")).await;
    let allowed = Target::start(|_, _| Reply::ok("")).await;
    let (port, canary_port) = (allowed.address.port(), canary.address.port());
    let table: Vec<(String, &str)> = [
        // Not URLs, or not ours.
        ("", "url_invalid"),
        ("/relative", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://exa mple.com/", "url_invalid"),
        ("https://[::1/", "url_invalid"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://1.2.3.4.5/", "url_invalid"),
        ("https://256.256.256.256/", "url_invalid"),
        ("ftp://example.com/", "scheme_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("gopher://example.com/", "scheme_not_allowed"),
        ("data:text/plain,x", "scheme_not_allowed"),
        ("ws://example.com/", "scheme_not_allowed"),
        ("http://example.com/", "scheme_not_allowed"),
        ("HTTP://EXAMPLE.COM/", "scheme_not_allowed"),
        ("https://user@example.com/", "userinfo_not_allowed"),
        ("https://user:password@example.com/", "userinfo_not_allowed"),
        ("https://example.com@evil.test/", "userinfo_not_allowed"),
        ("https://:x@example.com/", "userinfo_not_allowed"),
        // Other hosts, however they are dressed up.
        ("https://evil.test/", "host_not_allowed"),
        ("https://example.com.evil.test/", "host_not_allowed"),
        ("https://example.com./", "host_not_allowed"),
        ("https://sub.example.com/", "host_not_allowed"),
        ("https://evilexample.com/", "host_not_allowed"),
        ("https://example.org/api/", "host_not_allowed"),
        ("https://evilexample.org/api/", "host_not_allowed"),
        ("https://.example.org/api/", "host_not_allowed"),
        ("https://evil.test/?example.com", "host_not_allowed"),
        ("https://evil.test#example.com", "host_not_allowed"),
        ("https://evil.test\\example.com/", "host_not_allowed"),
        ("https://evil.test/@example.com", "host_not_allowed"),
        ("https://examp\u{0142}e.com/", "host_not_allowed"),
        ("https://example.com%2eevil.test/", "host_not_allowed"),
        ("https:evil.test", "host_not_allowed"),
        ("https:///evil.test/", "host_not_allowed"),
        ("https://localhost/", "host_not_allowed"),
        ("https://example.com:8443/", "port_not_allowed"),
        ("https://example.com:80/", "port_not_allowed"),
        ("https://a.example.org/", "path_not_allowed"),
        ("https://a.example.org/apis", "path_not_allowed"),
        ("https://a.example.org/api/../admin", "path_not_allowed"),
        ("https://a.example.org/api/%2e%2e/admin", "path_not_allowed"),
        ("https://a.example.org/api/..%2fadmin", "path_not_allowed"),
        ("https://a.example.org/api/%2e%2e%5cadmin", "path_not_allowed"),
        // Approved names of addresses that are never dialled without an exception.
        ("https://127.0.0.1/", "address_not_allowed"),
        ("https://127.1/", "address_not_allowed"),
        ("https://2130706433/", "address_not_allowed"),
        ("https://0x7f000001/", "address_not_allowed"),
        ("https://0177.0.0.1/", "address_not_allowed"),
        ("https://0x7f.1/", "address_not_allowed"),
        ("https://%31%32%37.0.0.1/", "address_not_allowed"),
        ("https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", "address_not_allowed"),
        ("https://10.0.0.1/", "address_not_allowed"),
        ("https://169.254.169.254/latest/meta-data/", "address_not_allowed"),
        ("https://[::1]/", "address_not_allowed"),
        ("https://[0:0:0:0:0:0:0:1]/", "address_not_allowed"),
        ("https://[::ffff:127.0.0.1]/", "address_not_allowed"),
        ("https://[::ffff:7f00:1]/", "address_not_allowed"),
        ("https://[::127.0.0.1]/", "host_not_allowed"),
    ]
    .into_iter()
    .map(|(url, code)| (url.to_owned(), code))
    .chain([
        (format!("http://127.0.0.1:{canary_port}/"), "port_not_allowed"),
        (format!("https://127.0.0.1:{port}/"), "port_not_allowed"),
        (format!("http://localhost:{port}/"), "host_not_allowed"),
        (format!("http://user@127.0.0.1:{port}/"), "userinfo_not_allowed"),
    ])
    .collect();
    assert!(table.len() >= 60, "{}", table.len());
    let scope = scope(&allowed);
    for (url, code) in &table {
        let refusal = send(&scope, get(url)).await.expect_err(url);
        assert_eq!(refusal.code(), *code, "{url}");
        assert!(matches!(refusal, Refusal::Denied { .. }), "{url}: {refusal:?}");
    }
    assert_eq!((canary.connections(), allowed.connections()), (0, 0));
}

/// The same forms, approved by name only, for every kind of address that a name may resolve to.
#[tokio::test]
async fn names_of_private_addresses_are_refused() {
    for address in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:a00:1::",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ] {
        let resolver = Rebinding::new(vec![vec![address]]);
        let access = access(|settings| settings.resolver = resolver);
        let scope = TestScope::new(digest())
            .grant(|granted| granted.origins.push(origin("example.com", 443, false)));
        let refusal = session(&access, &scope).send(get("https://example.com/")).await.unwrap_err();
        assert_eq!(refusal.code(), "address_not_allowed", "{address}");
    }
}

#[tokio::test]
async fn one_private_address_among_public_ones_spoils_the_name() {
    let resolver = Rebinding::new(vec![vec!["93.184.216.34", "127.0.0.1"]]);
    let access = access(|settings| settings.resolver = resolver);
    let scope = TestScope::new(digest())
        .grant(|granted| granted.origins.push(origin("example.com", 443, false)));
    let refusal = session(&access, &scope).send(get("https://example.com/")).await.unwrap_err();
    assert_eq!(refusal.code(), "address_not_allowed");
}

/// A name that is good when it is first looked up and bad the next time: the host looks once per
/// connection and dials what it judged.
#[tokio::test]
async fn a_name_that_changes_its_mind_reaches_nothing() {
    let canary = Target::start(|_, _| Reply::ok("")).await;
    let good =
        Target::start(|_, _| Reply::Close(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n".to_vec()))
            .await;
    let resolver = Rebinding::new(vec![vec!["127.0.0.1"], vec!["127.0.0.2"]]);
    let access = access(|settings| settings.resolver = resolver.clone());
    let port = good.address.port();
    let scope = TestScope::new(digest()).grant(|granted| {
        granted.origins.push(origin("target.test", port, true));
        let ip = "127.0.0.1".parse().unwrap();
        granted.address_exceptions.push(AddressException { ip, port });
    });
    let session = session(&access, &scope);
    let url = format!("http://target.test:{port}/");
    assert_eq!(session.send(get(&url)).await.unwrap().status, 200);
    let refusal = session.send(get(&url)).await.unwrap_err();
    assert_eq!(refusal.code(), "address_not_allowed");
    assert_eq!((canary.connections(), good.connections()), (0, 1));
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 2);
}

/// Plain http was approved for one address; the same name at a public address gets no plain http.
#[tokio::test]
async fn plain_http_is_for_excepted_addresses_only() {
    let resolver = Rebinding::new(vec![vec!["93.184.216.34"]]);
    let access = access(|settings| settings.resolver = resolver);
    let scope = TestScope::new(digest())
        .grant(|granted| granted.origins.push(origin("target.test", 80, true)));
    let refusal = session(&access, &scope).send(get("http://target.test/")).await.unwrap_err();
    assert_eq!(refusal.code(), "address_not_allowed");
}

#[tokio::test]
async fn headers_of_the_host_are_refused() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    for (name, value) in [
        ("Authorization", "Bearer x"),
        ("authorization", "x"),
        ("Host", "evil.test"),
        ("Cookie", "a=b"),
        ("Accept-Encoding", "br"),
        ("Content-Length", "0"),
        ("Connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("TE", "trailers"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
        ("Keep-Alive", "x"),
        ("Proxy-Authorization", "x"),
        ("Proxy-Anything", "x"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("x-ok", "a\r\nHost: evil.test"),
        ("x-ok", "a\nb"),
        ("x-ok", "a\0b"),
        ("x ok", "a"),
        ("x-ok:", "a"),
        ("x-ok\r\nhost", "a"),
        ("", "a"),
        (":authority", "evil.test"),
    ] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        let request = Request { headers, ..get(&target.url("/")) };
        let refusal = send(&scope, request).await.unwrap_err();
        assert_eq!(refusal.code(), "header_not_allowed", "{name:?}: {value:?}");
    }
    let many = vec![("x-ok".to_owned(), "a".to_owned()); 1_000];
    let request = Request { headers: many, ..get(&target.url("/")) };
    assert_eq!(send(&scope, request).await.unwrap_err().code(), "header_not_allowed");
    assert_eq!(target.connections(), 0);

    let headers = vec![("X-Ok".to_owned(), "a\tb".to_owned())];
    let request = Request { headers, ..get(&target.url("/")) };
    assert_eq!(send(&scope, request).await.unwrap().status, 200);
    let received = &target.received()[0];
    assert_eq!(received.header("x-ok"), Some("a\tb"));
    assert_eq!(received.header("accept-encoding"), Some("gzip"));
    assert_eq!(received.header("host"), Some(target.address.to_string().as_str()));
}

#[tokio::test]
async fn methods_outside_the_contract_or_the_call_are_refused() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    for method in ["", "get", "TRACE", "CONNECT", "OPTIONS", "GET /x HTTP/1.1\r\nx:", "G\0T"] {
        let request = Request { method: method.to_owned(), ..get(&target.url("/")) };
        let refusal = send(&scope, request).await.unwrap_err();
        assert_eq!(refusal.code(), "method_not_allowed", "{method:?}");
    }
    let access = access(|_| {});
    let deadline = Instant::now() + Duration::from_secs(10);
    let reading = access.session(&scope.scope, Access::ReadOnly, deadline);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = Request { method: method.to_owned(), ..get(&target.url("/")) };
        let refusal = reading.send(request).await.unwrap_err();
        assert_eq!(refusal.code(), "method_not_allowed", "{method}");
    }
    assert_eq!(target.connections(), 0);
    assert_eq!(reading.send(get(&target.url("/"))).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_origin_binds_methods_and_paths() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let scope = TestScope::new(digest()).reaching(target.address).grant(|granted: &mut Granted| {
        let origin = granted.origins.last_mut().unwrap();
        origin.methods = vec!["GET".to_owned()];
        origin.path_prefix = "/scim/".to_owned();
    });
    assert_eq!(send(&scope, get(&target.url("/scim/Users"))).await.unwrap().status, 200);
    let refused = send(&scope, post(&target.url("/scim/Users"))).await.unwrap_err();
    assert_eq!(refused.code(), "method_not_allowed");
    let refused = send(&scope, get(&target.url("/admin"))).await.unwrap_err();
    assert_eq!(refused.code(), "path_not_allowed");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let canary = Target::start(|_, _| Reply::ok("")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", canary.url("/"));
        let target = Target::start(move |_, _| Reply::answer(status, &location, "")).await;
        let scope = TestScope::new(digest()).reaching(target.address);
        let refusal = send(&scope, get(&target.url("/"))).await.unwrap_err();
        assert_eq!(refusal.code(), "redirect_not_followed", "{status}");
    }
    assert_eq!(canary.connections(), 0);
    let target = Target::start(|_, _| Reply::answer(304, "", "")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    assert_eq!(send(&scope, get(&target.url("/"))).await.unwrap().status, 304);
}

/// What the environment says about proxies is nothing to us.
#[tokio::test]
async fn no_proxy_is_read_from_the_environment() {
    let target = Target::start(|_, _| Reply::ok("direct")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let response = send(&scope, get(&target.url("/"))).await.unwrap();
    assert_eq!(response.body, b"direct");
    assert_eq!(target.received()[0].line(), "GET / HTTP/1.1");
}

#[tokio::test]
async fn an_excepted_ipv6_address_is_reached() {
    let target = Target::start_at("[::1]:0", |_, _| Reply::ok("six")).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let response = send(&scope, get(&target.url("/"))).await.unwrap();
    assert_eq!(response.body, b"six");
    assert_eq!(target.received()[0].header("host"), Some(target.address.to_string().as_str()));
}
