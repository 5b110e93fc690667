//! Signatures on plugins, in minisign's format (ADR 16, PLG-2).
//!
//! A signature covers the component's bytes; its trusted comment, signed too, names the plugin, its
//! version and the component's SHA-256 ([`Claim`]), so that it cannot be moved to another plugin.
//! Everything here is pure. Whose keys are believed is the engine's; signatures are made by the command
//! line, or by minisign itself.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::plugin::{Digest, Manifest};

/// Longest signature, in bytes: minisign's own have about 400.
pub const SIGNATURE_BYTES_MAX: usize = 4 * 1024;
/// Longest text that a public key is read from, in bytes.
const KEY_TEXT_BYTES_MAX: usize = 1_024;
/// Algorithm, key id and Ed25519 key.
const KEY_BYTES: usize = 2 + 8 + 32;
/// Algorithm, key id and Ed25519 signature.
const SIGNATURE_BYTES: usize = 2 + 8 + 64;
/// What the trusted comment of a plugin's signature begins with.
const CLAIM: &str = "grantry-plugin";

/// Which key made a signature: minisign's key number, 16 upper-case hex digits. It finds the key; it
/// proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// As minisign prints it: the number's bytes are little-endian.
    fn of(bytes: &[u8]) -> Self {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        Self(hex::encode_upper(reversed))
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no minisign public key: the second line of the `.pub` file, which begins with `RW`")]
pub struct InvalidKey;

/// A publisher's public key, in minisign's base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PublicKey(String);

impl PublicKey {
    /// Reads the base64 text, or the whole `.pub` file with its comment.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if text.len() > KEY_TEXT_BYTES_MAX {
            return Err(InvalidKey);
        }
        let mut lines = text.trim().lines().map(str::trim);
        let line = match (lines.next(), lines.next(), lines.next()) {
            (Some(key), None, None) => key,
            (Some(comment), Some(key), None) if comment.starts_with("untrusted comment:") => key,
            _ => return Err(InvalidKey),
        };
        let bytes = STANDARD.decode(line).map_err(|_| InvalidKey)?;
        let is_key = bytes.len() == KEY_BYTES && bytes.starts_with(b"Ed");
        is_key.then(|| Self(line.to_owned())).ok_or(InvalidKey)
    }

    /// The key's number.
    pub fn key_id(&self) -> KeyId {
        KeyId::of(self.bytes().get(2..10).unwrap_or_default())
    }

    /// Whether it is the same key. Its number is not part of it: whoever has the key can give it another.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.bytes().get(10..) == other.bytes().get(10..)
    }

    fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.0).unwrap_or_default()
    }

    /// The base64 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a signature is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// It is not one.
    #[error("the signature cannot be read: {0}")]
    Format(&'static str),
    /// It was made for other bytes, or not by this key.
    #[error("the signature is not one of key {0} over these bytes")]
    NotOverThese(KeyId),
    /// It does not say what was signed.
    #[error(
        "the signature's trusted comment does not name a plugin: sign with `grantry plugin sign`"
    )]
    NoClaim,
    /// It is over another plugin, or another version.
    #[error("the signature is for {what} `{signed}`, and this is `{found}`")]
    Moved {
        /// `the plugin`, `version` or `sha256`.
        what: &'static str,
        /// What the signature says.
        signed: String,
        /// What is there.
        found: String,
    },
}

/// What a signer says of the signed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The component's digest.
    pub digest: Digest,
}

impl Claim {
    /// As the trusted comment says it.
    pub fn comment(&self) -> String {
        let Self { name, version, digest } = self;
        format!("{CLAIM} name={name} version={version} sha256={digest}")
    }

    fn parse(comment: &str) -> Option<Self> {
        let words: Vec<&str> = comment.split(' ').collect();
        let [CLAIM, name, version, digest] = words[..] else { return None };
        Some(Self {
            name: name.strip_prefix("name=")?.to_owned(),
            version: version.strip_prefix("version=")?.to_owned(),
            digest: Digest::parse(digest.strip_prefix("sha256=")?)?,
        })
    }

