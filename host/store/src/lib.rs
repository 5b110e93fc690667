//! Everything that is kept: one SQL text on SQLite and PostgreSQL.
//!
//! [`Db`] is the door. Reads are methods of [`Db`] modules; a change goes through [`Tx`], which is
//! begun with a permit's provenance and cannot be committed without an audit entry. Dialects differ
//! in `dialect.rs` alone. Secrets are sealed in [`seal`].

mod access_profiles;
mod app_webhooks;
mod apps;
mod audit;
mod audit_sinks;
mod catalogue;
mod channels;
mod checkpoints;
mod clients;
mod clock;
mod data_sources;
mod db;
mod deletion_guards;
mod deliveries;
pub mod delivery_secrets;
mod dialect;
mod entitlement_methods;
mod entitlement_search;
mod entitlement_types;
mod entitlement_words;
mod error;
mod external_changes;
mod feeds;
mod gathered;
mod held;
mod holders;
mod idempotency;
mod identities;
mod integrations;
mod issuers;
mod jobs;
mod kv;
mod leftovers;
mod mappings;
mod memberships;
mod migrate;
mod notices;
mod open;
mod operations;
mod own_accounts;
mod people;
mod plugins;
mod principals;
mod publishers;
mod recovery;
mod registries;
mod removals;
mod request_rules;
mod requests;
mod resource_people;
mod run_changes;
mod run_log;
mod runs;
mod schedules;
mod scopes;
pub mod seal;
mod sessions;
mod tasks;
mod tickets;
mod tokens;
mod uploads;
mod vanished;
mod workflows;

pub use access_profiles::{AccessProfile, NewAccessProfile, ProfileEntitlement};
pub use app_webhooks::{StoredAppWebhook, StoredCallback};
pub use apps::{App, CatalogueSource, NewApp};
pub use audit::{AuditEntry, AuditFilter, AuditRow, Denied};
pub use audit_sinks::Sink;
pub use catalogue::{
    AssignmentRow, Class, EntitlementRow, ObjectRow, RowQuery, StoredAssignment, StoredEntitlement,
    StoredObject, search_pattern,
};
pub use channels::{Channel, Recipients};
pub use checkpoints::Checkpoint;
pub use clients::{NewRegistration, Registration};
pub use clock::{ClockJump, DatabaseClock};
pub use data_sources::{DataSource, NewDataSource};
pub use db::{Arg, Db, HousekeepingTx, Row, Tx};
pub use deliveries::{Delivery, DeliveryState, NewDelivery};
pub use delivery_secrets::SealedSecret;
pub use entitlement_search::{EntitlementSearch, FoundEntitlement, Position};
pub use entitlement_types::{EntitlementDetails, StoredType, TypeOrigin};
pub use entitlement_words::Said;
pub use error::StoreError;
pub use external_changes::{Change, ExternalChange};
pub use feeds::{Followed, StagedChange};
pub use idempotency::Claim;
pub use identities::StoredIdentity;
pub use integrations::deletion::{Departed, Kept};
pub use integrations::{Integration, NewIntegration, PreviousVersion};
pub use issuers::Issuer;
pub use jobs::{Job, NewJob};
pub use kv::IntegrationKv;
pub use mappings::{
    Candidate, Candidates, IdentityAccount, MappingState, NewMapping, StoredMapping,
};
pub use memberships::{MembershipQuery, NewMembership, StoredOperation};
pub use migrate::SCHEMA_VERSION;
pub use notices::StoredNotice;
pub use own_accounts::OwnableAccount;
pub use people::{EXPECTED_MS_MAX, NewPerson, Person, PersonIdentity};
pub use plugins::{Origin, Plugin, Signer};
pub use principals::{NewPrincipal, PrincipalRecord};
pub use publishers::Publisher;
pub use registries::{Registry, RegistrySettings};
pub use removals::{Removal, RemovalStep, RemovedRow, STEP_ROWS};
pub use requests::{Delegation, Request, RequestEvent, RequestFilter, RequestItem};
pub use resource_people::ResourcePerson;
pub use run_changes::{NAMED_MAX, RunChange, Written, WrittenRow};
pub use run_log::{LOG_LINES_MAX, RunLogLine};
pub use runs::{Domain, ISSUES_MAX, LastReading, PageRecord, Run, RunEnd, RunIssue, Seen};
pub use schedules::{LastDue, Schedule};
pub use scopes::{ScopeReading, SeenAgain, Validator};
pub use sessions::Session;
pub use tasks::{NewTask, Task, TaskFilter};
pub use tickets::{StoredDesk, StoredTicket, TicketFacts};
pub use tokens::{TokenRecord, TokenWithOwner};
pub use uploads::{
    HierarchyFault, ListChange, ListRow, Reading, Staged, StagedPerson, StagedRole, Upload,
    UploadEnd,
};
pub use vanished::{Newer, Vanished};
pub use workflows::StoredWorkflow;

/// A result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Names SQL texts and lists them, so that a test can prepare every one on both databases.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* const $name: &str = $sql;)+
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use statements;

#[cfg(test)]
mod tests;
