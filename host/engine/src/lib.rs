//! The use cases: install a plugin, connect an integration, aggregate, grant and revoke.
//!
//! Everything that somebody asks for is a method of [`Ctx`]: an authenticated actor with the
//! engine. Background work is in [`worker`]. Plugins are seen through the traits of `model` only;
//! there is no HTTP and no Wasm here.

mod access_profiles;
mod aggregate;
mod app_webhooks;
mod application_types;
mod apps;
mod audit;
mod audit_sinks;
mod authentication;
mod channels;
mod checkpoints;
mod clients;
mod connection_tests;
mod cursor;
mod data_sources;
mod deletion_guards;
mod deliver;
mod deliveries;
mod delivery_secrets;
mod entitlement_search;
mod entitlement_types;
mod entitlement_words;
mod error;
mod expiry;
mod external_changes;
mod gate;
mod holders;
mod idempotency;
mod integrations;
mod issuers;
mod jobs;
mod mappings;
mod memberships;
mod methods;
mod people;
mod platform;
mod plugins;
mod provision;
mod publishers;
mod reconcile;
mod recovery;
mod registries;
mod removals;
mod request_rules;
mod requests;
mod resource_people;
mod run_changes;
mod runs;
mod schedules;
mod scope;
mod secrets;
mod sessions;
mod settings;
mod sign_in;
mod stream;
mod tasks;
mod templates;
mod ticket_desks;
mod tidying;
mod tokens;
mod uploads;
mod versions;
pub mod worker;
mod workflows;

use std::sync::Arc;

use grantry_authz::{Actor, Permit, Refusal, actions};
use grantry_model::delivery::Courier;
use grantry_model::ids::{AppId, IntegrationId};
use grantry_model::oidc::IdentityProvider;
use grantry_model::package::PackageInspector;
use grantry_model::registry::PackageRegistry;
use grantry_model::runner::TaskRunner;
use grantry_store::Db;
use grantry_store::seal::KeyRing;

pub use access_profiles::{AccessProfileChange, AccessProfileInput, ProfilesOf};
pub use application_types::ApplicationType;
pub use audit::AuditExport;
pub use audit_sinks::{SinkChange, SinkInput, WithSigningKey};
pub use authentication::{AuthenticationError, FirstAdmin, token_text};
pub use channels::{ChannelChange, ChannelInput};
pub use checkpoints::AuditKey;
pub use clients::{ClientChange, ClientView, Effective, NewClient, NewToken};
pub use connection_tests::TestReport;
pub use cursor::{Page, PageQuery};
pub use data_sources::{DataSourceChange, DataSourceInput};
pub use entitlement_search::SearchQuery;
pub use entitlement_types::{ReKeyView, TypeInput};
pub use entitlement_words::{SaidChange, SaidInBulk, SelectionInput};
pub use error::EngineError;
pub use holders::HoldersView;
pub use idempotency::{Answer, Idempotent};
pub use integrations::{IntegrationChange, IntegrationInput, IntegrationView, WholeConnection};
pub use issuers::{IssuerChange, IssuerInput};
pub use mappings::{MappingChange, MappingCounts, MappingOutcome, NamedIdentity, OwnAccount};
pub use memberships::{GrantInput, Grantee};
pub use methods::MethodView;
pub use people::{PersonChange, PersonInput};
pub use plugins::{Installed, PluginUpload};
pub use publishers::{NotVouched, PublisherInput};
pub use recovery::{Recovered, recover_admin};
pub use registries::RegistryInput;
pub use removals::{RemovalQuery, RemovalView};
pub use request_rules::{Requested, RulesView};
pub use requests::{
    DecisionInput, ItemView, RequestInput, RequestView, SeatView, WantedRole, Whose,
};
pub use resource_people::{PeopleChange, ResourceView};
pub use run_changes::{ChangedRow, RowChange, RunChangeQuery};
pub use runs::RunView;
pub use schedules::{ScheduleChange, ScheduleInput, ScheduleView};
pub use sessions::{SESSION_IDLE_MS, SESSION_LIFE_MS, SessionView, csrf_token};
pub use sign_in::{Begun, Returned, SignInOffer, SignInRefusal, SignedIn};
pub use tasks::{TaskQuery, TaskView};
pub use templates::TemplateView;
pub use tokens::NewOwnToken;
pub use uploads::{EXPORT_ROWS, Intake, Received};
pub use versions::RolledOut;

