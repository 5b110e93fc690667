//! Receivers of the audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::integrations::AddressException;

/// A receiver of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditSink {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it is reached.
    pub settings: SinkSettings,
    /// Whether it is sent anything.
    pub is_enabled: bool,
    /// Why it was disabled, if not by a person.
    pub disabled_reason: Option<String>,
    /// The last row that it confirmed.
    pub position: i64,
    /// How often the rows after it were tried in vain.
    pub attempts: u32,
    /// When they are tried next.
    pub due_ms: i64,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it last confirmed something.
    pub delivered_ms: Option<i64>,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// How a receiver is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "webhook", "url": "https://siem.example.com/grantry"}))]
pub enum SinkSettings {
    /// POSTs by the Standard Webhooks specification.
    Webhook {
        /// Where to. Its signing key is told once, when the sink is created.
        url: String,
        /// Private addresses that may be reached, plain http accepted.
        #[serde(default)]
        address_exceptions: Vec<AddressException>,
    },
    /// A syslog server (RFC 5424).
    Syslog {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
        /// How it is spoken to.
        transport: SyslogTransport,
        /// Private addresses that may be reached, without TLS.
        #[serde(default)]
        address_exceptions: Vec<AddressException>,
    },
    /// A file of JSON Lines in the audit folder of the data folder.
    File {
        /// Its name without ending: small letters, digits, `-` and `_`.
        name: String,
        /// Over this size the file is set aside and begun anew, in bytes.
        #[serde(default = "file_bytes_max")]
        #[schema(minimum = 65_536)]
        file_bytes_max: u64,
    },
}

fn file_bytes_max() -> u64 {
    100 * 1024 * 1024
}

/// How a syslog server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyslogTransport {
    /// TLS with octet counting (RFC 5425).
    Tls,
    /// TCP with octet counting (RFC 6587): to an excepted address.
    Tcp,
    /// Datagrams (RFC 5426): to an excepted address. Losses go unnoticed.
    Udp,
}

/// A receiver to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAuditSink {
    /// What people call it.
    #[schema(example = "Security monitoring", min_length = 1, max_length = 200)]
    pub name: String,
    /// How it is reached.
    pub settings: SinkSettings,
    /// Whether it is sent the whole log, rather than what comes from now on.
    #[serde(default)]
    pub from_beginning: bool,
}

/// A change of a receiver. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAuditSink {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// How it is reached from now on; its kind stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SinkSettings>,
    /// Whether it is sent anything. A disabled one goes on where it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<bool>,
}

/// A new receiver. This is the only time that its signing key is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewAuditSink {
    /// What its webhooks are signed with (`whsec_…`). Missing for other kinds, and in the answer to a
    /// repeated request: it is not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<String>,
    /// The receiver.
    #[serde(flatten)]
    pub sink: AuditSink,
}

/// A new signing key. This is the only time that it is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSigningKey {
    /// What webhooks are signed with from now on (`whsec_…`). Missing in the answer to a repeated
    /// request: it is not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<String>,
    /// Until when they are signed with the old key too.
    pub old_key_ends_ms: i64,
}
