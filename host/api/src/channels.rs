//! Channels that people are notified through.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::integrations::AddressException;
use crate::templates::NoticeKind;

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it is reached. Passwords and secret URLs are never returned.
    pub settings: ChannelSettings,
    /// What it tells of; empty for everything.
    pub kinds: Vec<NoticeKind>,
    /// Whom, where it sends mails.
    pub recipients: Recipients,
    /// Whether it is used.
    pub is_enabled: bool,
    /// Why it was disabled, if not by a person.
    pub disabled_reason: Option<String>,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// How a channel is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "webhook", "url": "https://hooks.example.com/grantry"}))]
pub enum ChannelSettings {
    /// E-mail by SMTP.
    Email {
        /// The mail server.
        host: String,
        /// Its port.
        port: u16,
        /// How it is spoken to.
        security: MailSecurity,
        /// The user name, if the server wants one. Its password is `secret`.
        #[serde(default)]
        username: Option<String>,
        /// The sender's address.
        from: String,
        /// Private addresses that may be reached.
        #[serde(default)]
        address_exceptions: Vec<AddressException>,
    },
    /// An incoming webhook of Slack. Its URL is `secret`.
    Slack {
        /// Private addresses that may be reached, plain http accepted.
        #[serde(default)]
        address_exceptions: Vec<AddressException>,
    },
    /// An incoming webhook (workflow) of Microsoft Teams. Its URL is `secret`.
    Teams {
        /// Private addresses that may be reached, plain http accepted.
        #[serde(default)]
        address_exceptions: Vec<AddressException>,
    },
    /// POSTs by the Standard Webhooks specification.
    Webhook {
        /// Where to. Its signing key is told once, when the channel is created.
        url: String,
        /// Private addresses that may be reached, plain http accepted.
        #[serde(default)]
        address_exceptions: Vec<AddressException>,
    },
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// TLS from the first byte (usually port 465).
    Tls,
    /// Upgraded before anything is told (usually port 587).
    Starttls,
    /// No TLS: to an excepted address.
    None,
}

/// Who gets the mails of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipients {
    /// The people whom a notice concerns by name: who is asked to decide about a request, whose it was.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub concerned: bool,
    /// Every admin whose user name is a mail address.
    #[serde(default)]
    pub admins: bool,
    /// The owner of the integration that a notice is about, if the user name is a mail address.
    #[serde(default)]
    pub integration_owners: bool,
    /// These addresses.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub addresses: Vec<String>,
}

fn yes() -> bool {
    true
}

impl Default for Recipients {
    fn default() -> Self {
        Self { concerned: true, admins: false, integration_owners: false, addresses: Vec::new() }
    }
}

/// A channel to be created.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateChannel {
    /// What people call it.
    #[schema(example = "Operations", min_length = 1, max_length = 200)]
    pub name: String,
    /// How it is reached.
    pub settings: ChannelSettings,
    /// A mail server's password, or a chat room's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only, max_length = 4000)]
    pub secret: Option<String>,
    /// What it tells of; empty for everything.
    #[serde(default)]
    pub kinds: Vec<NoticeKind>,
    /// Whom, where it sends mails.
    #[serde(default)]
    pub recipients: Recipients,
}

/// A change of a channel. What is left out stays; a password that is left out stays while the channel
/// goes to the same server with the same user name.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateChannel {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// How it is reached from now on; its kind stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<ChannelSettings>,
    /// The new password, or the new URL of a chat room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only, max_length = 4000)]
    pub secret: Option<String>,
    /// What it tells of; empty for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<NoticeKind>>,
    /// Whom, where it sends mails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Recipients>,
    /// Whether it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<bool>,
}

/// A new channel. This is the only time that its signing key is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewChannel {
    /// What its webhooks are signed with (`whsec_…`). Missing for other kinds, and in the answer to a
    /// repeated request: it is not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<String>,
    /// The channel.
    #[serde(flatten)]
    pub channel: Channel,
}

/// A test message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestChannel {
    /// The mail address; the channel's first one unless told. Other kinds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 254)]
    pub recipient: Option<String>,
}
