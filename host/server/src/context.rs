//! The context of a request: the only door from a handler to the engine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use grantry_engine::AuthenticationError;
use http::request::Parts;
use http::{HeaderValue, header};

use crate::access::Trace;
use crate::credentials::Credential;
use crate::problem::Problem;
use crate::state::Server;

/// An authenticated caller with the engine, and what the caller proved it with.
pub(crate) struct Ctx(pub grantry_engine::Ctx, pub Credential);

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
        let credential = Credential::of(&parts.headers, &server.0.cookies);
        let caller = credential.authenticate(server, &trace.request_id).await?;
        let caller = caller.and_then(|ctx| credential.check_csrf(parts).map(|()| ctx));
        match caller {
            Ok(ctx) => {
                let principal = ctx.actor.principal.id.clone();
                let allowed = server.0.principals.take(principal.clone(), Instant::now());
                trace.set_principal(principal);
                allowed.map_err(too_many).map(|()| Self(ctx, credential))
            }
            Err(error) => {
                let peer = peer(parts);
                server.0.peers.take(peer, Instant::now()).map_err(too_many)?;
                record_failure(server, error, peer, &trace.request_id).await?;
                Err(error.into())
            }
        }
    }
}

/// Authenticates again, with what was accepted before: for streams that go on for long.
pub(crate) async fn authenticate(
    server: &Server,
    credential: &Credential,
    request_id: &str,
) -> Result<Result<grantry_engine::Ctx, AuthenticationError>, Problem> {
    let engine = &server.0.engine;
    let caller = credential.authenticate(server, request_id).await?;
    if let Err(error) = &caller {
        engine.record_failed_authentication(*error, 0, request_id).await?;
    }
    Ok(caller)
}

/// Nobody fills the audit log from outside: beyond a limit, failures are only counted, and the next
/// row says how many there were.
async fn record_failure(
    server: &Server,
    error: AuthenticationError,
    peer: IpAddr,
    request_id: &str,
) -> Result<(), Problem> {
    if server.0.audited.take(peer, Instant::now()).is_err() {
        server.0.unaudited.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    let unaudited = server.0.unaudited.swap(0, Ordering::Relaxed);
    Ok(server.0.engine.record_failed_authentication(error, unaudited, request_id).await?)
}

/// Whose request it is, for limits: the address at the other end of the connection, and of version 6
/// its network, since one customer has 2^64 addresses.
pub(crate) fn peer(parts: &Parts) -> IpAddr {
    let address = parts.extensions.get::<SocketAddr>();
    let address = address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip);
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// The answer to too many requests.
pub(crate) fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    let detail = format!("too many requests: try again in {seconds} s");
    Problem::new("rate_limited", detail)
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
