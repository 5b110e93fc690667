//! [`LocalRunner`]: runs plugins in this process. One method, one exported function.
//!
//! `plan`, `verify` and connection tests may only GET, as the contract says. The other calls may use
//! every method that was approved: some targets list by POST (GraphQL, search requests).

use std::sync::Arc;

use async_trait::async_trait;
use grantry_model::catalogue::{Cursor, Object, ObjectRef, Page, PageRequest};
use grantry_model::changes::{ChangePage, Feed};
use grantry_model::fault::{Fault, FieldIssue};
use grantry_model::gate::{AdmittedTest, AdmittedTicket, Licence};
use grantry_model::method::Method;
use grantry_model::plugin::{ConnectionReport, Digest, KindSchema, TestDepth};
use grantry_model::provision::{Operation, OperationContext, Outcome, Plan, Verification};
use grantry_model::runner::{CallFailure, CallReport, CallResult, CallScope, TaskRunner};
use grantry_model::ticket::{Ticket, TicketSchemas};

use crate::Runtime;
use crate::calls;
use crate::convert;
use crate::http::Access;

/// Runs plugins in this process.
pub struct LocalRunner {
    runtime: Arc<Runtime>,
}

impl LocalRunner {
    /// A runner on this runtime.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }

    /// One object as it is now: for authors of plugins, nothing else asks for it yet.
    pub async fn get(&self, scope: &CallScope, id: ObjectRef) -> CallResult<Option<Object>> {
        let call = calls::Get { id };
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    /// How many objects of a kind the target says that it has: for authors of plugins too.
    pub async fn count(&self, scope: &CallScope, kind: String) -> CallResult<Option<u64>> {
        let call = calls::Count { kind };
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }
}

#[async_trait]
impl TaskRunner for LocalRunner {
    async fn validate_config(
        &self,
        plugin: &Digest,
        connection: &str,
    ) -> CallResult<Vec<FieldIssue>> {
        let call = calls::ValidateConfig { connection: connection.to_owned() };
        self.runtime.call(plugin, None, Access::ReadOnly, call).await
    }

    async fn test_connection(
        &self,
        scope: &CallScope,
        test: &AdmittedTest,
    ) -> CallResult<ConnectionReport> {
        let depth = test.depth();
        let access = match depth {
            TestDepth::Connect | TestDepth::Read => Access::ReadOnly,
            TestDepth::WriteProbe => Access::ReadWrite,
        };
        let call = calls::TestConnection { depth: convert::lifecycle::to_test_depth(depth) };
        self.runtime.call(&scope.plugin, Some(scope), access, call).await
    }

    async fn discover_schema(&self, scope: &CallScope) -> CallResult<Vec<KindSchema>> {
        let call = calls::DiscoverSchema;
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn read_page(&self, scope: &CallScope, request: PageRequest) -> CallResult<Page> {
        let call = calls::ReadPage { request: convert::aggregate::to_page_request(request) };
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn feeds(&self, scope: &CallScope) -> CallResult<Vec<Feed>> {
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, calls::Feeds).await
    }

    async fn latest(&self, scope: &CallScope, feed: &str) -> CallResult<Cursor> {
        let call = calls::Latest { feed: feed.to_owned() };
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn poll(
        &self,
        scope: &CallScope,
        feed: &str,
        since: Option<Cursor>,
        max_items: u32,
    ) -> CallResult<ChangePage> {
        let call = calls::Poll { feed: feed.to_owned(), since, max_items };
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn plan(
        &self,
        scope: &CallScope,
        operation: &Operation,
        context: &OperationContext,
    ) -> CallResult<Plan> {
        let call = calls::PlanOperation(calls::operation(operation, context));
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadOnly, call).await
    }

    async fn apply(
        &self,
        scope: &CallScope,
        licence: Licence,
        context: &OperationContext,
    ) -> CallResult<Outcome> {
        if *licence.integration() != scope.integration || licence.method() != Method::Connector {
            return Err(of_another());
        }
        let call = calls::Apply(calls::operation(licence.operation(), context));
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn status(&self, scope: &CallScope, token: &str) -> CallResult<Outcome> {
        let call = calls::Status { token: token.to_owned() };
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn verify(
        &self,
        scope: &CallScope,
        operation: &Operation,
        context: &OperationContext,
    ) -> CallResult<Verification> {
        let call = calls::Verify(calls::operation(operation, context));
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadOnly, call).await
    }

    async fn ticket_schemas(
        &self,
        scope: &CallScope,
        at: Option<Vec<u8>>,
    ) -> CallResult<TicketSchemas> {
        let call = calls::TicketSchemasAt(at);
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn create_ticket(&self, scope: &CallScope, ticket: AdmittedTicket) -> CallResult<Ticket> {
        if *ticket.integration() != scope.integration {
            return Err(of_another());
        }
        let call = calls::CreateTicket(convert::tickets::to_request(ticket.request()));
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }

    async fn ticket(&self, scope: &CallScope, id: &str) -> CallResult<Ticket> {
        let call = calls::GetTicket(id.to_owned());
        self.runtime.call(&scope.plugin, Some(scope), Access::ReadWrite, call).await
    }
}

/// A proof of the gate's that was made for another integration, or another method: nothing is called.
fn of_another() -> Box<CallFailure> {
    let fault = Fault::Host("the gate let something else through".to_owned());
    Box::new(CallFailure { fault, report: CallReport::default() })
}
