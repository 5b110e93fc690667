//! Certificates of a company's own root, for peers that speak TLS.

use std::path::PathBuf;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// A root that nobody trusts unless told.
#[derive(Debug)]
pub struct Root {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// What a server proves itself with.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate.
    pub chain_pem: String,
    /// Its private key.
    pub key_pem: String,
}

impl Root {
    /// A new one, with a name of its own: by that a certificate says who issued it.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let root = Self { issuer, folder: tempfile::tempdir()? };
        std::fs::write(root.file(), root.issuer.pem())?;
        Ok(root)
    }

    /// Its certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A certificate for a name or an address.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn certify(&self, name: &str) -> Result<Certificate> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![name.to_owned()])?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate { chain_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}
