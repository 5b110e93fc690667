//! Access that changed in a target without Grantry.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// In which direction access changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExternalChangeKind {
    /// It is there, and was not at the last aggregation.
    Appeared,
    /// It was there at the last aggregation, and is not any more.
    Vanished,
}

/// Access that changed in the target, and that no membership explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalChange {
    /// Its id.
    pub id: String,
    /// In which direction.
    pub change: ExternalChangeKind,
    /// The entitlement.
    pub entitlement_id: String,
    /// What people call the entitlement.
    pub entitlement: Option<String>,
    /// The account, or another object that holds the entitlement.
    pub holder_id: String,
    /// What people call the holder.
    pub holder: Option<String>,
    /// A membership that says otherwise than the target now.
    pub membership_id: Option<String>,
    /// The aggregation that found it.
    pub aggregation_id: String,
    /// When it was found.
    pub found_ms: i64,
}
