//! Apps: what people get access to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
