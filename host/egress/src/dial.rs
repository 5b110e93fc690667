//! Opens connections: resolves once, judges every address, dials a judged one, checks the
//! certificate against the name. Reads no setting of the environment: a proxy is told.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantry_model::approval::AddressException;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::EgressError;
use crate::proxy::Proxy;
use crate::resolve::{Resolver, SystemResolver, checked_addresses};
use crate::stream::NetworkStream;
use crate::target::Target;

/// Most bytes of a response's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a response.
const HEADERS_MAX: usize = 128;

/// A connection on which nothing is under way.
pub type Connection = SendRequest<Full<Bytes>>;

/// What an operator can set about connections.
#[derive(Clone)]
pub struct DialSettings {
    /// Certificates (PEM) that are trusted beside the public ones, such as a company's own root.
    pub extra_roots_pem: Vec<String>,
    /// Time for a connection with TLS, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Looks names up.
    pub resolver: Arc<dyn Resolver>,
    /// What connections go through that do not bypass it.
    pub proxy: Option<Proxy>,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            extra_roots_pem: Vec::new(),
            connect_timeout_ms: 5_000,
            resolver: Arc::new(SystemResolver),
            proxy: None,
        }
    }
}

/// How a connection leaves this host (INT-14).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    /// From this one of the host's own addresses.
    pub from: Option<IpAddr>,
    /// Not through the proxy, where there is one.
    pub bypasses_proxy: bool,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A certificate in `extra_roots_pem` cannot be read.
    #[error("an extra root certificate cannot be read: {0}")]
    Roots(String),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// Opens connections.
pub struct Dialer {
    resolver: Arc<dyn Resolver>,
    proxy: Option<Proxy>,
    tls: TlsConnector,
    timeout: Duration,
}

impl Dialer {
    /// A dialler with these settings.
    ///
    /// # Errors
    /// When a root certificate cannot be read.
    pub fn new(settings: &DialSettings) -> Result<Self, SetupError> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let unreadable = |error: &dyn std::fmt::Display| SetupError::Roots(error.to_string());
        for pem in &settings.extra_roots_pem {
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return Err(SetupError::Roots("it holds no certificate".to_owned()));
            }
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            resolver: settings.resolver.clone(),
            proxy: settings.proxy.clone(),
            tls: TlsConnector::from(Arc::new(config)),
            timeout: Duration::from_millis(settings.connect_timeout_ms),
        })
    }

    /// Asks only whether the target may be dialled now.
    ///
    /// # Errors
    /// When a name does not resolve, or an address of it may not be dialled.
    pub async fn check(
        &self,
        target: &Target,
        exceptions: &[AddressException],
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let checked = checked_addresses(self.resolver.as_ref(), target, exceptions);
        tokio::time::timeout(self.timeout, checked).await.map_err(|_| timed_out(target))?
    }

    /// A new connection to the target, ready for HTTP/1.1.
    ///
    /// # Errors
    /// When the target may not be dialled or does not answer; nothing was sent.
    pub async fn dial(
        &self,
        target: &Target,
        exceptions: &[AddressException],
    ) -> Result<Connection, EgressError> {
        self.dial_by(target, exceptions, Way::default()).await
    }

    /// As [`Dialer::dial`], leaving this host in a certain way.
    ///
    /// # Errors
    /// As [`Dialer::dial`]; also when this host does not have the address to leave from.
    pub async fn dial_by(
        &self,
        target: &Target,
        exceptions: &[AddressException],
        way: Way,
    ) -> Result<Connection, EgressError> {
        let dial =
            async { speak_http(self.open(target, exceptions, !target.is_plain, way).await?).await };
        tokio::time::timeout(self.timeout, dial).await.map_err(|_| timed_out(target))?
    }

    /// A new connection to the target, for other protocols than HTTP.
    ///
    /// # Errors
    /// As [`Dialer::dial`].
    pub async fn connect(
        &self,
        target: &Target,
        exceptions: &[AddressException],
    ) -> Result<NetworkStream, EgressError> {
        let open = self.open(target, exceptions, !target.is_plain, Way::default());
        tokio::time::timeout(self.timeout, open).await.map_err(|_| timed_out(target))?
    }

    /// A connection without TLS to a target that must be upgraded to TLS before anything is told
    /// (STARTTLS). The caller sees to that.
    ///
    /// # Errors
    /// As [`Dialer::dial`].
    pub async fn connect_for_upgrade(
        &self,
        target: &Target,
        exceptions: &[AddressException],
    ) -> Result<NetworkStream, EgressError> {
        let open = self.open(target, exceptions, false, Way::default());
        tokio::time::timeout(self.timeout, open).await.map_err(|_| timed_out(target))?
    }

    async fn open(
        &self,
        target: &Target,
        exceptions: &[AddressException],
        with_tls: bool,
        way: Way,
    ) -> Result<NetworkStream, EgressError> {
        let addresses = checked_addresses(self.resolver.as_ref(), target, exceptions).await?;
        let stream = match self.proxy.as_ref().filter(|_| !way.bypasses_proxy) {
            Some(proxy) => self.through(proxy, &addresses, way.from).await,
            None => connect(&addresses, way.from).await.map_err(|error| error.kind().to_string()),
        };
        let stream = stream.map_err(|why| {
            EgressError::Connect(format!("`{}` cannot be reached: {why}", target.host))
        })?;
        // Without it small requests wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        if !with_tls {
            return Ok(NetworkStream::Plain(stream));
        }
        let name = match target.literal {
            Some(ip) => ServerName::from(ip),
            None => ServerName::try_from(target.host.clone()).map_err(|_| {
                EgressError::Connect("the host's name is not valid for TLS".to_owned())
            })?,
        };
        let stream = self.tls.connect(name, stream).await.map_err(|error| {
            EgressError::Connect(format!("TLS with `{}` failed: {error}", target.host))
        })?;
        Ok(NetworkStream::Tls(Box::new(stream)))
    }

    /// A tunnel to the first address to which the proxy makes one. The proxy's own address is the
    /// operator's to say: it is mostly a private one, and is not judged.
    async fn through(
        &self,
        proxy: &Proxy,
        addresses: &[SocketAddr],
        from: Option<IpAddr>,
    ) -> Result<TcpStream, String> {
        let ips = match proxy.host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => self
                .resolver
                .resolve(&proxy.host)
                .await
                .map_err(|_| "the proxy's name cannot be resolved".to_owned())?,
        };
        let near: Vec<_> = ips.into_iter().map(|ip| SocketAddr::new(ip, proxy.port)).collect();
        let mut last = "it has no address".to_owned();
        for address in addresses {
            let stream = connect(&near, from).await;
            let stream = stream.map_err(|error| format!("the proxy: {}", error.kind()))?;
            match proxy.tunnel(stream, *address).await {
                Ok(stream) => return Ok(stream),
                Err(why) => last = why,
            }
        }
        Err(last)
    }
}

