//! Where messages and audit entries are sent, and the trait that sends them.
//!
//! The engine decides what goes where and when it is tried again; a [`Courier`] outside of it speaks
//! the protocols. Every connection goes through the same address check as a plugin's.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::approval::AddressException;
use crate::clock::UnixMs;
use crate::gate::Licence;
use crate::secret::Secret;

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// TLS from the first byte (usually port 465).
    Tls,
    /// Upgraded before anything is told (usually port 587); without the upgrade nothing is sent.
    Starttls,
    /// No TLS: only to an excepted address.
    None,
}

/// How a syslog server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogTransport {
    /// TLS with octet counting (RFC 5425).
    Tls,
    /// TCP with octet counting (RFC 6587): only to an excepted address.
    Tcp,
    /// One datagram each (RFC 5426): only to an excepted address. Losses go unnoticed.
    Udp,
}

/// How a channel reaches people, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it; the wire types are the reference")]
pub enum ChannelSettings {
    /// E-mail by SMTP. Secret `password`, if there is a user name.
    Email {
        host: String,
        port: u16,
        security: MailSecurity,
        username: Option<String>,
        from: String,
        address_exceptions: Vec<AddressException>,
    },
    /// An incoming webhook of Slack. Secret `url`.
    Slack { address_exceptions: Vec<AddressException> },
    /// An incoming webhook of Teams. Secret `url`.
    Teams { address_exceptions: Vec<AddressException> },
    /// A webhook by the Standard Webhooks specification. Secret `signing`.
    Webhook { url: String, address_exceptions: Vec<AddressException> },
}

/// How a receiver of the audit log is reached, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it; the wire types are the reference")]
pub enum SinkSettings {
    /// A webhook by the Standard Webhooks specification. Secret `signing`.
    Webhook { url: String, address_exceptions: Vec<AddressException> },
    /// A syslog server (RFC 5424).
    Syslog {
        host: String,
        port: u16,
        transport: SyslogTransport,
        address_exceptions: Vec<AddressException>,
    },
    /// A file of JSON Lines in the audit folder of the data folder.
    File { name: String, file_bytes_max: u64 },
}

/// Where changes of access to a homegrown app are sent (PRV-5). Secret `signing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; the wire types are the reference")]
pub struct AppWebhook {
    pub url: String,
    pub address_exceptions: Vec<AddressException>,
}

/// A change of access for a homegrown app. Its body holds the token of its callback.
pub struct AppMessage {
    /// The same for every try, so that the app does it once.
    pub id: String,
    /// A JSON object.
    pub body: String,
    /// Now: signatures carry it.
    pub now: UnixMs,
}

/// What an app answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppAnswer {
    /// It is done.
    Done,
    /// It is taken in; a callback says what became of it (202).
    Accepted,
}

/// Settings with what they need in secrets.
#[derive(Debug)]
pub struct Destination<S> {
    /// How it is reached.
    pub settings: S,
    /// `password` or `url`, where the settings need one.
    pub secret: Option<Secret>,
    /// Keys that webhooks are signed with: the newest first, older ones while they overlap.
    pub signing: Vec<Secret>,
}

/// One message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeMessage {
    /// The same for every try, so that a receiver can tell a repetition.
    pub id: String,
    /// Such as `external_change.detected`.
    pub kind: String,
    /// An e-mail address; empty where the channel itself is the receiver.
    pub recipient: String,
    /// The headline.
    pub title: String,
    /// The text.
    pub text: String,
    /// The fields for programs: a JSON object.
    pub fields: String,
    /// When it happened.
    pub created: UnixMs,
    /// Now: signatures carry it.
    pub now: UnixMs,
}

/// One line of the audit log for a receiver: an entry or a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// The entry's place, or the place that the checkpoint is about.
    pub sequence: i64,
    /// When it was written.
    pub at: UnixMs,
    /// Such as `integration.created`, or `audit.checkpoint`.
    pub event: String,
    /// A refusal is reported with a higher severity.
    pub is_allowed: bool,
    /// One line of JSON, as the export has it.
    pub json: String,
}

