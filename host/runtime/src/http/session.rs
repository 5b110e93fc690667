//! One call's requests: from what the guest asked to what it gets to see.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use grantry_egress::{Target, Way};
use grantry_model::plugin::{AuthKind, AuthScheme};
use grantry_model::runner::CallScope;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

use super::exchange::{Answer, Failed, Line, Outgoing, exchange};
use super::tenant::Tenant;
use super::{
    Access, HttpAccess, Refusal, Request, Response, Scrubber, credentials, headers, oauth, policy,
};

/// Sendings of one request: the first, and repetitions of what is safe to repeat.
const ATTEMPTS_MAX: u32 = 4;
/// The guest needs this long to do something with the answer.
const RESERVE: Duration = Duration::from_millis(250);
/// Pause before a connection is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// One call's use of [`HttpAccess`].
pub struct HttpSession {
    access: Arc<HttpAccess>,
    scope: CallScope,
    mode: Access,
    deadline: Instant,
    tenant: OnceLock<Arc<Tenant>>,
    requests: AtomicU32,
    traffic_bytes: AtomicU64,
}

/// A request that passed every check that needs no network.
struct Checked<'a> {
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: Bytes,
    scheme: Option<&'a AuthScheme>,
    timeout: Duration,
}

impl HttpSession {
    pub(super) fn new(
        access: Arc<HttpAccess>,
        scope: CallScope,
        mode: Access,
        deadline: Instant,
    ) -> Self {
        Self {
            access,
            scope,
            mode,
            deadline,
            tenant: OnceLock::new(),
            requests: AtomicU32::new(0),
            traffic_bytes: AtomicU64::new(0),
        }
    }

    /// Requests and bytes so far.
    pub fn used(&self) -> (u32, u64) {
        (self.requests.load(Ordering::Relaxed), self.traffic_bytes.load(Ordering::Relaxed))
    }

    /// Finds the secrets that this call's requests could have brought back; `None` if it sent none.
    pub fn scrubber(&self) -> Option<Arc<Scrubber>> {
        self.tenant.get().map(|tenant| tenant.scrubber())
    }

    /// Sends a guest's request. The caller records denials.
    pub async fn send(&self, request: Request) -> Result<Response, Refusal> {
        let sent = self.requests.fetch_add(1, Ordering::Relaxed);
        if sent >= self.access.settings.requests_max {
            return Err(Refusal::QuotaExceeded("requests".to_owned()));
        }
        let checked = self.check(request)?;
        let tenant = self.access.tenants.of(&self.scope).await?;
        let tenant = self.tenant.get_or_init(|| tenant);
        let answer = self.repeat(tenant, &checked).await?;
        if is_redirect(answer.status) {
            let detail = format!("`{}` answered {}", checked.target.host, answer.status.as_u16());
            return Err(Refusal::denied("redirect_not_followed", detail));
        }
        Ok(shown(answer, &tenant.scrubber()))
    }

