//! Tokens by OAuth 2.0 client credentials (RFC 6749 section 4.4): fetched by the host through the
//! same egress check, kept per integration and policy, renewed before they expire.

use std::time::Duration;

use bytes::Bytes;
use grantry_egress::Target;
use grantry_model::plugin::{AuthKind, AuthScheme};
use grantry_model::runner::CallScope;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::exchange::{Answer, Failed, Line, Outgoing, exchange};
use super::tenant::Tenant;
use super::{Access, Refusal, credentials, policy};

/// A token is renewed this long before it expires.
const RENEW_BEFORE: Duration = Duration::from_secs(30);
/// Lifetime of a token whose answer does not say (section 5.1 only recommends it).
const LIFETIME_DEFAULT_S: u64 = 300;
const LIFETIME_MAX_S: u64 = 24 * 60 * 60;
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A fetched token.
pub(crate) struct Token {
    text: Zeroizing<String>,
    renew_at: Instant,
}

/// The scheme's token; `None` for schemes without one. `refused` is a token that the target did
/// not accept and that must not be used again.
pub(crate) async fn token(
    scope: &CallScope,
    tenant: &Tenant,
    line: &Line<'_>,
    scheme: &AuthScheme,
    refused: Option<&str>,
) -> Result<Option<Zeroizing<String>>, Refusal> {
    let AuthKind::Oauth2ClientCredentials { .. } = &scheme.kind else { return Ok(None) };
    let mut tokens = tenant.tokens.lock().await;
    if let Some(token) = tokens.get(&scheme.name)
        && token.renew_at > Instant::now()
        && refused != Some(token.text.as_str())
    {
        return Ok(Some(token.text.clone()));
    }
    let token = fetch(scope, line, &scheme.kind).await?;
    tenant.watch_for(&token.text);
    let text = token.text.clone();
    tokens.insert(scheme.name.clone(), token);
    Ok(Some(text))
}

async fn fetch(scope: &CallScope, line: &Line<'_>, kind: &AuthKind) -> Result<Token, Refusal> {
    let AuthKind::Oauth2ClientCredentials { token_url, client_id, client_secret, scope: asked } =
        kind
    else {
        return Err(refused("not an OAuth 2 scheme"));
    };
    let target = Target::parse(&credentials::text(scope, token_url).await?)?;
    if !policy::check(&scope.granted, Access::ReadWrite, "POST", &target)? {
        return Err(refused("the token's URL is not on a host of the connection"));
    }
    let client = Client {
        id: credentials::text(scope, client_id).await?,
        secret: Zeroizing::new(
            credentials::needed_secret(scope, client_secret).await?.expose().to_owned(),
        ),
        scope: match asked {
            Some(pointer) => credentials::text_if_any(scope, pointer).await?,
            None => None,
        },
    };
    // Section 2.3.1: servers must take HTTP Basic; some take only the form.
    let mut answer = ask(line, &target, &client, true).await?;
    if matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
        answer = ask(line, &target, &client, false).await?;
    }
    read(&answer)
}

struct Client {
    id: Zeroizing<String>,
    secret: Zeroizing<String>,
    scope: Option<Zeroizing<String>>,
}

async fn ask(
    line: &Line<'_>,
    target: &Target,
    client: &Client,
    is_basic: bool,
) -> Result<Answer, Refusal> {
    let mut headers = HeaderMap::new();
    let fixed = [
        (CONTENT_TYPE, "application/x-www-form-urlencoded"),
        (ACCEPT, "application/json"),
        (ACCEPT_ENCODING, "identity"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if is_basic {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = credentials::basic(&encode(&client.id), &encode(&client.secret));
        let value = HeaderValue::from_str(&Zeroizing::new(format!("Basic {}", *pair)));
        let mut value = value.map_err(|_| refused("the client's credential is not valid"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let body = form(client, !is_basic);
    let outgoing = Outgoing { method: &Method::POST, target, headers: &headers, body: &body };
    let mut received = 0;
    match exchange(line, &outgoing, &mut received).await {
        Ok(answer) => Ok(answer),
        // Asking for a token twice does no harm.
        Err(Failed::Stale) => match exchange(line, &outgoing, &mut received).await {
            Ok(answer) => Ok(answer),
            Err(Failed::For(refusal)) => Err(not_sent(refusal)),
            Err(Failed::Stale) => Err(Refusal::Connect("the token server broke off".to_owned())),
        },
        Err(Failed::For(refusal)) => Err(not_sent(refusal)),
    }
}

/// The request's parameters (section 4.4.2), with the client's credential where it goes there.
fn form(client: &Client, has_credential: bool) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = &client.scope {
        form.append_pair("scope", scope);
    }
    if has_credential {
        form.append_pair("client_id", &client.id).append_pair("client_secret", &client.secret);
    }
    Bytes::from(form.finish())
}

/// Whatever became of the token request: the guest's own request was not sent.
fn not_sent(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::TimedOut | Refusal::Protocol(_) | Refusal::TooLarge => {
            Refusal::Connect("the token server did not answer properly".to_owned())
        }
        other => other,
    }
}

/// Section 5.1.
fn read(answer: &Answer) -> Result<Token, Refusal> {
    if answer.status != StatusCode::OK {
        return Err(refused(&format!("the token server answered {}", answer.status.as_u16())));
    }
    let unusable = || refused("the token server's answer holds no bearer token");
    let json: Value = serde_json::from_slice(&answer.body).map_err(|_| unusable())?;
    let token = json.get("access_token").and_then(Value::as_str).ok_or_else(unusable)?;
    let kind = json.get("token_type").and_then(Value::as_str).unwrap_or("bearer");
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !kind.eq_ignore_ascii_case("bearer") {
        return Err(unusable());
    }
    let lifetime_s = json
        .get("expires_in")
        .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let lifetime_s = lifetime_s.unwrap_or(LIFETIME_DEFAULT_S).min(LIFETIME_MAX_S);
    let kept = Duration::from_secs(lifetime_s).saturating_sub(RENEW_BEFORE);
    let renew_at = Instant::now().checked_add(kept).unwrap_or_else(Instant::now);
    Ok(Token { text: Zeroizing::new(token.to_owned()), renew_at })
}

fn refused(why: &str) -> Refusal {
    Refusal::denied("token_refused", why.to_owned())
}
