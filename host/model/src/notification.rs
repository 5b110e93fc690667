//! What people are told about: a closed list of kinds, each with the fields that its template can
//! name, and the templates themselves (INT-10).
//!
//! A notice is written in the transaction of its event (`Tx::queue_notice`) and handed to channels
//! later. Not here: channels and how a message reaches somebody ([`crate::delivery`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{IntegrationId, PrincipalId};
use crate::text::printable;

/// Longest value of a field, in characters; more is cut.
pub const FIELD_CHARACTERS_MAX: usize = 1_000;
/// Longest title of a template, in characters.
pub const TITLE_CHARACTERS_MAX: usize = 200;
/// Longest text of a template, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 4_000;

/// What happened that somebody is to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    /// Access was changed in the target, not through Grantry (INT-10).
    #[serde(rename = "external_change.detected")]
    ExternalChange,
    /// An aggregation failed.
    #[serde(rename = "aggregation.failed")]
    AggregationFailed,
    /// An aggregation would have removed suspiciously much, and waits for a decision.
    #[serde(rename = "aggregation.blocked")]
    AggregationBlocked,
    /// An integration's plugin misbehaved too often and is not run any more.
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
    /// Somebody is asked to decide about a request (ACC-1).
    #[serde(rename = "request.waiting")]
    RequestWaiting,
    /// A request was decided about.
    #[serde(rename = "request.decided")]
    RequestDecided,
    /// Somebody claimed an account of an integration, or gave one up (INT-7).
    #[serde(rename = "account.claimed")]
    AccountClaimed,
    /// Somebody is asked to do something in a target by hand (PRV-3).
    #[serde(rename = "task.waiting")]
    TaskWaiting,
    /// Somebody said what became of it.
    #[serde(rename = "task.decided")]
    TaskDecided,
    /// A homegrown app says that its webhook is gone (PRV-5).
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled,
    /// A receiver of the audit log was given up.
    #[serde(rename = "audit_sink.disabled")]
    SinkDisabled,
    /// Somebody tries a channel.
    #[serde(rename = "notification.test")]
    Test,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::ExternalChange,
        Self::AggregationFailed,
        Self::AggregationBlocked,
        Self::IntegrationQuarantined,
        Self::MembershipFailed,
        Self::RevokeOverdue,
        Self::AccessLost,
        Self::ClockJump,
        Self::RequestWaiting,
        Self::RequestDecided,
        Self::AccountClaimed,
        Self::TaskWaiting,
        Self::TaskDecided,
        Self::WebhookDisabled,
        Self::SinkDisabled,
        Self::Test,
    ];

    /// The kind's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExternalChange => "external_change.detected",
            Self::AggregationFailed => "aggregation.failed",
            Self::AggregationBlocked => "aggregation.blocked",
            Self::IntegrationQuarantined => "integration.quarantined",
            Self::MembershipFailed => "membership.failed",
            Self::RevokeOverdue => "membership.revoke_overdue",
            Self::AccessLost => "membership.access_lost",
            Self::ClockJump => "clock.jumped",
            Self::RequestWaiting => "request.waiting",
            Self::RequestDecided => "request.decided",
            Self::AccountClaimed => "account.claimed",
            Self::TaskWaiting => "task.waiting",
            Self::TaskDecided => "task.decided",
            Self::WebhookDisabled => "webhook.disabled",
            Self::SinkDisabled => "audit_sink.disabled",
            Self::Test => "notification.test",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The fields that a template of this kind can name, each with an example for the preview.
    pub fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ExternalChange => &[
                ("integration", "Corporate directory"),
                ("change", "granted"),
                ("account", "ada@example.com"),
                ("entitlement", "Domain admins"),
                ("explanation", "no request or birthright rule explains it"),
            ],
            Self::AggregationFailed | Self::AggregationBlocked => &[
                ("integration", "Corporate directory"),
                ("code", "blocked_threshold"),
                ("detail", "480 of 500 accounts would be removed"),
            ],
            Self::IntegrationQuarantined => {
                &[("integration", "Corporate directory"), ("code", "plugin_timeout")]
            }
            Self::MembershipFailed => &[
                ("integration", "Corporate directory"),
                ("account", "ada@example.com"),
                ("entitlement", "Domain admins"),
                ("code", "target_permission_denied"),
                ("detail", "the credential lacks permissions in the target"),
            ],
            Self::RevokeOverdue => &[
                ("integration", "Corporate directory"),
                ("account", "ada@example.com"),
                ("entitlement", "Domain admins"),
                ("detail", "the credential lacks permissions in the target"),
            ],
            Self::AccessLost => &[
                ("integration", "Corporate directory"),
                ("account", "ada@example.com"),
                ("entitlement", "Domain admins"),
                ("count", "1"),
                ("lost", "Help desk of ada@example.com"),
            ],
            Self::ClockJump => &[("detail", "the clock jumped by 3600 seconds")],
            Self::RequestWaiting => &[
                ("requester", "Ada Lovelace"),
                ("identity", "Grace Hopper"),
                ("request", "Payroll: approver"),
                ("reason", "on call this week"),
                ("occasion", "asked for"),
            ],
            Self::RequestDecided => &[
                ("requester", "Ada Lovelace"),
                ("identity", "Grace Hopper"),
                ("request", "Payroll: approver"),
                ("outcome", "approved"),
                ("note", "for this week only"),
            ],
            Self::AccountClaimed => &[
                ("integration", "Corporate directory"),
                ("account", "ada@example.com"),
                ("person", "Ada Lovelace"),
                ("change", "is claimed, and nobody else fits"),
            ],
            Self::TaskWaiting => &[
                ("task", "Grant `Domain admins` to `ada@example.com` in `Corporate directory`"),
                ("reason", "the connector could not do it"),
                ("occasion", "to be done"),
            ],
            Self::TaskDecided => &[
                ("task", "Grant `Domain admins` to `ada@example.com` in `Corporate directory`"),
                ("outcome", "rejected"),
                ("person", "Grace Hopper"),
                ("note", "no licence is left"),
            ],
            Self::WebhookDisabled => &[
                ("integration", "Corporate wiki"),
                ("reason", "the receiver says that it is gone for good"),
            ],
            Self::SinkDisabled => {
                &[("sink", "Security monitoring"), ("reason", "the receiver answered 410 Gone")]
            }
            Self::Test => &[("channel", "Operations"), ("person", "Local admin")],
        }
    }

    /// The template that is used until somebody writes another one.
    pub fn default_template(self) -> Template {
        let (title, text) = match self {
            Self::ExternalChange => (
                "{{integration}}: access {{change}} outside of Grantry",
                "{{entitlement}} was {{change}} for {{account}} in {{integration}}, and not through Grantry.\n\n{{explanation}}",
            ),
            Self::AggregationFailed => (
                "{{integration}}: the aggregation failed",
                "Reading {{integration}} failed with `{{code}}`: {{detail}}\n\nThe catalogue is as it was before.",
            ),
            Self::AggregationBlocked => (
                "{{integration}}: the aggregation waits for a decision",
                "Reading {{integration}} was stopped with `{{code}}`: {{detail}}\n\nNothing was removed.",
            ),
            Self::IntegrationQuarantined => (
                "{{integration}}: the plugin is in quarantine",
                "The plugin of {{integration}} misbehaved too often (`{{code}}`) and is not run any more. Look at the audit log, then release the integration.",
            ),
            Self::MembershipFailed => (
                "{{integration}}: {{entitlement}} could not be granted",
                "{{entitlement}} could not be granted to {{account}} in {{integration}}: `{{code}}`, {{detail}}",
            ),
            Self::RevokeOverdue => (
                "{{integration}}: {{entitlement}} is still held by {{account}}",
                "{{entitlement}} was to be taken from {{account}} in {{integration}} more than a day ago, and that is not confirmed: {{detail}}\n\nIt is tried on. Look into the target.",
            ),
            Self::AccessLost => (
                "{{integration}}: a change of {{entitlement}} took other access away",
                "When {{entitlement}} was changed for {{account}}, {{integration}} took {{count}} other access away: {{lost}}\n\nMemberships that stood for it have failed; renew those that are to come back.",
            ),
            Self::ClockJump => (
                "The clock jumped",
                "By the database's clock access ends: {{detail}}. Set the clock right.",
            ),
            Self::RequestWaiting => (
                "Access for {{identity}}: your decision is {{occasion}}",
                "{{requester}} asks for {{request}} for {{identity}}.\n\nReason: {{reason}}",
            ),
            Self::RequestDecided => (
                "Access for {{identity}}: {{outcome}}",
                "The request of {{requester}} for {{request}} for {{identity}} is {{outcome}}.\n\n{{note}}",
            ),
            Self::AccountClaimed => (
                "{{integration}}: {{account}} {{change}}",
                "{{person}} says of the account {{account}} in {{integration}}: it {{change}}.",
            ),
            Self::TaskWaiting => (
                "{{task}}: {{occasion}}",
                "{{task}}: this is {{occasion}} by hand.\n\n{{reason}}\n\nSay in Grantry that it is done, or why it cannot be.",
            ),
            Self::TaskDecided => {
                ("{{task}}: {{outcome}}", "{{person}} says: {{outcome}}. {{task}}\n\n{{note}}")
            }
            Self::WebhookDisabled => (
                "{{integration}}: the webhook is not used any more",
                "Changes of access are no longer sent to the webhook of {{integration}}: {{reason}}. Set it again once the app listens.",
            ),
            Self::SinkDisabled => (
                "Audit log: {{sink}} gets no more entries",
                "The audit log is no longer sent to {{sink}}: {{reason}}. Nothing is lost: it goes on where it stopped once it is enabled again.",
            ),
            Self::Test => (
                "Test from Grantry",
                "{{person}} tries the channel {{channel}}. If you read this, it works.",
            ),
        };
        Template { title: title.to_owned(), text: text.to_owned() }
    }
}

