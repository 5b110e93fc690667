//! People and their roles.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A person's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May read everything, the audit log included.
    Auditor,
    /// May sign in, and sees what is given.
    User,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// The person's id, which is also their principal's id.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// With which name they sign in at their issuer; empty if it did not tell.
    pub user_name: String,
    /// Their role.
    pub role: Option<Role>,
    /// Whether they are refused.
    pub is_disabled: bool,
    /// The issuer that they come from; missing for the local admin.
    pub issuer_id: Option<String>,
    /// Who they are there: the object id of Entra ID, the subject elsewhere.
    pub subject: Option<String>,
    /// When they last signed in.
    pub signed_in_ms: Option<i64>,
    /// When they were created.
    pub created_ms: i64,
}

/// Which people to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
    /// Words in the name or user name; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
}

/// A change of a person: what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePerson {
    /// Their new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether they are refused. Their sessions end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_disabled: Option<bool>,
}
