//! A directory in memory with a connector to it that lies, fails and forgets on request.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use crate::desk::{TicketDesk, schemas};
use crate::feed::Log;
use crate::scopes::Scopes;
use async_trait::async_trait;
use grantry_model::catalogue::{
    Assignment, Attribute, Completeness, Cursor, Entitlement, Object, ObjectId, ObjectRef,
    ObjectStatus, Page, PageRequest, Purpose, Scope, Target, Value,
};
use grantry_model::changes::{ChangePage, Feed};
use grantry_model::fault::{Backoff, Fault, FieldIssue, PluginError};
use grantry_model::gate::{AdmittedTest, AdmittedTicket, Licence};
use grantry_model::package::{Interface, PackageInspector, PackageRejection, PackageReport};
use grantry_model::platform::Platform;
use grantry_model::plugin::{
    AttributeSchema, AttributeType, ConnectionReport, DeltaSupport, Digest, KindClass, KindSchema,
    Manifest, TestDepth,
};
use grantry_model::provision::{Effects, Operation, OperationContext, Outcome, Plan, Verification};
use grantry_model::registry::{PackageRegistry, Pulled, Reference, RegistryAccess, RegistryFault};
use grantry_model::runner::{
    CallFailure, CallReport, CallResult, CallScope, Called, LogLine, TaskRunner,
};
use grantry_model::ticket::{Ticket, TicketSchemas};

/// Changes an honest page before the connector returns it.
pub type Lie = Box<dyn FnMut(&PageRequest, &mut Page) + Send>;

/// What happens while a call is under way.
pub type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the directory holds, and how its connector behaves.
#[derive(Default)]
pub struct Directory {
    pub users: BTreeMap<String, String>,
    pub groups: BTreeMap<String, String>,
    pub members: BTreeSet<(String, String)>,
    /// Rows of a page.
    pub page_items: usize,
    /// Errors for the next pages; `None` lets one page pass.
    pub page_faults: VecDeque<Option<Fault>>,
    /// The connector claims to be whole although it lists only this many users.
    pub lists_only: Option<usize>,
    /// The last page does not claim to be whole.
    pub never_complete: bool,
    /// The same cursor for ever.
    pub loops: bool,
    /// What the connector makes of every page.
    pub lie: Option<Lie>,
    /// What happens to the next writes.
    pub write_faults: VecDeque<WriteFault>,
    /// The next read-backs cannot tell.
    pub blind: u32,
    /// Every write that reached the directory: verb, group, user, idempotency key.
    pub writes: Vec<(String, String, String, String)>,
    /// Writes that were taken in: what they do, and how often their state has to be asked for.
    pub pending: Vec<(Operation, u32)>,
    /// What the connector answers when it is asked how those stand, before the truth.
    pub statuses: VecDeque<Result<Outcome, Fault>>,
    /// The connector writes nothing where the directory is so already.
    pub says_already: bool,
    /// What happens while the next read-back is under way.
    pub during_verify: Option<Meanwhile>,
    /// The platform that the connector was called with last.
    pub platform: Option<Arc<dyn Platform>>,
    /// Connection tests that wrote.
    pub probes: u32,
    /// How often a page was read.
    pub pages_read: u64,
    /// Lines that every page writes to the log.
    pub log: Vec<LogLine>,
    /// What happened in it, where somebody writes that down.
    pub log_of_changes: Log,
    /// Notes on users.
    pub notes: BTreeMap<String, Vec<String>>,
    /// By what parts of its listings are validated.
    pub scopes: Scopes,
    /// A service desk beside it.
    pub desk: TicketDesk,
    /// What the connector makes of every scope.
    pub scope_lie: Option<fn(&mut Scope)>,
}

/// What happens to a write.
#[expect(clippy::large_enum_variant, reason = "a test holds one")]
pub enum WriteFault {
    /// It does not reach the directory.
    Lost(Fault),
    /// It is done, but the answer is lost.
    AnswerLost(Fault),
    /// It is not done, although the answer says so.
    Pretended,
    /// It is taken in, and done when its state was asked for so often.
    Pending(u32),
    /// It is answered like this, and not done.
    Answered(Outcome),
    /// It is done, and the connector says that it took this membership away, which may be true.
    Took((String, String), bool),
}

impl Directory {
    /// So many users and groups; user `u` is in group `g` where `(u + g) % 3 == 0`.
    pub fn with(users: usize, groups: usize) -> Self {
        let mut directory = Self { page_items: 7, ..Self::default() };
        for user in 0..users {
            directory.users.insert(format!("u{user:03}"), format!("User {user}"));
        }
        for group in 0..groups {
            directory.groups.insert(format!("g{group:02}"), format!("Group {group}"));
            for user in (0..users).filter(|user| (user + group) % 3 == 0) {
                directory.members.insert((format!("g{group:02}"), format!("u{user:03}")));
            }
        }
        directory
    }
}

