//! Answers on the wire, whole or spoilt.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::answer::Answer;
use super::quirk::{Quirk, QuirkSet};
use super::{Shared, lock};

const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
const TINY_CHUNK_BYTES: usize = 7;
const MEBIBYTE: usize = 1 << 20;
/// What a bomb and an endless body are made of: the start of a list, and one more row.
const LIST_START: &[u8] = b"{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\
    \"totalResults\":1000000000,\"startIndex\":1,\"itemsPerPage\":1000000000,\"Resources\":[";
const LIST_ROW: &[u8] = b"{\"id\":\"0\",\"userName\":\"nobody\"},";

/// The response to send for `answer`; discovery is never spoilt.
pub(super) fn respond(answer: Answer, quirks: &QuirkSet, is_discovery: bool) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in [(header::ETAG, &answer.etag), (header::LOCATION, &answer.location)] {
        if let Some(value) = value.as_ref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
    let body = match answer.body {
        None => Body::empty(),
        Some(mut body) => {
            headers.insert(header::CONTENT_TYPE, SCIM_JSON);
            if !is_discovery && quirks.has(&Quirk::BooleansAsStrings) {
                booleans_to_strings(&mut body);
            }
            body_of(body.to_string(), quirks, is_discovery)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("our own status numbers");
    *response.headers_mut() = headers;
    response
}

/// A response that stands in for the directory's own, if a quirk wants one.
pub(super) fn substitute(quirks: &QuirkSet, parts: &Parts, path: &str) -> Option<Response> {
    quirks.find(|quirk| match quirk {
        Quirk::RedirectsTo(url) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(url).ok()?);
            Some(response)
        }
        Quirk::EndlessBody if is_list(parts, path) => Some(scim_json(endless_body())),
        Quirk::GzipBomb { mebibytes } if is_list(parts, path) => {
            let mut response = scim_json(Body::from(gzip_bomb(*mebibytes)));
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Some(response)
        }
        _ => None,
    })
}

/// Puts the request's credential into the response, if a quirk wants that.
///
/// The body of discovery stays, so that a client gets past it.
pub(super) fn reflect(
    response: Response,
    shared: &Shared,
    parts: &Parts,
    is_discovery: bool,
) -> Response {
    let credential = parts.headers.get(header::AUTHORIZATION);
    let (true, Some(credential)) =
        (lock(&shared.quirks).has(&Quirk::ReflectsAuthorization), credential)
    else {
        return response;
    };
    let plain = String::from_utf8_lossy(credential.as_bytes()).into_owned();
    let token = plain.split_once(' ').map_or(plain.as_str(), |(_, token)| token).to_owned();
    let base64 = STANDARD.encode(&token);
    let (mut head, original) = response.into_parts();
    let lines = [("x-authorization", &plain), ("x-token", &token), ("x-token-base64", &base64)];
    for (name, value) in lines {
        if let Ok(value) = HeaderValue::from_str(value) {
            head.headers.insert(HeaderName::from_static(name), value);
        }
    }
    if is_discovery {
        return Response::from_parts(head, original);
    }
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "detail": format!("refused or accepted: {plain}"),
        "debug": { "authorization": plain, "token": token, "base64": base64 },
        "totalResults": 2,
        "startIndex": 1,
        "itemsPerPage": 2,
        "id": "reflected-1",
        "userName": token,
        "displayName": token,
        "Resources": [
            { "id": "reflected-1", "userName": "plain", "displayName": token },
            { "id": "reflected-2", "userName": "base64", "displayName": base64 },
        ],
    });
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, SCIM_JSON);
    Response::from_parts(head, Body::from(body.to_string()))
}

fn body_of(text: String, quirks: &QuirkSet, is_discovery: bool) -> Body {
    if !is_discovery && quirks.has(&Quirk::BodyCutHalfway) {
        let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
        let chunks = [Ok(half), Err(std::io::Error::other("cut off on purpose"))];
        // A pause before the error, or the head would be thrown away unsent.
        return Body::from_stream(stream::iter(chunks).then(async |chunk| {
            tokio::task::yield_now().await;
            chunk
        }));
    }
    if !is_discovery && quirks.has(&Quirk::TinyChunks) {
        let chunks: Vec<Bytes> =
            text.as_bytes().chunks(TINY_CHUNK_BYTES).map(Bytes::copy_from_slice).collect();
        return Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, Infallible>)));
    }
    Body::from(text)
}

fn booleans_to_strings(value: &mut Value) {
    match value {
        Value::Bool(true) => *value = "True".into(),
        Value::Bool(false) => *value = "False".into(),
        Value::Array(items) => items.iter_mut().for_each(booleans_to_strings),
        Value::Object(map) => map.values_mut().for_each(booleans_to_strings),
        Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

/// As many rows as the client reads.
fn endless_body() -> Body {
    let rows = Bytes::from(LIST_ROW.repeat(512));
    let chunks = std::iter::once(Bytes::from_static(LIST_START)).chain(std::iter::repeat(rows));
    Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>)))
}

/// One gzip member (RFC 1952): the start of a list, then MiB after MiB of the same rows.
///
/// A block after a full flush refers to nothing before it, so one block of a MiB is repeated. The
/// checksum at the end is wrong; a client that gets there has already read too much.
fn gzip_bomb(mebibytes: u32) -> Vec<u8> {
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bomb.extend(deflated_block(LIST_START));
    let rows = LIST_ROW.repeat(MEBIBYTE / LIST_ROW.len());
    let block = deflated_block(&rows);
    for _ in 0..mebibytes {
        bomb.extend_from_slice(&block);
    }
    // An empty last block with fixed codes (RFC 1951 section 3.2.6), checksum and size.
    bomb.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bomb
}

fn deflated_block(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + 64);
    Compress::new(Compression::best(), false)
        .compress_vec(bytes, &mut block, FlushCompress::Full)
        .expect("compressing into memory cannot fail");
    block
}

fn scim_json(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}

fn is_list(parts: &Parts, path: &str) -> bool {
    parts.method == Method::GET && !path.trim_matches('/').contains('/')
}
