//! Receivers of the audit log.

use grantry_api::audit_sinks as wire;
use grantry_engine::{Answer, Sink, SinkChange, SinkInput, WithSigningKey};
use grantry_model::approval::AddressException;
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{SinkSettings, SyslogTransport};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A receiver.
pub(crate) fn sink(stored: &Sink) -> wire::AuditSink {
    wire::AuditSink {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        settings: settings(&stored.settings),
        is_enabled: stored.is_enabled,
        disabled_reason: stored.disabled_reason.clone(),
        position: stored.position,
        attempts: stored.attempts,
        due_ms: stored.due.0,
        last_error: stored.error.clone(),
        delivered_ms: stored.delivered.map(|at| at.0),
        created_ms: stored.created.0,
        version: stored.version,
    }
}

fn settings(settings: &SinkSettings) -> wire::SinkSettings {
    match settings.clone() {
        SinkSettings::Webhook { url, address_exceptions } => {
            wire::SinkSettings::Webhook { url, address_exceptions: exceptions(address_exceptions) }
        }
        SinkSettings::Syslog { host, port, transport, address_exceptions } => {
            let transport = match transport {
                SyslogTransport::Tls => wire::SyslogTransport::Tls,
                SyslogTransport::Tcp => wire::SyslogTransport::Tcp,
                SyslogTransport::Udp => wire::SyslogTransport::Udp,
            };
            let address_exceptions = exceptions(address_exceptions);
            wire::SinkSettings::Syslog { host, port, transport, address_exceptions }
        }
        SinkSettings::File { name, file_bytes_max } => {
            wire::SinkSettings::File { name, file_bytes_max }
        }
    }
}

/// Address exceptions.
pub(crate) fn exceptions(
    exceptions: Vec<AddressException>,
) -> Vec<grantry_api::integrations::AddressException> {
    let wire =
        |AddressException { ip, port }| grantry_api::integrations::AddressException { ip, port };
    exceptions.into_iter().map(wire).collect()
}

/// Address exceptions, from the wire.
pub(crate) fn read_exceptions(
    exceptions: Vec<grantry_api::integrations::AddressException>,
) -> Vec<AddressException> {
    let read =
        |grantry_api::integrations::AddressException { ip, port }| AddressException { ip, port };
    exceptions.into_iter().map(read).collect()
}

fn read_settings(settings: wire::SinkSettings) -> SinkSettings {
    match settings {
        wire::SinkSettings::Webhook { url, address_exceptions } => {
            SinkSettings::Webhook { url, address_exceptions: read_exceptions(address_exceptions) }
        }
        wire::SinkSettings::Syslog { host, port, transport, address_exceptions } => {
            let transport = match transport {
                wire::SyslogTransport::Tls => SyslogTransport::Tls,
                wire::SyslogTransport::Tcp => SyslogTransport::Tcp,
                wire::SyslogTransport::Udp => SyslogTransport::Udp,
            };
            let address_exceptions = read_exceptions(address_exceptions);
            SinkSettings::Syslog { host, port, transport, address_exceptions }
        }
        wire::SinkSettings::File { name, file_bytes_max } => {
            SinkSettings::File { name, file_bytes_max }
        }
    }
}

/// A receiver to be created, from the wire.
pub(crate) fn read_create(body: wire::CreateAuditSink) -> SinkInput {
    let wire::CreateAuditSink { name, settings, from_beginning } = body;
    SinkInput { name, settings: read_settings(settings), from_beginning }
}

/// A change, from the wire.
pub(crate) fn read_update(body: wire::UpdateAuditSink) -> SinkChange {
    let wire::UpdateAuditSink { name, settings, is_enabled } = body;
    SinkChange { name, settings: settings.map(read_settings), is_enabled }
}

/// A new receiver, without its key.
pub(crate) fn new_sink(stored: &Sink) -> wire::NewAuditSink {
    wire::NewAuditSink { signing_key: None, sink: sink(stored) }
}

/// A new key, without its text.
pub(crate) fn new_key(old_key_ends: UnixMs) -> wire::NewSigningKey {
    wire::NewSigningKey { signing_key: None, old_key_ends_ms: old_key_ends.0 }
}

/// The answer with the key, where it is told.
pub(crate) fn with_key<T: Serialize + DeserializeOwned>(
    new: WithSigningKey,
    place: impl Fn(&mut T) -> &mut Option<String>,
) -> Answer {
    let Some(key) = &new.key else { return new.answer };
    let Ok(mut body) = serde_json::from_str::<T>(&new.answer.body) else { return new.answer };
    *place(&mut body) = Some(key.expose().to_owned());
    Answer { body: serde_json::to_string(&body).unwrap_or(new.answer.body), ..new.answer }
}
