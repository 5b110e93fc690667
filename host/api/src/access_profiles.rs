//! Access profiles: named sets of entitlements of several apps.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An access profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessProfile {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How many entitlements it holds, also those that are gone.
    pub entitlements: u64,
    /// Whether one of its entitlements is privileged.
    pub is_privileged: bool,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// An access profile by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessProfileName {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// An entitlement of an access profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileEntitlement {
    /// Its id.
    pub id: String,
    /// What people call it; where nothing is left of it, what it was called when it came in.
    pub display: String,
    /// The app that it belongs to, as long as there is one.
    pub app_id: Option<String>,
    /// What the app is called.
    pub app_name: Option<String>,
    /// Its kind in the target; empty where nothing is left of it.
    pub kind: String,
    /// Whether it is privileged.
    pub is_privileged: bool,
    /// Whether it is gone from the target, or with its app.
    pub is_removed: bool,
}

/// An access profile to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAccessProfile {
    /// What people call it.
    #[schema(example = "Support, first line", max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
    /// Its entitlements, at most five hundred.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub entitlement_ids: Vec<String>,
}

/// A change of an access profile. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAccessProfile {
    /// What people call it.
    #[schema(example = "Support, first line", max_length = 200)]
    pub name: Option<String>,
    /// What it is for.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// All its entitlements, at most five hundred: what is not among them is taken out. One that is
    /// gone may stay, and cannot come in.
    #[schema(max_items = 500)]
    pub entitlement_ids: Option<Vec<String>>,
}

/// Which access profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessProfileQuery {
    /// Words to look for in names; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only those that hold this entitlement.
    #[param(max_length = 2048)]
    pub entitlement_id: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
