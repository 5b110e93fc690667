//! What an aggregation added, changed and removed.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A row that an aggregation added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunChange {
    /// What became of it.
    pub change: RowChange,
    /// What it is.
    pub what: RowWhat,
    /// The source's own word for its type; of an assignment, that of its entitlement.
    pub kind: String,
    /// Its id; an assignment's is its entitlement's.
    pub id: String,
    /// Its name; an assignment's is its entitlement's.
    pub display: String,
    /// Who holds it; assignments only.
    pub holder_id: Option<String>,
    /// The holder's name.
    pub holder_display: Option<String>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// It is new, or was gone.
    Added,
    /// It says something else.
    Changed,
    /// It is gone.
    Removed,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowWhat {
    /// A login of a person or a machine.
    Account,
    /// Something that entitlements are on.
    Resource,
    /// An entitlement.
    Entitlement,
    /// That somebody holds an entitlement.
    Assignment,
}

/// Which changes of an aggregation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunChangeQuery {
    /// Only such changes.
    pub change: Option<RowChange>,
    /// Only such rows.
    pub what: Option<RowWhat>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