fn timed_out(target: &Target) -> EgressError {
    EgressError::Connect(format!("`{}` did not answer in time", target.host))
}

/// How long one of several addresses may take before the next one is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The first address that accepts.
async fn connect(addresses: &[SocketAddr], from: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    let Some((final_one, before)) = addresses.split_last() else { return Err(last) };
    for address in before {
        match tokio::time::timeout(ADDRESS_TIMEOUT, connect_one(*address, from)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            // One that is silent must not use up the time of the others.
            Err(_) => last = std::io::Error::from(std::io::ErrorKind::TimedOut),
        }
    }
    connect_one(*final_one, from).await.map_err(|error| match last.kind() {
        std::io::ErrorKind::AddrNotAvailable => error,
        _ => last,
    })
}

async fn connect_one(to: SocketAddr, from: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(to).await };
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // An address of the other family is refused here: it never leaves from elsewhere.
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

async fn speak_http(stream: NetworkStream) -> Result<Connection, EgressError> {
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream));
    let (sender, connection) =
        handshake.await.map_err(|_| EgressError::Connect("the connection broke off".to_owned()))?;
    // Ends when the sender is dropped or the peer closes; its error is seen by the sender too.
    tokio::spawn(connection);
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn arrives_from(from: &str) -> std::io::Result<IpAddr> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let from = from.parse().ok();
        let _stream = connect(&[listener.local_addr()?], from).await?;
        Ok(listener.accept().await?.1.ip())
    }

    #[tokio::test]
    async fn a_connection_leaves_from_the_address_that_was_fixed_or_not_at_all() {
        let fixed: IpAddr = "127.0.0.2".parse().unwrap();
        assert_eq!(arrives_from("127.0.0.2").await.unwrap(), fixed);
        // An address of the other family, and one that this host does not have.
        assert!(arrives_from("::1").await.is_err());
        assert!(arrives_from("192.0.2.1").await.is_err());
    }
}
