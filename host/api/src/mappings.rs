//! Whose an account is: the rules of an integration, or of an app that lists feed, and what people say by hand.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::settings::present;

/// What of an account a rule compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountField {
    /// Its e-mail addresses: the attributes that targets usually keep them in.
    Email,
    /// The name that it signs in with.
    UserName,
    /// Its id in the target.
    NativeId,
    /// All values of `attribute`.
    Attribute,
}

/// What of an identity it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityField {
    /// The e-mail address.
    Email,
    /// The short login name.
    UserName,
    /// The id in the data source.
    ExternalId,
}

/// Another domain for the addresses of one, before they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainChange {
    /// The domain that accounts have.
    #[schema(example = "old.example", max_length = 253)]
    pub from: String,
    /// The domain that identities have.
    #[schema(example = "new.example", max_length = 253)]
    pub to: String,
}

/// An account whose field equals the identity's, without case and surrounding space, is that
/// identity's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingRule {
    /// Of the account.
    pub account: AccountField,
    /// The attribute's name, with `account` = `attribute` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub attribute: Option<String>,
    /// Of the identity.
    pub identity: IdentityField,
    /// Only identities of this data source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source_id: Option<String>,
    /// Addresses of one domain are compared as those of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainChange>,
}

/// The rules of an integration, or app, in their order: the first that finds anybody decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingRules {
    /// At most ten. Without any, only people say whose an account is.
    pub rules: Vec<MappingRule>,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// New rules, which are applied at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMappingRules {
    /// All of them, in their order; at most ten.
    #[schema(example = json!([{"account": "email", "identity": "email"}]), max_items = 10)]
    pub rules: Vec<MappingRule>,
}

/// What is to be previewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewMapping {
    /// Rules to try instead of those that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 10)]
    pub rules: Option<Vec<MappingRule>>,
}

/// An identity, named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedIdentity {
    /// The identity.
    pub id: String,
    /// What people call it. It is told to those who may see its data source.
    pub display: Option<String>,
}

/// What the rules say of an account that takes a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingProposal {
    /// `another_identity` or `ambiguous`: the account is somebody's, and stays so. `second_account`:
    /// it is nobody's, and the identity has one of that kind, or would get several at once. `claimed`:
    /// it is nobody's, the rules find several identities, and this one says that it is theirs.
    pub why: String,
    /// Whose the account would be; missing where that is ambiguous.
    pub identity_id: Option<String>,
}

/// What the rules change about one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingChange {
    /// The account.
    pub account_id: String,
    /// What people call the account.
    pub account_display: String,
    /// Whose it is now.
    pub before: Option<NamedIdentity>,
    /// Whose it will be.
    pub after: Option<NamedIdentity>,
    /// The rule that decides, counted from 0.
    pub rule: Option<u32>,
    /// Why it will be nobody's: `no_match`, `ambiguous` or `second_account`.
    pub reason: Option<String>,
    /// What the rules say beyond that, which takes a person's word.
    pub proposal: Option<MappingProposal>,
}

/// What the rules changed, or would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingOutcome {
    /// Accounts that get an identity.
    pub mapped: u64,
    /// Accounts that get another identity.
    pub remapped: u64,
    /// Accounts that lose theirs.
    pub unmapped: u64,
    /// Accounts that stay as they are, of which the rules say what takes a person's word.
    pub held: u64,
    /// Accounts of which only the deciding rule, or the reason, is another.
    pub explained: u64,
    /// The first hundred of the changes.
    pub changes: Vec<MappingChange>,
}

/// Whose an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountMapping {
    /// The identity; missing for an account that is nobody's.
    pub identity_id: Option<String>,
    /// What people call the identity. It is told to those who may see its data source too.
    pub identity_display: Option<String>,
    /// Who says so: `rule`, `hand` for somebody who administers, or `own` for whoever gave it up.
    /// Rules and syncs leave it as it is, but for `rule`.
    pub origin: String,
    /// The rule that decided, counted from 0.
    pub rule: Option<u32>,
    /// Why it is nobody's: `no_match`, `ambiguous`, `second_account`, `by_hand`, or `identity_gone`
    /// until the identity comes back.
    pub reason: Option<String>,
    /// What the rules say that takes a person's word.
    pub proposal: Option<MappingProposal>,
    /// When that changed last.
    pub changed_ms: Option<i64>,
    /// Grows with every change; the `ETag` of the mapping.
    pub version: i64,
}

/// Says by hand whose an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMapping {
    /// The identity; `null` for nobody.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = true)]
    pub identity_id: Option<Option<String>>,
}

/// How the rules are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApplyMappingQuery {
    /// Do also what takes a person's word: give accounts another owner, and identities a second
    /// account. False unless told; preview it first.
    pub accept_proposals: Option<bool>,
}

/// An account of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityAccount {
    /// The account.
    pub account_id: String,
    /// The integration that it was found by; missing where a list names it.
    pub integration_id: Option<String>,
    /// What people call the integration.
    pub integration_name: Option<String>,
    /// The app.
    pub app_id: String,
    /// What people call the app.
    pub app_name: String,
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
    /// Who says whose it is: `rule`, `hand` or `own`.
    pub origin: String,
}
