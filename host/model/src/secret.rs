//! Secrets: text that nothing prints, clones or serialises by accident.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

/// A secret's text. Wiped when dropped; Debug prints `[secret]`.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the last step before the socket, and for sealing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The secret cannot be had now.
#[derive(Debug, thiserror::Error)]
#[error("the secret at `{pointer}` cannot be opened: {reason}")]
pub struct SecretUnavailable {
    /// The secret's place in the connection.
    pub pointer: String,
    /// Why, without the secret.
    pub reason: String,
}

/// Opens the secrets of one integration, by their place in its connection (a JSON pointer).
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret, or `None` where the connection has none at that place.
    async fn secret(&self, pointer: &str) -> Result<Option<Secret>, SecretUnavailable>;
}
