//! What a request brings to prove who sends it: one bearer token, or a browser's session cookie.

use grantry_engine::{AuthenticationError, Ctx, EngineError, csrf_token};
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};

use crate::cookies::Cookies;
use crate::state::Server;

/// Repeats the session's CSRF token in requests that change something.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// Longest bearer token: those of issuers list groups and roles.
const TOKEN_BYTES_MAX: usize = 8_192;

/// The one credential of a request.
#[derive(Clone)]
pub(crate) enum Credential {
    /// Of the `Authorization` header.
    Bearer(String),
    /// Of the session cookie.
    Session(String),
    /// None, garbage, or several.
    Nothing,
}

impl Credential {
    /// The request's credential. Whoever sends an `Authorization` header is judged by it alone: a
    /// program's request never rides on a cookie.
    pub(crate) fn of(headers: &HeaderMap, cookies: &Cookies) -> Self {
        if headers.contains_key(header::AUTHORIZATION) {
            return bearer(headers).map_or(Self::Nothing, |token| Self::Bearer(token.to_owned()));
        }
        cookies.session(headers).map_or(Self::Nothing, |secret| Self::Session(secret.to_owned()))
    }

    /// The session's secret, if that is what it is.
    pub(crate) fn session(&self) -> Option<&str> {
        match self {
            Self::Session(secret) => Some(secret),
            Self::Bearer(_) | Self::Nothing => None,
        }
    }

    /// The caller, with its permissions as they are now.
    pub(crate) async fn authenticate(
        &self,
        server: &Server,
        request_id: &str,
    ) -> Result<Result<Ctx, AuthenticationError>, EngineError> {
        let engine = &server.0.engine;
        match self {
            Self::Bearer(token) => {
                server.0.authenticator.authenticate(engine, token, request_id).await
            }
            Self::Session(secret) => engine.authenticate_session(secret, request_id).await,
            Self::Nothing => Ok(Err(AuthenticationError::InvalidToken)),
        }
    }

    /// A browser sends its cookie for whatever site makes it send a request, so a change must bring
    /// what only our own pages can read (security.md row 72).
    pub(crate) fn check_csrf(&self, parts: &Parts) -> Result<(), AuthenticationError> {
        let Self::Session(secret) = self else { return Ok(()) };
        if parts.method.is_safe() {
            return Ok(());
        }
        let told = parts.headers.get(CSRF_TOKEN).map_or(&b""[..], |told| told.as_bytes());
        let expected = csrf_token(secret);
        let is_same: bool = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), told).into();
        is_same.then_some(()).ok_or(AuthenticationError::Csrf)
    }
}

/// The one bearer token of a request: none, garbage or several headers are no token.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_BYTES_MAX;
    (is_token && token.bytes().all(|b| b.is_ascii_graphic())).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let pair = |value: &&'static str| (header::AUTHORIZATION, HeaderValue::from_static(value));
        values.iter().map(pair).collect()
    }

    #[test]
    fn only_one_bearer_token_is_a_token() {
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer abc"])), Some("abc"));
        for refused in [&["Basic abc"][..], &["Bearer"], &["Bearer a b"], &["Bearer a", "Bearer a"]]
        {
            assert_eq!(bearer(&headers(refused)), None);
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn a_request_with_a_bearer_token_never_rides_on_a_cookie() {
        let cookies = Cookies::new(false);
        let mut both = headers(&["Bearer abc"]);
        both.insert(header::COOKIE, HeaderValue::from_static("grantry_session=s"));
        assert_eq!(Credential::of(&both, &cookies).session(), None);
        both.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic x"));
        assert!(matches!(Credential::of(&both, &cookies), Credential::Nothing));
        both.remove(header::AUTHORIZATION);
        assert_eq!(Credential::of(&both, &cookies).session(), Some("s"));
    }
}