/// Something that people are to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// Where, if it is about an integration: its owners are told too, where a channel says so.
    pub integration: Option<IntegrationId>,
    /// Whom it concerns by name: they are told where a channel says so.
    pub people: Vec<PrincipalId>,
    /// Values for the template, by field. Made harmless and cut to [`FIELD_CHARACTERS_MAX`].
    pub fields: BTreeMap<String, String>,
}

impl Notice {
    /// A notice without fields.
    pub fn new(kind: NoticeKind, integration: Option<&IntegrationId>) -> Self {
        Self {
            kind,
            integration: integration.cloned(),
            people: Vec::new(),
            fields: BTreeMap::new(),
        }
    }

    /// Says whom it concerns.
    #[must_use]
    pub fn to(mut self, people: Vec<PrincipalId>) -> Self {
        self.people = people;
        self
    }

    /// Adds a field's value. It may come from a target: what is invisible in it is escaped.
    #[must_use]
    pub fn with(mut self, field: &str, value: &str) -> Self {
        self.fields.insert(field.to_owned(), printable(value, FIELD_CHARACTERS_MAX));
        self
    }
}

/// The words for a kind of notice. `{{field}}` stands for a field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The subject of an e-mail, the headline of a chat message.
    pub title: String,
    /// The text.
    pub text: String,
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// Over the limit.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The limit, in characters.
        max: usize,
    },
    /// `{{` without `}}`.
    #[error("has `{{{{` without `}}}}`")]
    Unclosed,
    /// Not a field of this kind.
    #[error("names the field `{name}`, which this kind of notice does not have")]
    UnknownField {
        /// The name in the template.
        name: String,
    },
}

