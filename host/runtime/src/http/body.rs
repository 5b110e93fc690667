//! Reads a response's body: whole, bounded before and after decompression.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Refusal;

/// The body, decompressed. `received` grows with every byte from the wire.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    bytes_max: usize,
    received: &mut u64,
) -> Result<Vec<u8>, Refusal> {
    let raw = collect(body, bytes_max, received).await?;
    match headers.get(CONTENT_ENCODING).map(http::HeaderValue::as_bytes) {
        // Answers to HEAD and 304 name a coding and have no body.
        _ if raw.is_empty() => Ok(raw),
        None | Some(b"identity") => Ok(raw),
        Some(b"gzip" | b"x-gzip") => gunzip(&raw, bytes_max),
        Some(_) => Err(Refusal::Protocol("a content coding that was not asked for".to_owned())),
    }
}

async fn collect(
    mut body: Incoming,
    bytes_max: usize,
    received: &mut u64,
) -> Result<Vec<u8>, Refusal> {
    let mut raw = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Protocol("the answer broke off".to_owned()))?;
        let Ok(data): Result<Bytes, _> = frame.into_data() else { continue };
        *received = received.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if raw.len() + data.len() > bytes_max {
            return Err(Refusal::TooLarge);
        }
        raw.extend_from_slice(&data);
    }
    Ok(raw)
}

fn gunzip(raw: &[u8], bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut plain = Vec::new();
    MultiGzDecoder::new(raw)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|_| Refusal::Protocol("the answer is not valid gzip".to_owned()))?;
    if plain.len() > bytes_max {
        return Err(Refusal::TooLarge);
    }
    Ok(plain)
}
