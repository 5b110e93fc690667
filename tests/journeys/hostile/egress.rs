//! Requests go where they were approved to go, with the headers that are the plugin's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::Router;
use grantry_tests::directory::Quirk;
use grantry_tests::host::Integration;
use grantry_tests::loopback::LoopbackServer;
use serde_json::json;

use super::{Scene, denied, findings};

/// A server that nobody approved; it counts who comes all the same.
struct Canary {
    server: LoopbackServer,
    visits: Arc<AtomicUsize>,
}

impl Canary {
    fn start() -> Result<Self> {
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = visits.clone();
        let visit = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { "sings" }
        };
        let server = LoopbackServer::start(Router::new().fallback(visit), 0)?;
        Ok(Self { server, visits })
    }

    fn port(&self) -> u16 {
        self.server.address().port()
    }
}

/// Row 43: by name, by literal in every notation, by scheme, by port, by user name in the URL.
#[tokio::test]
async fn a_request_to_anywhere_else_is_refused_and_recorded() -> Result<()> {
    let scene = Scene::start().await?;
    let canary = Canary::start()?;
    let (port, own) = (canary.port(), scene.directory.address().port());
    let cases = [
        ("http://evil.example/".to_owned(), "host_not_allowed"),
        (format!("http://localhost:{port}/"), "host_not_allowed"),
        (format!("http://127.0.0.1.nip.io:{own}/"), "host_not_allowed"),
        (format!("http://[::1]:{port}/"), "host_not_allowed"),
        (format!("http://[::ffff:127.0.0.1]:{own}/"), "host_not_allowed"),
        (format!("http://0.0.0.0:{port}/"), "host_not_allowed"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "host_not_allowed"),
        ("http://[fd00:ec2::254]/".to_owned(), "host_not_allowed"),
        ("http://2852039166/".to_owned(), "host_not_allowed"),
        (format!("http://127.0.0.1:{port}/"), "port_not_allowed"),
        (format!("http://2130706433:{port}/"), "port_not_allowed"),
        (format!("http://0x7f.1:{port}/"), "port_not_allowed"),
        (format!("http://127.0.0.1:{own}@127.0.0.1:{port}/"), "userinfo_not_allowed"),
        (format!("https://127.0.0.1:{own}/"), "scheme_not_allowed"),
        ("file:///etc/passwd".to_owned(), "scheme_not_allowed"),
        (format!("gopher://127.0.0.1:{port}/"), "scheme_not_allowed"),
        ("no url".to_owned(), "url_invalid"),
    ];
    let hostile = scene.hostile("ssrf").await?;
    for (target, code) in cases {
        let url = scene.directory.base_url();
        let connection = json!({ "behaviour": "ssrf", "url": url, "target": target });
        hostile.change(&json!({ "connection": connection })).await?.ok()?;
        let tested = hostile.test_connection().await?;
        assert_eq!(findings(&tested)[0], format!("denied {code}"), "{target}");
        denied(&scene, &hostile, code).await?;
    }
    assert_eq!(canary.visits.load(Ordering::SeqCst), 0);
    assert_eq!(scene.directory.requests().len(), 0, "the approved host was not asked either");
    scene.ends_well().await
}

/// An approved name is not an approved address: what it resolves to is judged at every dial.
#[tokio::test]
async fn an_approved_host_on_a_private_address_is_refused() -> Result<()> {
    let scene = Scene::start().await?;
    let canary = Canary::start()?;
    let port = canary.port();
    for url in [
        format!("https://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://[::ffff:169.254.169.254]/".to_owned(),
    ] {
        let connection = json!({ "behaviour": "http_get", "url": url });
        let hostile = Integration::connect(scene.api(), "hostile", &connection, None).await?;
        let tested = hostile.test_connection().await?;
        assert_eq!(findings(&tested)[0], "denied address_not_allowed", "{url}");
        denied(&scene, &hostile, "address_not_allowed").await?;
    }
    assert_eq!(canary.visits.load(Ordering::SeqCst), 0);
    scene.ends_well().await
}

#[tokio::test]
async fn a_redirect_is_not_followed() -> Result<()> {
    let scene = Scene::start().await?;
    let canary = Canary::start()?;
    let url = format!("{}/Users", scene.directory.base_url());
    let connection = json!({
        "behaviour": "secret_echo", "url": url, "token": scene.directory.token(),
    });
    let hostile = scene.connect(&connection).await?;
    let elsewhere = format!("http://127.0.0.1:{}/", canary.port());
    scene.directory.add_quirk(Quirk::RedirectsTo(elsewhere));
    let tested = hostile.test_connection().await?;
    let expected = r#"HttpError::Denied("redirect_not_followed")"#;
    assert_eq!(findings(&tested)[0], expected);
    denied(&scene, &hostile, "redirect_not_followed").await?;
    scene.directory.clear_quirks();
    assert_eq!(canary.visits.load(Ordering::SeqCst), 0);
    scene.ends_well().await
}

/// Row 47: an answer without end, and one that is small until it is unpacked.
#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off() -> Result<()> {
    let scene = Scene::start().await?;
    let url = format!("{}/Users", scene.directory.base_url());
    let connection = json!({
        "behaviour": "secret_echo", "url": url, "token": scene.directory.token(),
    });
    let hostile = scene.connect(&connection).await?;
    for quirk in [Quirk::EndlessBody, Quirk::GzipBomb { mebibytes: 1_000 }] {
        scene.directory.add_quirk(quirk);
        let tested = hostile.test_connection().await?;
        assert_eq!(findings(&tested), ["HttpError::TooLarge"]);
        scene.directory.clear_quirks();
    }
    scene.ends_well().await
}

/// Row 44. Nothing of it reaches the approved host.
#[tokio::test]
async fn the_hosts_own_headers_and_other_methods_are_refused() -> Result<()> {
    let scene = Scene::start().await?;
    let hostile = scene.hostile("forbidden_headers").await?;
    let told = findings(&hostile.test_connection().await?);
    assert_eq!(told.len(), 12);
    for line in &told {
        assert!(line.ends_with(": denied header_not_allowed"), "{line}");
    }
    denied(&scene, &hostile, "header_not_allowed").await?;

    let hostile = scene.hostile("forbidden_methods").await?;
    let told = findings(&hostile.test_connection().await?);
    assert_eq!(told.len(), 5);
    for line in &told {
        assert!(line.ends_with(": denied method_not_allowed"), "{line}");
    }
    denied(&scene, &hostile, "method_not_allowed").await?;
    assert_eq!(scene.directory.requests().len(), 0);
    scene.ends_well().await
}

#[tokio::test]
async fn a_storm_of_requests_ends_at_the_quota() -> Result<()> {
    let scene = Scene::start().await?;
    let hostile = scene.hostile("http_storm").await?;
    let (tested, others) = tokio::join!(hostile.test_connection(), scene.serves_others());
    others?;
    let told = findings(&tested?);
    assert_eq!(told, [r#"request 1000: HttpError::QuotaExceeded("requests")"#]);
    scene.ends_well().await
}
