//! People and their roles.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::settings::present;

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
    /// Who they are there: the object id of Entra ID, the subject elsewhere. Missing until the first
    /// sign-in of somebody who was added by an address.
    pub subject: Option<String>,
    /// The address that their first sign-in has to prove, in lower case.
    pub sign_in_mail: Option<String>,
    /// Where they get mail. Without it, mail goes to their user name if that is an address.
    pub mail: Option<String>,
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
    /// Words in the name, user name or mail address; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
}

/// A person to be added, who has not signed in yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePerson {
    /// What people call them, until their issuer tells.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 200)]
    pub name: String,
    /// The issuer that they will sign in by.
    pub issuer_id: String,
    /// Who they are there: the object id of Entra ID, the subject (`sub`) elsewhere. This or
    /// `sign_in_mail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0f2b6c4e-5d0a-4c55-9c5e-3d7f1b0a9e21", max_length = 200)]
    pub subject: Option<String>,
    /// The address that their first sign-in has to prove, where the issuer tells verified addresses.
    /// Not for Entra ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 254)]
    pub sign_in_mail: Option<String>,
    /// Their role; `user` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Where they get mail; `sign_in_mail` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 254)]
    pub mail: Option<String>,
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
    /// Where they get mail; `null` for nowhere.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 254)]
    pub mail: Option<Option<String>>,
}
