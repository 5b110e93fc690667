//! `seal`: encrypting a credential that the target issued.
//!
//! Not offered yet: nobody has a key to seal to, so every recipient is unknown. Connectors that get
//! a credential issued must treat that as a failure and not keep the bytes.

use crate::bindings::grantry::plugin::seal::{Host, SealError};
use crate::bindings::grantry::plugin::types::Sealed;
use crate::call::CallState;

/// Largest credential, in bytes.
const PLAIN_BYTES_MAX: usize = 64 * 1024;

impl Host for CallState {
    fn seal(
        &mut self,
        _name: String,
        _media_type: String,
        plain: Vec<u8>,
        recipients: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Sealed>, SealError>> {
        self.enter()?;
        if plain.len() > PLAIN_BYTES_MAX {
            return Ok(Err(SealError::TooLarge));
        }
        Ok(match recipients.into_iter().next() {
            Some(recipient) => Err(SealError::UnknownRecipient(recipient)),
            None => Ok(Vec::new()),
        })
    }
}