/// The connector.
#[derive(Clone)]
pub struct Scripted(pub Arc<Mutex<Directory>>);

fn failed<T>(fault: Fault) -> CallResult<T> {
    Err(Box::new(CallFailure { fault, report: CallReport::default() }))
}

fn called<T>(value: T) -> CallResult<T> {
    Ok(Called { value, report: CallReport::default() })
}

pub fn object(kind: &str, id: &str, display: &str) -> Object {
    let id = ObjectId {
        kind: kind.into(),
        id: id.into(),
        name: None,
        aliases: Vec::new(),
        parent: None,
        etag: None,
    };
    Object {
        id,
        display: Some(display.into()),
        description: None,
        status: ObjectStatus::Enabled,
        attributes: Vec::new(),
        created_ms: None,
        last_used_ms: None,
    }
}

pub fn entitlement(group: &str, display: &str) -> Entitlement {
    Entitlement {
        id: format!("{group}:member"),
        kind: "Group".into(),
        on: ObjectRef { kind: "Group".into(), id: group.into() },
        slug: "member".into(),
        display: format!("{display} member"),
        description: None,
        purpose: Purpose::Access,
        grantable_to: vec!["User".into()],
        exclusive: None,
        is_immutable: false,
        is_privileged: false,
        attributes: Vec::new(),
    }
}

pub fn assignment(group: &str, user: &str) -> Assignment {
    Assignment {
        id: None,
        entitlement: format!("{group}:member"),
        holder: ObjectRef { kind: "User".into(), id: user.into() },
        expansion: None,
        is_immutable: false,
        starts_ms: None,
        ends_ms: None,
        origin: None,
        attributes: Vec::new(),
    }
}

fn kind(kind: &str, class: KindClass) -> KindSchema {
    KindSchema {
        kind: kind.into(),
        classes: vec![class],
        display: kind.into(),
        id_attribute: "id".into(),
        name_attribute: None,
        parent_kinds: Vec::new(),
        attributes: Vec::new(),
        verbs: Vec::new(),
        delta: DeltaSupport::None,
        is_countable: false,
    }
}

/// The kinds of the directory.
pub fn kinds() -> Vec<KindSchema> {
    vec![kind("User", KindClass::Account), kind("Group", KindClass::Group)]
}

/// The kinds, with attributes of the groups.
fn typed_kinds() -> Vec<KindSchema> {
    let attribute = |name: &str, of_type| AttributeSchema {
        name: name.into(),
        of_type,
        description: String::new(),
        traits: Vec::new(),
        reference_kind: None,
        choices: Vec::new(),
    };
    let mut kinds = kinds();
    kinds[1].attributes =
        vec![attribute("size", AttributeType::Integer), attribute("owner", AttributeType::Text)];
    kinds
}

/// The manifest of the connector.
pub fn manifest() -> Manifest {
    Manifest {
        name: "scripted".into(),
        version: "1.0.0".into(),
        publisher: "tests".into(),
        application_type: "Scripted".into(),
        description: String::new(),
        docs_url: None,
        example_connection: "{}".into(),
        connection_schema: r#"{"type": "object"}"#.into(),
        auth: Vec::new(),
        hosts: Vec::new(),
        platform_actions: Vec::new(),
        needs_kv: false,
        kinds: kinds(),
        can_read_back: true,
    }
}

/// Something that happens in a directory.
pub type Story = fn(&mut Directory);

impl Directory {
    /// An object as it is now.
    pub fn object(&self, kind: &str, id: &str) -> Object {
        let all = if kind == "User" { &self.users } else { &self.groups };
        let mut object = object(kind, id, &all[id]);
        let notes = self.notes.get(id).filter(|notes| kind == "User" && !notes.is_empty());
        object.attributes.extend(notes.map(|notes| Attribute {
            name: "note".into(),
            values: notes.iter().cloned().map(Value::Text).collect(),
            completeness: Completeness::Complete,
        }));
        object
    }

