//! Runs a component in the host's own sandbox, without a server and without a database.
//!
//! [`Sandbox`] is the component as the host would accept it; a [`Session`] is one connection with its
//! secrets, an approval and a key-value store in memory. What calls did beside answering (log lines,
//! refusals, memory) is in the session's [`Journal`].

mod journal;
mod memory;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grantry_model::aggregation::PAGE_BYTES_MAX;
use grantry_model::approval::{Approval, granted};
use grantry_model::catalogue::{Cursor, Object, ObjectRef, Page, PageRequest, Target};
use grantry_model::connection;
use grantry_model::fault::{Fault, FieldIssue};
use grantry_model::gate::{admit, admit_test};
use grantry_model::ids::IntegrationId;
use grantry_model::package::{PackageInspector as _, PackageRejection, PackageReport};
use grantry_model::platform::NoPlatform;
use grantry_model::plugin::{ConnectionReport, KindSchema, TestDepth};
use grantry_model::provision::{Operation, OperationContext, Outcome, Plan, Verification};
use grantry_model::runner::{CallResult, CallScope, TaskRunner as _};
use grantry_model::settings::Settings;
use grantry_runtime::{Inspector, LocalRunner, Runtime, RuntimeError};
use serde::Serialize;
use serde_json::Value;

pub use journal::{Journal, Refused};
use memory::{Memory, OneComponent, Recorder, Secrets};

/// How long an operation may take, in milliseconds: what its context says.
const DEADLINE_MS: u64 = 30_000;

/// A component that the host accepts.
pub struct Sandbox {
    runner: Arc<LocalRunner>,
    inspector: Inspector,
    component: Arc<[u8]>,
    /// What the host found in it.
    pub report: PackageReport,
    /// Peak of linear memory that a call may use, in bytes.
    pub memory_bytes_max: u64,
    sessions: AtomicU64,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The host would refuse the component at install.
    #[error("the host refuses the component: {0} (`{code}`)", code = .0.code())]
    Refused(#[from] PackageRejection),
}

impl Sandbox {
    /// Looks at the component as the host would at install. Must be called inside a tokio runtime.
    pub async fn open(
        component: Vec<u8>,
        settings: grantry_runtime::Settings,
    ) -> Result<Self, SandboxError> {
        let component: Arc<[u8]> = component.into();
        let memory_bytes_max = settings.limits.memory_bytes_max as u64;
        let runtime = Runtime::start(settings, Arc::new(OneComponent(component.clone())))?;
        let inspector = Inspector::new(runtime.clone());
        let report = inspector.inspect(&component).await?;
        let runner = Arc::new(LocalRunner::new(runtime));
        let sessions = AtomicU64::default();
        Ok(Self { runner, inspector, component, report, memory_bytes_max, sessions })
    }

    /// Asks the component once more what it is.
    pub async fn inspect_again(&self) -> Result<PackageReport, PackageRejection> {
        self.inspector.inspect(&self.component).await
    }

    /// A session with a connection (secrets included), or what the plugin's schema says against it.
    pub fn session(&self, whole: &Value, approval: &Approval) -> Result<Session, Vec<FieldIssue>> {
        let manifest = &self.report.manifest;
        let split = connection::split(&manifest.connection_schema, whole)?;
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        // Each has an id of its own, so that none gets another one's connections and tokens.
        let integration = IntegrationId::parse(&format!("session-{number}"));
        let integration = integration.expect("letters, digits and a hyphen are an id");
        let secrets = Secrets(split.secrets);
        let journal = Arc::new(Mutex::new(Journal::watching(secrets.texts())));
        let kv = Arc::new(Memory::default());
        let scope = CallScope {
            plugin: self.report.digest.clone(),
            integration,
            policy_version: 1,
            connection: split.public.to_string().into(),
            granted: Arc::new(granted(manifest, approval, &split.public)),
            auth: manifest.auth.clone().into(),
            secrets: Arc::new(secrets),
            kv: kv.clone(),
            platform: Arc::new(NoPlatform),
            audit: Arc::new(Recorder(journal.clone())),
            validators: Arc::default(),
        };
        Ok(Session { runner: self.runner.clone(), scope, kv, journal, operations: 0.into() })
    }
}

/// One connection. Each call runs in a fresh instance, one after the other.
pub struct Session {
    runner: Arc<LocalRunner>,
    scope: CallScope,
    kv: Arc<Memory>,
    journal: Arc<Mutex<Journal>>,
    operations: AtomicU64,
}

/// What a call answered.
pub type Answer<T> = Result<T, Fault>;

impl Session {
    /// What the calls did so far.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the scopes of the listings that are read from now on are validated by, by their names.
    pub fn set_validators(&mut self, validators: impl IntoIterator<Item = (String, String)>) {
        self.scope.validators = Arc::new(validators.into_iter().collect());
    }

