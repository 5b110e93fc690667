//! What aggregations found: accounts, resources, entitlements and who holds them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::mappings::AccountMapping;
use crate::settings::present;

/// An account or a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogueObject {
    /// Its id in Grantry.
    pub id: String,
    /// Its kind in the target.
    pub kind: String,
    /// Its id in the target.
    pub native_id: String,
    /// Its name in the target, such as a user name.
    pub name: Option<String>,
    /// What people call it.
    pub display: String,
    /// `enabled`, `disabled`, `locked`, `pending`, `deleted` or `unknown`.
    pub status: String,
    /// All that the connector reported.
    #[schema(value_type = Object)]
    pub details: Value,
    /// When it was seen first.
    pub first_seen_ms: i64,
    /// When it was gone from the target.
    pub removed_ms: Option<i64>,
    /// Whose it is; of accounts only.
    pub mapping: Option<AccountMapping>,
}

/// An entitlement. Seen through its app it is a role: the same row with the same id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entitlement {
    /// Its id in Grantry.
    pub id: String,
    /// The integration that it was found by; missing where an upload named it.
    pub integration_id: Option<String>,
    /// The app that it belongs to.
    pub app_id: String,
    /// The resource that it is on.
    pub resource_id: String,
    /// Its kind in the target.
    pub kind: String,
    /// Its id in the target.
    pub native_id: String,
    /// Its Entitlement ID: what people and files know it by. The target's own id, unless its type says
    /// which attribute it is.
    pub known_as: String,
    /// Its short name on the resource, such as `member`.
    pub slug: String,
    /// What people call it: by an admin's word, else by the source's.
    pub display: String,
    /// What it is for: by an admin's word, else by the source's.
    pub description: Option<String>,
    /// Whether it is privileged: by an admin's word, else by the source's.
    pub is_privileged: bool,
    /// What the source calls it.
    pub source_display: String,
    /// What it is for by the source's word.
    pub source_description: Option<String>,
    /// Whether the source calls it privileged.
    pub source_is_privileged: bool,
    /// Grows with every word of an admin; the same as the `ETag`.
    pub version: i64,
    /// Whether it can be held, but neither granted nor revoked.
    pub is_immutable: bool,
    /// Whether its type is deleted: it is kept as it is, and can be revoked but not granted.
    pub is_frozen: bool,
    /// All that the connector reported.
    #[schema(value_type = Object)]
    pub details: Value,
    /// When it was seen first.
    pub first_seen_ms: i64,
    /// When it was gone from the target.
    pub removed_ms: Option<i64>,
}

/// What an admin says of an entitlement: what is left out stays, `null` leaves the source's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateEntitlement {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub display: Option<Option<String>>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    pub description: Option<Option<String>>,
    /// Whether it is privileged.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    pub is_privileged: Option<Option<bool>>,
}

/// All entitlements that a search finds. Empty texts find everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EntitlementFilter {
    /// Words to look for in names and ids; `*` stands for any characters.
    #[schema(max_length = 2048)]
    pub search: String,
    /// Only of this kind.
    #[schema(max_length = 2048)]
    pub kind: String,
}

/// Says of many entitlements at once whether they are privileged. Give `ids` or `filter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPrivileged {
    /// Whether they are; `null` leaves the source's word.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<bool>, required = true, example = true)]
    pub is_privileged: Option<Option<bool>>,
    /// These, at most a thousand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 1000)]
    pub ids: Option<Vec<String>>,
    /// All that it finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EntitlementFilter>, example = json!({"search": "admin", "kind": ""}))]
    pub filter: Option<EntitlementFilter>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrivilegedSet {
    /// Entitlements that were meant.
    pub selected: u64,
    /// Those of which it was not said before.
    pub changed: u64,
}

/// An observed fact: the holder holds the entitlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The entitlement.
    pub entitlement_id: String,
    /// What people call the entitlement.
    pub entitlement_display: String,
    /// The holder: an account or a resource.
    pub holder_id: String,
    /// The holder's kind.
    pub holder_kind: String,
    /// What people call the holder.
    pub holder_display: String,
    /// Whether the entitlement is privileged.
    pub is_privileged: bool,
    /// What is beyond the plain fact.
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// Some of those who hold an entitlement in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveHolders {
    /// The holders, by id.
    pub items: Vec<EffectiveHolder>,
    /// Where the next page begins; missing on the last one.
    pub next: Option<String>,
    /// False where there are more than were looked for: 20,000 holders, 2,000 entitlements of groups, or
    /// 50 groups within each other.
    pub is_complete: bool,
}

/// Who holds an entitlement, directly or through groups that hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveHolder {
    /// The holder: an account or a resource.
    pub holder_id: String,
    /// The holder's kind.
    pub holder_kind: String,
    /// What people call the holder.
    pub holder_display: String,
    /// Whether an assignment of its own gives it.
    pub is_direct: bool,
    /// Through which groups, from the one that holds the entitlement itself on: a shortest way.
    pub via: Vec<HolderVia>,
}

/// A group through which somebody holds an entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HolderVia {
    /// The group.
    pub holder_id: String,
    /// What people call it.
    pub display: String,
}

/// Which accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Words to look for in names and ids; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only of this kind.
    #[param(max_length = 2048)]
    pub kind: Option<String>,
    /// Only with this status. Removed ones are listed with `deleted` only.
    #[param(max_length = 2048)]
    pub status: Option<String>,
    /// Only those that are an identity's (`true`), or nobody's (`false`).
    pub mapped: Option<bool>,
    /// Only those of which the mapping rules say what takes a person's word (`true`), or the others.
    pub proposed: Option<bool>,
    /// Only those of this identity.
    #[param(max_length = 2048)]
    pub identity_id: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// Which resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ObjectQuery {
    /// Words to look for in names and ids; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only of this kind.
    #[param(max_length = 2048)]
    pub kind: Option<String>,
    /// Only with this status. Removed ones are listed with `deleted` only.
    #[param(max_length = 2048)]
    pub status: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// Which entitlements or roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntitlementQuery {
    /// Words to look for in names and ids; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only of this kind.
    #[param(max_length = 2048)]
    pub kind: Option<String>,
    /// Only those that are privileged (`true`), or not (`false`).
    pub privileged: Option<bool>,
    /// Only those with this Entitlement ID.
    #[param(max_length = 2048)]
    pub known_as: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// Which assignments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AssignmentQuery {
    /// Words to look for in the names of both ends; `*` stands for any characters.
    #[param(max_length = 2048)]
    pub search: Option<String>,
    /// Only of this entitlement.
    pub entitlement_id: Option<String>,
    /// Only of this holder.
    pub holder_id: Option<String>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
