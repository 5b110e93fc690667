//! Which headers a guest may set. The host's own are refused, as is whatever could break a message
//! into two.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Refusal;

const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// The host's own: credentials, framing, routing, content coding.
const OWN: [&str; 19] = [
    "authorization",
    "host",
    "cookie",
    "cookie2",
    "set-cookie",
    "accept-encoding",
    "content-length",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
];

/// The guest's headers, checked. `reserved` is the header that the credential will go into.
pub(crate) fn check(
    headers: &[(String, String)],
    reserved: Option<&str>,
) -> Result<HeaderMap, Refusal> {
    let refuse = |detail: String| Refusal::denied("header_not_allowed", detail);
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(refuse("too many headers".to_owned()));
    }
    let mut checked = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refuse("a header's name has invalid characters".to_owned()))?;
        let is_reserved = reserved.is_some_and(|own| own.eq_ignore_ascii_case(name.as_str()));
        if is_own(&name) || is_reserved {
            return Err(refuse(format!("header `{name}`")));
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| refuse(format!("header `{name}` has invalid characters")))?;
        checked.append(name, value);
    }
    Ok(checked)
}

/// Whether a header belongs to the host: neither guests nor manifests may name it, except that a
/// manifest may put a credential into `authorization`.
pub(crate) fn is_own(name: &HeaderName) -> bool {
    let name = name.as_str();
    OWN.contains(&name) || name.starts_with("proxy-") || name.starts_with("sec-")
}
