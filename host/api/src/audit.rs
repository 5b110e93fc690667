//! The audit log: who did or tried what, through which door, and why it was allowed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the log, without gaps.
    pub sequence: i64,
    /// When.
    pub at_ms: i64,
    /// Who; empty if nobody was authenticated.
    pub principal_id: String,
    /// `client`, `plugin`, `person` or `anonymous`.
    pub principal_kind: String,
    /// `http`, `plugin`, `job` or `cli`.
    pub door: String,
    /// The action that was needed.
    pub action: String,
    /// What happened, such as `integration.created`.
    pub event: String,
    /// The kind of thing that it happened to.
    pub entity_kind: Option<String>,
    /// The thing that it happened to.
    pub entity_id: Option<String>,
    /// Whether it was allowed.
    pub is_allowed: bool,
    /// Why it was allowed or refused.
    pub reason: String,
    /// The request or the job.
    pub request_id: String,
    /// More.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// Which rows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only of this principal.
    pub principal_id: Option<String>,
    /// Only this event.
    #[param(max_length = 2048)]
    pub event: Option<String>,
    /// Only about the thing with this id.
    pub entity_id: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
