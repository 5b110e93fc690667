//! An issuer's keys (RFC 7517). What cannot verify a signature here is left out.

use grantry_model::oidc::{ProviderFault, SigningAlgorithm};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

/// Most keys that are taken from one issuer: the largest publish about a dozen.
const KEYS_MAX: usize = 100;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// The members that matter; symmetric keys have none of them.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// One public key.
#[derive(Clone)]
pub(crate) struct Key {
    id: String,
    family: Family,
    /// Keys that name an algorithm are for that one alone.
    algorithm: Option<SigningAlgorithm>,
    decoding: DecodingKey,
}

impl Key {
    /// The key for use with the algorithm, if it is for that.
    pub(crate) fn decoding(&self, algorithm: SigningAlgorithm) -> Option<&DecodingKey> {
        use SigningAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let family = match algorithm {
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => Family::Rsa,
            Es256 => Family::P256,
            Es384 => Family::P384,
            EdDsa => Family::Ed25519,
        };
        let is_named = self.algorithm.is_none_or(|named| named == algorithm);
        (self.family == family && is_named).then_some(&self.decoding)
    }
}

/// All keys of an issuer.
#[derive(Clone, Default)]
pub(crate) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a key set.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ProviderFault> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|_| ProviderFault::Refused("its key set is not one".to_owned()))?;
        let keys: Vec<Key> = document.keys.into_iter().take(KEYS_MAX).filter_map(key).collect();
        Ok(Self(keys))
    }

    /// The key with that id.
    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn key(value: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let algorithm = match jwk.alg.as_deref() {
        Some(name) => Some(SigningAlgorithm::parse(name)?),
        None => None,
    };
    let (family, decoding) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (jwk.n.as_deref()?, jwk.e.as_deref()?);
            (Family::Rsa, DecodingKey::from_rsa_components(n, e))
        }
        ("EC", Some(curve)) => {
            let family = match curve {
                "P-256" => Family::P256,
                "P-384" => Family::P384,
                _ => return None,
            };
            (family, DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?))
        }
        ("OKP", Some("Ed25519")) => {
            (Family::Ed25519, DecodingKey::from_ed_components(jwk.x.as_deref()?))
        }
        _ => return None,
    };
    Some(Key { id: jwk.kid, family, algorithm, decoding: decoding.ok()? })
}
