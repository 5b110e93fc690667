//! Errors on their way out: the one conversion from [`EngineError`] to a problem document.
//!
//! [`KINDS`] is the closed list of codes; docs/problems.md explains each, and a test compares the
//! two. A problem never holds SQL, paths, or the words of an internal error: those go to the log.
//! The document itself is rendered in `access.rs`, where the request id is known.

mod kinds;

use axum::response::{IntoResponse, Response};
use grantry_api::FieldProblem;
use grantry_engine::{AuthenticationError, EngineError, StoreError};
use grantry_model::csv::LineError;
use grantry_model::fault::FieldIssue;
use grantry_model::request::NotPossible;
use http::{HeaderName, HeaderValue, StatusCode, header};

pub use kinds::{KINDS, Kind};

/// Why a request is not carried out.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Code, status and title.
    pub kind: &'static Kind,
    /// What went wrong this time, and what to do about it.
    pub detail: String,
    /// Which fields are at fault.
    pub errors: Vec<FieldProblem>,
    /// For the log only.
    pub(crate) cause: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the kind with that code; an unknown code is `internal`.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        let (errors, headers) = (Vec::new(), Vec::new());
        Self { kind: kinds::kind(code), detail: detail.into(), errors, cause: None, headers }
    }

    /// Faults of fields. The problem's code is theirs where they share one that is documented.
    pub fn fields(errors: Vec<FieldProblem>) -> Self {
        let first = errors.first().map_or("", |error| error.code.as_str());
        let is_shared = errors.iter().all(|error| error.code == first);
        let code = if is_shared && kinds::is_known(first) { first } else { "invalid_input" };
        let problem = Self::new(code, "");
        let detail = match errors.as_slice() {
            [one] if one.path.is_empty() => one.message.clone(),
            [one] => format!("`{}` {}", one.path, one.message),
            more => format!("{} fields of the input are not valid", more.len()),
        };
        Self { errors, detail, ..problem }
    }

    /// One faulty field.
    pub fn field(path: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        let (path, code, message) = (path.into(), code.to_owned(), message.into());
        Self::fields(vec![FieldProblem::new(path, code, message)])
    }

    /// Faults of a file's lines, of which the first are told.
    fn lines(errors: Vec<LineError>, count: u64) -> Self {
        let detail = match errors.as_slice() {
            [first, ..] if count > errors.len() as u64 => {
                let (told, line) = (errors.len(), first.line);
                format!(
                    "{count} errors, the first {told} of them here, from line {line} on; nothing was applied"
                )
            }
            [first, ..] => {
                format!("{count} error(s), from line {} on; nothing was applied", first.line)
            }
            [] => "the file cannot be read; nothing was applied".to_owned(),
        };
        let errors = errors.into_iter().map(|error| FieldProblem {
            path: String::new(),
            code: error.code,
            message: error.message,
            line: Some(error.line),
            column: error.column,
        });
        Self { errors: errors.collect(), ..Self::new("csv_invalid", detail) }
    }

    /// A fault of the server itself. The cause is logged, not told.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let detail = "the server failed; its log has the reason under this request id";
        Self { cause: Some(cause.to_string()), ..Self::new("internal", detail) }
    }

    /// The general problem of a status that something else than a handler gave.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new("method_not_allowed", "this path does not have this method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new("payload_too_large", "the body is too large").closing()
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new("unsupported_media_type", "the body's media type is not accepted here")
            }
            other => Self::internal(format!("a bare answer with status {other}")),
        }
    }

    /// There is nothing here, or nothing that the caller may see: the same words for both.
    pub fn not_found() -> Self {
        Self::new("not_found", "there is nothing here, or nothing that you may see")
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Ends the connection after the answer, because the rest of the body was not read.
    #[must_use]
    pub(crate) fn closing(self) -> Self {
        self.with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    fn caused_by(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        self.cause = Some(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.kind.status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        if problem.kind.status != 401 {
            return problem;
        }
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        problem.with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        use grantry_authz::Refusal;
        let detail = error.to_string();
        match error {
            EngineError::Refused(Refusal::Hidden) | EngineError::NotFound { .. } => {
                Self::not_found()
            }
            EngineError::Refused(
                Refusal::ActionNotGranted { .. }
                | Refusal::AdminActionNotGranted { .. }
                | Refusal::ResourceActionNotGranted { .. }
                | Refusal::NotSignedIn,
            ) => Self::new("action_not_granted", detail),
            EngineError::Invalid(issues) => {
                Self::fields(issues.into_iter().map(field_problem).collect())
            }
            EngineError::CsvInvalid { errors, count } => Self::lines(errors, count),
            EngineError::UploadTooLarge => Self::new("payload_too_large", detail),
            EngineError::TooManyUploads | EngineError::UploadQuota => {
                Self::new("too_many_uploads", detail)
            }
            EngineError::UploadNotReady { .. } => Self::new("upload_not_ready", detail),
            EngineError::DiffChanged => Self::new("diff_changed", detail),
            EngineError::MassRemoval { .. } => Self::new("blocked_threshold", detail),
            EngineError::FedByIntegration => Self::new("fed_by_integration", detail),
            EngineError::Directory(fault) => Self::new(fault.code(), detail),
            EngineError::AccountUnmapped => Self::new("account_unmapped", detail),
            EngineError::SeveralAccounts(_) => Self::new("several_accounts", detail),
            EngineError::InvalidCursor => Self::new("invalid_cursor", detail),
            EngineError::InvalidDuration(_) => Self::new("invalid_duration", detail),
            EngineError::MembershipNotActive(_) => Self::new("membership_not_active", detail),
            EngineError::AccountsNotRead => Self::new("accounts_not_read", detail),
            EngineError::TypeDeleted(_) => Self::new("type_deleted", detail),
            EngineError::SyncRunning => Self::new("sync_running", detail),
            EngineError::AsksForMore(_) => Self::new("plugin_asks_for_more", detail),
            EngineError::SecretNotKept(_) => Self::new("secret_not_kept", detail),
            EngineError::NoPreviousVersion => Self::new("no_previous_version", detail),
            EngineError::RemovalDecided { .. } => Self::new("removal_decided", detail),
            EngineError::NotUndoable => Self::new("not_undoable", detail),
            EngineError::UndoExpired => Self::new("undo_expired", detail),
            EngineError::GateClosed(closed) => Self::new(closed.code(), detail),
            EngineError::IssuerInUse => Self::new("issuer_in_use", detail),
            EngineError::SignInRefused(refusal) => Self::new(refusal.code(), detail),
            EngineError::OwnPerson => Self::new("own_person", detail),
            EngineError::PersonOwnsIntegrations(_) => Self::new("person_owns_integrations", detail),
            EngineError::LastAdmin => Self::new("last_admin", detail),
            EngineError::IntegrationInUse(_) => Self::new("integration_in_use", detail),
            EngineError::AccountsReadOnly => Self::new("accounts_read_only", detail),
            EngineError::AccountTaken => Self::new("account_taken", detail),
            EngineError::AppInUse(_) => Self::new("app_in_use", detail),
            EngineError::IntegrationBusy(_) => Self::new("integration_busy", detail),
            EngineError::WorkflowMissing(_) => Self::new("workflow_missing", detail),
            EngineError::WorkflowInUse(_) => Self::new("workflow_in_use", detail),
            EngineError::NotRequester => Self::new("not_requester", detail),
            EngineError::NoIdentity => Self::new("no_identity", detail),
            EngineError::RequestNotPossible(NotPossible::NoSeat) => {
                Self::new("not_an_approver", detail)
            }
            EngineError::RequestNotPossible(_) => Self::new("request_decided", detail),
            EngineError::TaskOver(_) => Self::new("task_over", detail),
            EngineError::DeskInUse(_) => Self::new("desk_in_use", detail),
            EngineError::PluginInUse => Self::new("plugin_in_use", detail),
            EngineError::PluginInstalled(_) => Self::new("plugin_installed", detail),
            EngineError::Quarantined => Self::new("integration_quarantined", detail),
            EngineError::NotVouched(why) => Self::new(why.code(), detail),
            EngineError::Registry(fault) => Self::new(fault.code(), detail),
            EngineError::Rejected(rejection) => Self::new(rejection.code(), detail),
            EngineError::Plugin(fault) => Self::new(fault.code(), detail),
            EngineError::IdempotencyKeyReused => Self::new("idempotency_key_reused", detail),
            EngineError::RequestInProgress => Self::new("request_in_progress", detail),
            EngineError::Store(error) => error.into(),
            EngineError::AuditBroken | EngineError::Interrupted => Self::internal(detail),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match &error {
            StoreError::NotFound { .. } => Self::not_found(),
            StoreError::PermissionRevoked => Self::new("action_not_granted", detail),
            StoreError::VersionConflict { .. } => Self::new("version_conflict", detail),
            StoreError::AlreadyExists { .. } => Self::new("conflict", detail),
            StoreError::LeaseLost { .. } | StoreError::Corrupt { .. } => {
                Self::internal("").caused_by(&error)
            }
            StoreError::Unavailable(_) => {
                let detail = "the database does not work now, so nothing was changed: try again";
                Self::new("storage_unavailable", detail).caused_by(&error)
            }
        }
    }
}

fn field_problem(issue: FieldIssue) -> FieldProblem {
    FieldProblem::new(issue.path, issue.code, issue.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_tells_nothing_of_its_cause() {
        let problem = Problem::from(StoreError::Corrupt {
            what: "manifest",
            reason: "SELECT manifest FROM plugins: /var/lib/grantry.db".to_owned(),
        });
        assert_eq!(problem.kind.code, "internal");
        assert!(!problem.detail.contains("SELECT"));
        assert!(problem.cause.unwrap().contains("SELECT"));
    }

    #[test]
    fn faults_that_share_a_code_give_it_to_the_problem() {
        let fault = |code: &str| FieldProblem::new("/name".into(), code.into(), "is wrong".into());
        let one = Problem::fields(vec![fault("invalid_string"), fault("invalid_string")]);
        assert_eq!(one.kind.code, "invalid_string");
        let mixed = Problem::fields(vec![fault("invalid_string"), fault("schema")]);
        assert_eq!(mixed.kind.code, "invalid_input");
    }

    #[test]
    fn every_kind_is_explained_in_the_docs_and_nothing_else() {
        let docs = include_str!("../../../docs/problems.md");
        let documented: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = KINDS
            .iter()
            .map(|kind| format!("| `{}` | {} | {} |", kind.code, kind.status, kind.title))
            .collect();
        let documented: Vec<String> = documented
            .iter()
            .map(|line| format!("{} |", line.rsplitn(3, " |").last().unwrap_or_default()))
            .collect();
        assert_eq!(documented, expected, "docs/problems.md and KINDS list different problems");
    }

    #[test]
    fn every_fault_of_a_plugin_has_a_kind() {
        use grantry_model::fault::{Fault, PluginError};
        use grantry_model::package::PackageRejection;
        let codes = [
            Fault::Trap(String::new()).code(),
            Fault::Host(String::new()).code(),
            PluginError::TimedOut.code(),
            PackageRejection::CompileLimit.code(),
            PackageRejection::TooLarge(0).code(),
        ];
        assert!(codes.iter().all(|code| kinds::is_known(code)));
    }
}
