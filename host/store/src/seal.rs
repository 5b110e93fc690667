//! Secrets at rest: XChaCha20-Poly1305 with keys that live outside the database.
//!
//! A sealed value is bound to its place (table, row, column, version): moved to another row, it
//! does not open. A key ring has one key to seal with and older ones to open with.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use grantry_model::clock::Random;
use grantry_model::secret::Secret;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Why a sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key that sealed it is not in the ring.
    #[error("the value was sealed with key {0}, which is not in the key file")]
    KeyMissing(u8),
    /// It was changed or moved, or the key is another one of the same number.
    #[error("the value was changed or moved since it was sealed")]
    Tampered,
    /// The key file is not one.
    #[error("the key file must hold lines of 64 hex digits")]
    InvalidKeyFile,
}

/// The keys, by number. The last one seals.
pub struct KeyRing {
    keys: Vec<[u8; KEY_BYTES]>,
}

impl KeyRing {
    /// Reads a key file: one key a line, in hex; the last line's key seals.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let keys: Option<Vec<_>> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| hex::decode(line.trim()).ok()?.try_into().ok())
            .collect();
        match keys {
            Some(keys) if !keys.is_empty() && keys.len() <= 255 => Ok(Self { keys }),
            _ => Err(SealError::InvalidKeyFile),
        }
    }

    /// The text of a key file with one new key.
    pub fn generate(random: &dyn Random) -> String {
        let mut key = [0_u8; KEY_BYTES];
        random.fill(&mut key);
        format!("{}\n", hex::encode(key))
    }

    /// A key for another purpose, derived from the first key of the ring.
    pub fn derive(&self, purpose: &str) -> [u8; KEY_BYTES] {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        hasher.update(b"grantry derived key\0");
        hasher.update(self.keys[0]);
        hasher.update(purpose.as_bytes());
        hasher.finalize().into()
    }

    /// Seals a secret to its place.
    pub fn seal(&self, random: &dyn Random, place: &str, secret: &Secret) -> Vec<u8> {
        let number = self.keys.len() - 1;
        let mut nonce = [0_u8; NONCE_BYTES];
        random.fill(&mut nonce);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: place.as_bytes() };
        let sealed = cipher(&self.keys[number])
            .encrypt(&XNonce::from(nonce), payload)
            .expect("XChaCha20-Poly1305 seals any text that fits in memory");
        let mut out = vec![u8::try_from(number).expect("a ring has at most 255 keys")];
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what was sealed to this place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        let (&number, rest) = sealed.split_first().ok_or(SealError::Tampered)?;
        let key = self.keys.get(usize::from(number)).ok_or(SealError::KeyMissing(number))?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError::Tampered)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Tampered)?;
        let payload = Payload { msg: text, aad: place.as_bytes() };
        let opened =
            cipher(key).decrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Tampered)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| SealError::Tampered)
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Random for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for (i, byte) in buffer.iter_mut().enumerate() {
                *byte = u8::try_from(i % 251).unwrap();
            }
        }
    }

    #[test]
    fn a_sealed_secret_opens_at_its_own_place_only() {
        let ring = KeyRing::parse(&KeyRing::generate(&Counting)).unwrap();
        let sealed =
            ring.seal(&Counting, "integration_secrets|a|/token|1", &Secret::new("s3cret".into()));
        assert_eq!(
            ring.open("integration_secrets|a|/token|1", &sealed).unwrap().expose(),
            "s3cret"
        );
        assert!(matches!(
            ring.open("integration_secrets|b|/token|1", &sealed),
            Err(SealError::Tampered)
        ));
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let ring = KeyRing::parse(&KeyRing::generate(&Counting)).unwrap();
        let sealed = ring.seal(&Counting, "p", &Secret::new("s3cret".into()));
        for i in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[i] ^= 1;
            assert!(ring.open("p", &changed).is_err());
        }
    }

    #[test]
    fn old_keys_still_open() {
        let old = format!("{}\n", "11".repeat(32));
        let sealed = KeyRing::parse(&old).unwrap().seal(&Counting, "p", &Secret::new("x".into()));
        let rotated = KeyRing::parse(&format!("{old}{}\n", "22".repeat(32))).unwrap();
        assert_eq!(rotated.open("p", &sealed).unwrap().expose(), "x");
    }
}
