//! An HTTP proxy on the way out (RFC 9110 section 9.3.6): the tunnel to an address that was judged.
//!
//! The proxy gets the address, not the name: it dials what was judged, and no resolver of its own can
//! lead elsewhere. TLS with the target runs inside the tunnel, so that the proxy sees neither request nor
//! credential; of a target without TLS it sees both. Its own credential is shown to nobody.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_model::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

/// Most bytes of a proxy's answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// An HTTP proxy that the operator chose.
#[derive(Clone)]
pub struct Proxy {
    /// A name, or a literal address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Arc<Secret>>,
}

/// Why a text names no proxy. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give the proxy as `http://[USER:PASSWORD@]HOST:PORT`, without a path")]
pub struct InvalidProxy;

impl Proxy {
    /// Reads `http://[USER:PASSWORD@]HOST:PORT`; user and password are percent-encoded.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let url = Url::parse(text).map_err(|_| InvalidProxy)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "http" || !is_bare {
            return Err(InvalidProxy);
        }
        let host = match url.host().ok_or(InvalidProxy)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let decoded = |text: &str| {
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
            String::from_utf8(bytes).map_err(|_| InvalidProxy)
        };
        let authorization = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let pair = format!("{}:{}", decoded(user)?, decoded(password.unwrap_or(""))?);
                Some(Arc::new(Secret::new(format!("Basic {}", STANDARD.encode(pair)))))
            }
        };
        Ok(Self { host, port: url.port_or_known_default().ok_or(InvalidProxy)?, authorization })
    }

    /// Makes a connection with the proxy one with the address behind it.
    ///
    /// # Errors
    /// With words for people when the proxy refuses, or does not speak HTTP.
    pub(crate) async fn tunnel(
        &self,
        mut stream: TcpStream,
        to: SocketAddr,
    ) -> Result<TcpStream, String> {
        let broken = |_: std::io::Error| "the connection with the proxy broke off".to_owned();
        let authorization = self.authorization.as_ref();
        let authorization = authorization
            .map(|value| format!("Proxy-Authorization: {}\r\n", value.expose()))
            .unwrap_or_default();
        let request =
            Secret::new(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{authorization}\r\n"));
        stream.write_all(request.expose().as_bytes()).await.map_err(broken)?;
        // One byte after the other: what comes after the head is the target's.
        let mut head = Vec::with_capacity(256);
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= ANSWER_BYTES_MAX {
                return Err("the proxy's answer is too long".to_owned());
            }
            head.push(stream.read_u8().await.map_err(broken)?);
        }
        match status(&head) {
            Some(200..=299) => Ok(stream),
            Some(407) => Err("the proxy wants another user or password".to_owned()),
            Some(status) => Err(format!("the proxy refused it with status {status}")),
            None => Err("the proxy does not speak HTTP".to_owned()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// The status of an answer to an HTTP/1 request.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.parse().ok().filter(|status| (200..600).contains(status))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_proxy_is_a_host_with_a_port_and_perhaps_a_credential() {
        let proxy = Proxy::parse("http://us%40er:p%3Ass@proxy.example:3128").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 3128));
        let expected = format!("Basic {}", STANDARD.encode("us@er:p:ss"));
        assert_eq!(proxy.authorization.as_ref().unwrap().expose(), expected);
        assert!(!format!("{proxy:?}").contains(&expected), "{proxy:?}");
        assert_eq!(Proxy::parse("http://[::1]:3128").unwrap().host, "::1");
        for refused in [
            "proxy.example:3128",
            "https://proxy.example",
            "socks5://proxy.example:1080",
            "http://proxy.example/path",
            "http://proxy.example?x",
            "http://",
            "",
        ] {
            assert_eq!(Proxy::parse(refused).err(), Some(InvalidProxy), "{refused}");
        }
    }

    /// What the proxy is told and what comes of its answer.
    async fn tunnelled(proxy: &str, answer: &'static str) -> (String, Result<(), String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut told = Vec::new();
            while !told.ends_with(b"\r\n\r\n") {
                told.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(told).unwrap()
        };
        let proxy = Proxy::parse(proxy).unwrap();
        let to = "192.0.2.7:443".parse().unwrap();
        let (told, tunnel) = tokio::join!(serve, proxy.tunnel(stream, to));
        (told, tunnel.map(drop))
    }

    #[tokio::test]
    async fn the_proxy_is_told_the_address_and_its_own_credential() {
        let (told, tunnel) =
            tunnelled("http://u:p@127.0.0.1:1", "HTTP/1.0 200 Connection established\r\n\r\n")
                .await;
        let expected = "CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\
                        Proxy-Authorization: Basic dTpw\r\n\r\n";
        assert_eq!((told.as_str(), tunnel), (expected, Ok(())));
    }

    #[tokio::test]
    async fn an_answer_that_opens_no_tunnel_says_why_without_the_proxys_words() {
        let endless: &'static str = Box::leak("x".repeat(ANSWER_BYTES_MAX + 1).into_boxed_str());
        for (answer, why) in [
            ("HTTP/1.1 407 canary\r\n\r\n", "the proxy wants another user or password"),
            ("HTTP/1.1 403 canary\r\n\r\n", "the proxy refused it with status 403"),
            ("HTTP/1.1 100 Continue\r\n\r\n", "the proxy does not speak HTTP"),
            ("SSH-2.0-canary\r\n\r\n", "the proxy does not speak HTTP"),
            ("HTTP/1.1 200", "the connection with the proxy broke off"),
            (endless, "the proxy's answer is too long"),
        ] {
            let (_, tunnel) = tunnelled("http://127.0.0.1:1", answer).await;
            assert_eq!(tunnel, Err(why.to_owned()), "{answer:.40}");
        }
    }
}
