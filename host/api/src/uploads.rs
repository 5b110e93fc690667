//! Uploaded lists: the members of an app, the users of a data source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::permissions::Entity;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadStatus {
    /// Its bytes are coming.
    Receiving,
    /// It was read as a whole and compared; it can be applied.
    Ready,
    /// The list is now as the file says.
    Applied,
    /// Given up.
    Discarded,
}

/// What an upload would change, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// Names this diff: send it to apply the upload.
    pub hash: String,
    /// People in the list before.
    pub before: u64,
    /// People who come.
    pub added: u64,
    /// People about whom something changes, their roles included.
    pub changed: u64,
    /// People who go.
    pub removed: u64,
    /// Roles held before: pairs of an account and a role. 0 for a data source.
    pub grants_before: u64,
    /// Roles that come to an account.
    pub grants_added: u64,
    /// Roles that an account loses.
    pub grants_removed: u64,
    /// Roles that nobody held before.
    pub roles_added: u64,
    /// Roles that nobody holds any more.
    pub roles_removed: u64,
    /// Whether applying it changes nobody.
    pub is_empty: bool,
    /// People in the list before who are active.
    pub active_before: u64,
    /// Of these, people who go or are not active any more.
    pub deactivated: u64,
    /// Whether it takes so much away, with what lists took away within a day, that a person or a
    /// client has to send the hash as `approve_diff` too.
    pub is_mass_removal: bool,
}

/// An uploaded list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// Its id.
    pub id: String,
    /// Whose list it is.
    pub entity: Entity,
    /// Who sent it.
    pub principal_id: String,
    /// Where it stands.
    pub status: UploadStatus,
    /// Bytes of the file.
    pub bytes: u64,
    /// Lines of the file, without the header.
    pub rows: u64,
    /// Its columns. Those that docs/csv.md does not name became attributes.
    pub columns: Vec<String>,
    /// SHA-256 of the file, in hex.
    pub digest: String,
    /// What it would change, or has changed.
    pub diff: Diff,
    /// When it began.
    pub created_ms: i64,
    /// Until when it can be applied.
    pub expires_ms: i64,
    /// When it was applied.
    pub applied_ms: Option<i64>,
    /// When what it removed was brought back.
    pub undone_ms: Option<i64>,
}

/// Applies an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyUpload {
    /// The hash of the diff that you saw.
    #[schema(max_length = 64)]
    pub diff: String,
    /// The same hash again, where the diff is a mass removal and it is meant.
    #[schema(max_length = 64)]
    pub approve_diff: Option<String>,
}

/// A person as a list has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedPerson {
    /// Names the person within the list.
    pub external_id: String,
    /// A short login name.
    pub user_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// What people call the person.
    pub display_name: String,
    /// Whether the person, or the account, is active.
    pub is_active: bool,
    /// To whom the person reports; in lists of users.
    pub manager_external_id: Option<String>,
    /// Roles that the account holds; in lists of members.
    pub roles: Vec<String>,
    /// All other columns that are not empty.
    pub attributes: BTreeMap<String, String>,
}

/// What an upload would change about one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListChange {
    /// The identity, or the account.
    pub id: String,
    /// As the list has it; missing for somebody who comes.
    pub before: Option<ListedPerson>,
    /// As the file has it; missing for somebody who goes.
    pub after: Option<ListedPerson>,
}

/// Which changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// People who come.
    Added,
    /// People about whom something changes.
    Changed,
    /// People who go.
    Removed,
}

/// Which changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Who comes, changes or goes.
    #[param(inline)]
    pub kind: ChangeKind,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
