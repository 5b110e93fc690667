//! What becomes of answers: size, compression, broken HTTP, pauses, repetitions, deadlines.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use grantry_runtime::http::{Refusal, Request};

use crate::egress::{access, get, post, send, session};
use crate::support::scope::{TestScope, digest};
use crate::support::target::{Reply, Target};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_answers_arrive_plain() {
    let body = gzip(b"{\"ok\":true}");
    let target =
        Target::start(move |_, _| Reply::answer(200, "content-encoding: gzip\r\n", &body)).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let response = send(&scope, get(&target.url("/"))).await.unwrap();
    assert_eq!(response.body, b"{\"ok\":true}");
    assert!(response.headers.iter().all(|(name, _)| name != "content-encoding"));
}

#[tokio::test]
async fn a_gzip_bomb_is_too_large() {
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let target =
        Target::start(move |_, _| Reply::answer(200, "content-encoding: gzip\r\n", &bomb)).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    assert_eq!(send(&scope, get(&target.url("/"))).await.unwrap_err(), Refusal::TooLarge);
}

#[tokio::test]
async fn a_large_answer_is_too_large_with_and_without_a_length() {
    let target = Target::start(|number, _| {
        let body = vec![b'x'; 5 * 1024 * 1024];
        match number {
            0 => Reply::answer(200, "", body),
            _ => Reply::Close([b"HTTP/1.1 200 x\r\n\r\n".to_vec(), body].concat()),
        }
    })
    .await;
    let scope = TestScope::new(digest()).reaching(target.address);
    for _ in 0..2 {
        assert_eq!(send(&scope, get(&target.url("/"))).await.unwrap_err(), Refusal::TooLarge);
    }
}

#[tokio::test]
async fn answers_that_break_http_are_protocol_errors() {
    let many_headers = format!("HTTP/1.1 200 x\r\n{}\r\n", "a: b\r\n".repeat(100_000));
    let large_header = format!("HTTP/1.1 200 x\r\na: {}\r\n\r\n", "b".repeat(1_000_000));
    for (what, reply) in [
        ("nothing", String::new()),
        ("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()),
        ("too short", "HTTP/1.1 200 x\r\ncontent-length: 10\r\n\r\nabc".to_owned()),
        (
            "two lengths",
            "HTTP/1.1 200 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(),
        ),
        ("bad length", "HTTP/1.1 200 x\r\ncontent-length: -1\r\n\r\n".to_owned()),
        ("bad chunk", "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned()),
        ("many headers", many_headers),
        ("a large header", large_header),
        (
            "an unasked coding",
            "HTTP/1.1 200 x\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\na".to_owned(),
        ),
        (
            "bad gzip",
            "HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\na".to_owned(),
        ),
    ] {
        let target = Target::start(move |_, _| Reply::Close(reply.clone().into_bytes())).await;
        let scope = TestScope::new(digest()).reaching(target.address);
        let refusal = send(&scope, get(&target.url("/"))).await.unwrap_err();
        assert_eq!(refusal.code(), "upstream_protocol_error", "{what}: {refusal:?}");
    }
}

#[tokio::test]
async fn a_silent_target_times_out() {
    let target = Target::start(|_, _| Reply::Silence).await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let began = Instant::now();
    let request = Request { timeout_ms: 300, ..get(&target.url("/")) };
    assert_eq!(send(&scope, request).await.unwrap_err(), Refusal::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_closed_port_is_a_connect_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let scope = TestScope::new(digest()).reaching(free);
    let refusal = send(&scope, post(&format!("http://{free}/"))).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Connect(_)), "{refusal:?}");
}

#[tokio::test]
async fn connections_are_kept_within_a_policy_version_only() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let access = access(|_| {});
    let mut scope = TestScope::new(digest()).reaching(target.address);
    for _ in 0..3 {
        session(&access, &scope).send(get(&target.url("/"))).await.unwrap();
    }
    assert_eq!(target.connections(), 1);
    scope.scope.policy_version = 2;
    session(&access, &scope).send(get(&target.url("/"))).await.unwrap();
    assert_eq!(target.connections(), 2);
    let other = TestScope::new(digest()).reaching(target.address);
    let mut other = other;
    other.scope.integration = grantry_model::ids::IntegrationId::parse("integration-2").unwrap();
    session(&access, &other).send(get(&target.url("/"))).await.unwrap();
    assert_eq!(target.connections(), 3);
}

/// The target closes a kept connection exactly when the next request is sent on it.
#[tokio::test]
async fn a_read_on_a_stale_connection_is_repeated_and_a_write_is_not() {
    let target = Target::start(|number, _| match number {
        1 | 4 => Reply::Close(Vec::new()),
        _ => Reply::ok("fine"),
    })
    .await;
    let access = access(|_| {});
    let scope = TestScope::new(digest()).reaching(target.address);
    let session = session(&access, &scope);
    session.send(get(&target.url("/0"))).await.unwrap();
    let repeated = session.send(get(&target.url("/1"))).await.unwrap();
    assert_eq!(repeated.body, b"fine");
    session.send(get(&target.url("/3"))).await.unwrap();
    let refusal = session.send(post(&target.url("/4"))).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Protocol(_)), "{refusal:?}");
    let writes = target.received().iter().filter(|r| r.line().starts_with("POST")).count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn a_read_waits_out_the_pause_that_the_target_asks_for() {
    let target = Target::start(|number, _| match number {
        0 => Reply::answer(429, "retry-after: 1\r\n", ""),
        _ => Reply::ok("now"),
    })
    .await;
    let scope = TestScope::new(digest()).reaching(target.address);
    let began = Instant::now();
    let response = send(&scope, get(&target.url("/"))).await.unwrap();
    assert_eq!(response.body, b"now");
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_pause_that_does_not_fit_is_told() {
    let target = Target::start(|_, _| Reply::answer(429, "retry-after: 3600\r\n", "")).await;
    let access = access(|_| {});
    let scope = TestScope::new(digest()).reaching(target.address);
    let session = session(&access, &scope);
    for request in [get(&target.url("/")), post(&target.url("/"))] {
        let Refusal::RateWaitExceeded { ms } = session.send(request).await.unwrap_err() else {
            panic!()
        };
        assert!((3_500_000..=3_600_000).contains(&ms), "{ms}");
    }
    assert_eq!(target.received().len(), 1);
}

/// A write that was turned away is for the connector to judge.
#[tokio::test]
async fn a_write_that_is_turned_away_is_not_repeated() {
    for status in [429, 503] {
        let target =
            Target::start(move |_, _| Reply::answer(status, "retry-after: 1\r\n", "")).await;
        let scope = TestScope::new(digest()).reaching(target.address);
        assert_eq!(send(&scope, post(&target.url("/"))).await.unwrap().status, status);
        assert_eq!(target.received().len(), 1);
    }
}

#[tokio::test]
async fn a_call_sends_so_many_requests_and_no_more() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let access = access(|settings| settings.requests_max = 3);
    let scope = TestScope::new(digest()).reaching(target.address);
    let session = session(&access, &scope);
    for _ in 0..3 {
        session.send(get(&target.url("/"))).await.unwrap();
    }
    let refusal = session.send(get(&target.url("/"))).await.unwrap_err();
    assert_eq!(refusal, Refusal::QuotaExceeded("requests".to_owned()));
    assert_eq!(session.used().0, 4);
}