    /// `validate-config`, with this session's connection or another one.
    pub async fn validate_config(&self, connection: Option<&str>) -> Answer<Vec<FieldIssue>> {
        let connection = connection.unwrap_or(&self.scope.connection);
        self.begin("validate-config");
        let called = self.runner.validate_config(&self.scope.plugin, connection).await;
        self.note(called)
    }

    /// `test-connection`.
    pub async fn test_connection(&self, depth: TestDepth) -> Answer<ConnectionReport> {
        let test =
            admit_test(&writable(), depth).map_err(|closed| Fault::Host(closed.to_string()))?;
        self.begin("test-connection");
        self.note(self.runner.test_connection(&self.scope, &test).await)
    }

    /// `discover-schema`.
    pub async fn discover_schema(&self) -> Answer<Vec<KindSchema>> {
        self.begin("discover-schema");
        self.note(self.runner.discover_schema(&self.scope).await)
    }

    /// `read-page`. Writes to the key-value store are kept, as a committed page would keep them.
    pub async fn read_page(
        &self,
        target: &Target,
        at: Option<Cursor>,
        max_items: u32,
    ) -> Answer<Page> {
        self.begin("read-page");
        let called = self.runner.read_page(&self.scope, request(target, at, max_items)).await;
        self.note(called)
    }

    /// `read-page`, as if the host had ended before it could keep the page.
    pub async fn lose_page(
        &self,
        target: &Target,
        at: Option<Cursor>,
        max_items: u32,
    ) -> Answer<Page> {
        self.begin("read-page");
        let called = self.runner.read_page(&self.scope, request(target, at, max_items)).await;
        self.journal().take(&called);
        called.map(|called| called.value).map_err(|failure| failure.fault)
    }

    /// `get`.
    pub async fn get(&self, id: ObjectRef) -> Answer<Option<Object>> {
        self.begin("get");
        self.note(self.runner.get(&self.scope, id).await)
    }

    /// `count`.
    pub async fn count(&self, kind: &str) -> Answer<Option<u64>> {
        self.begin("count");
        self.note(self.runner.count(&self.scope, kind.to_owned()).await)
    }

    /// A context for a new operation, first attempt.
    pub fn new_operation(&self) -> OperationContext {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        OperationContext {
            operation_id: format!("{}-{number}", self.scope.integration.as_str()),
            idempotency_key: format!("{}-{number}", self.scope.integration.as_str()),
            attempt: 1,
            deadline_ms: DEADLINE_MS,
            actor: "author".to_owned(),
            snapshot: Vec::new(),
        }
    }

    /// `plan`.
    pub async fn plan(&self, operation: &Operation, context: &OperationContext) -> Answer<Plan> {
        self.begin("plan");
        self.note(self.runner.plan(&self.scope, operation, context).await)
    }

    /// `apply`: changes the target.
    pub async fn apply(
        &self,
        operation: &Operation,
        context: &OperationContext,
    ) -> Answer<Outcome> {
        let licence = admit(&self.scope.integration, &writable(), None, operation.clone());
        let licence = licence.map_err(|closed| Fault::Host(closed.to_string()))?;
        self.begin("apply");
        self.note(self.runner.apply(&self.scope, licence, context).await)
    }

    /// `verify`.
    pub async fn verify(
        &self,
        operation: &Operation,
        context: &OperationContext,
    ) -> Answer<Verification> {
        self.begin("verify");
        self.note(self.runner.verify(&self.scope, operation, context).await)
    }

    fn begin(&self, call: &'static str) {
        self.journal().begin(call);
    }

    /// Keeps what the call left behind.
    fn note<T: Serialize>(&self, called: CallResult<T>) -> Answer<T> {
        self.journal().take(&called);
        match called {
            Ok(called) => {
                self.kv.commit(called.report.kv_writes);
                Ok(called.value)
            }
            Err(failure) => Err(failure.fault),
        }
    }
}

fn request(target: &Target, at: Option<Cursor>, max_items: u32) -> PageRequest {
    let run_id = "author".to_owned();
    PageRequest { run_id, target: target.clone(), at, max_items, max_bytes: PAGE_BYTES_MAX }
}

/// The settings of an integration that may write everything: the person decides what is called.
fn writable() -> Settings {
    Settings { allows_creating_accounts: true, ..Settings::default() }
}
