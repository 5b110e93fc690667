//! The way of a request: read, authenticate, misbehave, answer, misbehave, record.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::access::TOKEN_PATH;
use super::answer::{self, Answer, Call};
use super::error::ScimError;
use super::quirk::{Quirk, QuirkSet};
use super::record::RecordedRequest;
use super::{BASE_PATH, Shared, lock, tamper};
use crate::loopback::DropConnection;

const BODY_BYTES_MAX: usize = 16 << 20;

/// Everything, on any path.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let path = parts.uri.path().strip_prefix(BASE_PATH).unwrap_or(parts.uri.path()).to_owned();
    let delay = lock(&shared.quirks).find(|quirk| match quirk {
        Quirk::Slow(delay) => Some(*delay),
        _ => None,
    });
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    let (response, is_applied) = if path == TOKEN_PATH && parts.method == Method::POST {
        (issue(&shared, &parts, &body), false)
    } else if let Some(response) = refusal(&shared, &parts, &path) {
        (response, false)
    } else {
        perform(&shared, &parts, &path, &body)
    };
    let is_dropped = response.extensions().get::<DropConnection>().is_some();
    lock(&shared.requests).push(RecordedRequest {
        method: parts.method.to_string(),
        path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers(&parts),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: (!is_dropped).then_some(response.status().as_u16()),
        is_applied,
    });
    response
}

fn issue(shared: &Shared, parts: &Parts, body: &[u8]) -> Response {
    let (status, answer) = lock(&shared.access).issue(parts, body);
    (status, axum::Json(answer)).into_response()
}

/// The answer to a request that never reaches the directory's state.
fn refusal(shared: &Shared, parts: &Parts, path: &str) -> Option<Response> {
    if !lock(&shared.access).is_authenticated(parts) {
        let mut response = plain(&ScimError::new(401, "a bearer token is required"));
        let challenge = HeaderValue::from_static("Bearer realm=\"directory\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return Some(tamper::reflect(response, shared, parts, is_discovery(path)));
    }
    if !parts.uri.path().starts_with(BASE_PATH) {
        return Some(plain(&ScimError::new(404, "SCIM begins at `/scim/v2`")));
    }
    if is_discovery(path) {
        return None;
    }
    let mut quirks = lock(&shared.quirks);
    let mut wait_s = 0;
    let is_limited = quirks.take(|quirk| match quirk {
        Quirk::TooManyRequests { times, retry_after_s } => {
            wait_s = *retry_after_s;
            Some(times)
        }
        _ => None,
    });
    if is_limited {
        let mut response = plain(&ScimError::new(429, "too many requests"));
        response.headers_mut().insert(header::RETRY_AFTER, wait_s.into());
        return Some(response);
    }
    let fails = is_change(parts)
        && quirks.take(|quirk| match quirk {
            Quirk::FailsBeforeApplying { times } => Some(times),
            _ => None,
        });
    if fails {
        return Some(plain(&ScimError::new(500, "internal error")));
    }
    if is_change(parts) && quirks.has(&Quirk::OnlyPlainJson) && is_scim_json(parts) {
        return Some(plain(&ScimError::new(415, "only `application/json` is accepted")));
    }
    cut_off(&mut quirks, parts, path).or_else(|| tamper::substitute(&quirks, parts, path))
}

/// Closes the connection on a list after the last one allowed.
fn cut_off(quirks: &mut QuirkSet, parts: &Parts, path: &str) -> Option<Response> {
    let is_list = parts.method == Method::GET && !path.trim_matches('/').contains('/');
    let is_limited = quirks.find(|quirk| matches!(quirk, Quirk::CutOffAfterPages(_)).then_some(()));
    is_limited.filter(|()| is_list)?;
    let has_pages_left = quirks.take(|quirk| match quirk {
        Quirk::CutOffAfterPages(left) => Some(left),
        _ => None,
    });
    (!has_pages_left).then(dropped)
}

/// The answer, and whether the state has changed.
fn perform(shared: &Shared, parts: &Parts, path: &str, body: &[u8]) -> (Response, bool) {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let base_url = format!("http://{}{BASE_PATH}", host.unwrap_or("127.0.0.1"));
    let query = parts.uri.query().unwrap_or_default();
    let mut quirks = lock(&shared.quirks);
    let call = Call {
        method: parts.method.clone(),
        path: path.trim_matches('/'),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        if_match: parts.headers.get(header::IF_MATCH).and_then(|tag| tag.to_str().ok()),
        body,
        base_url: &base_url,
        page_items_max: shared.page_items_max,
    };
    let answer = answer::answer(&mut lock(&shared.store), &mut quirks, &call);
    let is_applied = answer.is_applied;
    let drops = is_applied
        && quirks.take(|quirk| match quirk {
            Quirk::DropsAfterApplying { times } => Some(times),
            _ => None,
        });
    let fails = is_applied
        && quirks.take(|quirk| match quirk {
            Quirk::FailsAfterApplying { times } => Some(times),
            _ => None,
        });
    if drops {
        return (dropped(), true);
    }
    if fails {
        return (plain(&ScimError::new(500, "internal error")), true);
    }
    let response = tamper::respond(answer, &quirks, is_discovery(path));
    drop(quirks);
    (tamper::reflect(response, shared, parts, is_discovery(path)), is_applied)
}

fn plain(error: &ScimError) -> Response {
    tamper::respond(Answer::error(error), &QuirkSet::default(), true)
}

fn dropped() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.extensions_mut().insert(DropConnection);
    response
}

fn is_discovery(path: &str) -> bool {
    let endpoint = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    ["ServiceProviderConfig", "ResourceTypes", "Schemas"].contains(&endpoint)
}

fn is_change(parts: &Parts) -> bool {
    parts.method != Method::GET && parts.method != Method::HEAD
}

fn is_scim_json(parts: &Parts) -> bool {
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/scim+json"))
}

fn headers(parts: &Parts) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
