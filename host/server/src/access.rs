//! What surrounds every request: its id, the access log, metrics, security headers, and the one
//! place where a problem becomes a document.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use grantry_api::problem::PROBLEM_JSON;
use grantry_model::ids::{PrincipalId, fresh_uuid};
use http::{Extensions, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::problem::Problem;
use crate::state::Server;
use crate::{path, unit};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known about a request while it runs.
#[derive(Clone, Default)]
pub(crate) struct Trace {
    /// Names the request in the access log, the audit log and problem documents.
    pub request_id: String,
    principal: Arc<OnceLock<PrincipalId>>,
}

impl Trace {
    /// The request's trace.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Notes who calls, for the access log.
    pub(crate) fn set_principal(&self, principal: PrincipalId) {
        let _ = self.principal.set(principal);
    }
}

/// The routes with everything around them.
pub(crate) fn around(routes: Router<Server>, server: Server) -> Router {
    routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::of_status(StatusCode::METHOD_NOT_ALLOWED))
        .layer(middleware::from_fn_with_state(server.clone(), unit::run))
        .layer(middleware::from_fn(path::check))
        .layer(middleware::from_fn_with_state(server.clone(), observe))
        .with_state(server)
}

async fn observe(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let db = server.0.engine.db();
    let request_id = fresh_uuid(db.clock(), db.random());
    let trace = Trace { request_id, ..Trace::default() };
    request.extensions_mut().insert(trace.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let path = request.uri().path().to_owned();

    let response = located(next.run(request).await, &path).await;
    let (response, problem) = render(response, &trace);
    log(&method, &route, &response, problem.as_ref(), &trace, began);
    secured(response, &trace)
}

/// Turns a problem, or a bare error status of somebody else, into its document.
fn render(mut response: Response, trace: &Trace) -> (Response, Option<Problem>) {
    let problem = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let Some(problem) = problem.or_else(|| is_error.then(|| Problem::of_status(status))) else {
        return (response, None);
    };
    let document = grantry_api::Problem {
        problem_type: format!("/problems/{}", problem.kind.code),
        title: problem.kind.title.to_owned(),
        status: problem.kind.status,
        detail: problem.detail.clone(),
        code: problem.kind.code.to_owned(),
        request_id: trace.request_id.clone(),
        errors: problem.errors.clone(),
    };
    let body = serde_json::to_vec(&document).expect("a problem has text and numbers only");
    let media_type = HeaderValue::from_static(PROBLEM_JSON);
    let mut headers = response.headers().clone();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, media_type);
    let status = StatusCode::from_u16(problem.kind.status).unwrap_or(status);
    ((status, headers, body).into_response(), Some(problem))
}

/// Says where a thing is that was just created (RFC 9110 section 15.3.2): below the list that it was
/// sent to, by its id.
async fn located(response: Response, path: &str) -> Response {
    #[derive(serde::Deserialize)]
    struct Created {
        id: String,
    }
    if response.status() != StatusCode::CREATED {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // A handler's own answer: it is in memory already, and does not break off.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return Problem::internal("the answer broke off").into_response();
    };
    if let Ok(Created { id }) = serde_json::from_slice(&bytes)
        && let Ok(place) = HeaderValue::from_str(&format!("{path}/{id}"))
    {
        parts.headers.insert(header::LOCATION, place);
    }
    Response::from_parts(parts, bytes.into())
}

fn log(
    method: &Method,
    route: &str,
    response: &Response,
    problem: Option<&Problem>,
    trace: &Trace,
    began: Instant,
) {
    let status = response.status().as_u16();
    let elapsed = began.elapsed();
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH];
    let is_known = known.contains(method) || method == Method::DELETE;
    let name = if is_known { method.as_str().to_owned() } else { "OTHER".to_owned() };
    let labels = [("method", name.clone()), ("route", route.to_owned())];
    metrics::histogram!("grantry_http_request_seconds", &labels).record(elapsed.as_secs_f64());
    let [method, route] = labels;
    let labels = [method, route.clone(), ("status", status.to_string())];
    metrics::counter!("grantry_http_requests_total", &labels).increment(1);

    let code = problem.map_or("", |problem| problem.kind.code);
    let principal = trace.principal.get().map_or("", PrincipalId::as_str);
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let (request_id, route) = (&trace.request_id, route.1);
    tracing::info!(
        target: "grantry::access",
        request_id, principal, status, code, elapsed_ms,
        "{name} {route}"
    );
    if let Some(cause) = problem.and_then(|problem| problem.cause.as_deref()) {
        tracing::error!(request_id, code, "cannot answer {name} {route}: {cause}");
    }
}

/// The API is for programs: nothing may be framed, sniffed, cached or run.
fn secured(mut response: Response, trace: &Trace) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&trace.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    let defaults = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
