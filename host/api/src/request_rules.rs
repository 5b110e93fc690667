//! How single resources and entitlements are requested.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::settings::present;

/// What an admin says of a resource or entitlement, and what is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestRules {
    /// Whether access can be requested: by the admin's word about the resource, else by the settings of
    /// the integration, which can also forbid it for all.
    pub is_requestable: bool,
    /// The approval workflow of requests, by name: the entitlement's own, else its resource's, else the
    /// integration's.
    pub workflow: Option<String>,
    /// Whose word `workflow` is: `entitlement`, `resource` or `integration`.
    pub workflow_of: Option<String>,
    /// The admin's word; missing where the settings hold. Of resources only.
    pub own_is_requestable: Option<bool>,
    /// The admin's word; missing where another's holds.
    pub own_workflow: Option<String>,
    /// Grows with every word of an admin; the same as the `ETag`.
    pub version: i64,
}

/// A change of the admin's word: what is left out stays, `null` takes it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateRequestRules {
    /// Whether access can be requested; of resources only.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    pub is_requestable: Option<Option<bool>>,
    /// The approval workflow of requests, by name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub workflow: Option<Option<String>>,
}
