//! Apps: what people get access to.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The integration that feeds it. Without one, uploads of its members do.
    pub integration_id: Option<String>,
    /// Which list is uploaded for it, unless an integration feeds it.
    pub list: AppList,
    /// How many roles it has.
    pub roles: u32,
    /// The columns of the members list that was applied last.
    pub columns: Vec<String>,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change of its name or description.
    pub version: i64,
}

/// Which list is uploaded for an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppList {
    /// Its accounts with their roles.
    #[default]
    Members,
    /// Its entitlements: a flat file source.
    Entitlements,
}

/// An app to be created, which uploads of its members will feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApp {
    /// What people call it.
    #[schema(example = "Advanced Targeting", max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
    /// Which list will be uploaded for it; it stays so.
    #[serde(default)]
    pub list: AppList,
}

/// A change of an app. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateApp {
    /// What people call it.
    #[schema(example = "Advanced Targeting", max_length = 200)]
    pub name: Option<String>,
    /// What it is for.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
}

/// Which assignments of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AppAssignmentQuery {
    /// Words to look for in names; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only of this role.
    #[param(max_length = 2048)]
    pub role_id: Option<String>,
    /// Only of this account.
    #[param(max_length = 2048)]
    pub account_id: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// Which apps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AppQuery {
    /// Words to look for in names; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
