//! Slow, vanishing and oversized senders on real sockets (security.md rows 13 and 23, checklist 27).

use std::time::Duration;

use grantry_server::{Limits, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::host::{Host, wide};

struct Listening {
    host: Host,
    address: std::net::SocketAddr,
    serving: JoinHandle<()>,
}

async fn listen(limits: Limits) -> Listening {
    let host = Host::start_with(limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(host.server.clone(), listener));
    Listening { host, address, serving }
}

impl Listening {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    fn post(&self, path: &str, media_type: &str, more: &str) -> String {
        format!(
            "POST /api/v1{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
             Idempotency-Key: k\r\nContent-Type: {media_type}\r\n{more}\r\n",
            self.host.admin
        )
    }
}

/// All that comes until the server closes the connection.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let reading = stream.read_to_end(&mut text);
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("not closed").unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn short() -> Limits {
    let short = Duration::from_millis(200);
    Limits { header_timeout: short, body_timeout: short, body_bytes_max: 1_000, ..wide() }
}

#[tokio::test]
async fn headers_that_never_end_close_the_connection() {
    let listening = listen(short()).await;
    let stream = listening.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    let answer = until_closed(stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let listening = listen(short()).await;
    assert_eq!(until_closed(listening.send("").await).await, "");
    let idle = listening.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(until_closed(idle).await.ends_with("ok\n"));
}

#[tokio::test]
async fn a_body_that_never_ends_is_a_timeout() {
    let listening = listen(short()).await;
    let head = listening.post("/clients", "application/json", "Content-Length: 100\r\n");
    let answer = until_closed(listening.send(&format!("{head}{{")).await).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""));
}

#[tokio::test]
async fn an_endless_chunked_body_is_too_large_and_closes_the_connection() {
    let listening = listen(Limits { body_bytes_max: 1_000, ..wide() }).await;
    let head = listening.post("/clients", "application/json", "Transfer-Encoding: chunked\r\n");
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1_024));
    let stream = listening.send(&format!("{head}{}", chunk.repeat(8))).await;
    let answer = until_closed(stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("payload_too_large"));
}

#[tokio::test]
async fn a_stranger_gets_its_refusal_before_its_body_is_read() {
    let listening = listen(wide()).await;
    let request = "POST /api/v1/plugins HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n";
    let answer = until_closed(listening.send(request).await).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_work() {
    let listening = listen(wide()).await;
    let component = "\0asm slow";
    let more = format!("Content-Length: {}\r\n", component.len());
    let head = listening.post("/plugins?allow_unsigned=true", "application/wasm", &more);
    let stream = listening.send(&format!("{head}{component}")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    for _ in 0..200 {
        let plugins = listening.host.get("/plugins").await.ok();
        if plugins["items"].as_array().unwrap().len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the work was given up");
}

#[tokio::test]
async fn stopping_lets_an_open_request_end() {
    let listening = listen(wide()).await;
    let component = "\0asm slow";
    let more = format!("Content-Length: {}\r\n", component.len());
    let head = listening.post("/plugins?allow_unsigned=true", "application/wasm", &more);
    let stream = listening.send(&format!("{head}{component}")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    listening.host.server.stop();
    let answer = until_closed(stream).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    listening.serving.await.unwrap();
    assert!(TcpStream::connect(listening.address).await.is_err());
}
