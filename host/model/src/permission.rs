//! The words of the permission model: what can be done, to what, and by whom (PRM-1, PRM-2).
//!
//! The decision itself is made in the `authz` crate and nowhere else.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, DataSourceId, PrincipalId};

/// The four actions that clients and plugins can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// List apps, roles, and what is below them.
    AppAndRoleRead,
    /// Upload the user list of a CSV app.
    CsvAppUserUpload,
    /// Upload the user list of a data source.
    DataSourceUsersUpdate,
    /// Grant, extend, renew and delete app memberships.
    AppMembershipWrite,
}

impl Action {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::AppAndRoleRead,
        Self::CsvAppUserUpload,
        Self::DataSourceUsersUpdate,
        Self::AppMembershipWrite,
    ];

    /// The action's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppAndRoleRead => "app_and_role_read",
            Self::CsvAppUserUpload => "csv_app_user_upload",
            Self::DataSourceUsersUpdate => "data_source_users_update",
            Self::AppMembershipWrite => "app_membership_write",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// What only a person's role can allow: never held by a client or a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminAction {
    /// See installed plugins.
    PluginRead,
    /// Install and remove plugins.
    PluginInstall,
    /// See integrations and their catalogue.
    IntegrationRead,
    /// Create and change integrations, approve what their plugins may do, test connections.
    IntegrationWrite,
    /// Start and cancel aggregations.
    AggregationRun,
    /// See clients and permissions.
    ClientRead,
    /// Create clients, make their tokens, give them permissions.
    ClientWrite,
    /// See the issuers that people and clients come from.
    IssuerRead,
    /// Trust issuers, and set what is trusted of them.
    IssuerWrite,
    /// See people and their roles.
    PersonRead,
    /// Set people's roles, disable people.
    PersonWrite,
    /// Read the audit log.
    AuditRead,
    /// Decide where the audit log is sent.
    AuditWrite,
    /// See how people are notified, and of what.
    NotificationRead,
    /// Decide how people are notified, and of what.
    NotificationWrite,
    /// See background jobs.
    JobRead,
    /// Create, rename and delete apps that no integration feeds.
    AppWrite,
    /// Create, rename and delete data sources.
    DataSourceWrite,
    /// See access profiles.
    AccessProfileRead,
    /// Create, change and delete access profiles.
    AccessProfileWrite,
    /// See approval workflows.
    WorkflowRead,
    /// Create, change and remove approval workflows.
    WorkflowWrite,
    /// See everybody's requests.
    RequestRead,
    /// Decide about requests in place of those who are asked.
    RequestDecide,
}

impl AdminAction {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::PluginRead,
        Self::PluginInstall,
        Self::IntegrationRead,
        Self::IntegrationWrite,
        Self::AggregationRun,
        Self::ClientRead,
        Self::ClientWrite,
        Self::IssuerRead,
        Self::IssuerWrite,
        Self::PersonRead,
        Self::PersonWrite,
        Self::AuditRead,
        Self::AuditWrite,
        Self::NotificationRead,
        Self::NotificationWrite,
        Self::JobRead,
        Self::AppWrite,
        Self::DataSourceWrite,
        Self::AccessProfileRead,
        Self::AccessProfileWrite,
        Self::WorkflowRead,
        Self::WorkflowWrite,
        Self::RequestRead,
        Self::RequestDecide,
    ];

    /// The action's name in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::PluginRead => "plugin.read",
            Self::PluginInstall => "plugin.install",
            Self::IntegrationRead => "integration.read",
            Self::IntegrationWrite => "integration.write",
            Self::AggregationRun => "aggregation.run",
            Self::ClientRead => "client.read",
            Self::ClientWrite => "client.write",
            Self::IssuerRead => "issuer.read",
            Self::IssuerWrite => "issuer.write",
            Self::PersonRead => "person.read",
            Self::PersonWrite => "person.write",
            Self::AuditRead => "audit.read",
            Self::AuditWrite => "audit.write",
            Self::NotificationRead => "notification.read",
            Self::NotificationWrite => "notification.write",
            Self::JobRead => "job.read",
            Self::AppWrite => "app.write",
            Self::DataSourceWrite => "data_source.write",
            Self::AccessProfileRead => "access_profile.read",
            Self::AccessProfileWrite => "access_profile.write",
            Self::WorkflowRead => "workflow.read",
            Self::WorkflowWrite => "workflow.write",
            Self::RequestRead => "request.read",
            Self::RequestDecide => "request.decide",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// What can be done about one resource: by whoever may do it on its whole integration, and by the
/// resource's own people (PRM-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceAction {
    /// See the resource, its roles, and who is a member of it.
    Read,
    /// Change its people, and how it is requested.
    Write,
    /// Say that what a membership of it waits for has been done.
    Settle,
}

impl ResourceAction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Settle];

    /// The action's name in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "resource.read",
            Self::Write => "resource.write",
            Self::Settle => "resource.settle",
        }
    }

    /// Which admin action, held on the integration, holds this on each of its resources.
    pub fn on_integration(self) -> AdminAction {
        match self {
            Self::Read => AdminAction::IntegrationRead,
            Self::Write | Self::Settle => AdminAction::IntegrationWrite,
        }
    }
}

/// What an entity permission is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Entity {
    /// An app.
    App(AppId),
    /// A data source.
    DataSource(DataSourceId),
}

/// Who acts, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// An external system.
    Client,
    /// An integration's plugin.
    Plugin,
    /// A signed-in person.
    Person,
}

impl PrincipalKind {
    /// The kind's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Plugin => "plugin",
            Self::Person => "person",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Client, Self::Plugin, Self::Person].into_iter().find(|kind| kind.name() == name)
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// What it is.
    pub kind: PrincipalKind,
    /// What people call it.
    pub name: String,
}
