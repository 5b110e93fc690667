//! Channels that people are notified through.

use grantry_api::channels as wire;
use grantry_engine::{Channel, ChannelChange, ChannelInput, Recipients};
use grantry_model::delivery::{ChannelSettings, MailSecurity};
use grantry_model::secret::Secret;

use super::audit_sinks::{exceptions, read_exceptions};
use super::templates::{kind, read_kind};

/// A channel.
pub(crate) fn channel(stored: &Channel) -> wire::Channel {
    wire::Channel {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        settings: settings(&stored.settings),
        kinds: stored.kinds.iter().copied().map(kind).collect(),
        recipients: wire::Recipients {
            concerned: stored.recipients.concerned,
            admins: stored.recipients.admins,
            integration_owners: stored.recipients.integration_owners,
            addresses: stored.recipients.addresses.clone(),
        },
        is_enabled: stored.is_enabled,
        disabled_reason: stored.disabled_reason.clone(),
        created_ms: stored.created.0,
        version: stored.version,
    }
}

/// A new channel, without its key.
pub(crate) fn new_channel(stored: &Channel) -> wire::NewChannel {
    wire::NewChannel { signing_key: None, channel: channel(stored) }
}

fn settings(settings: &ChannelSettings) -> wire::ChannelSettings {
    match settings.clone() {
        ChannelSettings::Email { host, port, security, username, from, address_exceptions } => {
            let security = match security {
                MailSecurity::Tls => wire::MailSecurity::Tls,
                MailSecurity::Starttls => wire::MailSecurity::Starttls,
                MailSecurity::None => wire::MailSecurity::None,
            };
            let address_exceptions = exceptions(address_exceptions);
            wire::ChannelSettings::Email {
                host,
                port,
                security,
                username,
                from,
                address_exceptions,
            }
        }
        ChannelSettings::Slack { address_exceptions } => {
            wire::ChannelSettings::Slack { address_exceptions: exceptions(address_exceptions) }
        }
        ChannelSettings::Teams { address_exceptions } => {
            wire::ChannelSettings::Teams { address_exceptions: exceptions(address_exceptions) }
        }
        ChannelSettings::Webhook { url, address_exceptions } => {
            let address_exceptions = exceptions(address_exceptions);
            wire::ChannelSettings::Webhook { url, address_exceptions }
        }
    }
}

fn read_settings(settings: wire::ChannelSettings) -> ChannelSettings {
    match settings {
        wire::ChannelSettings::Email {
            host,
            port,
            security,
            username,
            from,
            address_exceptions,
        } => {
            let security = match security {
                wire::MailSecurity::Tls => MailSecurity::Tls,
                wire::MailSecurity::Starttls => MailSecurity::Starttls,
                wire::MailSecurity::None => MailSecurity::None,
            };
            let address_exceptions = read_exceptions(address_exceptions);
            ChannelSettings::Email { host, port, security, username, from, address_exceptions }
        }
        wire::ChannelSettings::Slack { address_exceptions } => {
            ChannelSettings::Slack { address_exceptions: read_exceptions(address_exceptions) }
        }
        wire::ChannelSettings::Teams { address_exceptions } => {
            ChannelSettings::Teams { address_exceptions: read_exceptions(address_exceptions) }
        }
        wire::ChannelSettings::Webhook { url, address_exceptions } => {
            let address_exceptions = read_exceptions(address_exceptions);
            ChannelSettings::Webhook { url, address_exceptions }
        }
    }
}

fn read_recipients(recipients: wire::Recipients) -> Recipients {
    let wire::Recipients { concerned, admins, integration_owners, addresses } = recipients;
    Recipients { concerned, admins, integration_owners, addresses }
}

/// A channel to be created, from the wire.
pub(crate) fn read_create(body: wire::CreateChannel) -> ChannelInput {
    ChannelInput {
        name: body.name,
        settings: read_settings(body.settings),
        secret: body.secret.map(Secret::new),
        kinds: body.kinds.into_iter().map(read_kind).collect(),
        recipients: read_recipients(body.recipients),
    }
}

/// A change, from the wire.
pub(crate) fn read_update(body: wire::UpdateChannel) -> ChannelChange {
    ChannelChange {
        name: body.name,
        settings: body.settings.map(read_settings),
        secret: body.secret.map(Secret::new),
        kinds: body.kinds.map(|kinds| kinds.into_iter().map(read_kind).collect()),
        recipients: body.recipients.map(read_recipients),
        is_enabled: body.is_enabled,
    }
}
