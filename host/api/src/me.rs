//! The caller: who it is, what it may do, and a person's own API tokens.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::mappings::IdentityAccount;
use crate::permissions::{Action, Entity};
use crate::settings::present;
use crate::sign_in::CurrentSession;

/// Who calls, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The principal's id.
    pub principal_id: String,
    /// `client`, `plugin` or `person`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// A person's role: `admin`, `auditor` or `user`.
    pub role: Option<String>,
    /// Actions that are held on every app and data source, by a role or globally.
    pub global: Vec<Action>,
    /// Apps and data sources on which all four actions are held.
    pub entities: Vec<Entity>,
    /// Admin actions that are held by the role, such as `client.write`.
    pub admin_actions: Vec<String>,
    /// Where a person gets mail, if that was set.
    pub mail: Option<String>,
    /// The session that the request came with, if it did.
    pub session: Option<CurrentSession>,
    /// What the token that was sent is limited to, if it is a scoped one. The other fields are what
    /// is left.
    pub scope: Option<Scope>,
}

/// An account of yours, or one that you may claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnAccount {
    /// The account, and where it is.
    #[serde(flatten)]
    pub account: IdentityAccount,
    /// The identity of yours that has it, or claims it.
    pub identity_id: Option<String>,
    /// Whether it is yours.
    pub is_mapped: bool,
    /// Whether your claim waits for the integration's owner.
    pub is_waiting: bool,
    /// Whether you may claim it or give it up: the integration lets people do so, and nobody who
    /// administers it has said whose it is.
    pub is_editable: bool,
}

/// Which accounts of yours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OwnAccountQuery {
    /// `true` for nobody's accounts that you may claim, instead of yours. A page of those may have
    /// fewer items than `limit`, also none, and a `next`.
    pub claimable: Option<bool>,
    /// At most this many items; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before. It holds for one list with the same filters.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// Which identity of yours claims an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimAccount {
    /// Needed only where several of yours fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_id: Option<String>,
}

/// A change of the own account: what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMe {
    /// Where you get mail; `null` for nowhere, until an issuer that you sign in by tells an address
    /// that it has verified.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ada@example.com", max_length = 254)]
    pub mail: Option<Option<String>>,
}

/// What a person's token is limited to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Of the four actions, on whatever its owner holds them at the time of use.
    #[serde(default)]
    #[schema(example = json!(["app_and_role_read"]))]
    pub actions: Vec<Action>,
    /// Of the admin actions, such as `job.read`.
    #[serde(default)]
    #[schema(example = json!([]))]
    pub admin_actions: Vec<String>,
}

/// A person's own API token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnToken {
    /// Its id, which is also the first part of its text.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it is limited to; the first admin's first token is not limited.
    pub scope: Option<Scope>,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends by itself.
    pub expires_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// When it was last used, to the minute.
    pub used_ms: Option<i64>,
}

/// A token to be made by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOwnToken {
    /// What its owner calls it.
    #[schema(example = "Nightly report", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is limited to: at least one action, and no admin action that its owner does not hold.
    pub scope: Scope,
    /// When it ends by itself: at most a year from now.
    #[schema(example = 1_800_100_000_000_i64)]
    pub expires_ms: i64,
}

/// A new token. This is the only time that its text is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewOwnToken {
    /// The token, for `Authorization: Bearer …`. Missing in the answer to a repeated request: it is
    /// not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What is kept of it.
    #[serde(flatten)]
    pub stored: OwnToken,
}

impl std::fmt::Debug for NewOwnToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewOwnToken").field("stored", &self.stored).finish_non_exhaustive()
    }
}
