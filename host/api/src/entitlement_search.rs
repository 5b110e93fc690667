//! All entitlements, over all apps.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access_profiles::AccessProfileName;
use crate::catalogue::Entitlement;

/// An entitlement that was found, with its app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FoundEntitlement {
    /// What the app is called.
    pub app_name: String,
    /// The access profiles that it is in; nothing for whoever may not see them.
    pub access_profiles: Vec<AccessProfileName>,
    /// The entitlement.
    #[serde(flatten)]
    pub entitlement: Entitlement,
}

/// What entitlements are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntitlementOrder {
    /// Their name.
    #[default]
    Name,
    /// Their kind, then their name.
    Kind,
    /// The name of their app, then their own.
    App,
    /// What was changed last comes first.
    Changed,
}

/// Whether entitlements are in the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntitlementState {
    /// Those that are there.
    #[default]
    Live,
    /// Those that are gone.
    Removed,
    /// All.
    Any,
}

/// Which entitlements of all apps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntitlementSearchQuery {
    /// Words to look for in names and descriptions, also in those that an admin gave; `*` stands for
    /// any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only what this integration found.
    #[param(max_length = 2048)]
    pub integration_id: Option<String>,
    /// Only of this app.
    #[param(max_length = 2048)]
    pub app_id: Option<String>,
    /// Only on this resource.
    #[param(max_length = 2048)]
    pub resource_id: Option<String>,
    /// Only what this account holds.
    #[param(max_length = 2048)]
    pub account_id: Option<String>,
    /// Only what the accounts of this identity hold.
    #[param(max_length = 2048)]
    pub identity_id: Option<String>,
    /// Only of this kind.
    #[param(max_length = 2048)]
    pub kind: Option<String>,
    /// Only those that are privileged (`true`), or not (`false`).
    pub privileged: Option<bool>,
    /// Only those that can be requested (`true`), or not (`false`).
    pub requestable: Option<bool>,
    /// Whether they are in the target; `live` unless told.
    pub state: Option<EntitlementState>,
    /// What they are ordered by; `name` unless told.
    pub sort: Option<EntitlementOrder>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
