//! Signing in and out: for browsers, which get a session cookie.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An issuer that people can sign in by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInOffer {
    /// The issuer's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where a browser begins: a path on this server.
    pub path: String,
}

/// A sign-in with a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInWithToken {
    /// An unscoped token of a person: the one that the first start told.
    pub token: String,
}

/// Where to go after the sign-in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SignInQuery {
    /// A path on this server.
    #[param(max_length = 2048)]
    pub return_to: Option<String>,
}

/// What an issuer sends the browser back with (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// Of the sign-in that this browser began.
    pub state: Option<String>,
    /// To be redeemed.
    pub code: Option<String>,
    /// Which issuer answers.
    pub iss: Option<String>,
    /// Why it does not vouch for anybody.
    pub error: Option<String>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The issuer that vouched for its owner; missing for the local admin.
    pub issuer_id: Option<String>,
    /// When it began.
    pub created_ms: i64,
    /// When it was last used, to the minute.
    pub used_ms: i64,
    /// When it ends if it is not used.
    pub idle_end_ms: i64,
    /// When it ends at the latest.
    pub end_ms: i64,
    /// Whether this request came with it.
    pub is_current: bool,
}

/// The session that a request came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurrentSession {
    /// The session.
    #[serde(flatten)]
    pub session: Session,
    /// To be sent as `X-CSRF-Token` with every request that changes something.
    pub csrf_token: String,
}
