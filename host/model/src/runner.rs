//! The seam between the engine and whoever runs plugins: this host's runtime, or a remote agent.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::approval::Granted;
use crate::catalogue::{Cursor, Page, PageRequest};
use crate::changes::{ChangePage, Feed};
use crate::fault::{Fault, FieldIssue};
use crate::gate::{AdmittedTest, AdmittedTicket, Licence};
use crate::ids::IntegrationId;
use crate::platform::Platform;
use crate::plugin::{AuthScheme, ConnectionReport, Digest, KindSchema};
use crate::provision::{Operation, OperationContext, Outcome, Plan, Verification};
use crate::secret::SecretSource;
use crate::ticket::{Ticket, TicketSchemas};

/// Everything that one call of a plugin may touch. There is nothing else that it can reach.
#[derive(Clone)]
pub struct CallScope {
    /// Which component.
    pub plugin: Digest,
    /// For which integration.
    pub integration: IntegrationId,
    /// Grows when the integration's approval, connection or secrets change: connections that were
    /// opened and tokens that were fetched under an older one are not used again.
    pub policy_version: i64,
    /// The connection as JSON, without its secret fields.
    pub connection: Arc<str>,
    /// Asked ∩ approved ∩ this integration.
    pub granted: Arc<Granted>,
    /// The manifest's ways to authenticate.
    pub auth: Arc<[AuthScheme]>,
    /// Opens the integration's secrets.
    pub secrets: Arc<dyn SecretSource>,
    /// Reads the integration's key-value store.
    pub kv: Arc<dyn KeyValue>,
    /// Grantry's directory, for the integration's principal.
    pub platform: Arc<dyn Platform>,
    /// Where denials are recorded.
    pub audit: Arc<dyn AuditSink>,
    /// What the scopes of the listing that is being read are validated by, by their names.
    pub validators: Arc<HashMap<String, String>>,
}

/// The committed content of one integration's key-value store. Writes of a call are returned with
/// its result ([`CallReport::kv_writes`]) and committed with it.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// The value, if the key has one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueUnavailable>;
    /// The keys that begin with exactly this text, in order.
    async fn keys(&self, prefix: &str) -> Result<Vec<String>, KeyValueUnavailable>;
    /// How much is in it.
    async fn usage(&self) -> Result<KvUsage, KeyValueUnavailable>;
}

/// How much is in a key-value store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KvUsage {
    /// Its keys.
    pub keys: usize,
    /// Bytes of its keys and values.
    pub bytes: usize,
}

/// The store cannot answer now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the key-value store cannot answer now")]
pub struct KeyValueUnavailable;

/// Something that a plugin tried and was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// A code of security.md section 4, such as `host_not_allowed`.
    pub code: &'static str,
    /// What was tried, in words, without secrets.
    pub detail: String,
}

/// Records what plugins were refused.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Writes the denial to the audit log.
    async fn denied(&self, integration: &IntegrationId, denial: Denial);
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
}

impl LogLevel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Trace, Self::Debug, Self::Info, Self::Warn];

    /// The level's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
        }
    }

    /// The level of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// A line of the plugin's log, made printable, with secrets scrubbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in wit/host.wit")]
pub struct LogLine {
    pub level: LogLevel,
    pub message: String,
    pub fields: Vec<(String, String)>,
}

/// A write of a plugin to its key-value store; `None` deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KvWrite {
    pub key: String,
    pub value: Option<Vec<u8>>,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Wall time, in microseconds.
    pub elapsed_us: u64,
    /// Peak of linear memory, in bytes.
    pub memory_bytes: u64,
    /// Calls from guest to host.
    pub host_calls: u32,
    /// Outgoing requests.
    pub requests: u32,
    /// Bytes sent and received by outgoing requests.
    pub traffic_bytes: u64,
}

/// What a call left behind beside its result. There is one for failed calls too, without kv writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallReport {
    /// To be committed with the result.
    pub kv_writes: Vec<KvWrite>,
    /// The plugin's log.
    pub log: Vec<LogLine>,
    /// What it used.
    pub usage: Usage,
}

/// A call's result with its report.
#[derive(Debug, Clone, PartialEq)]
pub struct Called<T> {
    /// What the plugin answered.
    pub value: T,
    /// What it left behind.
    pub report: CallReport,
}

/// A failed call: why, and what it left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFailure {
    /// Why.
    pub fault: Fault,
    /// Log and usage up to the failure.
    pub report: CallReport,
}

/// What comes of a call.
pub type CallResult<T> = Result<Called<T>, Box<CallFailure>>;

/// Runs plugins. Each method is one call in a fresh instance, within the host's limits; dropping
/// the future ends the call.
#[async_trait]
pub trait TaskRunner: Send + Sync {
    /// Faults of a connection (without secrets) that its schema cannot express. Runs without any
    /// capability.
    async fn validate_config(
        &self,
        plugin: &Digest,
        connection: &str,
    ) -> CallResult<Vec<FieldIssue>>;
    /// Tries the connection, as far as the gate let it.
    async fn test_connection(
        &self,
        scope: &CallScope,
        test: &AdmittedTest,
    ) -> CallResult<ConnectionReport>;
    /// The kinds of this tenant.
    async fn discover_schema(&self, scope: &CallScope) -> CallResult<Vec<KindSchema>>;
    /// One page of an aggregation.
    async fn read_page(&self, scope: &CallScope, request: PageRequest) -> CallResult<Page>;
    /// The logs of changes that the target keeps.
    async fn feeds(&self, scope: &CallScope) -> CallResult<Vec<Feed>>;
    /// A feed's newest position.
    async fn latest(&self, scope: &CallScope, feed: &str) -> CallResult<Cursor>;
    /// What a feed says since a position.
    async fn poll(
        &self,
        scope: &CallScope,
        feed: &str,
        since: Option<Cursor>,
        max_items: u32,
    ) -> CallResult<ChangePage>;
    /// What an operation would send. Requests other than GET are refused meanwhile.
    async fn plan(
        &self,
        scope: &CallScope,
        operation: &Operation,
        context: &OperationContext,
    ) -> CallResult<Plan>;
    /// Carries out what the gate let through. The licence is of the scope's integration.
    async fn apply(
        &self,
        scope: &CallScope,
        licence: Licence,
        context: &OperationContext,
    ) -> CallResult<Outcome>;
    /// How an operation that is in progress stands.
    async fn status(&self, scope: &CallScope, token: &str) -> CallResult<Outcome>;
    /// Reads back. Requests other than GET are refused meanwhile.
    async fn verify(
        &self,
        scope: &CallScope,
        operation: &Operation,
        context: &OperationContext,
    ) -> CallResult<Verification>;
    /// What kinds of tickets a service desk takes: a page of them.
    async fn ticket_schemas(
        &self,
        scope: &CallScope,
        at: Option<Vec<u8>>,
    ) -> CallResult<TicketSchemas>;
    /// Opens the ticket that the gate let through, unless it is there. It is of the scope's
    /// integration.
    async fn create_ticket(&self, scope: &CallScope, ticket: AdmittedTicket) -> CallResult<Ticket>;
    /// How a ticket stands.
    async fn ticket(&self, scope: &CallScope, id: &str) -> CallResult<Ticket>;
}
