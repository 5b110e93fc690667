//! What a target holds, as plugins report it: the host's side of `wit/types.wit` and
//! `wit/aggregate.wit`, which document every field.

use serde::{Deserialize, Serialize};

/// Opaque to the host; at most [`CURSOR_BYTES_MAX`].
pub type Cursor = Vec<u8>;

/// Longest cursor that is stored.
pub const CURSOR_BYTES_MAX: usize = 64 * 1024;
/// Longest native id, kind or slug that is stored, in bytes.
pub const NATIVE_ID_BYTES_MAX: usize = 1_024;

/// Points at an object of the target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The kind, as the plugin's manifest names it.
    pub kind: String,
    /// The native id.
    pub id: String,
}

/// An object's identity in the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct ObjectId {
    pub kind: String,
    pub id: String,
    pub name: Option<String>,
    pub aliases: Vec<String>,
    pub parent: Option<ObjectRef>,
    pub etag: Option<String>,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented case by case in wit/types.wit")]
pub enum Value {
    Text(String),
    Boolean(bool),
    Integer(i64),
    Decimal(String),
    Real(f64),
    Bytes(Vec<u8>),
    TimestampMs(i64),
    Date(String),
    Uuid(String),
    Reference(ObjectRef),
    Json(String),
}

/// Whether the values are all that the target holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Completeness {
    Complete,
    Partial,
    Unknown,
}

/// A named attribute with its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Attribute {
    pub name: String,
    pub values: Vec<Value>,
    pub completeness: Completeness,
}

/// A relative change of one attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct AttributeDelta {
    pub name: String,
    pub add: Vec<Value>,
    pub remove: Vec<Value>,
    pub replace: Option<Vec<Value>>,
}

/// An object's state in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ObjectStatus {
    Enabled,
    Disabled,
    Locked,
    Pending,
    Deleted,
    Unknown,
}

impl ObjectStatus {
    /// The status's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::Pending => "pending",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
        }
    }
}

/// Something in the target: an account, a group, a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Object {
    pub id: ObjectId,
    pub display: Option<String>,
    pub description: Option<String>,
    pub status: ObjectStatus,
    pub attributes: Vec<Attribute>,
    pub created_ms: Option<i64>,
    pub last_used_ms: Option<i64>,
}

/// What an entitlement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Purpose {
    Access,
    Permission,
    Ownership,
    Other,
}

/// Entitlements of one group exclude each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Exclusive {
    pub group: String,
    pub order: u32,
    pub is_default: bool,
}

/// A right that can be granted on an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Entitlement {
    pub id: String,
    pub kind: String,
    pub on: ObjectRef,
    pub slug: String,
    pub display: String,
    pub description: Option<String>,
    pub purpose: Purpose,
    pub grantable_to: Vec<String>,
    pub exclusive: Option<Exclusive>,
    pub is_immutable: bool,
    pub is_privileged: bool,
    pub attributes: Vec<Attribute>,
}

/// The slug by which an entitlement of ownership recommends its holders as maintainers.
const MAINTAINER_SLUG: &str = "maintainer";

impl Entitlement {
    /// As what its holders are recommended for the resource that it is on (INT-9): `owner`,
    /// `maintainer`, or nothing.
    pub fn recommends(&self) -> Option<&'static str> {
        let is_ownership = self.purpose == Purpose::Ownership;
        is_ownership.then_some(match &*self.slug {
            MAINTAINER_SLUG => "maintainer",
            _ => "owner",
        })
    }
}

/// Whoever holds one of `entitlements` on the holder also holds the assigned entitlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Expansion {
    pub entitlements: Vec<String>,
    pub is_shallow: bool,
    pub kinds: Vec<String>,
}

/// An observed fact: the holder holds the entitlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/types.wit")]
pub struct Assignment {
    pub id: Option<String>,
    pub entitlement: String,
    pub holder: ObjectRef,
    pub expansion: Option<Expansion>,
    pub is_immutable: bool,
    pub starts_ms: Option<i64>,
    pub ends_ms: Option<i64>,
    pub origin: Option<String>,
    pub attributes: Vec<Attribute>,
}

/// What one page of an aggregation is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "target", content = "of", rename_all = "snake_case")]
pub enum Target {
    /// All objects of a kind.
    Objects(String),
    /// The entitlements on objects of a kind.
    EntitlementsOfKind(String),
    /// The assignments of entitlements on objects of a kind.
    AssignmentsOfKind(String),
    /// The entitlements on one object.
    EntitlementsOf(ObjectRef),
    /// The assignments of entitlements on one object.
    AssignmentsOf(ObjectRef),
}

impl Target {
    /// The listing's name for people and in the database, such as `objects User`.
    pub fn name(&self) -> String {
        match self {
            Self::Objects(kind) => format!("objects {kind}"),
            Self::EntitlementsOfKind(kind) => format!("entitlements {kind}"),
            Self::AssignmentsOfKind(kind) => format!("assignments {kind}"),
            Self::EntitlementsOf(object) => format!("entitlements of one {}", object.kind),
            Self::AssignmentsOf(object) => format!("assignments of one {}", object.kind),
        }
    }
}

/// Asks a connector for one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct PageRequest {
    pub run_id: String,
    pub target: Target,
    pub at: Option<Cursor>,
    pub max_items: u32,
    pub max_bytes: u32,
}

/// Whether a scope's rows are listed or are as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Disposition {
    Fresh,
    Unchanged,
}

/// A part of a listing that can be validated as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct Scope {
    pub key: String,
    pub disposition: Disposition,
    pub validator: Option<String>,
}

/// One thing that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct Skip {
    pub about: Option<ObjectRef>,
    pub error: crate::fault::PluginError,
}

/// One page of an aggregation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct Page {
    pub objects: Vec<Object>,
    pub entitlements: Vec<Entitlement>,
    pub assignments: Vec<Assignment>,
    pub next: Option<Cursor>,
    pub expected_total: Option<u64>,
    pub is_complete: bool,
    pub scope: Option<Scope>,
    pub skipped: Vec<Skip>,
}

impl Page {
    /// A page without rows that is not known to be the last.
    pub fn empty() -> Self {
        Self {
            objects: Vec::new(),
            entitlements: Vec::new(),
            assignments: Vec::new(),
            next: None,
            expected_total: None,
            is_complete: false,
            scope: None,
            skipped: Vec::new(),
        }
    }
}
