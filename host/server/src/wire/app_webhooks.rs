//! Webhooks of homegrown apps.

use grantry_api::app_webhooks as wire;
use grantry_api::integrations::AddressException;
use grantry_engine::StoredAppWebhook;
use grantry_model::approval;
use grantry_model::delivery::AppWebhook;

use crate::reply::Versioned;

/// A webhook with its version, or that there is none.
pub(crate) fn versioned(stored: Option<StoredAppWebhook>) -> Versioned<wire::AppWebhook> {
    let version = stored.as_ref().map_or(1, |stored| stored.version);
    let exception =
        |one: &approval::AddressException| AddressException { ip: one.ip, port: one.port };
    let shown = match stored {
        Some(stored) => wire::AppWebhook {
            url: Some(stored.settings.url),
            address_exceptions: stored.settings.address_exceptions.iter().map(exception).collect(),
            is_enabled: stored.is_enabled,
            disabled_reason: stored.disabled_reason,
            version,
        },
        None => wire::AppWebhook {
            url: None,
            address_exceptions: Vec::new(),
            is_enabled: false,
            disabled_reason: None,
            version,
        },
    };
    Versioned(version, shown)
}

/// Where changes of access are sent, from the wire.
pub(crate) fn read(set: wire::SetAppWebhook) -> AppWebhook {
    let exception =
        |one: AddressException| approval::AddressException { ip: one.ip, port: one.port };
    AppWebhook {
        url: set.url,
        address_exceptions: set.address_exceptions.into_iter().map(exception).collect(),
    }
}
