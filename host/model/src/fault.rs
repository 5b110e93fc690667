//! How a plugin's call can fail: by the plugin's own word ([`PluginError`]) or by the host's
//! verdict ([`Fault`]). The codes are the contract of security.md section 4.

use serde::{Deserialize, Serialize};

use crate::catalogue::ObjectRef;
use crate::text::printable;

/// One fault in an input: a JSON pointer into it, a snake_case code, and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FieldIssue {
    pub path: String,
    pub code: String,
    pub message: String,
}

/// How long to wait, as the target said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Backoff {
    pub after_ms: Option<u64>,
    pub bucket: Option<String>,
    pub remaining: Option<u32>,
}

/// Why a call failed, in the plugin's own words: `error` of `wit/types.wit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "case", content = "value", rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented case by case in wit/types.wit")]
pub enum PluginError {
    #[error("the connection is not valid: {}", issues(.0))]
    InvalidConfig(Vec<FieldIssue>),
    #[error("the target refused the credential: {0}")]
    Unauthenticated(String),
    #[error("the credential lacks permissions in the target: {}", .0.join(", "))]
    PermissionDenied(Vec<String>),
    #[error("the target does not have {}", object(.0))]
    NotFound(Option<ObjectRef>),
    #[error("the target already has {}", object(.0))]
    AlreadyExists(Option<ObjectRef>),
    #[error("the target's state changed meanwhile: {0}")]
    PreconditionFailed(String),
    #[error("the target refused the input: {}", issues(.0))]
    InvalidInput(Vec<FieldIssue>),
    #[error("the target limits the rate of requests")]
    RateLimited(Backoff),
    #[error("the target is not available")]
    Unavailable(Backoff),
    #[error("the target did not answer in time")]
    TimedOut,
    #[error("the target forgot the place in its list")]
    CursorExpired,
    #[error("a quota of the target is used up: {0}")]
    QuotaExceeded(String),
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("an outgoing request was refused: {0}")]
    EgressDenied(String),
    #[error("the target's answer cannot be trusted: {0}")]
    BadData(String),
    #[error("it is not known whether the write took effect: {0}")]
    OutcomeUnknown(String),
    #[error("cancelled")]
    Cancelled,
    #[error("the connector failed: {0}")]
    Internal(String),
    #[error("{0}")]
    Other(String),
}

fn issues(issues: &[FieldIssue]) -> String {
    let line = |issue: &FieldIssue| printable(&format!("`{}` {}", issue.path, issue.message), 400);
    issues.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn object(object: &Option<ObjectRef>) -> String {
    object.as_ref().map_or_else(
        || "it".to_owned(),
        |o| {
            let (kind, id) = (printable(&o.kind, 100), printable(&o.id, 200));
            format!("{kind} `{id}`")
        },
    )
}

impl PluginError {
    /// A stable code for API and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidConfig(_) => "invalid_config",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::PermissionDenied(_) => "target_permission_denied",
            Self::NotFound(_) => "target_not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::PreconditionFailed(_) => "precondition_failed",
            Self::InvalidInput(_) => "invalid_input",
            Self::RateLimited(_) => "target_rate_limited",
            Self::Unavailable(_) => "target_unavailable",
            Self::TimedOut => "upstream_timeout",
            Self::CursorExpired => "cursor_expired",
            Self::QuotaExceeded(_) => "target_quota_exceeded",
            Self::Unsupported(_) => "unsupported",
            Self::EgressDenied(_) => "egress_denied",
            Self::BadData(_) => "bad_data",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::Cancelled => "cancelled",
            Self::Internal(_) => "plugin_internal",
            Self::Other(_) => "plugin_other",
        }
    }
}

/// Why the host ended a call, or could not begin it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "fault", content = "value", rename_all = "snake_case")]
pub enum Fault {
    /// The plugin answered with an error of its own.
    #[error(transparent)]
    Plugin(PluginError),
    /// The guest trapped: a panic, an exhausted stack, memory or handle limit.
    #[error("the plugin crashed: {0}")]
    Trap(String),
    /// The guest used up its time.
    #[error("the plugin did not finish within {0} ms")]
    Timeout(u64),
    /// The result holds more than the limit.
    #[error("the plugin's result is larger than the host accepts")]
    ResultTooLarge,
    /// The result breaks the contract: bad pointers, bad UTF-8, a bad discriminant.
    #[error("the plugin's result cannot be read: {0}")]
    BadResult(String),
    /// Too many host calls, too much outgoing traffic, and the like.
    #[error("the plugin used up its quota of {0}")]
    QuotaExceeded(String),
    /// The plugin does not export the interface.
    #[error("the plugin does not offer `{0}`")]
    NotOffered(String),
    /// The stored component is not the one that was approved.
    #[error("the plugin's bytes differ from the approved digest")]
    DigestMismatch,
    /// The component is not to be found.
    #[error("the plugin's component cannot be loaded: {0}")]
    Missing(String),
    /// The call was cancelled by the host.
    #[error("cancelled")]
    Cancelled,
    /// A fault of the host itself while it served the plugin.
    #[error("the host failed while it served the plugin: {0}")]
    Host(String),
}

impl Fault {
    /// The code of security.md section 4.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Plugin(error) => error.code(),
            Self::Trap(_) => "plugin_trap",
            Self::Timeout(_) => "plugin_timeout",
            Self::ResultTooLarge => "plugin_result_too_large",
            Self::BadResult(_) => "plugin_bad_result",
            Self::QuotaExceeded(_) => "plugin_quota_exceeded",
            Self::NotOffered(_) => "plugin_not_offered",
            Self::DigestMismatch => "plugin_digest_mismatch",
            Self::Missing(_) => "plugin_missing",
            Self::Cancelled => "cancelled",
            Self::Host(_) => "internal_plugin_host_error",
        }
    }

    /// Whether the plugin itself misbehaved (these count towards quarantine).
    pub fn is_misbehaviour(&self) -> bool {
        matches!(
            self,
            Self::Trap(_)
                | Self::Timeout(_)
                | Self::ResultTooLarge
                | Self::BadResult(_)
                | Self::QuotaExceeded(_)
        )
    }
}
