//! Sign-ins that are tried: how often an address may fail (security.md row 73).
//!
//! A try is counted before its work begins and given back unless it fails, so that those who guess
//! side by side cannot pass the limit; one that is broken off stays counted.

use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};

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
        let session = server.0.cookies.session(&parts.headers).map(str::to_owned);
        let request_id = Trace::of(&parts.extensions).request_id;
        let attempt = Self { peer: peer(parts), session, request_id };
        // Before the body is read: who waits, waits without costing more.
        match server.0.sign_ins.look(&attempt.peer, Instant::now()) {
            Ok(()) => Ok(attempt),
            Err(wait) => Err(attempt.refused(server, wait).await),
        }
    }
}

impl Attempt {
    /// The outcome of the try. What is not the fault of the one who tries does not count.
    pub(crate) async fn counted<T>(
        &self,
        server: &Server,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, Problem> {
        let sign_ins = &server.0.sign_ins;
        if let Err(wait) = sign_ins.take(self.peer, Instant::now()) {
            return Err(self.refused(server, wait).await);
        }
        let outcome = work.await;
        if !outcome.as_ref().is_err_and(is_failure) {
            sign_ins.give_back(&self.peer, Instant::now());
        }
        outcome.map_err(Problem::from)
    }

    async fn refused(&self, server: &Server, wait: Duration) -> Problem {
        if server.0.audited.take(self.peer, Instant::now()).is_ok() {
            let engine = &server.0.engine;
            if let Err(error) =
                engine.record_refused_sign_in("rate_limited", &self.request_id).await
            {
                return error.into();
            }
        }
        too_many(wait)
    }
}

fn is_failure(error: &EngineError) -> bool {
    match error {
        EngineError::SignInRefused(refusal) => !matches!(refusal, SignInRefusal::Provider(_)),
        EngineError::NotFound { .. } | EngineError::Invalid(_) => true,
        _ => false,
    }
}
