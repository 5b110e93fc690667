//! Sign-ins that are tried: how often an address may fail (security.md row 73).

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::FromRequestParts;
use grantry_engine::{EngineError, SignInRefusal};
use http::request::Parts;

use crate::access::Trace;
use crate::context::{peer, too_many};
use crate::problem::Problem;
use crate::state::Server;

/// One try to sign in, by an address that has not failed too often.
pub(crate) struct Attempt {
    peer: IpAddr,
    /// The session that the browser has already; it ends with a new one.
    pub session: Option<String>,
    pub request_id: String,
}

impl FromRequestParts<Server> for Attempt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let peer = peer(parts);
        let request_id = Trace::of(&parts.extensions).request_id;
        let now = Instant::now();
        if let Err(wait) = server.0.sign_ins.look(&peer, now) {
            if server.0.audited.take(peer, now).is_ok() {
                server.0.engine.record_refused_sign_in("rate_limited", &request_id).await?;
            }
            return Err(too_many(wait));
        }
        let session = server.0.cookies.session(&parts.headers).map(str::to_owned);
        Ok(Self { peer, session, request_id })
    }
}

impl Attempt {
    /// The outcome, counted if it is a failure of the one who tries.
    pub(crate) fn counted<T>(
        &self,
        server: &Server,
        outcome: Result<T, EngineError>,
    ) -> Result<T, Problem> {
        let is_failure = |error: &EngineError| {
            matches!(error, EngineError::SignInRefused(refusal)
                if !matches!(refusal, SignInRefusal::Provider(_)))
        };
        outcome.map_err(|error| {
            if is_failure(&error) {
                let _ = server.0.sign_ins.take(self.peer, Instant::now());
            }
            error.into()
        })
    }
}