    pub fn page(&mut self, request: &PageRequest) -> Result<Page, Fault> {
        self.pages_read += 1;
        if let Some(Some(fault)) = self.page_faults.pop_front() {
            return Err(fault);
        }
        let from = request
            .at
            .as_ref()
            .map_or(0, |at| String::from_utf8(at.clone()).unwrap().parse::<usize>().unwrap());
        let mut page = Page {
            objects: Vec::new(),
            entitlements: Vec::new(),
            assignments: Vec::new(),
            next: None,
            expected_total: None,
            is_complete: false,
            scope: None,
            skipped: Vec::new(),
        };
        let total = match &request.target {
            Target::Objects(kind) => {
                let all = if kind == "User" { &self.users } else { &self.groups };
                let limit = self.lists_only.filter(|_| kind == "User").unwrap_or(usize::MAX);
                let all: Vec<_> = all.iter().take(limit).collect();
                let part = all.iter().skip(from).take(self.page_items);
                page.objects = part.map(|(id, _)| self.object(kind, id)).collect();
                all.len()
            }
            Target::EntitlementsOfKind(_) => {
                let part = self.groups.iter().skip(from).take(self.page_items);
                page.entitlements = part.map(|(id, name)| entitlement(id, name)).collect();
                self.groups.len()
            }
            Target::AssignmentsOfKind(_) => {
                let part = self.members.iter().skip(from).take(self.page_items);
                page.assignments = part.map(|(group, user)| assignment(group, user)).collect();
                self.members.len()
            }
            Target::EntitlementsOf(_) | Target::AssignmentsOf(_) => {
                return Err(Fault::Plugin(PluginError::Unsupported("by object".into())));
            }
        };
        let end = from + self.page_items;
        if self.loops {
            page.next = Some(b"0".to_vec());
        } else if end < total {
            page.next = Some(end.to_string().into_bytes());
        } else {
            page.is_complete = !self.never_complete;
        }
        if let Some(lie) = &mut self.lie {
            lie(request, &mut page);
        }
        Ok(page)
    }

    fn pair(operation: &Operation) -> (bool, (String, String)) {
        match operation {
            Operation::Grant(grant) => (true, (grant.on.id.clone(), grant.holder.id.clone())),
            Operation::Revoke(revoke) => (false, (revoke.on.id.clone(), revoke.holder.id.clone())),
            other => panic!("not scripted: {other:?}"),
        }
    }

    fn write(&mut self, operation: &Operation, key: &str) -> Result<Outcome, Fault> {
        let (is_grant, pair) = Self::pair(operation);
        let fault = self.write_faults.pop_front();
        if let Some(WriteFault::Lost(fault)) = fault {
            return Err(fault);
        }
        if self.says_already && fault.is_none() && self.members.contains(&pair) == is_grant {
            return Ok(Outcome::Already(Effects::default()));
        }
        let verb = if is_grant { "grant" } else { "revoke" };
        self.writes.push((verb.into(), pair.0.clone(), pair.1.clone(), key.into()));
        if let Some(WriteFault::Pending(asks)) = fault {
            self.pending.push((operation.clone(), asks));
            return Ok(Outcome::InProgress { token: "ticket-1".into(), poll_after_ms: 1_000 });
        }
        if let Some(WriteFault::Answered(outcome)) = fault {
            return Ok(outcome);
        }
        if !matches!(fault, Some(WriteFault::Pretended)) {
            if is_grant {
                self.members.insert(pair);
            } else {
                self.members.remove(&pair);
            }
        }
        match fault {
            Some(WriteFault::Took(other, is_true)) => {
                if is_true {
                    self.members.remove(&other);
                }
                let replaced = vec![assignment(&other.0, &other.1)];
                Ok(Outcome::Done(Effects { replaced, ..Effects::default() }))
            }
            Some(WriteFault::AnswerLost(fault)) => Err(fault),
            _ => Ok(Outcome::Done(Effects::default())),
        }
    }

    fn status(&mut self) -> Result<Outcome, Fault> {
        if let Some(answer) = self.statuses.pop_front() {
            return answer;
        }
        if let Some((_, asks)) = self.pending.last_mut()
            && *asks > 0
        {
            *asks -= 1;
            return Ok(Outcome::InProgress { token: "ticket-1".into(), poll_after_ms: 1_000 });
        }
        if let Some((operation, _)) = self.pending.pop() {
            let (is_grant, pair) = Self::pair(&operation);
            if is_grant {
                self.members.insert(pair);
            } else {
                self.members.remove(&pair);
            }
        }
        Ok(Outcome::Done(Effects::default()))
    }

    fn verify(&mut self, operation: &Operation) -> Verification {
        if self.blind > 0 {
            self.blind -= 1;
            return Verification::CannotTell("the directory is asleep".into());
        }
        let (is_grant, pair) = Self::pair(operation);
        let is_so = self.members.contains(&pair) == is_grant;
        if is_so { Verification::Holds } else { Verification::Absent }
    }
}

#[async_trait]
impl TaskRunner for Scripted {
    async fn validate_config(&self, _: &Digest, _: &str) -> CallResult<Vec<FieldIssue>> {
        called(Vec::new())
    }

    async fn test_connection(
        &self,
        scope: &CallScope,
        test: &AdmittedTest,
    ) -> CallResult<ConnectionReport> {
        let mut directory = self.0.lock().unwrap();
        directory.platform = Some(scope.platform.clone());
        directory.probes += u32::from(test.depth() == TestDepth::WriteProbe);
        called(ConnectionReport {
            tenant: None,
            effective: kinds(),
            missing_permissions: Vec::new(),
            warnings: Vec::new(),
        })
    }

