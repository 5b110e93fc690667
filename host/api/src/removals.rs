//! Removals: what an aggregation removed, or would remove if a person says so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an aggregation removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removal {
    /// The aggregation.
    pub aggregation_id: String,
    /// The integration.
    pub integration_id: String,
    /// `waiting` for a decision, `removing`, `removed`, `discarded`, `superseded` by a later
    /// aggregation, `restoring` or `restored`.
    pub state: String,
    /// Why a person has to decide: `blocked_threshold` or `blocked_churn`.
    pub code: Option<String>,
    /// Stands for exactly these rows: approve by it. Empty where nothing vanished.
    pub hash: String,
    /// How many rows.
    pub rows: u64,
    /// The rows by kind.
    pub losses: Vec<Loss>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When that was.
    pub decided_ms: Option<i64>,
    /// When the last row was removed.
    pub ended_ms: Option<i64>,
    /// Until when it can be undone, if it can.
    pub undo_until_ms: Option<i64>,
}

/// What is lost of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Loss {
    /// `account`, `resource`, `entitlement` or `assignment`.
    pub what: String,
    /// The source's own word for the type; of an assignment, that of its entitlement.
    pub kind: String,
    /// Rows when the aggregation began.
    pub before: u64,
    /// Rows that are gone.
    pub removals: u64,
    /// Rows that earlier aggregations removed within a day.
    pub recent: u64,
    /// Rows that are new.
    pub added: u64,
    /// Rows when the aggregation began that were there a day ago, where that were fewer.
    pub known_before: Option<u64>,
    /// Of these, rows that are gone.
    pub known_removals: Option<u64>,
    /// Why this needs a decision: `emptied`, `percent`, `count` or `restored`.
    pub excess: Option<String>,
    /// The loss in words.
    pub words: String,
}

/// A row of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedRow {
    /// `account`, `resource`, `entitlement` or `assignment`.
    pub what: String,
    /// The source's own word for its type.
    pub kind: String,
    /// Its id; an assignment's is its entitlement's.
    pub id: String,
    /// Its name; an assignment's is its entitlement's.
    pub display: String,
    /// Who holds it; assignments only.
    pub holder_id: Option<String>,
    /// The holder's name.
    pub holder_display: Option<String>,
}

/// Approves a removal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRemoval {
    /// The removal's hash, as it was shown.
    #[schema(example = "0000000000000000000000000000000000000000000000000000000000000000")]
    pub hash: String,
}
