//! Request bodies: bounded in bytes and time, of the right media type, read by nobody else.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;
use crate::problem::Problem;
use crate::state::Server;

/// How much of a refused body is still read, so that the sender gets to read the answer.
const DRAIN_BYTES_MAX: usize = 16 * 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// A JSON body: its bytes and what they say.
pub(crate) struct Json<T> {
    pub bytes: Bytes,
    pub value: T,
}

impl<T: DeserializeOwned + Serialize> FromRequest<Server> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Problem> {
        check_media_type(request.headers(), "application/json")?;
        let limits = &server.0.limits;
        let bytes = read(request, limits.body_bytes_max, limits.body_timeout).await?;
        let value = json::read(&bytes)?;
        Ok(Self { bytes, value })
    }
}

impl<T: DeserializeOwned + Serialize> OptionalFromRequest<Server> for Json<T> {
    type Rejection = Problem;

    /// Nothing where the request has no body, or says `null`.
    async fn from_request(request: Request, server: &Server) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        let says = |name| headers.contains_key(name);
        let is_announced = announced_bytes(headers).is_some_and(|bytes| bytes > 0);
        if !is_announced && !says(header::CONTENT_TYPE) && !says(header::TRANSFER_ENCODING) {
            return Ok(None);
        }
        check_media_type(headers, "application/json")?;
        let limits = &server.0.limits;
        let bytes = read(request, limits.body_bytes_max, limits.body_timeout).await?;
        if bytes.trim_ascii() == b"null" {
            return Ok(None);
        }
        let value = json::read(&bytes)?;
        Ok(Some(Self { bytes, value }))
    }
}

/// An uploaded component.
pub(crate) struct Component(pub Bytes);

impl FromRequest<Server> for Component {
    type Rejection = Problem;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Problem> {
        check_media_type(request.headers(), "application/wasm")?;
        let limits = &server.0.limits;
        read(request, limits.component_bytes_max, limits.component_timeout).await.map(Self)
    }
}

/// How many bytes the sender announces.
pub(crate) fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads on for a moment, so that the sender of a refused body gets to read the answer.
pub(crate) async fn drain(body: &mut Body) {
    let rest = async {
        let mut drained = 0;
        // Bounded in bytes here and in time below.
        while let Some(Ok(frame)) = body.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, rest).await;
}

/// The media type must be this one; a charset, if any, must be UTF-8.
pub(crate) fn check_media_type(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = value.unwrap_or_default().split(';').map(str::trim);
    let is_expected = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(expected));
    let is_utf8 = parts.filter(|part| !part.is_empty()).all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) => true,
        None => false,
    });
    let has_encoding = headers.contains_key(header::CONTENT_ENCODING);
    if is_expected && is_utf8 && !has_encoding {
        return Ok(());
    }
    let detail = format!("send the body as `{expected}` in UTF-8, without a content encoding");
    Err(Problem::new("unsupported_media_type", detail))
}

async fn read(request: Request, bytes_max: usize, time_max: Duration) -> Result<Bytes, Problem> {
    let announced = announced_bytes(request.headers());
    let mut body = request.into_body();
    let collected = if announced.is_some_and(|bytes| bytes > bytes_max) {
        Ok(None)
    } else {
        tokio::time::timeout(time_max, collect(&mut body, bytes_max)).await.unwrap_or_else(|_| {
            let detail = format!("the body did not arrive within {} s", time_max.as_secs());
            Err(Problem::new("request_timeout", detail).closing())
        })
    };
    if let Some(bytes) = collected? {
        return Ok(bytes);
    }
    drain(&mut body).await;
    let detail = format!("a body here has at most {bytes_max} bytes");
    Err(Problem::new("payload_too_large", detail).closing())
}

/// All of the body, or `None` if it has more bytes than that.
async fn collect(body: &mut Body, bytes_max: usize) -> Result<Option<Bytes>, Problem> {
    let mut collected = BytesMut::new();
    // Bounded by `bytes_max` in bytes and by the caller in time.
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new("malformed_json", "the body ended before its announced length").closing()
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > bytes_max - collected.len() {
            return Ok(None);
        }
        collected.extend_from_slice(&data);
    }
    Ok(Some(collected.freeze()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn is_accepted(value: &'static str) -> bool {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
        check_media_type(&headers, "application/json").is_ok()
    }

    #[test]
    fn only_json_in_utf8_is_json() {
        assert!(is_accepted("application/json"));
        assert!(is_accepted("Application/JSON; charset=\"UTF-8\""));
        for refused in ["text/plain", "application/json; charset=utf-16", "application/jsonx", ""] {
            assert!(!is_accepted(refused), "{refused}");
        }
    }
}
