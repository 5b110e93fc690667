//! Why the engine cannot or will not do it.

use grantry_authz::Refusal;
use grantry_model::csv::LineError;
use grantry_model::fault::{Fault, FieldIssue};
use grantry_model::gate::Closed;
use grantry_model::membership::{InvalidDuration, NotPossible};
use grantry_model::oidc::DirectoryFault;
use grantry_model::package::PackageRejection;
use grantry_model::registry::RegistryFault;
use grantry_model::upload::{
    Diff, UPLOAD_BYTES_MAX, UPLOAD_SENDER_BYTES_MAX, UPLOADS_WAITING_MAX, UploadStatus,
};
use grantry_store::StoreError;

use crate::publishers::NotVouched;
use crate::sign_in::SignInRefusal;

/// Why the engine cannot or will not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is nothing with this id, or nothing that the caller may see.
    #[error("there is no {what} with this id")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// Fields of the input are wrong.
    #[error("{} of the input is not valid", if .0.len() == 1 { "a field" } else { "some fields" })]
    Invalid(Vec<FieldIssue>),
    /// A list's cursor was made for another list, or changed.
    #[error("the cursor is not one of this list: begin again without it")]
    InvalidCursor,
    /// The end of a membership is not acceptable.
    #[error(transparent)]
    InvalidDuration(#[from] InvalidDuration),
    /// The membership's status forbids it.
    #[error(transparent)]
    MembershipNotActive(#[from] NotPossible),
    /// The entitlement type is deleted.
    #[error("the type `{0}` is deleted: make it again, and its entitlements thaw")]
    TypeDeleted(String),
    /// No run has read the accounts.
    #[error("no aggregation has read this integration's accounts yet: read them first")]
    AccountsNotRead,
    /// The integration's source is being read already.
    #[error("an aggregation of this integration is under way: wait for it or cancel it")]
    SyncRunning,
    /// The file is not a list that can be read; nothing was applied.
    #[error("{count} error(s) in the file; nothing of it was applied")]
    CsvInvalid {
        /// The first of them.
        errors: Vec<LineError>,
        /// How many there are.
        count: u64,
    },
    /// The file is too large.
    #[error("a list has at most {} MiB", UPLOAD_BYTES_MAX / (1024 * 1024))]
    UploadTooLarge,
    /// Too many uploads of the list wait.
    #[error("{UPLOADS_WAITING_MAX} uploads of this list wait already: apply or delete one of them")]
    TooManyUploads,
    /// The waiting uploads of the sender take too much room.
    #[error(
        "your waiting uploads hold {} MiB already: apply or delete one of them",
        UPLOAD_SENDER_BYTES_MAX / (1024 * 1024)
    )]
    UploadQuota,
    /// The upload's status does not allow it.
    #[error("the upload is `{}`, with {bytes} bytes", .status.name())]
    UploadNotReady {
        /// Where it stands.
        status: UploadStatus,
        /// How many bytes of it are there.
        bytes: u64,
    },
    /// The list, or the file, is not what its caller saw.
    #[error("this is not the diff as it is now: look at it again, then apply it by its hash")]
    DiffChanged,
    /// The upload would take too much away.
    #[error(
        "this would remove {} of {} people, {} of {} active ones and {} of {} roles held, after {} \
         people, {} active ones and {} roles within a day: if it is meant, a person or a client sends \
         the diff's hash as `approve_diff` too",
        .diff.removed, .diff.before, .diff.deactivated, .diff.active_before, .diff.grants_removed,
        .diff.grants_before, .diff.recent.removed, .diff.recent.deactivated,
        .diff.recent.grants_removed
    )]
    MassRemoval {
        /// What it would change.
        diff: Box<Diff>,
    },
    /// The app's accounts come from its integration.
    #[error("an integration feeds this app: its accounts come from there, and are mapped there")]
    FedByIntegration,
    /// An issuer's directory cannot be searched.
    #[error(transparent)]
    Directory(DirectoryFault),
    /// The identity has no account where access is to be given.
    #[error(
        "this identity has no account on the app: map one to it \
         (`PUT …/accounts/{{account_id}}/mapping`), or name the account"
    )]
    AccountUnmapped,
    /// The identity has several accounts where access is to be given to one.
    #[error("this identity has several accounts here ({}): name the one that is meant", .0.join(", "))]
    SeveralAccounts(Vec<String>),
    /// The removal was decided about already, or needs no decision.
    #[error("the removal is `{state}`: this cannot be decided about it any more")]
    RemovalDecided {
        /// Where it stands.
        state: &'static str,
    },
    /// The removal is too old to be undone.
    #[error("the time in which the removal could be undone is over")]
    UndoExpired,
    /// Only lists of entitlements can be undone.
    #[error("what a list of people took away is brought back by sending a list that has it")]
    NotUndoable,
    /// Memberships of the integration's app are living.
    #[error(
        "{0} membership(s) of this integration's app are living: delete them, and wait until they have \
         ended. Deleting an integration changes nothing in its target"
    )]
    IntegrationInUse(u64),
    /// The integration does not let people map their own accounts, or a list names the account.
    #[error(
        "a list names this account, or the setting `allows_users_to_edit_accounts` of its integration is \
         off: whoever administers it says whose an account is"
    )]
    AccountsReadOnly,
    /// The account is not the caller's to claim, or to give up.
    #[error(
        "the account is somebody else's, somebody else claims it, or an administrator said whose it is: \
         ask the integration's owner"
    )]
    AccountTaken,
    /// Memberships of the app are living.
    #[error(
        "{0} membership(s) of this app are living: delete them, and settle those that wait for a person"
    )]
    AppInUse(u64),
    /// Work on the integration is under way.
    #[error(
        "{0} job(s) of this integration wait or run: cancel its aggregation, or wait for them to end"
    )]
    IntegrationBusy(u64),
    /// The integration is the service desk of others.
    #[error("{0} integration(s) open their tickets here: choose another desk for them first")]
    DeskInUse(u64),
    /// The plugin is in use.
    #[error("integrations use this plugin: remove them first")]
    PluginInUse,
    /// Somebody comes from the issuer.
    #[error("people or clients come from this issuer: remove them first")]
    IssuerInUse,
    /// Nobody is signed in by that.
    #[error(transparent)]
    SignInRefused(#[from] SignInRefusal),
    /// A setting or rule names a workflow that is not there.
    #[error("there is no approval workflow `{0}`: an admin creates it, or names another one")]
    WorkflowMissing(String),
    /// Settings or rules name the workflow.
    #[error(
        "{0} integration(s), resource(s) or role(s) name this workflow: name another one first"
    )]
    WorkflowInUse(usize),
    /// Somebody else made the request.
    #[error("only whoever made this request takes it back; those who are asked can reject it")]
    NotRequester,
    /// The person is not linked to an identity.
    #[error("you are no identity of a data source here: name the `identity_id` that is to get it")]
    NoIdentity,
    /// The request does not allow it now.
    #[error(transparent)]
    RequestNotPossible(#[from] grantry_model::request::NotPossible),
    /// Something else was said of the task, or it is over.
    #[error(transparent)]
    TaskOver(#[from] grantry_model::task::TaskOver),
    /// Nobody would be left who can administer.
    #[error("this is the last admin: make somebody else an admin first")]
    LastAdmin,
    /// Nobody deletes themselves.
    #[error("this is you: another admin has to do it")]
    OwnPerson,
    /// Integrations have this person as their owner.
    #[error("this person owns {0} integration(s): give them to somebody else first")]
    PersonOwnsIntegrations(u64),
    /// The same component is installed already.
    #[error("this very component is installed already, as plugin `{0}`")]
    PluginInstalled(String),
    /// The plugin of the integration is not run, because it misbehaved.
    #[error(
        "the plugin misbehaved too often and is in quarantine: look at its faults, then release the integration"
    )]
    Quarantined,
    /// A setting of the integration keeps Grantry from writing to its target.
    #[error(transparent)]
    GateClosed(Closed),
    /// The other plugin version asks for more than the one before.
    #[error("this version asks for more: {}; send the approval that it is to have", .0.join(", "))]
    AsksForMore(Vec<String>),
    /// A stored secret would not be one any more.
    #[error(
        "the secret at `{0}` of the connection would not stay secret, or cannot be opened: stay at \
         this version, or create a new integration"
    )]
    SecretNotKept(String),
    /// There is nothing to go back to.
    #[error("there is no version before this one, or it is not installed any more")]
    NoPreviousVersion,
    /// The component was refused.
    #[error(transparent)]
    Rejected(#[from] PackageRejection),
    /// Nobody who is trusted vouches for the plugin.
    #[error(transparent)]
    NotVouched(#[from] NotVouched),
    /// A registry did not give the plugin.
    #[error(transparent)]
    Registry(#[from] RegistryFault),
    /// A call of the plugin failed.
    #[error(transparent)]
    Plugin(#[from] Fault),
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request: use a new one")]
    IdempotencyKeyReused,
    /// The first request with the idempotency key is still under way.
    #[error(
        "the first request with this idempotency key is still under way: repeat it in a moment"
    )]
    RequestInProgress,
    /// The store refuses or fails.
    #[error(transparent)]
    Store(StoreError),
    /// The audit log contradicts its own checkpoint.
    #[error("the audit log was changed since its last checkpoint: run `grantry audit verify`")]
    AuditBroken,
    /// A part of the work failed in a way that it should not.
    #[error("the work was interrupted")]
    Interrupted,
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what } => Self::NotFound { what },
            other @ (StoreError::VersionConflict { .. }
            | StoreError::AlreadyExists { .. }
            | StoreError::PermissionRevoked
            | StoreError::LeaseLost { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Unavailable(_)) => Self::Store(other),
        }
    }
}

impl EngineError {
    /// One wrong field.
    pub(crate) fn field(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldIssue {
            path: path.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        }])
    }
}

/// Checks a name from outside.
pub(crate) fn check_name(path: &str, text: &str) -> Result<(), EngineError> {
    grantry_model::text::check_name(text)
        .map_err(|error| EngineError::field(path, "invalid_string", error.to_string()))
}

/// Checks a description from outside.
pub(crate) fn check_description(path: &str, text: &str) -> Result<(), EngineError> {
    grantry_model::text::check_description(text)
        .map_err(|error| EngineError::field(path, "invalid_string", error.to_string()))
}
