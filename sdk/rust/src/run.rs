//! This call: its connection, its time and its randomness.

use serde::de::DeserializeOwned;

use crate::bindings::grantry::plugin::run;
use crate::types::{Error, Result};

/// The connection, without its secret fields.
///
/// # Errors
/// [`Error::InvalidConfig`] if it does not have the shape of `T`.
pub fn connection<T: DeserializeOwned>() -> Result<T> {
    parse_connection(&run::connection())
}

/// The same from its text, for `validate_config` and tests.
///
/// # Errors
/// [`Error::InvalidConfig`] if it does not have the shape of `T`.
pub fn parse_connection<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::invalid_config("", "invalid_connection", error.to_string()))
}

/// What the host stored for the scope at its last complete read.
pub fn scope_validator(key: &str) -> Option<String> {
    run::scope_validator(key)
}

/// Tells the admin how far the call is.
pub fn progress(done: u64, total: Option<u64>) {
    run::progress(done, total);
}

/// Unix milliseconds, coarse (10 ms).
pub fn now_ms() -> i64 {
    run::now_ms()
}

/// At most 4,096 random bytes.
pub fn random_bytes(count: u32) -> Vec<u8> {
    run::random_bytes(count)
}
