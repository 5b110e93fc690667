//! The way of a request through the proxy.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::exchange::Exchange;
use super::fault::Fault;
use super::{Shared, lock};
use crate::loopback::DropConnection;

const BODY_BYTES_MAX: usize = 64 << 20;

/// About one connection only (RFC 9110 section 7.6.1), or made anew from the body.
const NOT_FORWARDED: [HeaderName; 7] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
];

/// Everything, on any path.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(record).with_state(shared)
}

/// A target's complete answer.
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

async fn record(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let mut exchange = Exchange {
        number: 0,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: texts(&parts.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
        fault: None,
        target_status: None,
        target_body: String::new(),
        answered_status: None,
    };
    exchange.fault = lock(&shared.rules).fault_for(&exchange);
    let fault = exchange.fault.clone();
    let number = begin(&shared, exchange);
    match fault {
        Some(Fault::RefuseBefore(code)) => return finish(&shared, number, refusal(code)),
        Some(Fault::DropBefore) => return dropped(),
        Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::RefuseAfter(_) | Fault::DropAfter) | None => {}
    }
    // In a task of its own: a client that goes away must not keep us from seeing what it caused.
    let forwarding = tokio::spawn(forward(Arc::clone(&shared), number, parts, body));
    let Ok(Some(answered)) = forwarding.await else {
        return finish(&shared, number, status(StatusCode::BAD_GATEWAY));
    };
    match fault {
        Some(Fault::RefuseAfter(code)) => finish(&shared, number, refusal(code)),
        Some(Fault::DropAfter) => dropped(),
        _ => finish(&shared, number, response(answered)),
    }
}

/// Remembers a request that has arrived; answers its number.
fn begin(shared: &Shared, mut exchange: Exchange) -> usize {
    let mut exchanges = lock(&shared.exchanges);
    let number = shared.arrived.fetch_add(1, Ordering::Relaxed);
    exchange.number = number;
    exchanges.push(exchange);
    number
}

/// Remembers what the client is answered.
fn finish(shared: &Shared, number: usize, response: Response) -> Response {
    let status = response.status().as_u16();
    update(shared, number, |exchange| exchange.answered_status = Some(status));
    response
}

/// The target's answer, remembered; `None` if the target cannot be reached.
async fn forward(
    shared: Arc<Shared>,
    number: usize,
    parts: axum::http::request::Parts,
    body: Bytes,
) -> Option<Answered> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let response = shared
        .http
        .request(parts.method, format!("{}{path}", shared.origin))
        // `Host` stays the client's, so links in the answer lead through the proxy.
        .headers(forwarded(&parts.headers))
        .body(body)
        .send()
        .await
        .ok()?;
    let status = response.status();
    let headers = forwarded(response.headers());
    let body = response.bytes().await.ok()?;
    update(&shared, number, |exchange| {
        exchange.target_status = Some(status.as_u16());
        exchange.target_body = String::from_utf8_lossy(&body).into_owned();
    });
    Some(Answered { status, headers, body })
}

/// Changes an exchange, unless the test has forgotten it meanwhile.
fn update(shared: &Shared, number: usize, change: impl FnOnce(&mut Exchange)) {
    let mut exchanges = lock(&shared.exchanges);
    if let Some(exchange) = exchanges.iter_mut().rev().find(|each| each.number == number) {
        change(exchange);
    }
}

fn response(answered: Answered) -> Response {
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() = answered.status;
    *response.headers_mut() = answered.headers;
    response
}

fn refusal(code: u16) -> Response {
    status(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn dropped() -> Response {
    let mut response = status(StatusCode::BAD_GATEWAY);
    response.extensions_mut().insert(DropConnection);
    response
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = headers.clone();
    for name in NOT_FORWARDED {
        forwarded.remove(name);
    }
    forwarded
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
