//! A proxy between a connector and its target, which misbehaves as it is told: what happens when an
//! answer is lost cannot be seen otherwise.
//!
//! Plain HTTP/1.1 on loopback, for one session of a test. It belongs to the person at the command
//! line, not to the plugin: it dials the host of the connection, and nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A pause that no call can wait for, in seconds.
const LONG_PAUSE_S: &str = "3600";

/// What the proxy does with requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// Lets them through.
    Forward,
    /// Answers all by itself, with this status and text.
    Answer(u16, String),
    /// Begins an answer of 200 and breaks off.
    BreakOff,
    /// Lets the next change through and loses its answer; then lets everything through.
    LoseAnswer,
    /// Loses the next change before the target sees it; then lets everything through.
    LoseRequest,
}

/// A running proxy; ends with its value.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    script: Mutex<Script>,
    requests: AtomicU32,
}

impl Proxy {
    /// A proxy on a free port before `upstream`, a host with its port.
    pub(crate) async fn start(upstream: String) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            script: Mutex::new(Script::Forward),
            requests: AtomicU32::new(0),
        });
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, serving.clone()));
            }
        });
        Ok(Self { address, shared, task })
    }

    /// From now on.
    pub(crate) fn follow(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// Whether the change that the script was waiting for came, and something of it was lost.
    pub(crate) fn has_struck(&self) -> bool {
        *lock(&self.shared.script) == Script::Forward
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u32 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(script: &Mutex<Script>) -> std::sync::MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

type Whole = Response<Full<Bytes>>;

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    if *lock(&shared.script) == Script::BreakOff {
        shared.requests.fetch_add(1, Ordering::Relaxed);
        break_off(&mut stream).await;
        return;
    }
    let service = service_fn(move |request| answer(shared.clone(), request));
    // An error here is the connection that closes, wanted or not.
    let builder = hyper::server::conn::http1::Builder::new();
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// Promises more than it sends.
async fn break_off(stream: &mut TcpStream) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut request = [0_u8; 16 * 1024];
    let _ = stream.read(&mut request).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n{";
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Whole, std::io::Error> {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let script = lock(&shared.script).clone();
    let lost = || std::io::Error::other("lost on purpose");
    match script {
        Script::Answer(status, text) => Ok(own(status, text)),
        Script::LoseRequest if is_change => {
            *lock(&shared.script) = Script::Forward;
            Err(lost())
        }
        Script::LoseAnswer if is_change => {
            *lock(&shared.script) = Script::Forward;
            forward(&shared.upstream, request).await.map_err(std::io::Error::other)?;
            Err(lost())
        }
        Script::BreakOff => Err(lost()),
        Script::Forward | Script::LoseAnswer | Script::LoseRequest => {
            let answered = forward(&shared.upstream, request).await;
            Ok(answered.unwrap_or_else(|why| own(502, why)))
        }
    }
}

fn own(status: u16, text: String) -> Whole {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    if status == 429 {
        headers.insert(RETRY_AFTER, hyper::header::HeaderValue::from_static(LONG_PAUSE_S));
    }
    response
}

/// The target's whole answer.
async fn forward(upstream: &str, request: Request<Incoming>) -> Result<Whole, String> {
    let words = |error: &dyn std::fmt::Display| format!("the target cannot be reached: {error}");
    let (mut head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|e| words(&e))?;
    let stream = TcpStream::connect(upstream).await.map_err(|e| words(&e))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|e| words(&e))?;
    let driving = tokio::spawn(connection);
    // One request a connection. `Host` stays the client's: links in answers lead through the proxy.
    head.headers.remove(TRANSFER_ENCODING);
    head.headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    let request = Request::from_parts(head, Full::new(body.to_bytes()));
    let response = sender.send_request(request).await.map_err(|e| words(&e))?;
    let (mut head, body) = response.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|e| words(&e))?;
    driving.abort();
    head.headers.remove(TRANSFER_ENCODING);
    head.headers.remove(CONNECTION);
    Ok(Response::from_parts(head, Full::new(body.to_bytes())))
}

/// An address of loopback on which nobody listens.
pub(crate) async fn closed_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}
