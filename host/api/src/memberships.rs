//! Memberships: managed access with a start and an end.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ticket_desks::OperationTicket;

/// An account's managed access to a role of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// Its id.
    pub id: String,
    /// The app.
    pub app_id: String,
    /// The role.
    pub role_id: String,
    /// The account that holds it.
    pub account_id: String,
    /// Where it stands.
    pub status: MembershipStatus,
    /// Why it ends or ended.
    pub ending: Option<Ending>,
    /// Since when it is granted.
    pub starts_ms: i64,
    /// Until when; without an end it lasts until it is deleted.
    pub ends_ms: Option<i64>,
    /// Why provisioning failed.
    pub failure: Option<String>,
    /// Why a person has to do it. What is then seen in the target is recorded; where no integration
    /// feeds the app, what the next list shows, or whoever has done it says.
    pub waiting: Option<Waiting>,
    /// Since when its revocation is overdue: the access was to be gone a day before, and that is not
    /// confirmed.
    pub overdue_since_ms: Option<i64>,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// Why a membership waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// `integration_read_only`, `permission_changes_off` or `account_creation_off` after the setting
    /// that keeps Grantry from it; `manual_method` where it is done by hand, `fallback` where the
    /// connector could not; `manual` where no integration feeds the app.
    pub code: String,
    /// The same in words.
    pub detail: String,
}

/// Where a membership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipStatus {
    /// Being made true in the target.
    Provisioning,
    /// True in the target, by a read-back.
    Active,
    /// Could not be made true; `failure` says why.
    Failed,
    /// Being made untrue in the target, because it ended or was deleted.
    Deprovisioning,
    /// Its time is over and the access is gone. Can be renewed.
    Expired,
    /// Ended by a deletion, and the access is gone. Final.
    Deleted,
}

/// Why a membership ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its time is over.
    Expiry,
    /// Somebody deleted it.
    Deletion,
}

/// Grants a role to an account, or to the account of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantMembership {
    /// The role: an entitlement of the app.
    pub role_id: String,
    /// Who gets it: an account of the app. Give this or `identity_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Who gets it: the one account of the app's integration that is this identity's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_id: Option<String>,
    /// When it ends. Give this or `duration_ms`, or neither for access without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_ms: Option<i64>,
    /// How long it lasts from now: one minute to ten years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 28800000)]
    pub duration_ms: Option<i64>,
}

/// Moves the end of an active membership. Give exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendMembership {
    /// The new end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_ms: Option<i64>,
    /// The new end, counted from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 28800000)]
    pub duration_ms: Option<i64>,
}

/// Starts a new period of an expired membership, without an end unless one is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewMembership {
    /// When the new period ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_ms: Option<i64>,
    /// How long the new period lasts from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 28800000)]
    pub duration_ms: Option<i64>,
}

/// One change that was or is to be made in the target for a membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembershipOperation {
    /// Its id; also the idempotency key that the connector gets.
    pub id: String,
    /// `grant` or `revoke`.
    pub verb: String,
    /// Where it stands: `intended`, `confirmed` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was intended.
    pub started_ms: i64,
    /// When it was settled.
    pub finished_ms: Option<i64>,
    /// What came of it, in words.
    pub outcome: Option<String>,
    /// The tickets that were opened for it, oldest first.
    pub tickets: Vec<OperationTicket>,
}

/// Which memberships.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembershipQuery {
    /// Only with this status.
    #[param(inline)]
    pub status: Option<MembershipStatus>,
    /// Only of this account.
    pub account_id: Option<String>,
    /// Only of this role.
    pub role_id: Option<String>,
    /// Only those that wait for a person, or only the others.
    pub waiting: Option<bool>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}
