//! Pages of lists: a cursor says where the next page begins, for one list and one caller's eyes.
//!
//! It is the position in Base64 with a keyed checksum over the list's name, so that an edited or
//! foreign one is refused (security.md row 16). It holds nothing secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Engine, EngineError, Result};

const CHECK_BYTES: usize = 12;

/// What part of a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct PageQuery {
    /// Words to look for; `*` stands for anything.
    pub search: String,
    /// Only of this kind or event, where the list has such.
    pub kind: String,
    /// Only with this status, where the list has such.
    pub status: String,
    /// Only accounts that are somebody's, or nobody's, where the list has accounts.
    pub mapped: Option<bool>,
    /// Only accounts of this identity, where the list has accounts.
    pub identity: String,
    /// Only accounts of which the rules say what takes a person's word, or not.
    pub proposed: Option<bool>,
    /// Only entitlements that are privileged, or not, where the list has entitlements.
    pub privileged: Option<bool>,
    /// Only entitlements that are known by this id, where the list has entitlements.
    pub known_as: String,
    /// From where on.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<String>,
}

impl Engine {
    fn checksum(&self, list: &str, position: &str) -> [u8; CHECK_BYTES] {
        let key = self.parts.keys.derive("cursor");
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&(list.len() as u64).to_le_bytes());
        hasher.update(list.as_bytes());
        hasher.update(position.as_bytes());
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK_BYTES]);
        check
    }

    fn encode_cursor(&self, list: &str, position: &str) -> String {
        let mut bytes = self.checksum(list, position).to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a list's cursor; empty for the list's beginning.
    pub(crate) fn position(&self, list: &str, cursor: Option<&str>) -> Result<String> {
        let Some(cursor) = cursor else { return Ok(String::new()) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| EngineError::InvalidCursor)?;
        let (check, position) =
            bytes.split_at_checked(CHECK_BYTES).ok_or(EngineError::InvalidCursor)?;
        let position = std::str::from_utf8(position).map_err(|_| EngineError::InvalidCursor)?;
        let expected = self.checksum(list, position);
        let is_own: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], check).into();
        if is_own { Ok(position.to_owned()) } else { Err(EngineError::InvalidCursor) }
    }

    /// Makes a page of rows that were fetched with `limit + 1`: one more than fits tells that there
    /// is a next page.
    pub(crate) fn page<T>(
        &self,
        list: &str,
        mut items: Vec<T>,
        limit: u32,
        position: impl Fn(&T) -> String,
    ) -> Page<T> {
        let limit = limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|item| self.encode_cursor(list, &position(item)));
        Page { items, next }
    }
}
