//! Webhooks of homegrown apps.

use grantry_api::app_webhooks as wire;
use grantry_engine::StoredAppWebhook;
use grantry_model::delivery::AppWebhook;

use super::audit_sinks::{exceptions, read_exceptions};
use crate::reply::Versioned;

/// A webhook with its version, or that there is none.
pub(crate) fn versioned(stored: Option<StoredAppWebhook>) -> Versioned<wire::AppWebhook> {
    let version = stored.as_ref().map_or(1, |stored| stored.version);
    let shown = match stored {
        Some(stored) => wire::AppWebhook {
            url: Some(stored.settings.url),
            address_exceptions: exceptions(stored.settings.address_exceptions),
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
    AppWebhook { url: set.url, address_exceptions: read_exceptions(set.address_exceptions) }
}
