//! People's sign-in: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_model::oidc::{
    Discovery, IssuerKind, ProviderFault, SignInRequest, TokenFault, TrustedIssuer,
};
use grantry_model::secret::Secret;
use serde::Deserialize;
use sha2::Digest as _;

use crate::fetch::{self, Credential, Fetch, Question};

/// `openid` for the ID token, `profile` for the object id of Entra and for the person's name, `email`
/// for the address where it can be believed.
fn scope(issuer: &TrustedIssuer) -> &'static str {
    match issuer.kind {
        IssuerKind::Entra => "openid profile",
        IssuerKind::Generic => "openid profile email",
    }
}

/// Where the browser is sent.
pub(crate) fn url(
    issuer: &TrustedIssuer,
    discovery: &Discovery,
    request: &SignInRequest,
) -> Result<String, ProviderFault> {
    let (Some(endpoint), Some(client_id)) = (&discovery.authorization_endpoint, &issuer.client_id)
    else {
        return Err(ProviderFault::Refused("people cannot sign in by it".to_owned()));
    };
    let mut url = fetch::checked(endpoint, issuer.address_exception)?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", &request.redirect_uri)
        .append_pair("scope", scope(issuer))
        .append_pair("state", request.state.expose())
        .append_pair("nonce", request.nonce.expose())
        .append_pair("code_challenge", &challenge(&request.verifier))
        .append_pair("code_challenge_method", "S256");
    Ok(url.into())
}

fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier.expose().as_bytes()))
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

/// What the token endpoint is asked by Grantry's own registration; `None` where there is none.
pub(crate) fn token_question<'a>(
    issuer: &'a TrustedIssuer,
    discovery: &Discovery,
    secret: Option<&'a Secret>,
    mut form: Vec<(&'static str, &'a str)>,
) -> Result<Option<Question<'a>>, ProviderFault> {
    let (Some(endpoint), Some(client_id)) = (&discovery.token_endpoint, &issuer.client_id) else {
        return Ok(None);
    };
    form.push(("client_id", client_id));
    let mut credential = None;
    match secret {
        Some(secret) if discovery.wants_secret_in_body => {
            form.push(("client_secret", secret.expose()));
        }
        Some(secret) => credential = Some(Credential::Basic(client_id, secret)),
        None => {}
    }
    let exception = issuer.address_exception;
    let url = fetch::checked(endpoint, exception)?;
    Ok(Some(Question { form: Some(form), credential, ..Question::get(url, exception) }))
}

/// Redeems the code; the ID token, not proven yet.
pub(crate) async fn redeem(
    fetch: &dyn Fetch,
    issuer: &TrustedIssuer,
    discovery: &Discovery,
    secret: Option<&Secret>,
    request: &SignInRequest,
    code: &str,
) -> Result<String, TokenFault> {
    let form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", request.redirect_uri.as_str()),
        ("code_verifier", request.verifier.expose()),
    ];
    let Some(question) = token_question(issuer, discovery, secret, form)? else {
        return Err(TokenFault::Invalid("nobody signs in by this issuer"));
    };
    let answer = fetch.ask(question).await?;
    match answer.status {
        200 => {}
        400..=499 => return Err(TokenFault::Invalid("the issuer refused the code")),
        status => {
            let why = format!("its token endpoint answers with status {status}");
            return Err(ProviderFault::Unavailable(why).into());
        }
    }
    let tokens: Tokens = serde_json::from_slice(&answer.body)
        .map_err(|_| TokenFault::Invalid("the token answer is not readable"))?;
    tokens.id_token.ok_or(TokenFault::Invalid("the issuer gave no ID token"))
}
