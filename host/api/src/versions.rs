//! Which plugin version an integration runs, and its secrets one by one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::integrations::{Approval, TestError};

/// Replaces one secret of a connection.
// No Debug: it holds a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecret {
    /// The place of the secret, one of the integration's `secret_fields`.
    #[schema(example = "/token")]
    pub field: String,
    /// The new secret. It is never returned.
    #[schema(example = "a new secret", min_length = 1)]
    pub secret: String,
}

/// Moves an integration to another installed version of its plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveVersion {
    /// The other version.
    pub plugin_id: String,
    /// What it may do. Needed where it asks for more than the version that runs; else what was
    /// approved stays, as far as it is still asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// How a roll-out went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollOut {
    /// Integrations that run the version now.
    pub moved: Vec<String>,
    /// Integrations that stay at theirs.
    pub kept: Vec<Kept>,
}

/// An integration that stays at its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// Which one.
    pub integration_id: String,
    /// Why.
    pub reason: TestError,
}
