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
    /// The integration that feeds it.
    pub integration_id: Option<String>,
    /// How many roles it has.
    pub roles: u32,
    /// When it was created.
    pub created_ms: i64,
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
