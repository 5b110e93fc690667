//! Signing in, and sessions.

use grantry_api::sign_in as wire;
use grantry_engine::{Returned, SessionView, SignInOffer, csrf_token};

/// An issuer that people can sign in by.
pub(crate) fn offer(offer: &SignInOffer) -> wire::SignInOffer {
    let path = format!("/api/v1/sign-in/{}", offer.id);
    wire::SignInOffer { id: offer.id.to_string(), name: offer.name.clone(), path }
}

/// A session.
pub(crate) fn session(view: &SessionView) -> wire::Session {
    wire::Session {
        id: view.session.id.to_string(),
        issuer_id: view.session.issuer_id.as_ref().map(ToString::to_string),
        created_ms: view.session.created.0,
        used_ms: view.session.used.0,
        idle_end_ms: view.idle_end.0,
        end_ms: view.end.0,
        is_current: view.is_current,
    }
}

/// The session that a request came with.
pub(crate) fn current(view: &SessionView, secret: &str) -> wire::CurrentSession {
    wire::CurrentSession { session: session(view), csrf_token: csrf_token(secret) }
}

/// What the browser brings back, from the wire.
pub(crate) fn read_returned(query: wire::CallbackQuery) -> Returned {
    let code = query.code.filter(|_| query.error.is_none());
    Returned { state: query.state.unwrap_or_default(), code, iss: query.iss }
}
