//! Permissions: the four actions, held globally or per entity.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The four actions that clients and plugins can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// List apps, roles, and what is below them.
    AppAndRoleRead,
    /// Upload the user list of a CSV app.
    CsvAppUserUpload,
    /// Upload the user list of a data source.
    DataSourceUsersUpdate,
    /// Grant, extend, renew and delete app memberships.
    AppMembershipWrite,
}

/// What kind of thing a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// An app.
    App,
    /// A data source.
    DataSource,
}

/// An app or a data source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Which of the two.
    pub kind: EntityKind,
    /// Its id.
    pub id: String,
}

/// All that a principal holds. The two add up, and nothing else gives access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Permissions {
    /// Actions that are held on every app and data source.
    pub global: Vec<Action>,
    /// Apps and data sources on which all four actions are held.
    pub entities: Vec<Entity>,
    /// A person's role, which may hold more: `admin`, `auditor` or `user`.
    pub role: Option<String>,
    /// What an admin should know about this choice.
    pub warnings: Vec<String>,
}

/// All that a principal is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPermissions {
    /// Actions on every app and data source, those of the future included.
    #[schema(example = json!(["app_and_role_read"]))]
    pub global: Vec<Action>,
    /// Apps and data sources that are given with all four actions.
    #[schema(example = json!([]))]
    pub entities: Vec<Entity>,
}

/// On which entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EffectiveQuery {
    /// An app or a data source.
    #[param(inline)]
    pub entity_kind: EntityKind,
    /// Its id.
    pub entity_id: String,
}

/// What a principal may do on an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectivePermissions {
    /// The four actions.
    pub items: Vec<EffectivePermission>,
    /// What an admin should know about it.
    pub warnings: Vec<String>,
}

/// Whether a principal holds an action on an entity, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectivePermission {
    /// The action.
    pub action: Action,
    /// Whether it is held.
    pub is_allowed: bool,
    /// Why, in words; missing if it is not held.
    pub why: Option<String>,
}
