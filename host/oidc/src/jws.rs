//! The outside of a token (RFC 7515): three parts, a strict header, a signature.
//!
//! What the header says is used to *find* a key among those of the configured issuer and nothing
//! else: keys that a token brings or points at (`jwk`, `jku`, `x5c`, `x5u`) refuse it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_model::oidc::{SigningAlgorithm, TokenFault, TrustedIssuer};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use crate::claims::Claims;
use crate::keys::Key;

/// A header's members. Unknown ones are ignored (RFC 7515 section 4), repeated ones refused.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    jku: Option<Value>,
    jwk: Option<Value>,
    x5u: Option<Value>,
    x5c: Option<Value>,
    /// Members that must be understood; none is.
    crit: Option<Value>,
    b64: Option<Value>,
    zip: Option<Value>,
    enc: Option<Value>,
}

/// A token that has the form of one.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    header: Header,
    algorithm: SigningAlgorithm,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

const fn invalid(why: &'static str) -> TokenFault {
    TokenFault::Invalid(why)
}

impl<'a> Token<'a> {
    /// Takes a token apart. Nothing is proven by that.
    pub(crate) fn parse(text: &'a str) -> Result<Self, TokenFault> {
        let three = || {
            let (signed, signature) = text.rsplit_once('.')?;
            let (header, payload) = signed.split_once('.')?;
            (!payload.contains('.') && !signature.is_empty())
                .then_some((signed, header, payload, signature))
        };
        let (signed, header, payload, signature) = three().ok_or(invalid("not three parts"))?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| invalid("header not Base64"))?;
        let header: Header =
            serde_json::from_slice(&header).map_err(|_| invalid("header not readable"))?;
        let brings_a_key = [&header.jku, &header.jwk, &header.x5u, &header.x5c];
        if brings_a_key.into_iter().any(Option::is_some) {
            return Err(invalid("the header brings a key"));
        }
        if [&header.crit, &header.b64, &header.zip, &header.enc].into_iter().any(Option::is_some) {
            return Err(invalid("the header asks for what is not supported"));
        }
        let algorithm =
            SigningAlgorithm::parse(&header.alg).ok_or(invalid("algorithm not supported"))?;
        Ok(Self { header, algorithm, signed, payload, signature })
    }

    /// The `typ`, where there is one, must be one of these (in lower case).
    pub(crate) fn check_type(&self, expected: &[&str]) -> Result<(), TokenFault> {
        match self.header.typ.as_deref().map(str::to_ascii_lowercase) {
            Some(typ) if !expected.contains(&typ.as_str()) => Err(invalid("another type of token")),
            _ => Ok(()),
        }
    }

    /// Which key of the issuer signed it, so it says.
    pub(crate) fn key_id(&self) -> Result<&str, TokenFault> {
        self.header.kid.as_deref().ok_or(invalid("the header names no key"))
    }

    /// The algorithm must be one that the issuer is trusted with.
    pub(crate) fn check_algorithm(&self, issuer: &TrustedIssuer) -> Result<(), TokenFault> {
        let is_trusted = issuer.algorithms.contains(&self.algorithm);
        is_trusted.then_some(()).ok_or(invalid("algorithm not allowed for this issuer"))
    }

    /// The claims, once the key has proven them.
    pub(crate) fn verify(&self, key: &Key) -> Result<Claims, TokenFault> {
        let decoding =
            key.decoding(self.algorithm).ok_or(invalid("the key is not for this algorithm"))?;
        let algorithm = algorithm(self.algorithm);
        let signed = self.signed.as_bytes();
        match jsonwebtoken::crypto::verify(self.signature, signed, decoding, algorithm) {
            Ok(true) => {
                let claims = self.unproven_claims()?;
                claims.check_texts().map(|()| claims)
            }
            Ok(false) | Err(_) => Err(invalid("the signature is wrong")),
        }
    }

    /// The claims as the token says them: to find the issuer that has to prove them.
    pub(crate) fn unproven_claims(&self) -> Result<Claims, TokenFault> {
        let payload =
            URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| invalid("payload not Base64"))?;
        let claims = serde_json::from_slice(&payload).map_err(|_| invalid("payload not JSON"))?;
        Ok(Claims(claims))
    }
}

fn algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Rs384 => Algorithm::RS384,
        SigningAlgorithm::Rs512 => Algorithm::RS512,
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Ps384 => Algorithm::PS384,
        SigningAlgorithm::Ps512 => Algorithm::PS512,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Es384 => Algorithm::ES384,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
