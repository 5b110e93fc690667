//! Data sources: where identities come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::settings::present;

/// A data source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DataSource {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The further columns of the file that was applied last: the attributes of its identities.
    pub columns: Vec<String>,
    /// How many identities it has.
    pub identities: u64,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change of its name, description or sign-in.
    pub version: i64,
    /// Whose people its identities are: who of them signs in is that identity.
    pub sign_in: Option<DataSourceSignIn>,
}

/// The people of an issuer are identities of a data source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSourceSignIn {
    /// An issuer that people sign in by.
    pub issuer_id: String,
    /// What tells who somebody is.
    pub known_by: KnownBy,
}

/// What tells which identity somebody who signs in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// `external_id` is the issuer's subject, exactly; with Entra ID the object id.
    Subject,
    /// `email` is the mail address that the issuer has verified, without case.
    VerifiedMail,
}

/// A data source to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDataSource {
    /// What people call it.
    #[schema(example = "Entra ID", max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
}

/// A change of a data source. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateDataSource {
    /// What people call it.
    #[schema(example = "Entra ID", max_length = 200)]
    pub name: Option<String>,
    /// What it is for.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Whose people its identities are; `null` for nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<DataSourceSignIn>)]
    pub sign_in: Option<Option<DataSourceSignIn>>,
}

/// Which data sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DataSourceQuery {
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

/// A person as a data source knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Its id: the same whenever the person comes back.
    pub id: String,
    /// Where it comes from.
    pub data_source_id: String,
    /// Names the person within the data source.
    pub external_id: String,
    /// A short login name.
    pub user_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// What people call the person.
    pub display_name: String,
    /// Whether the person is with the organisation now.
    pub is_active: bool,
    /// The external id, in the same data source, of whom the person reports to.
    pub manager_external_id: Option<String>,
    /// Everything else that the data source tells, by column.
    pub attributes: BTreeMap<String, String>,
    /// When the data source told of it first.
    pub first_seen_ms: i64,
    /// Since when the data source does not have it any more.
    pub removed_ms: Option<i64>,
}

/// Whether a person is with the organisation now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityStatus {
    /// Is.
    Active,
    /// Is not.
    Inactive,
}

/// Which identities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IdentityQuery {
    /// Words to look for in names, ids and addresses; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only with this status.
    #[param(inline)]
    pub status: Option<IdentityStatus>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
