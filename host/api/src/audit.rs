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
    /// The hash of the row before.
    pub previous_hash: String,
    /// The hash of this row.
    pub hash: String,
}

/// Where somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The HTTP API.
    Http,
    /// A plugin's platform interface.
    Plugin,
    /// Background work.
    Job,
    /// The command line, on the server's machine.
    Cli,
}

/// Which rows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only of this principal.
    pub principal_id: Option<String>,
    /// Only through this door.
    #[param(inline)]
    pub door: Option<Door>,
    /// Only this event.
    #[param(max_length = 2048)]
    pub event: Option<String>,
    /// Only about things of this kind, such as `integration`.
    #[param(max_length = 2048)]
    pub entity_kind: Option<String>,
    /// Only about the thing with this id.
    pub entity_id: Option<String>,
    /// Only what was allowed, or only what was refused.
    pub is_allowed: Option<bool>,
    /// Only of this request or job.
    #[param(max_length = 2048)]
    pub request_id: Option<String>,
    /// Only from this moment on.
    pub from_ms: Option<i64>,
    /// Only before this moment.
    pub to_ms: Option<i64>,
    /// Only with this text in the detail, whatever its case.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// How an export looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON object a line: what `grantry audit verify` reads.
    #[default]
    Jsonl,
    /// For spreadsheets: a cell that could be read as a formula begins with an apostrophe.
    Csv,
}

/// Which rows to export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditExportQuery {
    /// How the export looks; `jsonl` unless told.
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// Only of this principal.
    pub principal_id: Option<String>,
    /// Only through this door.
    #[param(inline)]
    pub door: Option<Door>,
    /// Only this event.
    #[param(max_length = 2048)]
    pub event: Option<String>,
    /// Only about things of this kind, such as `integration`.
    #[param(max_length = 2048)]
    pub entity_kind: Option<String>,
    /// Only about the thing with this id.
    pub entity_id: Option<String>,
    /// Only what was allowed, or only what was refused.
    pub is_allowed: Option<bool>,
    /// Only of this request or job.
    #[param(max_length = 2048)]
    pub request_id: Option<String>,
    /// Only from this moment on.
    pub from_ms: Option<i64>,
    /// Only before this moment.
    pub to_ms: Option<i64>,
    /// Only with this text in the detail, whatever its case.
    #[param(max_length = 2048)]
    pub search: Option<String>,
}

/// A signed checkpoint: up to this row, the chain had this hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// The row.
    pub sequence: i64,
    /// Its hash.
    pub hash: String,
    /// When it was signed.
    pub at_ms: i64,
    /// Which key signed it.
    pub key_id: String,
    /// Ed25519 in hex, over the lines that docs/audit.md describes.
    pub signature: String,
}

/// The key that checkpoints can be checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditKey {
    /// Names the key in checkpoints.
    pub id: String,
    /// Always `ed25519`.
    pub algorithm: String,
    /// 32 bytes in hex.
    pub public_key: String,
}
