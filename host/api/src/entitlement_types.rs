//! Entitlement types: what entitlements of one native kind are like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::settings::present;

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntitlementType {
    /// Its id.
    pub id: String,
    /// The integration that it is of.
    pub integration_id: String,
    /// Exactly the target's native object type.
    pub name: String,
    /// What people call it.
    pub display: String,
    /// What it is for.
    pub description: String,
    /// Who made it: `connector`, `sync` (one met the native type first) or `admin`.
    pub origin: String,
    /// Whether aggregations read who holds its entitlements.
    pub includes_permissions: bool,
    /// Whether people are offered its entitlements; others cannot be requested.
    pub is_cloud_enabled: bool,
    /// Its attributes.
    pub attributes: Vec<EntitlementTypeAttribute>,
    /// Attributes that the connector declares and an admin took out.
    pub dropped_attributes: Vec<String>,
    /// The attribute that is the Entitlement ID; missing where the connector gives the id alone.
    pub id_attribute: Option<String>,
    /// The attribute that is the Entitlement Name.
    pub name_attribute: Option<String>,
    /// The attribute that serves as the description; missing for the connector's own.
    pub description_attribute: Option<String>,
    /// Its entitlements.
    pub entitlements: u64,
    /// Whether it is deleted: its entitlements are kept as they are, until it is made again.
    pub is_frozen: bool,
    /// Since when.
    pub deleted_ms: Option<i64>,
    /// When it was made.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// An attribute of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntitlementTypeAttribute {
    /// Its name, exactly as the connector reports it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `string`, `long`, `int`, `boolean`, or the name of the type that it refers to.
    #[serde(rename = "type")]
    pub of_type: String,
    /// Whether it refers to things of another type.
    pub is_reference: bool,
    /// Whether it may have several values.
    pub is_multi_valued: bool,
    /// Whether rows are held against it.
    pub is_managed: bool,
    /// Whose word it is: `connector`, `edited` (an admin's, instead of the connector's) or `admin`.
    pub said_by: String,
    /// What the connector declares, where an admin says something else.
    pub declared: Option<DeclaredAttribute>,
}

/// What a connector declares of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredAttribute {
    /// What it is for.
    pub description: String,
    /// `string`, `long`, `int`, `boolean`, or the name of the type that it refers to.
    #[serde(rename = "type")]
    pub of_type: String,
    /// Whether it may have several values.
    pub is_multi_valued: bool,
}

/// An attribute that a type is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAttribute {
    /// Its name, exactly as the connector reports it.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
    /// `string`, `long`, `int`, `boolean`, or the name of another type of the integration, which makes
    /// it a reference by itself.
    #[serde(rename = "type", default = "string")]
    #[schema(default = "string")]
    pub of_type: String,
    /// Whether it may have several values.
    #[serde(default)]
    pub is_multi_valued: bool,
    /// Whether rows are held against it; one that is not managed is kept as it comes.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub is_managed: bool,
}

fn string() -> String {
    "string".to_owned()
}

fn yes() -> bool {
    true
}

/// A type to be made, or a deleted one to be made again: what is left out is then as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEntitlementType {
    /// Exactly the target's native object type.
    #[schema(example = "Vault", min_length = 1, max_length = 200)]
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub display: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Whether aggregations read who holds its entitlements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub includes_permissions: Option<bool>,
    /// Whether people are offered its entitlements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_cloud_enabled: Option<bool>,
    /// Its attributes. The first one is the Entitlement ID and the Entitlement Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 200)]
    pub attributes: Option<Vec<SetAttribute>>,
}

/// A change of a type: what is left out stays, `null` leaves the connector's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateEntitlementType {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub display: Option<Option<String>>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Whether aggregations read who holds its entitlements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub includes_permissions: Option<bool>,
    /// Whether people are offered its entitlements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_cloud_enabled: Option<bool>,
    /// All attributes that it is to have. One that the connector declares and that is not among them is
    /// taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 200)]
    pub attributes: Option<Vec<SetAttribute>>,
    /// The attribute that is the Entitlement Name, from the next aggregation on.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub name_attribute: Option<Option<String>>,
    /// The attribute that serves as the description, from the next aggregation on.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub description_attribute: Option<Option<String>>,
}

/// Which attribute is to be the Entitlement ID.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreviewReKey {
    /// The attribute; missing for the connector's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub id_attribute: Option<String>,
}

/// Another attribute as the Entitlement ID, as it was previewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReKeyEntitlementType {
    /// The attribute; missing for the connector's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub id_attribute: Option<String>,
    /// The preview's hash: exactly what it showed is done, or nothing.
    #[schema(example = "0")]
    pub hash: String,
}

/// What another attribute as the Entitlement ID would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReKeyPreview {
    /// The attribute; missing for the connector's own id.
    pub id_attribute: Option<String>,
    /// Entitlements of the type.
    pub entitlements: u64,
    /// Those that get another id.
    pub changed: u64,
    /// Ids that would stand for several entitlements.
    pub colliding_ids: u64,
    /// The first hundred of them.
    pub colliding: Vec<CollidingId>,
    /// Entitlements without a value, which would keep the target's own id.
    pub without: u64,
    /// The first hundred of them.
    pub without_id: Vec<ReKeyedEntitlement>,
    /// What is at stake, in words.
    pub risk: String,
    /// Stands for exactly this change.
    pub hash: String,
}

/// An id that would stand for several entitlements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollidingId {
    /// The id.
    pub id: String,
    /// How many it would stand for.
    pub entitlements: u64,
    /// The first ten of them.
    pub first: Vec<ReKeyedEntitlement>,
}

/// An entitlement whose id would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReKeyedEntitlement {
    /// Its id in Grantry, which stays.
    pub id: String,
    /// What people call it.
    pub display: String,
    /// What it is known as now.
    pub known_as: String,
}