/// Checks a text of a template of this kind.
pub fn check_template(kind: NoticeKind, text: &str, max: usize) -> Result<(), InvalidTemplate> {
    if text.chars().count() > max {
        return Err(InvalidTemplate::TooLong { max });
    }
    for part in text.split("{{").skip(1) {
        let (name, _) = part.split_once("}}").ok_or(InvalidTemplate::Unclosed)?;
        if !kind.fields().iter().any(|(field, _)| *field == name.trim()) {
            return Err(InvalidTemplate::UnknownField { name: printable(name.trim(), 50) });
        }
    }
    Ok(())
}

/// What a placeholder becomes that nothing is known for.
pub const UNKNOWN: &str = "–";

/// Fills a text's fields in. A field without a value becomes a dash. Values are not looked at for
/// further fields.
pub fn render(text: &str, fields: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("}}") {
            Some((name, rest)) => {
                out.push_str(fields.get(name.trim()).map_or(UNKNOWN, String::as_str));
                out.push_str(rest);
            }
            None => {
                out.push_str("{{");
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_good_template_and_its_own_name() {
        for kind in NoticeKind::ALL {
            let template = kind.default_template();
            assert_eq!(check_template(kind, &template.title, TITLE_CHARACTERS_MAX), Ok(()));
            assert_eq!(check_template(kind, &template.text, TEXT_CHARACTERS_MAX), Ok(()));
            assert_eq!(NoticeKind::parse(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let fields = BTreeMap::from([("a".to_owned(), "{{b}}".to_owned())]);
        assert_eq!(render("{{a}} and {{ b }}", &fields), "{{b}} and –");
    }

    #[test]
    fn unknown_fields_and_open_braces_are_refused() {
        let check = |text| check_template(NoticeKind::Test, text, 100);
        assert!(matches!(check("{{password}}"), Err(InvalidTemplate::UnknownField { .. })));
        assert_eq!(check("{{channel"), Err(InvalidTemplate::Unclosed));
        assert_eq!(check("{{ channel }}"), Ok(()));
    }

    #[test]
    fn values_from_a_target_are_made_harmless() {
        let notice = Notice::new(NoticeKind::Test, None).with("channel", "a\r\nBcc: x");
        assert_eq!(notice.fields["channel"], "a\\u{d}\\u{a}Bcc: x");
    }
}
