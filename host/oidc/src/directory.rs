//! Applications of an issuer's directory, found by name: Microsoft Graph, for Entra ID (PRM-5).
//!
//! Grantry asks as its own registration there (client credentials, RFC 6749 section 4.4), and keeps
//! neither the token nor the answer. <https://learn.microsoft.com/graph/api/serviceprincipal-list>

use grantry_model::oidc::{
    Applications, DirectoryApplication, DirectoryFault, Discovery, ProviderFault, TrustedIssuer,
    is_guid,
};
use grantry_model::secret::Secret;
use grantry_model::text::printable;
use serde::Deserialize;
use url::Url;

use crate::fetch::{self, Credential, Fetch, Question};
use crate::sign_in;

/// Most applications of one answer.
const APPLICATIONS_MAX: usize = 50;
/// Longest name that is passed on, in characters.
const NAME_CHARACTERS_MAX: usize = 200;
/// `$search` is answered from an index, which may be a little behind.
const FROM_INDEX: &[(&str, &str)] = &[("ConsistencyLevel", "eventual")];

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Principal>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// A service principal: an enterprise application, as Entra's portal calls it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Principal {
    id: String,
    app_id: Option<String>,
    display_name: Option<String>,
}

/// Asks for a token, and with it for the applications.
pub(crate) async fn search(
    fetch: &dyn Fetch,
    issuer: &TrustedIssuer,
    (discovery, graph): (&Discovery, &str),
    secret: &Secret,
    words: &str,
) -> Result<Applications, DirectoryFault> {
    let token = token(fetch, issuer, discovery, secret, graph).await?;
    let question = Question {
        credential: Some(Credential::Bearer(&token)),
        headers: FROM_INDEX,
        ..Question::get(place(issuer, graph, words)?, issuer.address_exception)
    };
    let answer = fetch.ask(question).await?;
    match answer.status {
        200 => {}
        403 => {
            let client_id = issuer.client_id.clone().unwrap_or_default();
            return Err(DirectoryFault::ConsentMissing { client_id });
        }
        status => return Err(unexpected("directory", status).into()),
    }
    let page: Page = serde_json::from_slice(&answer.body)
        .map_err(|_| ProviderFault::Refused("its directory's answer is not readable".to_owned()))?;
    let has_more = page.next.is_some() || page.value.len() > APPLICATIONS_MAX;
    let items = page.value.into_iter().take(APPLICATIONS_MAX).filter_map(application);
    Ok(Applications { items: items.collect(), has_more })
}

async fn token(
    fetch: &dyn Fetch,
    issuer: &TrustedIssuer,
    discovery: &Discovery,
    secret: &Secret,
    graph: &str,
) -> Result<Secret, DirectoryFault> {
    let scope = format!("{graph}/.default");
    let form = vec![("grant_type", "client_credentials"), ("scope", &*scope)];
    let question = sign_in::token_question(issuer, discovery, Some(secret), form)?;
    let answer = fetch.ask(question.ok_or(DirectoryFault::NotOffered)?).await?;
    match answer.status {
        200 => {}
        // Other statuses, 429 too, say nothing of the registration.
        400 | 401 => return Err(DirectoryFault::RegistrationRefused),
        status => return Err(unexpected("token endpoint", status).into()),
    }
    let token: Token = serde_json::from_slice(&answer.body)
        .map_err(|_| ProviderFault::Refused("its token answer is not readable".to_owned()))?;
    Ok(Secret::new(token.access_token))
}

fn unexpected(what: &str, status: u16) -> ProviderFault {
    ProviderFault::Unavailable(format!("its {what} answers with status {status}"))
}

/// Where applications are asked for whose names have these words, or words that begin with them.
fn place(issuer: &TrustedIssuer, graph: &str, words: &str) -> Result<Url, ProviderFault> {
    let place = format!("{graph}/v1.0/servicePrincipals");
    let mut url = fetch::checked(&place, issuer.address_exception)?;
    let escaped = words.replace('\\', "\\\\").replace('"', "\\\"");
    url.query_pairs_mut()
        .append_pair("$search", &format!("\"displayName:{escaped}\""))
        .append_pair("$select", "id,appId,displayName")
        .append_pair("$top", &APPLICATIONS_MAX.to_string())
        .append_pair("$count", "true");
    Ok(url)
}

/// What can be registered as a client; an id that is none is nobody's.
fn application(found: Principal) -> Option<DirectoryApplication> {
    let is_id = |id: &String| is_guid(id);
    Some(DirectoryApplication {
        object_id: Some(found.id.to_lowercase()).filter(is_id)?,
        application_id: found.app_id.map(|id| id.to_lowercase()).filter(is_id)?,
        name: printable(&found.display_name.unwrap_or_default(), NAME_CHARACTERS_MAX),
    })
}
