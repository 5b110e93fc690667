//! Webhooks that bring changes of access to homegrown apps, and the apps' callbacks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::integrations::AddressException;

/// The webhook of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppWebhook {
    /// Where requests go; missing where there is no webhook.
    pub url: Option<String>,
    /// Private addresses that it may reach.
    pub address_exceptions: Vec<AddressException>,
    /// Whether it is used.
    pub is_enabled: bool,
    /// Why it is not, if the app said that it is gone.
    pub disabled_reason: Option<String>,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// Where changes of access are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAppWebhook {
    /// Where requests go.
    #[schema(example = "https://wiki.example/grantry", max_length = 2048)]
    pub url: String,
    /// Private addresses that it may reach, without encryption.
    #[serde(default)]
    pub address_exceptions: Vec<AddressException>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "done")]
pub enum CallbackStatus {
    /// It is done.
    Done,
    /// It will not be done.
    Failed,
}

/// What an app says of a change that it took in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// What became of it.
    pub status: CallbackStatus,
    /// In words.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub detail: String,
}
