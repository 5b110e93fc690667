//! A small store of this integration's own; writes become visible with the commit of the call.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::grantry::plugin::kv;
pub use crate::bindings::grantry::plugin::kv::{KvError, delete, get, list_keys, set};
use crate::types::{Error, Result};

/// Reads a value that [`set_json`] wrote.
///
/// # Errors
/// As the store says; [`Error::BadData`] if the value has another shape.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    let Some(bytes) = kv::get(key)? else { return Ok(None) };
    let value = serde_json::from_slice(&bytes)
        .map_err(|_| Error::BadData(format!("the stored value `{key}` has an unknown shape")))?;
    Ok(Some(value))
}

/// Writes a value as JSON, at most 64 KiB.
///
/// # Errors
/// As the store says.
pub fn set_json(key: &str, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Error::Internal(format!("could not write `{key}` as JSON: {error}")))?;
    Ok(kv::set(key, &bytes)?)
}

impl From<KvError> for Error {
    fn from(error: KvError) -> Self {
        match error {
            KvError::KeyInvalid => Self::Internal("the store refused a key".into()),
            KvError::Quota => Self::QuotaExceeded("the plugin's store is full".into()),
            KvError::Denied => Self::Unsupported("the plugin's store was not approved".into()),
            KvError::Unavailable => Self::Unavailable(crate::types::Backoff::unknown()),
        }
    }
}