    fn check(&self, request: Request) -> Result<Checked<'_>, Refusal> {
        let target = Target::parse(&request.url)?;
        let takes_credentials =
            policy::check(&self.scope.granted, self.mode, &request.method, &target)?;
        let scheme = credentials::scheme(&self.scope.auth, request.auth.as_deref())?;
        if scheme.is_some() && !takes_credentials {
            let detail = format!("`{}`: the credential is for the connection's host", target.host);
            return Err(Refusal::denied("secret_not_for_host", detail));
        }
        let reserved = scheme.and_then(credentials::header_of);
        let mut headers = headers::check(&request.headers, reserved)?;
        if request.body.len() > self.access.settings.request_bytes_max {
            return Err(Refusal::TooLarge);
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Ok(agent) = HeaderValue::from_str(&self.access.settings.user_agent) {
            headers.entry(USER_AGENT).or_insert(agent);
        }
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Refusal::denied("method_not_allowed", "a malformed method".to_owned()))?;
        let timeout_ms = match u64::from(request.timeout_ms) {
            0 => self.access.settings.timeout_ms,
            asked => asked.min(self.access.settings.timeout_ms),
        };
        let (body, timeout) = (Bytes::from(request.body), Duration::from_millis(timeout_ms));
        Ok(Checked { method, target, headers, body, scheme, timeout })
    }

    /// When the call's requests must have ended.
    fn last(&self) -> Instant {
        self.deadline.checked_sub(RESERVE).unwrap_or(self.deadline)
    }

    /// Sends, and sends again where that does no harm.
    async fn repeat(&self, tenant: &Tenant, checked: &Checked<'_>) -> Result<Answer, Refusal> {
        let is_safe = policy::is_safe(checked.method.as_str());
        let mut refused_token = None;
        for attempt in 1..=ATTEMPTS_MAX {
            let may_repeat = attempt < ATTEMPTS_MAX;
            self.wait_for_rate(checked).await?;
            let (sent, token) = self.attempt(tenant, checked, refused_token.as_ref()).await;
            match sent {
                Ok(answer) => {
                    let pause = self.learn(checked, &answer);
                    // RFC 9110 section 15.5.2: a request that was answered 401 was not applied.
                    let is_stale_token = answer.status == StatusCode::UNAUTHORIZED
                        && token.is_some()
                        && refused_token.is_none();
                    if is_stale_token && may_repeat {
                        refused_token = token;
                    } else if !(is_safe && may_repeat && pause.is_some()) {
                        return Ok(answer);
                    }
                }
                Err(Failed::Stale) if is_safe && may_repeat => {}
                Err(Failed::Stale) => {
                    return Err(Refusal::Protocol("the connection broke off".to_owned()));
                }
                Err(Failed::For(Refusal::Connect(_))) if attempt == 1 => {
                    sleep(RECONNECT_PAUSE).await;
                }
                Err(Failed::For(refusal)) => return Err(refusal),
            }
        }
        Err(Refusal::Protocol("too many attempts".to_owned()))
    }

    /// Waits for the bucket and for the pause that the target asked for, if there is time.
    async fn wait_for_rate(&self, checked: &Checked<'_>) -> Result<(), Refusal> {
        let (integration, host) = (&self.scope.integration, &checked.target.host);
        let wait = self.access.rates.take(integration, host);
        if wait.is_zero() {
            return Ok(());
        }
        if wait >= self.last().saturating_duration_since(Instant::now()) {
            self.access.rates.give_back(integration, host);
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            return Err(Refusal::RateWaitExceeded { ms });
        }
        sleep(wait).await;
        Ok(())
    }

    /// The pause that an answer asks for, where the answer is that pause.
    fn learn(&self, checked: &Checked<'_>, answer: &Answer) -> Option<Duration> {
        let (integration, host) = (&self.scope.integration, &checked.target.host);
        let pause = self.access.rates.learn(integration, host, answer.status, &answer.headers);
        let is_turned_away = matches!(
            answer.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        pause.filter(|_| is_turned_away)
    }

    /// One sending, within the deadline; with the token that it used.
    async fn attempt(
        &self,
        tenant: &Tenant,
        checked: &Checked<'_>,
        refused_token: Option<&Zeroizing<String>>,
    ) -> (Result<Answer, Failed>, Option<Zeroizing<String>>) {
        let line = Line {
            dialer: &self.access.dialer,
            pool: &tenant.pool,
            exceptions: &self.scope.granted.address_exceptions,
            way: Way {
                from: self.scope.granted.bind_address,
                bypasses_proxy: self.scope.granted.bypasses_proxy,
            },
            response_bytes_max: self.access.settings.response_bytes_max,
        };
        let now = Instant::now();
        let deadline = now.checked_add(checked.timeout).map_or(self.last(), |d| d.min(self.last()));
        let prepare = self.prepare(tenant, &line, checked, refused_token);
        let (target, headers, token) = match timeout_at(deadline, prepare).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(refusal)) => return (Err(Failed::For(refusal)), None),
            Err(_) => {
                let refusal = Refusal::Connect("the credential was not ready in time".to_owned());
                return (Err(Failed::For(refusal)), None);
            }
        };
        let outgoing = Outgoing {
            method: &checked.method,
            target: &target,
            headers: &headers,
            body: &checked.body,
        };
        let mut received = 0;
        let exchange = exchange(&line, &outgoing, &mut received);
        let sent = timeout_at(deadline, exchange).await;
        let sent = sent.unwrap_or(Err(Failed::For(Refusal::TimedOut)));
        let bytes = u64::try_from(checked.body.len()).unwrap_or(0).saturating_add(received);
        self.traffic_bytes.fetch_add(bytes, Ordering::Relaxed);
        (sent, token)
    }

    /// The request with its credential.
    async fn prepare(
        &self,
        tenant: &Tenant,
        line: &Line<'_>,
        checked: &Checked<'_>,
        refused_token: Option<&Zeroizing<String>>,
    ) -> Result<(Target, HeaderMap, Option<Zeroizing<String>>), Refusal> {
        let (mut target, mut headers) = (checked.target.clone(), checked.headers.clone());
        let Some(scheme) = checked.scheme else { return Ok((target, headers, None)) };
        let refused = refused_token.map(|token| token.as_str());
        let token = match &scheme.kind {
            AuthKind::Oauth2ClientCredentials { .. } => {
                oauth::token(&self.scope, tenant, line, scheme, refused).await?
            }
            _ => None,
        };
        let text = token.as_ref().map(|token| token.as_str());
        credentials::place(&self.scope, scheme, text, &mut headers, &mut target).await?;
        Ok((target, headers, token))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Headers that a guest does not get: cookies, and what no longer describes the body.
const HIDDEN: [HeaderName; 4] = [SET_COOKIE, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING];

/// What the guest gets to see: no cookies, no secrets.
fn shown(answer: Answer, scrubber: &Scrubber) -> Response {
    let mut body = answer.body;
    scrubber.bytes(&mut body);
    let mut headers = Vec::with_capacity(answer.headers.len());
    for (name, value) in &answer.headers {
        if HIDDEN.contains(name) {
            continue;
        }
        let (mut name, mut value) =
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        scrubber.text(&mut name);
        scrubber.text(&mut value);
        headers.push((name, value));
    }
    Response { status: answer.status.as_u16(), headers, body }
}
