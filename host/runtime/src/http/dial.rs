//! Opens connections: resolves once, judges every address, dials a judged one, checks the
//! certificate against the name. Reads no proxy setting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantry_model::approval::AddressException;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::resolve::{Resolver, checked_addresses};
use super::target::Target;
use super::{HttpSettings, HttpSetupError, Refusal};

/// Most bytes of a response's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a response.
const HEADERS_MAX: usize = 128;

/// A connection on which nothing is under way.
pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// Opens connections.
pub(crate) struct Dialer {
    resolver: Arc<dyn Resolver>,
    tls: TlsConnector,
    timeout: Duration,
}

impl Dialer {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, HttpSetupError> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let unreadable = |error: &dyn std::fmt::Display| HttpSetupError::Roots(error.to_string());
        for pem in &settings.extra_roots_pem {
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return Err(HttpSetupError::Roots("it holds no certificate".to_owned()));
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
            tls: TlsConnector::from(Arc::new(config)),
            timeout: Duration::from_millis(settings.connect_timeout_ms),
        })
    }

    /// A new connection to the target.
    pub(crate) async fn dial(
        &self,
        target: &Target,
        exceptions: &[AddressException],
    ) -> Result<Connection, Refusal> {
        let timed_out = |_| Refusal::Connect(format!("`{}` did not answer in time", target.host));
        let dial = self.dial_without_timeout(target, exceptions);
        tokio::time::timeout(self.timeout, dial).await.map_err(timed_out)?
    }

    async fn dial_without_timeout(
        &self,
        target: &Target,
        exceptions: &[AddressException],
    ) -> Result<Connection, Refusal> {
        let addresses = checked_addresses(self.resolver.as_ref(), target, exceptions).await?;
        let stream = connect(&addresses).await.map_err(|error| {
            Refusal::Connect(format!("`{}` cannot be reached: {}", target.host, error.kind()))
        })?;
        // Without it small requests wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        if target.is_plain {
            return speak_http(stream).await;
        }
        let name = match target.literal {
            Some(ip) => ServerName::from(ip),
            None => ServerName::try_from(target.host.clone())
                .map_err(|_| Refusal::Connect("the host's name is not valid for TLS".to_owned()))?,
        };
        let stream = self.tls.connect(name, stream).await.map_err(|error| {
            Refusal::Connect(format!("TLS with `{}` failed: {error}", target.host))
        })?;
        speak_http(stream).await
    }
}

/// The first address that accepts.
async fn connect(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn speak_http<S>(stream: S) -> Result<Connection, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream));
    let (sender, connection) =
        handshake.await.map_err(|_| Refusal::Connect("the connection broke off".to_owned()))?;
    // Ends when the sender is dropped or the peer closes; its error is seen by the sender too.
    tokio::spawn(connection);
    Ok(sender)
}