/// Lines for a receiver of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBatch {
    /// The same for every try of the same lines.
    pub id: String,
    /// In order.
    pub lines: Vec<AuditLine>,
    /// Now: signatures carry it.
    pub now: UnixMs,
}

/// Why something was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The place may not be reached: nothing was sent.
    #[error("{code}: {detail}")]
    NotAllowed {
        /// Such as `address_not_allowed`.
        code: String,
        /// What was tried.
        detail: String,
    },
    /// The receiver says that it is gone for good (410).
    #[error("the receiver says that it is gone for good")]
    Gone,
    /// The receiver refuses this very message for good, such as an unknown mailbox.
    #[error("refused for good: {0}")]
    Refused(String),
    /// It may work later.
    #[error("{detail}")]
    Later {
        /// What happened.
        detail: String,
        /// The pause that the receiver asks for.
        after_ms: Option<u64>,
    },
}

impl Undelivered {
    /// A failure that may pass.
    pub fn later(detail: impl Into<String>) -> Self {
        Self::Later { detail: detail.into(), after_ms: None }
    }
}

/// Brings messages to their receivers.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Whether a channel's place may be reached at all. A name that does not resolve now is not a
    /// reason to refuse it.
    async fn check_channel(
        &self,
        destination: &Destination<ChannelSettings>,
    ) -> Result<(), Undelivered>;

    /// Whether a sink's place may be reached at all.
    async fn check_sink(&self, destination: &Destination<SinkSettings>) -> Result<(), Undelivered>;

    /// Brings one message to its receiver.
    async fn tell(
        &self,
        destination: &Destination<ChannelSettings>,
        message: &NoticeMessage,
    ) -> Result<(), Undelivered>;

    /// Brings a change of access to a homegrown app. That is a write to a target: it uses a licence up.
    async fn carry_out(
        &self,
        destination: &Destination<AppWebhook>,
        licence: Licence,
        message: &AppMessage,
    ) -> Result<AppAnswer, Undelivered>;

    /// Brings lines of the audit log to a receiver: all of them, in order, or an error.
    async fn stream(
        &self,
        destination: &Destination<SinkSettings>,
        batch: &AuditBatch,
    ) -> Result<(), Undelivered>;
}

/// Shortest pause before a message is tried again, in milliseconds.
const RETRY_MS_MIN: i64 = 5_000;
/// Longest pause, in milliseconds: six hours.
const RETRY_MS_MAX: i64 = 6 * 3_600_000;
/// Longest pause that a receiver can ask for, in milliseconds: a day.
const ASKED_MS_MAX: u64 = 24 * 3_600_000;
/// Tries of a message for people: with the pauses between them about three days.
pub const NOTICE_ATTEMPTS_MAX: u32 = 24;

/// The pause before the next try: it doubles from five seconds to six hours, or is what the receiver
/// asked for, within a second and a day.
pub fn retry_ms(attempts: u32, asked_ms: Option<u64>) -> i64 {
    if let Some(asked_ms) = asked_ms {
        return i64::try_from(asked_ms.clamp(1_000, ASKED_MS_MAX)).unwrap_or(RETRY_MS_MAX);
    }
    let doublings = attempts.saturating_sub(1).min(30);
    RETRY_MS_MIN.saturating_mul(1 << doublings).min(RETRY_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_about_three_days() {
        let all: i64 = (1..NOTICE_ATTEMPTS_MAX).map(|attempt| retry_ms(attempt, None)).sum();
        let days = all / 86_400_000;
        assert!((2..=4).contains(&days), "{days} days");
        assert_eq!(retry_ms(1, None), 5_000);
        assert_eq!(retry_ms(3, Some(u64::MAX)), 86_400_000);
    }
}
