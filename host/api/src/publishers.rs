//! Whose signatures on plugins are believed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A publisher's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Publisher {
    /// Its id.
    pub id: String,
    /// What an admin calls the publisher.
    pub name: String,
    /// The key's number: 16 hex digits, as minisign prints it.
    pub key_id: String,
    /// The key, in minisign's base64.
    pub public_key: String,
    /// Since when it is trusted.
    pub created_ms: i64,
    /// Since when it is not any more.
    pub revoked_ms: Option<i64>,
    /// Why not.
    pub revoked_reason: Option<String>,
}

/// A publisher to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePublisher {
    /// What you call it.
    #[schema(example = "Example Connectors Ltd", min_length = 1, max_length = 200)]
    pub name: String,
    /// Its public key: the content of the `.pub` file, or the line of it that begins with `RW`. Have it
    /// from the publisher itself, not from where the plugin is.
    #[schema(
        example = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
        max_length = 1024
    )]
    pub public_key: String,
}

/// Why a key is not trusted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokePublisher {
    /// For those who read the audit log.
    #[schema(example = "the key was stolen", max_length = 4000)]
    pub reason: String,
}
