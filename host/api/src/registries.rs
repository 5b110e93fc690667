//! Registries that plugins are pulled from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::integrations::AddressException;

/// How a registry is reached. One that wants no credential and has a public address needs none of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registry {
    /// Its id.
    pub id: String,
    /// Host, and a port where it is not 443.
    pub host: String,
    /// Who asks. The password is never returned.
    pub username: Option<String>,
    /// Without TLS: to excepted addresses only.
    pub plain_http: bool,
    /// Private addresses that may be reached.
    pub address_exceptions: Vec<AddressException>,
    /// When it was named.
    pub created_ms: i64,
}

/// A registry to be named.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRegistry {
    /// Host, and a port where it is not 443.
    #[schema(example = "registry.example.com", max_length = 259)]
    pub host: String,
    /// Who asks, where the registry wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub username: Option<String>,
    /// The password or access token of `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only, max_length = 8192)]
    pub password: Option<String>,
    /// Without TLS: to excepted addresses only.
    #[serde(default)]
    pub plain_http: bool,
    /// Private addresses that may be reached.
    #[serde(default)]
    pub address_exceptions: Vec<AddressException>,
}