// What use cases return as it is stored, for those who show it.
pub use grantry_store::{
    AccessProfile, App, AuditFilter, AuditRow, CatalogueSource, Change, Channel, Checkpoint, Class,
    DataSource, Delegation, Delivery, DeliveryState, ExternalChange, FoundEntitlement,
    IdentityAccount, Integration, Issuer, Job, ListChange, ListRow, MembershipQuery,
    NewRegistration, Person, PersonIdentity, PrincipalRecord, ProfileEntitlement, Publisher,
    Recipients, Registration, Registry, Removal, RemovedRow, Request, RequestEvent, RequestItem,
    ResourcePerson, RunChange, RunIssue, RunLogLine, Schedule, Sink, StoreError, StoredAppWebhook,
    StoredAssignment, StoredDesk, StoredEntitlement, StoredIdentity, StoredMapping, StoredObject,
    StoredOperation, StoredTicket, StoredType, StoredWorkflow, Task, TokenRecord, TypeOrigin,
    Upload, Written,
};

/// A result of the engine.
pub type Result<T> = std::result::Result<T, EngineError>;

/// What the engine is made of.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Runs plugins.
    pub runner: Arc<dyn TaskRunner>,
    /// Looks at uploads.
    pub inspector: Arc<dyn PackageInspector>,
    /// Pulls plugins from registries.
    pub registry: Arc<dyn PackageRegistry>,
    /// Opens and seals secrets.
    pub keys: KeyRing,
    /// Brings messages and audit entries to their receivers.
    pub courier: Arc<dyn Courier>,
    /// Speaks to issuers, and judges what they sign.
    pub identity: Arc<dyn IdentityProvider>,
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) parts: Arc<Parts>,
    /// Wakes the worker when a job was ordered here.
    pub(crate) wake: Arc<tokio::sync::Notify>,
    /// Wakes deliveries.
    pub(crate) wake_deliveries: Arc<tokio::sync::Notify>,
}

impl Engine {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let (wake, wake_deliveries) = Default::default();
        Self { parts: Arc::new(parts), wake, wake_deliveries }
    }

    /// The database, for health checks.
    pub fn db(&self) -> &Db {
        &self.parts.db
    }
}

/// An authenticated actor with the engine: the only door to the use cases.
#[derive(Clone)]
pub struct Ctx {
    /// Who, with all that it holds.
    pub actor: Actor,
    /// The engine.
    pub engine: Engine,
    /// The session that the request came with, if it did.
    pub session: Option<grantry_store::Session>,
}

impl Ctx {
    pub(crate) fn db(&self) -> &Db {
        self.engine.db()
    }

    /// One of the four actions on an app; a refusal is audited.
    pub(crate) async fn permit_app<A: actions::EntityAction>(
        &self,
        app: &AppId,
    ) -> Result<Permit<A>> {
        let decided = self.actor.permit_app::<A>(app);
        self.audit_refusal(decided, A::ACTION.name(), Some(("app", app.as_str()))).await
    }

    /// An admin action; a refusal is audited.
    pub(crate) async fn permit_admin<A: actions::RoleAction>(&self) -> Result<Permit<A>> {
        let decided = self.actor.permit_admin::<A>();
        self.audit_refusal(decided, A::ACTION.name(), None).await
    }

    /// A change of the caller's own sessions and tokens; a refusal is audited.
    pub(crate) async fn permit_own(&self) -> Result<Permit<actions::OwnAccount>> {
        self.audit_refusal(self.actor.permit_own(), "own", None).await
    }

    /// An admin action on one integration: by role, or as its owner. A refusal is audited.
    pub(crate) async fn permit_integration<A: actions::RoleAction>(
        &self,
        integration: &IntegrationId,
    ) -> Result<Permit<A>> {
        let decided = self.actor.permit_integration::<A>(integration);
        let entity = Some(("integration", integration.as_str()));
        self.audit_refusal(decided, A::ACTION.name(), entity).await
    }

    /// An admin action on what feeds an app. A refusal is audited.
    pub(crate) async fn permit_source<A: actions::RoleAction>(
        &self,
        source: &CatalogueSource,
    ) -> Result<Permit<A>> {
        let about = Some((source.what(), source.as_str()));
        let decided = self.actor.permit_source(source.integration());
        self.audit_refusal(decided, A::ACTION.name(), about).await
    }

    /// The integrations on which the admin action is held: `None` for all of them. A refusal is
    /// audited.
    pub(crate) async fn own_integrations<A: actions::RoleAction>(
        &self,
    ) -> Result<Option<Vec<IntegrationId>>> {
        match self.actor.own_integrations::<A>() {
            Ok(own) => Ok(own),
            Err(refusal) => {
                self.record_refusal(&refusal, A::ACTION.name(), None).await?;
                Err(refusal.into())
            }
        }
    }

    pub(crate) async fn audit_refusal<A>(
        &self,
        decided: std::result::Result<Permit<A>, Refusal>,
        action: &'static str,
        entity: Option<(&'static str, &str)>,
    ) -> Result<Permit<A>> {
        match decided {
            Ok(permit) => Ok(permit),
            Err(refusal) => {
                self.record_refusal(&refusal, action, entity).await?;
                Err(refusal.into())
            }
        }
    }
}
