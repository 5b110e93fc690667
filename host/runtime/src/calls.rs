//! The exported functions that the host calls, each with its arguments and its answer.

use grantry_model::catalogue::{Cursor, Object, ObjectRef, Page};
use grantry_model::changes::{ChangePage, Feed};
use grantry_model::fault::FieldIssue;
use grantry_model::plugin::{ConnectionReport, KindSchema, Manifest};
use grantry_model::provision::{self, Outcome, Plan, Verification};
use grantry_model::ticket::{Ticket, TicketSchemas};
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::bindings::exports::grantry::plugin as wit;
use crate::bindings::grantry::plugin::types;
use crate::call::CallState;
use crate::convert::{self, all, faults};
use crate::driver::{CallError, GuestCall};
use crate::plugin::Plugin;

type GuestStore = Store<CallState>;

fn guest(error: types::Error) -> CallError {
    CallError::Guest(faults::plugin_error(error))
}

fn offered<'a, T>(interface: Option<&'a T>, name: &'static str) -> Result<&'a T, CallError> {
    interface.ok_or(CallError::NotOffered(name))
}

/// `lifecycle.describe`, after a look at the types of all exports: it is the first call of every
/// component, at install.
pub(crate) struct Describe;

impl GuestCall for Describe {
    const NAME: &str = "describe";
    type Answer = Manifest;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Manifest, CallError> {
        plugin.check_exports(store, instance)?;
        let guest = plugin.lifecycle.load(&mut *store, instance)?;
        Ok(convert::lifecycle::manifest(guest.call_describe(store).await?))
    }
}

/// `lifecycle.validate-config`.
pub(crate) struct ValidateConfig {
    pub(crate) connection: String,
}

impl GuestCall for ValidateConfig {
    const NAME: &str = "validate-config";
    type Answer = Vec<FieldIssue>;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Vec<FieldIssue>, CallError> {
        let guest = plugin.lifecycle.load(&mut *store, instance)?;
        let issues = guest.call_validate_config(store, &self.connection).await?;
        Ok(faults::field_issues(issues))
    }
}

/// `lifecycle.test-connection`.
pub(crate) struct TestConnection {
    pub(crate) depth: wit::lifecycle::TestDepth,
}

impl GuestCall for TestConnection {
    const NAME: &str = "test-connection";
    type Answer = ConnectionReport;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<ConnectionReport, CallError> {
        let lifecycle = plugin.lifecycle.load(&mut *store, instance)?;
        let report = lifecycle.call_test_connection(store, self.depth).await?;
        report.map(convert::lifecycle::connection_report).map_err(guest)
    }
}

/// `lifecycle.discover-schema`.
pub(crate) struct DiscoverSchema;

impl GuestCall for DiscoverSchema {
    const NAME: &str = "discover-schema";
    type Answer = Vec<KindSchema>;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Vec<KindSchema>, CallError> {
        let lifecycle = plugin.lifecycle.load(&mut *store, instance)?;
        let kinds = lifecycle.call_discover_schema(store).await?;
        kinds.map(|kinds| all(kinds, convert::lifecycle::kind_schema)).map_err(guest)
    }
}

/// The `aggregate` interface of the instance.
fn aggregate(
    plugin: &Plugin,
    store: &mut GuestStore,
    instance: &Instance,
) -> Result<wit::aggregate::Guest, CallError> {
    Ok(offered(plugin.aggregate.as_ref(), "aggregate")?.load(store, instance)?)
}

/// `aggregate.read-page`.
pub(crate) struct ReadPage {
    pub(crate) request: wit::aggregate::PageRequest,
}

impl GuestCall for ReadPage {
    const NAME: &str = "read-page";
    type Answer = Page;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Page, CallError> {
        let aggregate = aggregate(plugin, store, instance)?;
        let page = aggregate.call_read_page(store, &self.request).await?;
        page.map(convert::aggregate::page).map_err(guest)
    }
}

/// `aggregate.get`.
pub(crate) struct Get {
    pub(crate) id: ObjectRef,
}

impl GuestCall for Get {
    const NAME: &str = "get";
    type Answer = Option<Object>;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Option<Object>, CallError> {
        let aggregate = aggregate(plugin, store, instance)?;
        let id = convert::catalogue::to_object_ref(&self.id);
        let object = aggregate.call_get(store, &id).await?;
        object.map(|object| object.map(convert::catalogue::object)).map_err(guest)
    }
}

/// `aggregate.count`.
pub(crate) struct Count {
    pub(crate) kind: String,
}

impl GuestCall for Count {
    const NAME: &str = "count";
    type Answer = Option<u64>;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Option<u64>, CallError> {
        let aggregate = aggregate(plugin, store, instance)?;
        aggregate.call_count(store, &self.kind).await?.map_err(guest)
    }
}

/// `changes.feeds`.
pub(crate) struct Feeds;

impl GuestCall for Feeds {
    const NAME: &str = "feeds";
    type Answer = Vec<Feed>;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Vec<Feed>, CallError> {
        let changes = changes(plugin, store, instance)?;
        Ok(all(changes.call_feeds(store).await?, convert::changes::feed))
    }
}

/// `changes.latest`.
pub(crate) struct Latest {
    pub(crate) feed: String,
}