    async fn discover_schema(&self, _: &CallScope) -> CallResult<Vec<KindSchema>> {
        called(kinds())
    }

    async fn read_page(&self, scope: &CallScope, request: PageRequest) -> CallResult<Page> {
        let mut directory = self.0.lock().unwrap();
        let report = CallReport { log: directory.log.clone(), ..CallReport::default() };
        match directory.scoped_page(&request, &scope.validators) {
            Ok(value) => Ok(Called { value, report }),
            Err(fault) => Err(Box::new(CallFailure { fault, report })),
        }
    }

    async fn feeds(&self, _: &CallScope) -> CallResult<Vec<Feed>> {
        called(self.0.lock().unwrap().feeds())
    }

    async fn latest(&self, _: &CallScope, _: &str) -> CallResult<Cursor> {
        self.0.lock().unwrap().latest().map_or_else(failed, called)
    }

    async fn poll(
        &self,
        _: &CallScope,
        feed: &str,
        since: Option<Cursor>,
        _: u32,
    ) -> CallResult<ChangePage> {
        self.0.lock().unwrap().poll(feed, since.as_ref()).map_or_else(failed, called)
    }

    async fn plan(&self, _: &CallScope, _: &Operation, _: &OperationContext) -> CallResult<Plan> {
        called(Plan { calls: Vec::new(), warnings: Vec::new() })
    }

    async fn apply(
        &self,
        _: &CallScope,
        licence: Licence,
        context: &OperationContext,
    ) -> CallResult<Outcome> {
        match self.0.lock().unwrap().write(licence.operation(), &context.idempotency_key) {
            Ok(outcome) => called(outcome),
            Err(fault) => failed(fault),
        }
    }

    async fn status(&self, _: &CallScope, token: &str) -> CallResult<Outcome> {
        assert_eq!(token, "ticket-1");
        self.0.lock().unwrap().status().map_or_else(failed, called)
    }

    async fn verify(
        &self,
        _: &CallScope,
        operation: &Operation,
        _: &OperationContext,
    ) -> CallResult<Verification> {
        let meanwhile = self.0.lock().unwrap().during_verify.take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        called(self.0.lock().unwrap().verify(operation))
    }

    async fn ticket_schemas(&self, _: &CallScope, _: Option<Vec<u8>>) -> CallResult<TicketSchemas> {
        called(schemas())
    }

    async fn create_ticket(&self, scope: &CallScope, ticket: AdmittedTicket) -> CallResult<Ticket> {
        assert_eq!(*ticket.integration(), scope.integration);
        self.0.lock().unwrap().desk.create(ticket.request()).map_or_else(failed, called)
    }

    async fn ticket(&self, _: &CallScope, id: &str) -> CallResult<Ticket> {
        self.0.lock().unwrap().desk.get(id).map_or_else(failed, called)
    }
}

/// Takes any bytes for the scripted connector.
pub struct AnyPackage;

#[async_trait]
impl PackageInspector for AnyPackage {
    async fn inspect(&self, component: &[u8]) -> Result<PackageReport, PackageRejection> {
        let mut interfaces = vec![Interface::Lifecycle, Interface::Aggregate, Interface::Changes];
        if !component.ends_with(b"reading") {
            interfaces.push(Interface::Provision);
        }
        if component.ends_with(b"desk") {
            interfaces = vec![Interface::Lifecycle, Interface::Tickets];
        }
        Ok(PackageReport {
            digest: Digest::of(component),
            size_bytes: component.len() as u64,
            contract: "0.1.0".into(),
            interfaces,
            imports: Vec::new(),
            // A version that cannot read back, that only reads, or that declares attributes, says so by its last word.
            manifest: Manifest {
                can_read_back: !component.ends_with(b"blind") && !component.ends_with(b"reading"),
                kinds: if component.ends_with(b"typed") { typed_kinds() } else { kinds() },
                ..manifest()
            },
        })
    }
}

/// There is no registry here.
pub struct NoRegistry;

#[async_trait]
impl PackageRegistry for NoRegistry {
    async fn check(&self, _: &str, _: &RegistryAccess) -> Result<(), RegistryFault> {
        Ok(())
    }

    async fn pull(&self, at: &Reference, _: &RegistryAccess) -> Result<Pulled, RegistryFault> {
        Err(RegistryFault::NotFound(at.to_string()))
    }
}

/// The target is away and says for how long.
pub fn unavailable(after_ms: u64) -> Fault {
    let backoff = Backoff { after_ms: Some(after_ms), bucket: None, remaining: None };
    Fault::Plugin(PluginError::Unavailable(backoff))
}

/// The write may or may not have happened.
pub fn unknown() -> Fault {
    Fault::Plugin(PluginError::OutcomeUnknown("the connection broke".into()))
}
