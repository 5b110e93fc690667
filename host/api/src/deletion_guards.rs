//! Deletion guards: how much an aggregation may remove without a person's word.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::settings::present;

/// An integration's deletion guard. Every kind of rows is looked at by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletionGuard {
    /// Most rows of a kind within a day; null for any number.
    pub count_max: Option<u64>,
    /// Largest share of a kind within a day, in percent.
    pub percent_max: u32,
    /// Whether the last rows of a kind may go.
    pub may_empty: bool,
    /// How many days a removal can be undone.
    pub undo_days: u32,
}

/// A change of a deletion guard. What is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateDeletionGuard {
    /// Most rows of a kind within a day; null for any number.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub count_max: Option<Option<u64>>,
    /// Largest share of a kind within a day, 0 to 100 percent.
    #[schema(example = 20)]
    pub percent_max: Option<u32>,
    /// Whether the last rows of a kind may go.
    pub may_empty: Option<bool>,
    /// How many days a removal can be undone, 1 to 90.
    pub undo_days: Option<u32>,
}
