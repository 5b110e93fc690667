//! Answers of handlers.

use axum::response::{IntoResponse, Response};
use grantry_api::List;
use grantry_engine::{Answer, Page};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::headers::etag;
use crate::problem::Problem;

/// What a handler answers.
pub(crate) type Reply<T> = Result<T, Problem>;

/// The answer of a request with an idempotency key: what was committed with its change, or the
/// same again.
pub(crate) struct Settled(pub Answer);

impl IntoResponse for Settled {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::OK);
        let media_type = HeaderValue::from_static("application/json");
        (status, [(header::CONTENT_TYPE, media_type)], self.0.body).into_response()
    }
}

/// An answer with that status and body.
pub(crate) fn answer<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    let body = serde_json::to_string(body).expect("wire types have text keys only");
    Answer { status: status.as_u16(), body }
}

/// One thing with its version.
pub(crate) struct Versioned<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.0))], axum::Json(self.1)).into_response()
    }
}

/// A page of a list, as it goes over the wire.
pub(crate) fn list<T, W>(page: Page<T>, wire: impl Fn(&T) -> W) -> axum::Json<List<W>> {
    let items = page.items.iter().map(wire).collect();
    axum::Json(List { items, next: page.next })
}
