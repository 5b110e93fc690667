//! Paths: odd ones are refused before routing tells anything (security.md row 21), ids are parsed.

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::state::Server;

/// Refuses empty and dot segments, encoded slashes, and what is not UTF-8 or printable.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    if is_plain(request.uri().path()) {
        return next.run(request).await;
    }
    let detail = "the path has an empty or dot segment, an encoded slash, or invalid characters";
    Problem::new("invalid_path", detail).into_response()
}

fn is_plain(path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return path == "*" };
    let segments: Vec<&str> = path.split('/').collect();
    let last = segments.len() - 1;
    segments.iter().enumerate().all(|(index, segment)| {
        let Ok(decoded) = percent_decode_str(segment).decode_utf8() else { return false };
        let is_empty_inside = decoded.is_empty() && index != last;
        let is_odd = |c: char| c.is_control() || c == '/' || c == '\\';
        !is_empty_inside && decoded != "." && decoded != ".." && !decoded.contains(is_odd)
    })
}

/// The ids in the path. What is no id names nothing.
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Server> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, server).await;
        path.map(|path| Self(path.0)).map_err(|_| Problem::not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_refused() {
        for path in ["//", "/api//v1", "/a/../b", "/a/./b", "/a/%2e%2e/b", "/a/%2E/b"] {
            assert!(!is_plain(path), "{path}");
        }
        for path in ["/a/b%2fc", "/a/b%5Cc", "/a/%00", "/a/%ff", "/a%0ab"] {
            assert!(!is_plain(path), "{path}");
        }
        for path in ["/", "/api/v1/apps", "/api/docs/", "/api/v1/apps/%C3%A4", "*"] {
            assert!(is_plain(path), "{path}");
        }
    }
}
