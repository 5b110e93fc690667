//! Certificates are checked against the name in the URL, whatever address was dialled.

use std::sync::Arc;

use grantry_model::approval::AddressException;
use grantry_runtime::http::Refusal;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::egress::{Rebinding, access, get, session};
use crate::support::scope::{TestScope, digest, origin};

pub fn root() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An https server on loopback whose certificate is for `name`; returns its port.
pub async fn server(name: &str, root: &CertifiedIssuer<'static, KeyPair>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, root).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut bytes = [0; 4_096];
            let _ = stream.read(&mut bytes).await;
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\nok").await;
        }
    });
    port
}

async fn status(certified: &str, asked: &str, is_trusted: bool) -> Result<u16, Refusal> {
    let root = root();
    let port = server(certified, &root).await;
    let resolver = Rebinding::new(vec![vec!["127.0.0.1"]]);
    let access = access(|settings| {
        settings.resolver = resolver;
        if is_trusted {
            settings.extra_roots_pem.push(root.pem());
        }
    });
    let scope = TestScope::new(digest()).grant(|granted| {
        granted.origins.push(origin(asked, port, false));
        let ip = "127.0.0.1".parse().unwrap();
        granted.address_exceptions.push(AddressException { ip, port });
    });
    let url = format!("https://{asked}:{port}/");
    session(&access, &scope).send(get(&url)).await.map(|response| response.status)
}

#[tokio::test]
async fn a_trusted_certificate_for_the_name_is_accepted() {
    assert_eq!(status("scim.example.test", "scim.example.test", true).await, Ok(200));
    assert_eq!(status("127.0.0.1", "127.0.0.1", true).await, Ok(200));
}

#[tokio::test]
async fn certificates_for_other_names_or_from_others_are_not() {
    for (certified, asked, is_trusted) in [
        ("other.example.test", "scim.example.test", true),
        ("scim.example.test", "127.0.0.1", true),
        ("scim.example.test", "scim.example.test", false),
    ] {
        let refusal = status(certified, asked, is_trusted).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Connect(_)), "{certified} for {asked}: {refusal:?}");
    }
}

#[test]
fn a_root_that_cannot_be_read_is_told() {
    let mut settings = grantry_runtime::HttpSettings::default();
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    settings.extra_roots_pem.push(pem.to_owned());
    assert!(grantry_runtime::http::HttpAccess::new(settings).is_err());
}
