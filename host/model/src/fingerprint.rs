//! Ids and hashes of catalogue rows, derived from their content (ADR 0002).
//!
//! A row's id is a digest of the integration and the row's native key, so a page of assignments
//! names its entitlements and holders without looking them up, and writing a page twice writes the
//! same rows. A row's hash tells whether it changed.

use std::fmt;

use crate::ids::IntegrationId;

/// Which table a key belongs to: equal native ids in two tables have different keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    /// Accounts, by kind and native id.
    Account,
    /// Resources, by kind and native id.
    Resource,
    /// Entitlements, by native id.
    Entitlement,
    /// Assignments, by entitlement and holder.
    Assignment,
}

/// 128 bits of BLAKE3; as text, 26 characters of Crockford base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Key {
    /// The key's text. Sorts as the bytes do.
    pub fn text(&self) -> String {
        let mut bits = u128::from_be_bytes(self.0);
        let mut text = vec![0; 26];
        // 26 characters carry 130 bits: the first one holds the top three.
        for character in text.iter_mut().rev() {
            *character = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        String::from_utf8(text).expect("the alphabet is ASCII")
    }

    /// The key whose [`Key::text`] this is.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 {
            return None;
        }
        let mut bits = 0_u128;
        for (i, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&a| a == byte)? as u128;
            if i == 0 && digit > 7 {
                return None;
            }
            bits = (bits << 5) | digit;
        }
        Some(Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Makes the keys of one integration's rows.
#[derive(Debug, Clone)]
pub struct Keys {
    secret: [u8; 32],
    buffer: Vec<u8>,
}

impl Keys {
    /// Keys of one integration. The same native id gives another key in another integration.
    pub fn of(integration: &IntegrationId) -> Self {
        Self {
            secret: *blake3::hash(integration.as_str().as_bytes()).as_bytes(),
            buffer: Vec::new(),
        }
    }

    /// The key of an account or resource.
    pub fn object(&mut self, domain: Domain, kind: &str, id: &str) -> Key {
        self.digest(domain, &[kind, id])
    }

    /// The key of an entitlement.
    pub fn entitlement(&mut self, id: &str) -> Key {
        self.digest(Domain::Entitlement, &[id])
    }

    /// The key of the fact that `holder` holds `entitlement`. Mixed from the two keys, which are
    /// digests already.
    pub fn assignment(entitlement: Key, holder: Key) -> Key {
        let mut pair = [0_u8; 32];
        pair[..16].copy_from_slice(&entitlement.0);
        pair[16..].copy_from_slice(&holder.0);
        Key(xxhash_rust::xxh3::xxh3_128(&pair).to_be_bytes())
    }

    fn digest(&mut self, domain: Domain, parts: &[&str]) -> Key {
        self.buffer.clear();
        self.buffer.push(domain as u8);
        for part in parts {
            self.buffer.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.buffer.extend_from_slice(part.as_bytes());
        }
        let hash = blake3::keyed_hash(&self.secret, &self.buffer);
        let mut key = [0_u8; 16];
        key.copy_from_slice(&hash.as_bytes()[..16]);
        Key(key)
    }
}

/// The hash by which a stored row is compared with a read one. Not for security.
pub fn row_hash(canonical: &[u8]) -> i64 {
    i64::from_le_bytes(xxhash_rust::xxh3::xxh3_64(canonical).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_and_key_are_inverse_and_sort_alike(a: [u8; 16], b: [u8; 16]) {
            let (a, b) = (Key(a), Key(b));
            prop_assert_eq!(Key::parse(&a.text()), Some(a));
            prop_assert_eq!(a.cmp(&b), a.text().cmp(&b.text()));
        }
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let integration = IntegrationId::parse("i").unwrap();
        let mut keys = Keys::of(&integration);
        let one = keys.object(Domain::Account, "ab", "c");
        let other = keys.object(Domain::Account, "a", "bc");
        assert_ne!(one, other);
        assert_ne!(one, keys.object(Domain::Resource, "ab", "c"));
    }
}
