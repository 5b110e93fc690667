//! Single resources: their owners and maintainers, and whom the target recommends.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::catalogue::CatalogueObject;

/// A resource with its people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resource {
    /// What was found.
    #[serde(flatten)]
    pub found: CatalogueObject,
    /// The integration that found it; missing where uploads feed the app.
    pub integration_id: Option<String>,
    /// The app that it belongs to.
    pub app_id: String,
    /// Who answers for it.
    pub owners: Vec<ResourcePerson>,
    /// Who fulfils its manual tasks.
    pub maintainers: Vec<ResourcePerson>,
    /// Whom the target recommends as owners, by what it shows now.
    pub recommended_owners: Vec<ResourcePerson>,
    /// Whom the target recommends as maintainers, by what it shows now.
    pub recommended_maintainers: Vec<ResourcePerson>,
    /// Grows with every change of its people; the same as the `ETag`.
    pub version: i64,
}

/// A person of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourcePerson {
    /// The identity.
    pub identity_id: String,
    /// What people call the identity.
    pub display: String,
    /// Whether the identity is active and still in its data source: who is not acts for nothing.
    pub is_active: bool,
}

/// Names the people of a resource. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SetResourcePeople {
    /// Who answers for it: ids of identities, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    pub owners: Option<Vec<String>>,
    /// Who fulfils its manual tasks: ids of identities, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    pub maintainers: Option<Vec<String>>,
}

/// What somebody is to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRelation {
    /// Answers for it.
    Owner,
    /// Fulfils its manual tasks.
    Maintainer,
}

/// A resource that you have to do with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnResource {
    /// The resource.
    pub resource_id: String,
    /// What you are to it.
    pub relation: ResourceRelation,
}

/// Which memberships of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResourceMembershipQuery {
    /// Only with this status.
    #[param(inline)]
    pub status: Option<crate::memberships::MembershipStatus>,
    /// Only those that wait for a person, or only the others.
    pub waiting: Option<bool>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
