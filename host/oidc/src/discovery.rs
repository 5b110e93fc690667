//! What an issuer says about itself (OpenID Connect Discovery 1.0), and its keys.

use grantry_model::oidc::{Discovery, ProviderFault, TrustedIssuer};
use serde::Deserialize;
use url::Url;

use crate::fetch::{self, Fetch, Question};
use crate::keys::KeySet;

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Asks for the document, then for the keys.
pub(crate) async fn ask(
    fetch: &dyn Fetch,
    issuer: &TrustedIssuer,
) -> Result<(Discovery, KeySet), ProviderFault> {
    let place = format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/'));
    let discovery = read(issuer, &get(fetch, issuer, &place).await?)?;
    let keys = KeySet::parse(&get(fetch, issuer, &discovery.jwks_uri).await?)?;
    Ok((discovery, keys))
}

async fn get(
    fetch: &dyn Fetch,
    issuer: &TrustedIssuer,
    place: &str,
) -> Result<Vec<u8>, ProviderFault> {
    let url = fetch::checked(place, issuer.address_exception)?;
    let answer = fetch.ask(Question::get(url, issuer.address_exception)).await?;
    if answer.status != 200 {
        let why = format!("`{place}` answers with status {}", answer.status);
        return Err(ProviderFault::Unavailable(why));
    }
    Ok(answer.body)
}

/// Reads the document. It must be this issuer's, and lead to places that may be asked.
fn read(issuer: &TrustedIssuer, bytes: &[u8]) -> Result<Discovery, ProviderFault> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|_| ProviderFault::Refused("its discovery document is not one".to_owned()))?;
    if document.issuer != issuer.url {
        let shown = grantry_model::text::printable(&document.issuer, 200);
        let why = format!("its discovery document is that of `{shown}`");
        return Err(ProviderFault::Refused(why));
    }
    let check = |place: String| -> Result<String, ProviderFault> {
        fetch::checked(&place, issuer.address_exception).map(|_: Url| place)
    };
    let methods = document.token_endpoint_auth_methods_supported;
    let takes_basic = |methods: &Vec<String>| methods.iter().any(|m| m == "client_secret_basic");
    Ok(Discovery {
        authorization_endpoint: document.authorization_endpoint.map(check).transpose()?,
        token_endpoint: document.token_endpoint.map(check).transpose()?,
        jwks_uri: check(document.jwks_uri)?,
        // Without a list, basic authentication is what the specification says.
        wants_secret_in_body: methods.as_ref().is_some_and(|methods| !takes_basic(methods)),
        keys: 0,
    })
}
