//! What a principal holds.

use std::collections::HashSet;

use grantry_model::ids::{AppId, DataSourceId};
use grantry_model::permission::{Action, AdminAction, Entity};
use serde::{Deserialize, Serialize};

/// A person's role. Clients and plugins have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May read everything, the audit log included.
    Auditor,
}

impl Role {
    /// The role's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Admin, Self::Auditor].into_iter().find(|role| role.name() == name)
    }

    /// The one table of what a role allows beyond the four actions.
    pub fn allows_admin(self, action: AdminAction) -> bool {
        match (self, action) {
            (Self::Admin, _) => true,
            (
                Self::Auditor,
                AdminAction::PluginRead
                | AdminAction::IntegrationRead
                | AdminAction::ClientRead
                | AdminAction::AuditRead
                | AdminAction::JobRead,
            ) => true,
            (
                Self::Auditor,
                AdminAction::PluginInstall
                | AdminAction::IntegrationWrite
                | AdminAction::AggregationRun
                | AdminAction::ClientWrite
                | AdminAction::AppWrite
                | AdminAction::DataSourceWrite,
            ) => false,
        }
    }

    /// Which of the four actions the role holds, everywhere.
    pub fn allows(self, action: Action) -> bool {
        match self {
            Self::Admin => true,
            Self::Auditor => action == Action::AppAndRoleRead,
        }
    }
}

/// All that a principal holds: global actions, entities, and a person's role. They add up, and
/// nothing else gives access (PRM-2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// A person's role.
    pub role: Option<Role>,
    /// Actions that are held on every app and data source.
    pub global: HashSet<Action>,
    /// Apps and data sources on which all four actions are held.
    pub entities: HashSet<Entity>,
}

/// Which apps, or data sources, a list may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible<Id = AppId> {
    /// All of them.
    All,
    /// These.
    Only(Vec<Id>),
}

impl Permissions {
    /// The apps on which the principal holds *app & role read*.
    pub fn visible_apps(&self) -> Visible {
        let is_everywhere = self.global.contains(&Action::AppAndRoleRead)
            || self.role.is_some_and(|role| role.allows(Action::AppAndRoleRead));
        if is_everywhere {
            return Visible::All;
        }
        let app = |entity: &Entity| match entity {
            Entity::App(app) => Some(app.clone()),
            Entity::DataSource(_) => None,
        };
        let mut apps: Vec<_> = self.entities.iter().filter_map(app).collect();
        apps.sort();
        Visible::Only(apps)
    }

    /// The data sources on which the principal holds any action (PRM-4).
    pub fn visible_data_sources(&self) -> Visible<DataSourceId> {
        let by_role =
            |role: Role| Action::ALL.into_iter().any(|action: Action| role.allows(action));
        if !self.global.is_empty() || self.role.is_some_and(by_role) {
            return Visible::All;
        }
        let source = |entity: &Entity| match entity {
            Entity::DataSource(source) => Some(source.clone()),
            Entity::App(_) => None,
        };
        let mut sources: Vec<_> = self.entities.iter().filter_map(source).collect();
        sources.sort();
        Visible::Only(sources)
    }
}
