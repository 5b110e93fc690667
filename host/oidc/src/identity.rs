//! Judges the ID token of a person who signs in (OpenID Connect Core 1.0, section 3.1.3.7).

use grantry_model::clock::UnixMs;
use grantry_model::oidc::{IssuerKind, PersonClaims, TokenFault, TrustedIssuer};
use grantry_model::secret::Secret;
use grantry_model::text;
use subtle::ConstantTimeEq as _;

use crate::claims::Claims;

/// Whom proven claims are about, if they answer the sign-in with this nonce.
pub(crate) fn judge(
    issuer: &TrustedIssuer,
    claims: &Claims,
    nonce: &Secret,
    now: UnixMs,
) -> Result<PersonClaims, TokenFault> {
    if claims.text("iss") != Some(&issuer.url) {
        return Err(TokenFault::Invalid("another issuer"));
    }
    claims.check_tenant(issuer)?;
    let client_id = issuer.client_id.as_deref();
    let client_id = client_id.ok_or(TokenFault::Invalid("nobody signs in by this issuer"))?;
    let audiences = claims.audiences();
    if !audiences.contains(&client_id) {
        return Err(TokenFault::Invalid("another audience"));
    }
    if (audiences.len() > 1 || claims.has("azp")) && claims.text("azp") != Some(client_id) {
        return Err(TokenFault::Invalid("issued to another application"));
    }
    let told = claims.text("nonce").unwrap_or_default();
    let is_ours: bool = told.as_bytes().ct_eq(nonce.expose().as_bytes()).into();
    if !is_ours {
        return Err(TokenFault::Invalid("the answer to another sign-in"));
    }
    let subject = match issuer.kind {
        IssuerKind::Entra => claims.text("oid"),
        IssuerKind::Generic => claims.text("sub"),
    };
    let subject = subject.ok_or(TokenFault::Invalid("no person"))?.to_owned();
    claims.check_times(now)?;
    let readable = |name: &str| {
        claims.text(name).filter(|told| text::check_name(told).is_ok()).map(str::to_owned)
    };
    let user_name = ["preferred_username", "upn", "email"].into_iter().find_map(readable);
    let proves_mail = issuer.kind == IssuerKind::Generic && claims.is_true("email_verified");
    let verified_mail = readable("email").filter(|_| proves_mail);
    Ok(PersonClaims { subject, name: readable("name"), user_name, verified_mail })
}
