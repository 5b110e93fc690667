//! Places a credential into a request: the last step before the socket, after every check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_egress::Target;
use grantry_model::plugin::{AuthKind, AuthScheme};
use grantry_model::runner::CallScope;
use grantry_model::secret::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::Refusal;

/// The scheme of that name in the manifest.
pub(crate) fn scheme<'a>(
    schemes: &'a [AuthScheme],
    name: Option<&str>,
) -> Result<Option<&'a AuthScheme>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    match schemes.iter().find(|scheme| scheme.name == name) {
        Some(scheme) => Ok(Some(scheme)),
        None => Err(Refusal::denied("secret_not_granted", format!("auth scheme `{name}`"))),
    }
}

/// The header that the scheme fills, so that the guest cannot.
pub(crate) fn header_of(scheme: &AuthScheme) -> Option<&str> {
    match &scheme.kind {
        AuthKind::Header { header, .. } => Some(header),
        _ => None,
    }
}

/// The secret at a place of the connection.
pub(crate) async fn secret(scope: &CallScope, pointer: &str) -> Result<Option<Secret>, Refusal> {
    scope
        .secrets
        .secret(pointer)
        .await
        .map_err(|error| Refusal::denied("secret_unavailable", error.to_string()))
}

/// The same, where the scheme cannot do without.
pub(crate) async fn needed_secret(scope: &CallScope, pointer: &str) -> Result<Secret, Refusal> {
    match secret(scope, pointer).await? {
        Some(secret) => Ok(secret),
        None => {
            let detail = format!("the connection has no secret at `{pointer}`");
            Err(Refusal::denied("secret_missing", detail))
        }
    }
}

/// Text at a place of the connection; it may be marked as a secret there.
pub(crate) async fn text(scope: &CallScope, pointer: &str) -> Result<Zeroizing<String>, Refusal> {
    match plain_text(scope, pointer) {
        Some(text) => Ok(text),
        None => needed_secret(scope, pointer).await.map(|s| Zeroizing::new(s.expose().to_owned())),
    }
}

/// The same, where the scheme can do without; an empty text is none.
pub(crate) async fn text_if_any(
    scope: &CallScope,
    pointer: &str,
) -> Result<Option<Zeroizing<String>>, Refusal> {
    let text = match plain_text(scope, pointer) {
        Some(text) => Some(text),
        None => secret(scope, pointer).await?.map(|s| Zeroizing::new(s.expose().to_owned())),
    };
    Ok(text.filter(|text| !text.is_empty()))
}

fn plain_text(scope: &CallScope, pointer: &str) -> Option<Zeroizing<String>> {
    let connection: serde_json::Value = serde_json::from_str(&scope.connection).ok()?;
    connection.pointer(pointer)?.as_str().map(|text| Zeroizing::new(text.to_owned()))
}

/// Puts the scheme's credential into the request. `token` is there for OAuth 2 schemes.
pub(crate) async fn place(
    scope: &CallScope,
    scheme: &AuthScheme,
    token: Option<&str>,
    headers: &mut HeaderMap,
    target: &mut Target,
) -> Result<(), Refusal> {
    match &scheme.kind {
        AuthKind::Bearer { secret } => {
            let secret = needed_secret(scope, secret).await?;
            set(headers, AUTHORIZATION, "Bearer ", secret.expose())
        }
        AuthKind::Oauth2ClientCredentials { .. } => {
            set(headers, AUTHORIZATION, "Bearer ", token.unwrap_or_default())
        }
        AuthKind::Basic { username, password } => {
            let username = text(scope, username).await?;
            let password = needed_secret(scope, password).await?;
            set(headers, AUTHORIZATION, "Basic ", &basic(&username, password.expose()))
        }
        AuthKind::Header { header, prefix, secret } => {
            let name = HeaderName::from_bytes(header.as_bytes())
                .map_err(|_| Refusal::denied("header_not_allowed", "of the manifest".into()))?;
            let secret = needed_secret(scope, secret).await?;
            set(headers, name, prefix, secret.expose())
        }
        AuthKind::Query { parameter, secret } => {
            let secret = needed_secret(scope, secret).await?;
            target.add_parameter(parameter, secret.expose());
            Ok(())
        }
    }
}

/// RFC 7617 section 2.
pub(crate) fn basic(username: &str, password: &str) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    Zeroizing::new(STANDARD.encode(pair.as_bytes()))
}

fn set(
    headers: &mut HeaderMap,
    name: HeaderName,
    prefix: &str,
    secret: &str,
) -> Result<(), Refusal> {
    let text = Zeroizing::new(format!("{prefix}{secret}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        Refusal::denied("secret_invalid", "the secret has characters that no header has".into())
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
