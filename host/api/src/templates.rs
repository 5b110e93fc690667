//! The words of notices.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened that somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum NoticeKind {
    /// Access was changed in the target, not through Grantry.
    #[serde(rename = "external_change.detected")]
    ExternalChange,
    /// An aggregation failed.
    #[serde(rename = "aggregation.failed")]
    AggregationFailed,
    /// An aggregation would have removed suspiciously much.
    #[serde(rename = "aggregation.blocked")]
    AggregationBlocked,
    /// An integration's plugin is not run any more.
    #[serde(rename = "integration.quarantined")]
    IntegrationQuarantined,
    /// Access could not be granted.
    #[serde(rename = "membership.failed")]
    MembershipFailed,
    /// Access that was to be gone a day ago is still there.
    #[serde(rename = "membership.revoke_overdue")]
    RevokeOverdue,
    /// The target took other access away when one was changed.
    #[serde(rename = "membership.access_lost")]
    AccessLost,
    /// The clock jumped by which access ends.
    #[serde(rename = "clock.jumped")]
    ClockJump,
    /// Somebody is asked to decide about a request.
    #[serde(rename = "request.waiting")]
    RequestWaiting,
    /// A request was decided about.
    #[serde(rename = "request.decided")]
    RequestDecided,
    /// Somebody claimed an account of an integration, or gave one up.
    #[serde(rename = "account.claimed")]
    AccountClaimed,
    /// Somebody is asked to do something in a target by hand.
    #[serde(rename = "task.waiting")]
    TaskWaiting,
    /// Somebody said what became of it.
    #[serde(rename = "task.decided")]
    TaskDecided,
    /// A homegrown app says that its webhook is gone.
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled,
    /// A receiver of the audit log was given up.
    #[serde(rename = "audit_sink.disabled")]
    SinkDisabled,
    /// Somebody tries a channel.
    #[serde(rename = "notification.test")]
    Test,
}

/// The words for a kind of notice. `{{field}}` stands for a field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The subject of an e-mail, the headline of a chat message.
    #[schema(example = "Something happened", min_length = 1, max_length = 200)]
    pub title: String,
    /// The text.
    #[schema(example = "Look at the audit log.", max_length = 4000)]
    pub text: String,
}

/// The words for a kind of notice, and the fields that they can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// What it is about.
    pub kind: NoticeKind,
    /// The subject of an e-mail, the headline of a chat message.
    pub title: String,
    /// The text.
    pub text: String,
    /// The fields that it can name.
    pub fields: Vec<String>,
    /// Whether an admin wrote it.
    pub is_changed: bool,
}