impl GuestCall for Latest {
    const NAME: &str = "latest";
    type Answer = Cursor;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Cursor, CallError> {
        let changes = changes(plugin, store, instance)?;
        changes.call_latest(store, &self.feed).await?.map_err(guest)
    }
}

/// `changes.poll`.
pub(crate) struct Poll {
    pub(crate) feed: String,
    pub(crate) since: Option<Cursor>,
    pub(crate) max_items: u32,
}

impl GuestCall for Poll {
    const NAME: &str = "poll";
    type Answer = ChangePage;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<ChangePage, CallError> {
        let changes = changes(plugin, store, instance)?;
        let since = self.since.as_ref();
        let page = changes.call_poll(store, &self.feed, since, self.max_items).await?;
        page.map(convert::changes::page).map_err(guest)
    }
}

/// The `changes` interface of the instance.
fn changes(
    plugin: &Plugin,
    store: &mut GuestStore,
    instance: &Instance,
) -> Result<wit::changes::Guest, CallError> {
    Ok(offered(plugin.changes.as_ref(), "changes")?.load(store, instance)?)
}

/// An operation with its context, in the contract's types.
pub(crate) type Operation = (wit::provision::Operation, wit::provision::OperationContext);

/// Into the contract's types.
pub(crate) fn operation(
    operation: &provision::Operation,
    context: &provision::OperationContext,
) -> Operation {
    let context = convert::provision::to_operation_context(context);
    (convert::provision::to_operation(operation), context)
}

/// The `provision` interface of the instance.
fn provision(
    plugin: &Plugin,
    store: &mut GuestStore,
    instance: &Instance,
) -> Result<wit::provision::Guest, CallError> {
    Ok(offered(plugin.provision.as_ref(), "provision")?.load(store, instance)?)
}

/// `provision.plan`.
pub(crate) struct PlanOperation(pub(crate) Operation);

impl GuestCall for PlanOperation {
    const NAME: &str = "plan";
    type Answer = Plan;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Plan, CallError> {
        let (operation, context) = &self.0;
        let provision = provision(plugin, store, instance)?;
        let plan = provision.call_plan(store, operation, context).await?;
        plan.map(convert::provision::plan).map_err(guest)
    }
}

/// `provision.apply`.
pub(crate) struct Apply(pub(crate) Operation);

impl GuestCall for Apply {
    const NAME: &str = "apply";
    type Answer = Outcome;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Outcome, CallError> {
        let (operation, context) = &self.0;
        let provision = provision(plugin, store, instance)?;
        let outcome = provision.call_apply(store, operation, context).await?;
        outcome.map(convert::provision::outcome).map_err(guest)
    }
}

/// `provision.status`.
pub(crate) struct Status {
    pub(crate) token: String,
}

impl GuestCall for Status {
    const NAME: &str = "status";
    type Answer = Outcome;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Outcome, CallError> {
        let provision = provision(plugin, store, instance)?;
        let outcome = provision.call_status(store, &self.token).await?;
        outcome.map(convert::provision::outcome).map_err(guest)
    }
}

/// `provision.verify`.
pub(crate) struct Verify(pub(crate) Operation);

impl GuestCall for Verify {
    const NAME: &str = "verify";
    type Answer = Verification;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Verification, CallError> {
        let (operation, context) = &self.0;
        let provision = provision(plugin, store, instance)?;
        let verification = provision.call_verify(store, operation, context).await?;
        verification.map(convert::provision::verification).map_err(guest)
    }
}

/// The `tickets` interface of the instance.
fn tickets(
    plugin: &Plugin,
    store: &mut GuestStore,
    instance: &Instance,
) -> Result<wit::tickets::Guest, CallError> {
    Ok(offered(plugin.tickets.as_ref(), "tickets")?.load(store, instance)?)
}

/// `tickets.schemas`.
pub(crate) struct TicketSchemasAt(pub(crate) Option<Vec<u8>>);

impl GuestCall for TicketSchemasAt {
    const NAME: &str = "schemas";
    type Answer = TicketSchemas;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<TicketSchemas, CallError> {
        let tickets = tickets(plugin, store, instance)?;
        let page = tickets.call_schemas(store, self.0.as_ref()).await?;
        page.map(convert::tickets::schemas).map_err(guest)
    }
}

/// `tickets.create`.
pub(crate) struct CreateTicket(pub(crate) wit::tickets::TicketRequest);

impl GuestCall for CreateTicket {
    const NAME: &str = "create";
    type Answer = Ticket;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Ticket, CallError> {
        let tickets = tickets(plugin, store, instance)?;
        let ticket = tickets.call_create(store, &self.0).await?;
        ticket.map(convert::tickets::ticket).map_err(guest)
    }
}

/// `tickets.get`.
pub(crate) struct GetTicket(pub(crate) String);

impl GuestCall for GetTicket {
    const NAME: &str = "get";
    type Answer = Ticket;

    async fn run(
        self,
        plugin: &Plugin,
        store: &mut GuestStore,
        instance: &Instance,
    ) -> Result<Ticket, CallError> {
        let tickets = tickets(plugin, store, instance)?;
        let ticket = tickets.call_get(store, &self.0).await?;
        ticket.map(convert::tickets::ticket).map_err(guest)
    }
}
