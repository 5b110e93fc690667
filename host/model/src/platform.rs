//! Grantry's own directory as a plugin sees it (`wit/platform.wit`), bound to one integration's
//! principal. The engine implements it and decides with the same function as the HTTP API.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::permission::{Action, Entity};

/// Why the platform refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlatformError {
    /// The action is missing; some other action on the entity is held.
    Denied {
        /// What was missing.
        action: Action,
        /// On what.
        entity: Option<Entity>,
    },
    /// There is no such thing, or the caller holds nothing on it.
    NotFound,
    /// A field is wrong: path and message.
    Invalid(Vec<(String, String)>),
    /// The state forbids it.
    Conflict(String),
    /// A quota is used up.
    QuotaExceeded(String),
    /// Try again later.
    Unavailable(String),
}

/// An app in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/platform.wit")]
pub struct PlatformApp {
    pub id: String,
    pub name: String,
    pub roles: u32,
}

/// A role in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/platform.wit")]
pub struct PlatformRole {
    pub id: String,
    pub name: String,
    pub is_requestable: bool,
}

/// A membership as a plugin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/platform.wit")]
pub struct PlatformMembership {
    pub id: String,
    pub app: String,
    pub role: String,
    pub account: String,
    pub starts_ms: i64,
    pub ends_ms: Option<i64>,
    pub status: String,
}

/// A data source in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/platform.wit")]
pub struct PlatformDataSource {
    pub id: String,
    pub name: String,
    pub identities: u64,
}

/// What an upload would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/platform.wit")]
pub struct PlatformDiff {
    pub hash: String,
    pub before: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub is_empty: bool,
    pub is_mass_removal: bool,
}

/// Whose list an upload is; the id is as the plugin sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListOf {
    /// The members of an app.
    App(String),
    /// The users of a data source.
    DataSource(String),
}

/// A page of a list, with the cursor of the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A change of a membership that a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented function by function in wit/platform.wit")]
pub enum MembershipChange {
    Grant { role: String, account: String, ends_ms: Option<i64> },
    Extend { id: String, ends_ms: i64 },
    Renew { id: String, ends_ms: Option<i64> },
    Delete { id: String },
}

/// What a plugin's result of a platform call is.
pub type PlatformResult<T> = Result<T, PlatformError>;

/// Grantry's directory for one principal.
#[async_trait]
pub trait Platform: Send + Sync {
    /// The apps that the principal may read.
    async fn list_apps(&self, after: Option<String>) -> PlatformResult<PlatformPage<PlatformApp>>;
    /// An app's roles.
    async fn list_roles(
        &self,
        app: &str,
        after: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformRole>>;
    /// Grants, extends, renews or deletes a membership of the app, once per idempotency key.
    async fn change_membership(
        &self,
        app: &str,
        change: MembershipChange,
        idempotency_key: &str,
    ) -> PlatformResult<PlatformMembership>;
    /// The data sources on which the principal holds any action.
    async fn list_data_sources(
        &self,
        after: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformDataSource>>;
    /// Begins to send a list; answers the upload's id.
    async fn begin_upload(&self, of: ListOf) -> PlatformResult<String>;
    /// Appends a piece; answers where the next one begins.
    async fn append_upload(
        &self,
        of: ListOf,
        upload: &str,
        begins: u64,
        content: Vec<u8>,
    ) -> PlatformResult<u64>;
    /// Reads all pieces and compares with the list.
    async fn preview_upload(&self, of: ListOf, upload: &str) -> PlatformResult<PlatformDiff>;
    /// Makes the file the list: `diff` is the hash that the plugin saw, `approved` the same for a
    /// mass removal.
    async fn apply_upload(
        &self,
        of: ListOf,
        upload: &str,
        diff: &str,
        approved: Option<&str>,
        idempotency_key: &str,
    ) -> PlatformResult<PlatformDiff>;
}

/// Where no Grantry runs, there is no directory that a plugin could use.
pub struct NoPlatform;

fn nobody<T>() -> PlatformResult<T> {
    Err(PlatformError::Unavailable("there is no server here".to_owned()))
}

#[async_trait]
impl Platform for NoPlatform {
    async fn list_apps(&self, _: Option<String>) -> PlatformResult<PlatformPage<PlatformApp>> {
        nobody()
    }

    async fn list_roles(
        &self,
        _: &str,
        _: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformRole>> {
        nobody()
    }

    async fn change_membership(
        &self,
        _: &str,
        _: MembershipChange,
        _: &str,
    ) -> PlatformResult<PlatformMembership> {
        nobody()
    }

    async fn list_data_sources(
        &self,
        _: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformDataSource>> {
        nobody()
    }

    async fn begin_upload(&self, _: ListOf) -> PlatformResult<String> {
        nobody()
    }

    async fn append_upload(&self, _: ListOf, _: &str, _: u64, _: Vec<u8>) -> PlatformResult<u64> {
        nobody()
    }

    async fn preview_upload(&self, _: ListOf, _: &str) -> PlatformResult<PlatformDiff> {
        nobody()
    }

    async fn apply_upload(
        &self,
        _: ListOf,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: &str,
    ) -> PlatformResult<PlatformDiff> {
        nobody()
    }
}
