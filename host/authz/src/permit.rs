//! Proof objects: code that writes takes a `&Permit<A>`, and only this crate can make one.

use std::marker::PhantomData;

use grantry_model::ids::{AppId, DataSourceId, IntegrationId, JobId, PrincipalId};
use grantry_model::permission::{
    Action, AdminAction, Entity, Principal, PrincipalKind, ResourceAction,
};
use serde::{Deserialize, Serialize};

use crate::decision::{
    Decision, Reason, decide, decide_admin, decide_any, decide_integration, decide_resource,
};
use crate::permissions::Permissions;
use actions::NamedAction as _;

/// Through which door an action came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The HTTP API.
    Http,
    /// A plugin's platform interface.
    Plugin,
    /// Background work.
    Job,
    /// The command line, on this machine.
    Cli,
}

impl Door {
    /// The door's name in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Plugin => "plugin",
            Self::Job => "job",
            Self::Cli => "cli",
        }
    }
}

/// An authenticated principal with all that it holds, at one door, in one request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// What it holds, read for this request.
    pub permissions: Permissions,
    /// Where it came in.
    pub door: Door,
    /// The request, for audit and logs.
    pub request_id: String,
}

/// Why there is no permit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The action is missing; the caller may know that the entity exists.
    #[error("`{}` is not granted on this {}", .action.name(), entity_kind(.entity))]
    ActionNotGranted {
        /// What is missing.
        action: Action,
        /// On what.
        entity: Entity,
    },
    /// The caller's role does not hold the admin action.
    #[error("`{}` is not allowed to this caller", .action.name())]
    AdminActionNotGranted {
        /// What is missing.
        action: AdminAction,
    },
    /// Neither the caller's role nor what the caller is to the resource allows it.
    #[error("`{}` is not allowed to this caller on this resource", .action.name())]
    ResourceActionNotGranted {
        /// What is missing.
        action: ResourceAction,
    },
    /// Own sessions and tokens are for people who signed in, not for clients or scoped tokens.
    #[error(
        "only a signed-in person has sessions and tokens of their own: sign in, and do not send an \
         API token"
    )]
    NotSignedIn,
    /// The caller must not learn whether the entity exists.
    #[error("there is nothing here, or nothing that this caller may see")]
    Hidden,
}

fn entity_kind(entity: &Entity) -> &'static str {
    match entity {
        Entity::App(_) => "app",
        Entity::DataSource(_) => "data source",
    }
}

/// Who acts, why it is allowed, and through which door: what the audit row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Who acts.
    pub principal_id: PrincipalId,
    /// What it is.
    pub principal_kind: PrincipalKind,
    /// Through which door.
    pub door: Door,
    /// Why it is allowed.
    pub reason: Reason,
    /// The action's name.
    pub action: &'static str,
    /// On what.
    pub entity: Option<Entity>,
    /// The request or job.
    pub request_id: String,
}

/// Proof that a principal may take the action `A`, on one entity where the action has one.
#[derive(Debug, Clone)]
pub struct Permit<A> {
    provenance: Provenance,
    action: PhantomData<A>,
}

/// One type per action, so that a permit for reading cannot be used for writing.
pub mod actions {
    use super::{Action, AdminAction, ResourceAction};

    /// An action that is held on an entity.
    pub trait EntityAction {
        /// Which one.
        const ACTION: Action;
    }

    /// An action about one resource.
    pub trait OnResource {
        /// Which one.
        const ACTION: ResourceAction;
    }

    /// An action that settles memberships: of a whole app, or of one resource of it.
    pub trait Settles {}

    /// An action that a person's role holds.
    pub trait RoleAction {
        /// Which one.
        const ACTION: AdminAction;
    }

    /// Any action, for background work.
    pub trait NamedAction {
        /// Its name in the audit log.
        const NAME: &'static str;
    }