    /// Whether it was said of this plugin: what the bytes say of themselves must be what was signed.
    ///
    /// # Errors
    /// With [`InvalidSignature::Moved`].
    pub fn check(&self, manifest: &Manifest) -> Result<(), InvalidSignature> {
        same("the plugin", &self.name, &manifest.name)?;
        same("version", &self.version, &manifest.version)
    }
}

fn same(what: &'static str, signed: &str, found: &str) -> Result<(), InvalidSignature> {
    if signed == found {
        return Ok(());
    }
    let (signed, found) = (signed.to_owned(), found.to_owned());
    Err(InvalidSignature::Moved { what, signed, found })
}

/// A signature that can be read. Nothing in it is believed before [`Signature::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    text: String,
    key_id: KeyId,
}

impl Signature {
    /// Reads the text of a `.minisig` file.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, InvalidSignature> {
        let format = |why| Err(InvalidSignature::Format(why));
        if text.len() > SIGNATURE_BYTES_MAX {
            return format("it is too long");
        }
        let is_plain = |c: char| matches!(c, '\n' | '\t' | ' '..='~');
        if !text.chars().all(is_plain) {
            return format("it has other characters than printable ASCII");
        }
        let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
        let [_, signature, comment, global] = lines[..] else {
            return format("it does not have four lines");
        };
        if !comment.starts_with("trusted comment: ") {
            return format("it has no trusted comment");
        }
        let bytes = STANDARD.decode(signature).unwrap_or_default();
        let is_global = STANDARD.decode(global).is_ok_and(|bytes| bytes.len() == 64);
        if bytes.len() != SIGNATURE_BYTES || !is_global {
            return format("its base64 has the wrong length");
        }
        // `Ed` is minisign's old form, over the bytes themselves.
        if !bytes.starts_with(b"ED") {
            return format("it is not of minisign's prehashed form");
        }
        let key_id = KeyId::of(bytes.get(2..10).unwrap_or_default());
        Ok(Self { text: lines.join("\n") + "\n", key_id })
    }

    /// The key that it says made it.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The text of the `.minisig` file.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it says of the bytes, believed by nobody: to find a signature of other bytes early.
    pub fn said(&self) -> Option<Claim> {
        let comment = self.text.lines().nth(2)?;
        Claim::parse(comment.strip_prefix("trusted comment: ")?)
    }

    /// What the key's owner says of these bytes.
    ///
    /// # Errors
    /// When the key did not sign exactly these bytes, or the claim is about others.
    pub fn verify(&self, component: &[u8], key: &PublicKey) -> Result<Claim, InvalidSignature> {
        let refused = || InvalidSignature::NotOverThese(key.key_id());
        let trusted = minisign_verify::PublicKey::from_base64(&key.0).map_err(|_| refused())?;
        let signature = minisign_verify::Signature::decode(&self.text);
        let signature =
            signature.map_err(|_| InvalidSignature::Format("minisign does not read it"))?;
        trusted.verify(component, &signature, false).map_err(|_| refused())?;
        let claim = self.said().ok_or(InvalidSignature::NoClaim)?;
        same("sha256", claim.digest.as_str(), Digest::of(component).as_str())?;
        Ok(claim)
    }
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    const BYTES: &[u8] = b"\0asm component";

    fn claim() -> Claim {
        Claim { name: "scim".into(), version: "1.2.0".into(), digest: Digest::of(BYTES) }
    }

    fn signed(pair: &KeyPair, bytes: &[u8], comment: &str) -> String {
        minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some(comment), None).unwrap().to_string()
    }

    fn pair() -> (KeyPair, PublicKey) {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let key = PublicKey::parse(&pair.pk.to_box().unwrap().to_string()).unwrap();
        (pair, key)
    }

    #[test]
    fn a_key_signs_exactly_these_bytes_under_this_name() {
        let (pair, key) = pair();
        let text = signed(&pair, BYTES, &claim().comment());
        let signature = Signature::parse(&text).unwrap();
        assert_eq!(signature.key_id(), &key.key_id());
        assert_eq!(signature.verify(BYTES, &key), Ok(claim()));

        let not_over = Err(InvalidSignature::NotOverThese(key.key_id()));
        assert_eq!(signature.verify(b"\0asm komponent", &key), not_over);
        // Somebody else's key, also where it was given the same number.
        let (other, other_key) = self::pair();
        assert!(signature.verify(BYTES, &other_key).is_err());
        let foreign = signed(&other, BYTES, &claim().comment());
        assert!(Signature::parse(&foreign).unwrap().verify(BYTES, &key).is_err());
        // The name is signed too: it cannot be put in afterwards.
        let renamed = Signature::parse(&text.replace("name=scim", "name=okta")).unwrap();
        assert_eq!(renamed.said().unwrap().name, "okta");
        assert_eq!(renamed.verify(BYTES, &key), Err(InvalidSignature::NotOverThese(key.key_id())));
    }

    #[test]
    fn a_signature_says_what_it_is_for() {
        let (pair, key) = pair();
        let verified = |comment: &str| {
            Signature::parse(&signed(&pair, BYTES, comment)).unwrap().verify(BYTES, &key)
        };
        for comment in ["", "timestamp:1 file:scim.wasm", "grantry-plugin name=a version=1"] {
            assert_eq!(verified(comment), Err(InvalidSignature::NoClaim), "{comment}");
        }
        let other = Claim { digest: Digest::of(b"other"), ..claim() };
        assert!(matches!(
            verified(&other.comment()),
            Err(InvalidSignature::Moved { what: "sha256", .. })
        ));
    }

    #[test]
    fn what_is_no_signature_is_refused_with_its_reason() {
        let (pair, _) = pair();
        let text = signed(&pair, BYTES, "x");
        let lines: Vec<&str> = text.lines().collect();
        let with = |at: usize, line: &str| {
            let mut changed = lines.clone();
            changed[at] = line;
            changed.join("\n")
        };
        let legacy = {
            let mut bytes = STANDARD.decode(lines[1]).unwrap();
            bytes[1] = b'd';
            STANDARD.encode(bytes)
        };
        let refused = [
            String::new(),
            "untrusted comment: x".to_owned(),
            "x".repeat(SIGNATURE_BYTES_MAX + 1),
            format!("{text}more\n"),
            text.replace('\n', "\r\n"),
            with(0, "untrusted comment: \u{202e}"),
            with(1, "!!!!"),
            with(1, &STANDARD.encode([0; 73])),
            with(1, &legacy),
            with(2, "comment: x"),
            with(3, ""),
            with(3, &STANDARD.encode([0; 65])),
        ];
        for text in refused {
            assert!(matches!(Signature::parse(&text), Err(InvalidSignature::Format(_))), "{text}");
        }
        assert!(Signature::parse(&text).is_ok());
    }

    #[test]
    fn a_public_key_is_read_with_and_without_its_comment() {
        const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let key = PublicKey::parse(KEY).unwrap();
        // As minisign prints it.
        assert_eq!(key.key_id().as_str(), "E7620F1842B4E81F");
        let file = format!("untrusted comment: minisign public key E7620F1842B4E81F\n{KEY}\n");
        assert_eq!(PublicKey::parse(&file), Ok(key));
        let short = STANDARD.encode([b'E', b'd', 0]);
        let long = format!("untrusted comment: {}\n{KEY}", "x".repeat(KEY_TEXT_BYTES_MAX));
        let two = format!("{KEY}\n{KEY}");
        for text in ["", "x", &short, &long, &two, "-----BEGIN PUBLIC KEY-----"] {
            assert_eq!(PublicKey::parse(text), Err(InvalidKey), "{text}");
        }
    }
}
