//! Signed checkpoints: where they come from, and whether a key signed them.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{Fault, VerifyError};

/// Up to this row, the chain had this hash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields of the export's line")]
pub struct Checkpoint {
    pub sequence: i64,
    pub hash: String,
    pub at_ms: i64,
    pub key_id: String,
    pub signature: String,
}

/// A key that checkpoints may be signed with.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    id: String,
}

impl PublicKey {
    /// Reads 64 hex digits.
    ///
    /// # Errors
    /// When they are not a key.
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        let bytes = hex::decode(text.trim()).map_err(|_| VerifyError::Key)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| VerifyError::Key)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| VerifyError::Key)?;
        Ok(Self { key, id: hex::encode(&Sha256::digest(bytes)[..8]) })
    }
}

impl Checkpoint {
    /// Whether one of the keys signed it.
    pub(crate) fn check_signature(&self, keys: &[PublicKey]) -> Result<(), Fault> {
        let fault = |what: String| Fault { sequence: self.sequence, what };
        let key = keys.iter().find(|key| key.id == self.key_id).ok_or_else(|| {
            fault(format!("the checkpoint is signed with the unknown key `{}`", self.key_id))
        })?;
        let bytes: Option<[u8; 64]> =
            hex::decode(&self.signature).ok().and_then(|bytes| bytes.try_into().ok());
        let text = format!(
            "grantry audit checkpoint 1\n{}\n{}\n{}\n",
            self.sequence, self.hash, self.at_ms
        );
        let is_signed = bytes.is_some_and(|bytes| {
            key.key.verify_strict(text.as_bytes(), &Signature::from_bytes(&bytes)).is_ok()
        });
        if is_signed {
            Ok(())
        } else {
            Err(fault("the checkpoint's signature is wrong".to_owned()))
        }
    }
}
