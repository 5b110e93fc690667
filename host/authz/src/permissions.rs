//! What a principal holds.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use grantry_model::ids::{AppId, DataSourceId, IntegrationId};
use grantry_model::permission::{Action, AdminAction, Entity, ResourceAction};
use serde::{Deserialize, Serialize};

/// A person's role. Clients and plugins have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May read everything, the audit log included.
    Auditor,
    /// May sign in; sees and asks for access of their own.
    User,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Auditor, Self::User];

    /// The role's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::User => "user",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether the role holds the admin action.
    pub fn allows_admin(self, action: AdminAction) -> bool {
        admin_action_holders(action).contains(&self)
    }

    /// Whether the role holds the action, everywhere.
    pub fn allows(self, action: Action) -> bool {
        action_holders(action).contains(&self)
    }
}

/// The table of roles: who holds which admin action. An action without a row does not compile.
const fn admin_action_holders(action: AdminAction) -> &'static [Role] {
    match action {
        AdminAction::PluginRead
        | AdminAction::IntegrationRead
        | AdminAction::ClientRead
        | AdminAction::IssuerRead
        | AdminAction::PersonRead
        | AdminAction::AuditRead
        | AdminAction::NotificationRead
        | AdminAction::JobRead
        | AdminAction::AccessProfileRead
        | AdminAction::WorkflowRead
        | AdminAction::RequestRead => &[Role::Admin, Role::Auditor],
        AdminAction::PluginInstall
        | AdminAction::IntegrationWrite
        | AdminAction::AggregationRun
        | AdminAction::ClientWrite
        | AdminAction::AuditWrite
        | AdminAction::NotificationWrite
        | AdminAction::AppWrite
        | AdminAction::DataSourceWrite
        | AdminAction::AccessProfileWrite
        | AdminAction::IssuerWrite
        | AdminAction::PersonWrite
        | AdminAction::WorkflowWrite
        | AdminAction::RequestDecide => &[Role::Admin],
    }
}

/// The table's other half: which roles hold one of the four actions on every app and data source.
const fn action_holders(action: Action) -> &'static [Role] {
    match action {
        Action::AppAndRoleRead => &[Role::Admin, Role::Auditor],
        Action::CsvAppUserUpload | Action::DataSourceUsersUpdate | Action::AppMembershipWrite => {
            &[Role::Admin]
        }
    }
}

/// What a person's API token is limited to: what it names and the person holds at the time of use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Of the four actions.
    pub actions: BTreeSet<Action>,
    /// Of the admin actions.
    pub admin_actions: BTreeSet<AdminAction>,
}

/// What a person is to one thing. It allows something there, and nothing anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Administers one integration (INT-1).
    IntegrationOwner,
    /// Answers for one resource.
    ResourceOwner,
    /// Fulfils the manual tasks of one resource.
    Maintainer,
}

impl Relation {
    /// The relations that a resource has to people.
    pub const OF_RESOURCES: [Self; 2] = [Self::ResourceOwner, Self::Maintainer];

    /// The relation's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntegrationOwner => "integration_owner",
            Self::ResourceOwner => "owner",
            Self::Maintainer => "maintainer",
        }
    }

    /// The relation to a resource of that name.
    pub fn parse_of_resource(name: &str) -> Option<Self> {
        Self::OF_RESOURCES.into_iter().find(|relation| relation.name() == name)
    }

    /// The one table of what a relation allows on its resource. The owner of an integration holds
    /// what its admin actions hold there ([`ResourceAction::on_integration`]).
    pub fn allows_resource(self, action: ResourceAction) -> bool {
        match (self, action) {
            (Self::ResourceOwner, ResourceAction::Read | ResourceAction::Write)
            | (Self::ResourceOwner | Self::Maintainer, ResourceAction::Settle)
            | (Self::Maintainer, ResourceAction::Read) => true,
            (Self::Maintainer, ResourceAction::Write) | (Self::IntegrationOwner, _) => false,
        }
    }

    /// The one table of what a relation allows on its integration. Owners and maintainers of resources
    /// hold no admin action.
    pub fn allows_admin(self, action: AdminAction) -> bool {
        match self {
            Self::IntegrationOwner => matches!(
                action,
                AdminAction::IntegrationRead
                    | AdminAction::IntegrationWrite
                    | AdminAction::AggregationRun
                    | AdminAction::JobRead
            ),
            Self::ResourceOwner | Self::Maintainer => false,
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
    /// Apps and data sources on which all four actions are held. Shared: there may be thousands.
    pub entities: Arc<HashSet<Entity>>,
    /// What a person's API token leaves of all this; `None` leaves everything.
    pub scope: Option<Scope>,
    /// Integrations that a person owns.
    pub integrations: HashSet<IntegrationId>,
    /// What a person is to single resources, by their ids.
    pub resources: HashSet<(String, Relation)>,
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
    /// Whether the token that was sent, if it is a scoped one, leaves the action.
    pub(crate) fn scope_leaves(&self, action: Action) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.actions.contains(&action))
    }

    /// The same for an admin action.
    pub(crate) fn scope_leaves_admin(&self, action: AdminAction) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.admin_actions.contains(&action))
    }

    /// The admin actions that are held.
    pub fn admin_actions(&self) -> Vec<AdminAction> {
        let is_held = |action: &AdminAction| {
            self.scope_leaves_admin(*action)
                && self.role.is_some_and(|role| role.allows_admin(*action))
        };
        AdminAction::ALL.into_iter().filter(is_held).collect()
    }

    /// The admin actions that are held on something: everywhere by the role, or on the own
    /// integrations.
    pub fn admin_actions_somewhere(&self) -> Vec<AdminAction> {
        let owns = |action| {
            !self.integrations.is_empty()
                && Relation::IntegrationOwner.allows_admin(action)
                && self.scope_leaves_admin(action)
        };
        let everywhere = self.admin_actions();
        let is_held = |action: &AdminAction| everywhere.contains(action) || owns(*action);
        AdminAction::ALL.into_iter().filter(is_held).collect()
    }

    /// Those of the four actions that are held on something: everywhere, or on an entity.
    pub fn actions_somewhere(&self) -> Vec<Action> {
        let everywhere = self.actions_everywhere();
        let is_held = |action: &Action| {
            let by_entity = !self.entities.is_empty() && self.scope_leaves(*action);
            by_entity || everywhere.contains(action)
        };
        Action::ALL.into_iter().filter(is_held).collect()
    }

    /// Those of the four actions that are held on every app and data source.
    pub fn actions_everywhere(&self) -> Vec<Action> {
        let is_held = |action: &Action| {
            let by_role = self.role.is_some_and(|role| role.allows(*action));
            self.scope_leaves(*action) && (by_role || self.global.contains(action))
        };
        Action::ALL.into_iter().filter(is_held).collect()
    }

    /// The apps on which the principal holds *app & role read*.
    pub fn visible_apps(&self) -> Visible {
        if !self.scope_leaves(Action::AppAndRoleRead) {
            return Visible::Only(Vec::new());
        }
        if self.actions_everywhere().contains(&Action::AppAndRoleRead) {
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
        if !Action::ALL.into_iter().any(|action| self.scope_leaves(action)) {
            return Visible::Only(Vec::new());
        }
        if !self.actions_everywhere().is_empty() {
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