    macro_rules! entity_actions {
        ($($name:ident = $audit:literal),+ $(,)?) => {$(
            #[doc = concat!("Permits [`Action::", stringify!($name), "`].")]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl EntityAction for $name { const ACTION: Action = Action::$name; }
            impl NamedAction for $name { const NAME: &'static str = $audit; }
        )+};
    }
    macro_rules! role_actions {
        ($($name:ident = $audit:literal),+ $(,)?) => {$(
            #[doc = concat!("Permits [`AdminAction::", stringify!($name), "`].")]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl RoleAction for $name { const ACTION: AdminAction = AdminAction::$name; }
            impl NamedAction for $name { const NAME: &'static str = $audit; }
        )+};
    }

    /// Permits reading a data source: held with any of the four actions on it.
    #[derive(Debug, Clone, Copy)]
    pub struct DataSourceRead;
    impl NamedAction for DataSourceRead {
        const NAME: &'static str = "data_source_read";
    }

    macro_rules! resource_actions {
        ($($name:ident = $action:ident),+ $(,)?) => {$(
            #[doc = concat!("Permits [`ResourceAction::", stringify!($action), "`].")]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl OnResource for $name { const ACTION: ResourceAction = ResourceAction::$action; }
        )+};
    }

    resource_actions! {
        ResourceRead = Read,
        ResourceWrite = Write,
        ResourceSettle = Settle,
    }

    impl Settles for ResourceSettle {}
    impl Settles for AppMembershipWrite {}

    entity_actions! {
        AppAndRoleRead = "app_and_role_read",
        CsvAppUserUpload = "csv_app_user_upload",
        DataSourceUsersUpdate = "data_source_users_update",
        AppMembershipWrite = "app_membership_write",
    }
    /// Permits a person to change their own sessions and tokens.
    #[derive(Debug, Clone, Copy)]
    pub struct OwnAccount;
    impl NamedAction for OwnAccount {
        const NAME: &'static str = "own";
    }

    role_actions! {
        PluginRead = "plugin.read",
        PluginInstall = "plugin.install",
        IntegrationRead = "integration.read",
        IntegrationWrite = "integration.write",
        AggregationRun = "aggregation.run",
        ClientRead = "client.read",
        ClientWrite = "client.write",
        IssuerRead = "issuer.read",
        IssuerWrite = "issuer.write",
        PersonRead = "person.read",
        PersonWrite = "person.write",
        AuditRead = "audit.read",
        AuditWrite = "audit.write",
        NotificationRead = "notification.read",
        NotificationWrite = "notification.write",
        JobRead = "job.read",
        AppWrite = "app.write",
        DataSourceWrite = "data_source.write",
        AccessProfileRead = "access_profile.read",
        AccessProfileWrite = "access_profile.write",
        WorkflowRead = "workflow.read",
        WorkflowWrite = "workflow.write",
        RequestRead = "request.read",
        RequestDecide = "request.decide",
    }
}

impl Actor {
    /// Decides about one of the four actions on an app.
    pub fn permit_app<A: actions::EntityAction>(&self, app: &AppId) -> Result<Permit<A>, Refusal> {
        self.permit_entity(Entity::App(app.clone()))
    }

    /// Decides about one of the four actions on an entity.
    pub fn permit_entity<A: actions::EntityAction>(
        &self,
        entity: Entity,
    ) -> Result<Permit<A>, Refusal> {
        match decide(&self.permissions, A::ACTION, &entity) {
            Decision::Allowed(reason) => Ok(self.grant(A::ACTION.name(), reason, Some(entity))),
            Decision::Missing => Err(Refusal::ActionNotGranted { action: A::ACTION, entity }),
            Decision::Hidden => Err(Refusal::Hidden),
        }
    }

    /// Decides about reading a data source: any of the four actions on it suffices (PRM-4).
    pub fn permit_data_source_read(
        &self,
        source: &DataSourceId,
    ) -> Result<Permit<actions::DataSourceRead>, Refusal> {
        let entity = Entity::DataSource(source.clone());
        match decide_any(&self.permissions, &entity) {
            Decision::Allowed(reason) => {
                Ok(self.grant(actions::DataSourceRead::NAME, reason, Some(entity)))
            }
            Decision::Missing | Decision::Hidden => Err(Refusal::Hidden),
        }
    }

    /// Decides about an admin action.
    pub fn permit_admin<A: actions::RoleAction>(&self) -> Result<Permit<A>, Refusal> {
        match decide_admin(&self.permissions, A::ACTION) {
            Some(reason) => Ok(self.grant(A::ACTION.name(), reason, None)),
            None => Err(Refusal::AdminActionNotGranted { action: A::ACTION }),
        }
    }

    /// Decides about the caller's own sessions and tokens: people only, and never with a scoped
    /// token, which could make itself a wider one.
    pub fn permit_own(&self) -> Result<Permit<actions::OwnAccount>, Refusal> {
        let is_person = self.principal.kind == PrincipalKind::Person;
        if !is_person || self.permissions.scope.is_some() {
            return Err(Refusal::NotSignedIn);
        }
        Ok(self.grant(<actions::OwnAccount as actions::NamedAction>::NAME, Reason::Own, None))
    }

    /// Decides about an admin action on one integration.
    pub fn permit_integration<A: actions::RoleAction>(
        &self,
        integration: &IntegrationId,
    ) -> Result<Permit<A>, Refusal> {
        match decide_integration(&self.permissions, A::ACTION, integration) {
            Some(reason) => Ok(self.grant(A::ACTION.name(), reason, None)),
            None => Err(Refusal::AdminActionNotGranted { action: A::ACTION }),
        }
    }

    /// Decides about an admin action on what feeds an app: an integration, or lists, which have no owner,
    /// so that the role alone decides.
    pub fn permit_source<A: actions::RoleAction>(
        &self,
        integration: Option<&IntegrationId>,
    ) -> Result<Permit<A>, Refusal> {
        match integration {
            Some(id) => self.permit_integration(id),
            None => self.permit_admin(),
        }
    }

    /// Decides about an action on a resource of an app, which an integration feeds or none.
    pub fn permit_resource<A: actions::OnResource>(
        &self,
        app: &AppId,
        integration: Option<&IntegrationId>,
        resource: &str,
    ) -> Result<Permit<A>, Refusal> {
        match decide_resource(&self.permissions, A::ACTION, integration, resource) {
            Some(reason) => {
                let entity = Some(Entity::App(app.clone()));
                Ok(self.grant(A::ACTION.name(), reason, entity))
            }
            None => Err(Refusal::ResourceActionNotGranted { action: A::ACTION }),
        }
    }

    /// The integrations on which the admin action is held: none of them stands for all.
    pub fn own_integrations<A: actions::RoleAction>(
        &self,
    ) -> Result<Option<Vec<IntegrationId>>, Refusal> {
        if self.permit_admin::<A>().is_ok() {
            return Ok(None);
        }
        let is_held = |id: &&IntegrationId| self.permit_integration::<A>(id).is_ok();
        let mut own: Vec<_> =
            self.permissions.integrations.iter().filter(is_held).cloned().collect();
        own.sort();
        match own.is_empty() {
            true => Err(Refusal::AdminActionNotGranted { action: A::ACTION }),
            false => Ok(Some(own)),
        }
    }

    fn grant<A>(&self, action: &'static str, reason: Reason, entity: Option<Entity>) -> Permit<A> {
        let provenance = Provenance {
            principal_id: self.principal.id.clone(),
            principal_kind: self.principal.kind,
            door: self.door,
            reason,
            action,
            entity,
            request_id: self.request_id.clone(),
        };
        Permit { provenance, action: PhantomData }
    }
}

impl<A: actions::NamedAction> Permit<A> {
    /// The permit of background work, on behalf of whoever ordered it.
    pub fn for_job(job: &JobId, ordered_by: &Principal, entity: Option<Entity>) -> Self {
        let provenance = Provenance {
            principal_id: ordered_by.id.clone(),
            principal_kind: ordered_by.kind,
            door: Door::Job,
            reason: Reason::Job,
            action: A::NAME,
            entity,
            request_id: job.as_str().to_owned(),
        };
        Self { provenance, action: PhantomData }
    }
}

impl Permit<actions::AppMembershipWrite> {
    /// The permit to give what a request asked for, once its workflow is through: on behalf of
    /// whoever said the last word.
    pub fn for_approved_request(said: &Provenance, app: &AppId) -> Self {
        Self::on_behalf(said, Reason::ApprovedRequest, app)
    }

    /// The permit to say what became of a task of that app: for whoever has it, or administers it.
    pub fn for_task(said: &Provenance, app: &AppId) -> Self {
        Self::on_behalf(said, Reason::Task, app)
    }

    fn on_behalf(said: &Provenance, reason: Reason, app: &AppId) -> Self {
        let provenance = Provenance {
            reason,
            action: <actions::AppMembershipWrite as actions::NamedAction>::NAME,
            entity: Some(Entity::App(app.clone())),
            ..said.clone()
        };
        Self { provenance, action: PhantomData }
    }
}

impl Permit<actions::PersonWrite> {
    /// The permit of the first start to make the first admin, on that admin's own behalf.
    pub fn for_first_start(admin: &Principal, request_id: &str) -> Self {
        Self::of_newcomer(admin, Door::Cli, Reason::FirstStart, request_id)
    }

    /// The permit of whoever operates the machine to let an admin in again, on that admin's behalf.
    pub fn for_recovery(admin: &Principal, request_id: &str) -> Self {
        Self::of_newcomer(admin, Door::Cli, Reason::Recovery, request_id)
    }

    /// The permit to make a person whom an issuer that allows sign-up has just vouched for.
    pub fn for_sign_up(person: &Principal, request_id: &str) -> Self {
        Self::of_newcomer(person, Door::Http, Reason::SignUp, request_id)
    }

    fn of_newcomer(person: &Principal, door: Door, reason: Reason, request_id: &str) -> Self {
        let provenance = Provenance {
            principal_id: person.id.clone(),
            principal_kind: person.kind,
            door,
            reason,
            action: <actions::PersonWrite as actions::NamedAction>::NAME,
            entity: None,
            request_id: request_id.to_owned(),
        };
        Self { provenance, action: PhantomData }
    }
}

impl<A> Permit<A> {
    /// Who acts, and why it is allowed.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The app that the permit is for, if it is for an app.
    pub fn app(&self) -> Option<&AppId> {
        match &self.provenance.entity {
            Some(Entity::App(app)) => Some(app),
            Some(Entity::DataSource(_)) | None => None,
        }
    }

    /// The data source that the permit is for, if it is for one.
    pub fn data_source(&self) -> Option<&DataSourceId> {
        match &self.provenance.entity {
            Some(Entity::DataSource(source)) => Some(source),
            Some(Entity::App(_)) | None => None,
        }
    }
}
