//! The network: one request, bounded in time and size, without redirects, proxies or cookies.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use grantry_model::oidc::ProviderFault;
use grantry_model::secret::Secret;
use reqwest::RequestBuilder;
use reqwest::redirect::Policy;
use url::{Host, Url};

/// How long an issuer may take to answer.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Most bytes of an answer: discovery documents and key sets have a few thousand.
const BYTES_MAX: usize = 256 * 1024;

/// What is asked.
pub struct Question<'a> {
    /// Where; checked by [`checked`].
    pub url: Url,
    /// The loopback address that may be asked without TLS.
    pub exception: Option<SocketAddr>,
    /// Fields to POST; `None` is a GET.
    pub form: Option<Vec<(&'static str, &'a str)>>,
    /// Who asks.
    pub credential: Option<Credential<'a>>,
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
}

/// How somebody who asks is known.
pub enum Credential<'a> {
    /// By user and password.
    Basic(&'a str, &'a Secret),
    /// By a token.
    Bearer(&'a Secret),
}

impl Question<'_> {
    /// A GET.
    pub fn get(url: Url, exception: Option<SocketAddr>) -> Self {
        Self { url, exception, form: None, credential: None, headers: &[] }
    }
}

/// What is answered.
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// At most 256 KiB.
    pub body: Vec<u8>,
}

/// Asks an issuer.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// One request and its answer.
    async fn ask(&self, question: Question<'_>) -> Result<Answered, ProviderFault>;
}

/// A URL that may be asked: `https`, or the excepted loopback address by whatever scheme. Loopback
/// without an exception is refused, so that no document leads there.
pub(crate) fn checked(text: &str, exception: Option<SocketAddr>) -> Result<Url, ProviderFault> {
    let shown = grantry_model::text::printable(text, 200);
    let refused = |why: &str| ProviderFault::Refused(format!("`{shown}` {why}"));
    let url = Url::parse(text).map_err(|_| refused("is not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refused("has a user, a password or a fragment"));
    }
    let (is_loopback, literal) = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            (name == "localhost" || name.ends_with(".localhost"), None)
        }
        Some(Host::Ipv4(ip)) => (ip.is_loopback() || ip.is_unspecified(), Some(ip.into())),
        Some(Host::Ipv6(ip)) => {
            let mapped = ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback());
            (ip.is_loopback() || ip.is_unspecified() || mapped, Some(std::net::IpAddr::V6(ip)))
        }
        None => return Err(refused("has no host")),
    };
    if is_loopback {
        let is_excepted = exception.is_some_and(|address| {
            let is_address = literal.is_none_or(|ip| ip == address.ip());
            url.port_or_known_default() == Some(address.port()) && is_address
        });
        let is_http = matches!(url.scheme(), "http" | "https");
        let why = "is on this machine: approve its exact address and port as an exception";
        return (is_excepted && is_http).then_some(url).ok_or_else(|| refused(why));
    }
    if url.scheme() != "https" {
        return Err(refused("is not `https`"));
    }
    Ok(url)
}

/// Asks over HTTP.
pub struct Http;

#[async_trait]
impl Fetch for Http {
    async fn ask(&self, question: Question<'_>) -> Result<Answered, ProviderFault> {
        // Asking is rare (keys are remembered), so a client for each question costs nothing that
        // matters, and nothing of one issuer's connection is left for another.
        let answer = async {
            let client = client(&question)?;
            let request = match &question.form {
                None => client.get(question.url.clone()),
                Some(fields) => client.post(question.url.clone()).form(fields),
            };
            let request = match question.credential {
                None => request,
                Some(Credential::Basic(user, secret)) => {
                    request.basic_auth(user, Some(secret.expose()))
                }
                Some(Credential::Bearer(token)) => request.bearer_auth(token.expose()),
            };
            let add = |request: RequestBuilder, (name, value): &(&str, &str)| {
                request.header(*name, *value)
            };
            let request = question.headers.iter().fold(request, add);
            request.header("Accept", "application/json").send().await
        };
        let mut answer = answer.await.map_err(|error| unavailable(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| unavailable(&error))? {
            if body.len() + chunk.len() > BYTES_MAX {
                let why = format!("it sends more than {BYTES_MAX} bytes");
                return Err(ProviderFault::Refused(why));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status: answer.status().as_u16(), body })
    }
}

fn client(question: &Question<'_>) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .timeout(TIME_MAX)
        .connect_timeout(CONNECT_TIME_MAX)
        .https_only(question.exception.is_none());
    // The name `localhost` means the excepted address, whatever a hosts file says.
    match (question.url.host(), question.exception) {
        (Some(Host::Domain(name)), Some(address)) if name.contains("localhost") => {
            builder.resolve(name, address).build()
        }
        _ => builder.build(),
    }
}

/// reqwest's words, without the URL, which may hold what is not for a log.
fn unavailable(error: &reqwest::Error) -> ProviderFault {
    let why = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection failed"
    };
    ProviderFault::Unavailable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_or_the_excepted_address_is_asked() {
        let exception: SocketAddr = "127.0.0.1:8123".parse().unwrap();
        for url in ["https://login.example/a", "https://10.0.0.8/realms/x"] {
            assert!(checked(url, None).is_ok(), "{url}");
        }
        for url in ["http://localhost:8123/x", "http://127.0.0.1:8123/", "https://localhost:8123/"]
        {
            assert!(checked(url, Some(exception)).is_ok(), "{url}");
            assert!(checked(url, None).is_err(), "{url}");
        }
        for url in [
            "http://login.example/",
            "http://localhost:8124/",
            "http://127.0.0.2:8123/",
            "http://[::1]:8123/",
            "http://[::ffff:127.0.0.1]:8124/",
            "http://0.0.0.0:8124/",
            "http://localhost.:8124/",
            "ftp://localhost:8123/",
            "https://user@login.example/",
            "file:///etc/passwd",
            "https://",
            "x",
        ] {
            assert!(checked(url, Some(exception)).is_err(), "{url}");
        }
    }
}
