//! The context of a request: the only door from a handler to the engine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use grantry_engine::AuthenticationError;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use crate::access::Trace;
use crate::problem::Problem;
use crate::state::Server;

/// An authenticated caller with the engine.
pub(crate) struct Ctx(pub grantry_engine::Ctx);

impl Deref for Ctx {
    type Target = grantry_engine::Ctx;
    fn deref(&self) -> &grantry_engine::Ctx {
        &self.0
    }
}

impl FromRequestParts<Server> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let trace = Trace::of(&parts.extensions);
        let caller = match bearer(&parts.headers) {
            Some(token) => {
                let engine = &server.0.engine;
                server.0.authenticator.authenticate(engine, token, &trace.request_id).await?
            }
            None => Err(AuthenticationError::InvalidToken),
        };
        match caller {
            Ok(ctx) => {
                let principal = ctx.actor.principal.id.clone();
                let allowed = server.0.principals.take(principal.clone(), Instant::now());
                trace.set_principal(principal);
                allowed.map_err(too_many).map(|()| Self(ctx))
            }
            Err(error) => {
                // The limit comes first: nobody fills the audit log from outside.
                server.0.peers.take(peer(parts), Instant::now()).map_err(too_many)?;
                record_failure(server, error, &trace.request_id).await?;
                Err(error.into())
            }
        }
    }
}

/// Authenticates again, with a token that was accepted before: for streams that go on for long.
pub(crate) async fn authenticate(
    server: &Server,
    token: &str,
    request_id: &str,
) -> Result<Result<grantry_engine::Ctx, AuthenticationError>, Problem> {
    let engine = &server.0.engine;
    let caller = server.0.authenticator.authenticate(engine, token, request_id).await?;
    if let Err(error) = &caller {
        record_failure(server, *error, request_id).await?;
    }
    Ok(caller)
}

async fn record_failure(
    server: &Server,
    error: AuthenticationError,
    request_id: &str,
) -> Result<(), Problem> {
    Ok(server.0.engine.record_failed_authentication(error, request_id).await?)
}

/// The one bearer token of a request: none, garbage or several headers are no token.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.len() <= 8_192;
    (is_token && token.bytes().all(|b| b.is_ascii_graphic())).then_some(token)
}

fn peer(parts: &Parts) -> IpAddr {
    let address = parts.extensions.get::<SocketAddr>();
    address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip)
}

fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    let detail = format!("too many requests: try again in {seconds} s");
    Problem::new("rate_limited", detail)
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
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
}
