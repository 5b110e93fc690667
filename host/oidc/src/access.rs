//! Judges the access token of an application (security.md section 4, rows 2 to 5).

use grantry_model::clock::UnixMs;
use grantry_model::oidc::{AccessClaims, IssuerKind, TokenFault, TrustedIssuer};

use crate::claims::Claims;

/// Where issuers name the application: `azp` (OIDC, Entra version 2), `appid` (Entra version 1),
/// `client_id` (RFC 9068), `cid` (Okta).
const APPLICATION_CLAIMS: [&str; 4] = ["azp", "appid", "client_id", "cid"];
/// What only ID tokens have.
const IDENTITY_CLAIMS: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];

/// Which application proven claims speak for.
pub(crate) fn judge(
    issuer: &TrustedIssuer,
    claims: &Claims,
    now: UnixMs,
) -> Result<AccessClaims, TokenFault> {
    if !claims.text("iss").is_some_and(|iss| issuer.is_issuer(iss)) {
        return Err(TokenFault::Invalid("another issuer"));
    }
    claims.check_tenant(issuer)?;
    if !claims.audiences().into_iter().any(|aud| issuer.is_audience(aud)) {
        return Err(TokenFault::Invalid("another audience"));
    }
    if IDENTITY_CLAIMS.into_iter().any(|name| claims.has(name)) {
        return Err(TokenFault::Invalid("an ID token is no access token"));
    }
    let application_id = application(claims)?;
    if issuer.client_id.as_deref() == Some(application_id) {
        return Err(TokenFault::Invalid("issued to Grantry itself"));
    }
    let subject = match issuer.kind {
        // A token with `scp` acts for a person who is signed in to the application.
        IssuerKind::Entra if claims.has("scp") => {
            return Err(TokenFault::Invalid("delegated by a person"));
        }
        IssuerKind::Entra => claims.text("oid"),
        IssuerKind::Generic => claims.text("sub"),
    };
    let object_id = subject.ok_or(TokenFault::Invalid("no principal"))?;
    claims.check_times(now)?;
    Ok(AccessClaims { application_id: application_id.to_owned(), object_id: object_id.to_owned() })
}

/// The one application that is named, however often.
fn application(claims: &Claims) -> Result<&str, TokenFault> {
    let mut named = None;
    for name in APPLICATION_CLAIMS.into_iter().filter(|name| claims.has(name)) {
        let id = claims.text(name).ok_or(TokenFault::Invalid("an unreadable application"))?;
        if named.is_some_and(|other| other != id) {
            return Err(TokenFault::Invalid("two applications"));
        }
        named = Some(id);
    }
    named.ok_or(TokenFault::Invalid("no application"))
}
