//! Cursors: opaque to the host, JSON to the plugin.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::types::{Cursor, Error, Result};

/// The host's limit.
pub const BYTES_MAX: usize = 64 * 1024;

/// Packs where a listing stands.
///
/// # Errors
/// [`Error::Internal`] if it is larger than [`BYTES_MAX`].
pub fn encode(state: &impl Serialize) -> Result<Cursor> {
    let bytes = serde_json::to_vec(state)
        .map_err(|error| Error::Internal(format!("could not write a cursor: {error}")))?;
    if bytes.len() > BYTES_MAX {
        return Err(Error::Internal(format!("a cursor of {} bytes is too large", bytes.len())));
    }
    Ok(bytes)
}

/// Unpacks a cursor, or the listing's beginning when there is none.
///
/// # Errors
/// [`Error::CursorExpired`] if another version of the plugin wrote it.
pub fn decode<T: DeserializeOwned + Default>(at: Option<&Cursor>) -> Result<T> {
    let Some(bytes) = at else { return Ok(T::default()) };
    serde_json::from_slice(bytes).map_err(|_| Error::CursorExpired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip() {
        let cursor = encode(&(7_u32, "page")).unwrap();
        assert_eq!(decode::<(u32, String)>(Some(&cursor)).unwrap(), (7, "page".to_owned()));
    }

    #[test]
    fn a_foreign_cursor_starts_the_listing_again() {
        assert_eq!(decode::<(u32, String)>(Some(&b"{".to_vec())), Err(Error::CursorExpired));
    }
}
