//! Requests to one repository of one registry: authentication, redirects, and a limit on everything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use grantry_egress::{Connection, Dialer, Target};
use grantry_model::registry::{Reference, RegistryAccess, RegistryFault};
use grantry_model::text::printable;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use url::Url;

use crate::challenge::Challenge;
use crate::{Result, fault};

/// Most redirects of one request: registries send readers of blobs to where these are kept.
const REDIRECTS_MAX: usize = 3;
/// Most bytes of a token's answer.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Longest detail of a fault, in characters.
const DETAIL_CHARACTERS_MAX: usize = 300;

/// A request to be sent.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) accept: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Ask {
    /// A GET.
    pub(crate) fn get(target: Target, accept: &'static str) -> Self {
        let body = Bytes::new();
        Self { method: Method::GET, target, accept, content_type: "", body }
    }
}

/// What was answered; its body is not read yet.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    /// Lives as long as the body is read.
    _connection: Connection,
}

/// Requests to one repository, with what authenticates them.
pub(crate) struct Session<'a> {
    dialer: &'a Dialer,
    access: &'a RegistryAccess,
    registry: &'a str,
    repository: &'a str,
    /// Such as `pull` or `pull,push`.
    actions: &'static str,
    authorization: Option<HeaderValue>,
}

/// A URL of a registry.
pub(crate) fn target(registry: &str, access: &RegistryAccess, path: &str) -> Result<Target> {
    let scheme = if access.is_plain { "http" } else { "https" };
    Target::parse(&format!("{scheme}://{registry}{path}")).map_err(fault)
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        dialer: &'a Dialer,
        reference: &'a Reference,
        access: &'a RegistryAccess,
        actions: &'static str,
    ) -> Self {
        let Reference { registry, repository, .. } = reference;
        Self { dialer, access, registry, repository, actions, authorization: None }
    }

    /// A URL below the repository's.
    pub(crate) fn target(&self, below: &str) -> Result<Target> {
        target(self.registry, self.access, &format!("/v2/{}/{below}", self.repository))
    }

    /// Sends a request, authenticated where the registry wants it. Only reading follows redirects.
    pub(crate) async fn send(&mut self, ask: &Ask) -> Result<Answer> {
        let mut answer = self.exchange(ask, &ask.target).await?;
        let is_asked = answer.status == StatusCode::UNAUTHORIZED && self.is_own(&ask.target);
        if is_asked && self.authorization.is_none() {
            self.authorize(&answer).await?;
            answer = self.exchange(ask, &ask.target).await?;
        }
        let mut at = ask.target.clone();
        for _ in 0..REDIRECTS_MAX {
            if ask.method != Method::GET || !answer.status.is_redirection() {
                break;
            }
            at = self.located(&at, &answer)?;
            answer = self.exchange(ask, &at).await?;
        }
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(RegistryFault::Refused(format!("{}/{}", self.registry, self.repository)))
            }
            // What can be had elsewhere is there.
            status if status.is_redirection() && ask.method == Method::HEAD => Ok(answer),
            status if status.is_redirection() => {
                Err(RegistryFault::Unavailable("it redirects without end".to_owned()))
            }
            _ => Ok(answer),
        }
    }

    /// Where an answer points, which may be relative; never from TLS to plain http.
    pub(crate) fn located(&self, at: &Target, answer: &Answer) -> Result<Target> {
        let wrong = || RegistryFault::Unavailable("it names no place to go on at".to_owned());
        let scheme = if at.is_plain { "http" } else { "https" };
        let base = format!("{scheme}://{}{}", at.authority(), at.path_and_query());
        let base = Url::parse(&base).map_err(|_| wrong())?;
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let next = base.join(location.ok_or_else(wrong)?).map_err(|_| wrong())?;
        let next = Target::parse(next.as_str()).map_err(fault)?;
        self.check_scheme(&next)?;
        Ok(next)
    }

    fn check_scheme(&self, target: &Target) -> Result<()> {
        if target.is_plain && !self.access.is_plain {
            let detail = "the registry leads from TLS to plain http".to_owned();
            return Err(RegistryFault::NotAllowed { code: "scheme_not_allowed".into(), detail });
        }
        Ok(())
    }

    /// Whether the place is the registry itself: only there its credential is shown.
    fn is_own(&self, target: &Target) -> bool {
        let own = self.target("");
        own.is_ok_and(|own| {
            (own.host, own.port, own.is_plain)
                == (target.host.clone(), target.port, target.is_plain)
        })
    }

    async fn exchange(&self, ask: &Ask, target: &Target) -> Result<Answer> {
        let own = self.authorization.clone().filter(|_| self.is_own(target));
        self.exchange_as(ask, target, own).await
    }

    async fn exchange_as(
        &self,
        ask: &Ask,
        target: &Target,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer> {
        let exceptions = &self.access.address_exceptions;
        let mut connection = self.dialer.dial(target, exceptions).await.map_err(fault)?;
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(target.path_and_query())
            .header(HOST, target.authority())
            .header(USER_AGENT, concat!("grantry/", env!("CARGO_PKG_VERSION")));
        if !ask.accept.is_empty() {
            request = request.header(ACCEPT, ask.accept);
        }
        if !ask.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let broken = |_| RegistryFault::Unavailable("it closed the connection".to_owned());
        let request = request.body(Full::new(ask.body.clone()));
        let request = request
            .map_err(|_| RegistryFault::Unavailable("the request cannot be put".to_owned()))?;
        let answer = connection.send_request(request).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body, _connection: connection })
    }

    /// Does what the registry asks for: shows the credential, or gets a token for it.
    async fn authorize(&mut self, refused: &Answer) -> Result<()> {
        let place = || format!("{}/{}", self.registry, self.repository);
        let header = refused.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let authorization = match header.and_then(Challenge::parse) {
            Some(Challenge::Basic) => {
                self.basic().ok_or_else(|| RegistryFault::Refused(place()))?
            }
            Some(Challenge::Bearer { realm, service }) => {
                let token = self.token(&realm, service.as_deref()).await?;
                let value = HeaderValue::from_str(&format!("Bearer {token}"));
                value.map_err(|_| RegistryFault::Unavailable("its token is none".to_owned()))?
            }
            None => return Err(RegistryFault::Refused(place())),
        };
        self.authorization = Some(sensitive(authorization));
        Ok(())
    }

    fn basic(&self) -> Option<HeaderValue> {
        let (user, password) = self.access.credential.as_ref()?;
        let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
        HeaderValue::from_str(&format!("Basic {pair}")).ok().map(sensitive)
    }

    /// A token of the service that the registry trusts; without a credential an anonymous one.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<String> {
        let mut target = Target::parse(realm).map_err(fault)?;
        self.check_scheme(&target)?;
        if let Some(service) = service {
            target.add_parameter("service", service);
        }
        target.add_parameter("scope", &format!("repository:{}:{}", self.repository, self.actions));
        let ask = Ask::get(target.clone(), "application/json");
        let answer = self.exchange_as(&ask, &target, self.basic()).await?;
        if !answer.status.is_success() {
            return Err(RegistryFault::Refused(format!("{}/{}", self.registry, self.repository)));
        }
        let bytes = read(answer.body, TOKEN_BYTES_MAX).await?;
        let wrong = |_| RegistryFault::Unavailable("its token service answers no token".to_owned());
        let token: Token = serde_json::from_slice(&bytes).map_err(wrong)?;
        let none = || RegistryFault::Unavailable("its token service answers no token".to_owned());
        token.token.or(token.access_token).ok_or_else(none)
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// All of a body, which has at most so many bytes.
pub(crate) async fn read(mut body: Incoming, bytes_max: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Bounded in bytes here and in time by the whole transfer.
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| RegistryFault::Unavailable("its answer broke off".into()))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > bytes_max - bytes.len() {
            return Err(RegistryFault::Unavailable("its answer is too long".to_owned()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The fault behind an answer that is no success.
pub(crate) fn unexpected(answer: &Answer, what: &str) -> RegistryFault {
    let detail = format!("it answered {} to {what}", answer.status);
    RegistryFault::Unavailable(printable(&detail, DETAIL_CHARACTERS_MAX))
}
