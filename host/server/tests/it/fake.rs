//! A plugin that is no component: a directory of two people and one group, in memory.

use std::collections::HashSet;
use std::sync::Mutex;

use async_trait::async_trait;
use grantry_model::catalogue::{
    Assignment, Cursor, Entitlement, Object, ObjectId, ObjectRef, ObjectStatus, Page, PageRequest,
    Purpose, Target,
};
use grantry_model::changes::{ChangePage, Feed};
use grantry_model::delivery::{
    AppAnswer, AppMessage, AppWebhook, AuditBatch, ChannelSettings, Courier, Destination,
    NoticeMessage, SinkSettings, Undelivered,
};
use grantry_model::fault::{Fault, FieldIssue};
use grantry_model::gate::{AdmittedTest, AdmittedTicket, Licence};
use grantry_model::package::{Interface, PackageInspector, PackageRejection, PackageReport};
use grantry_model::permission::Action;
use grantry_model::plugin::{
    AuthKind, AuthScheme, ConnectionReport, DeltaSupport, Digest, HostRule, KindClass, KindSchema,
    Manifest, NeededHost, TestDepth, Verb,
};
use grantry_model::provision::{Effects, Operation, OperationContext, Outcome, Plan, Verification};
use grantry_model::registry::{PackageRegistry, Pulled, Reference, RegistryAccess, RegistryFault};
use grantry_model::runner::{
    CallFailure, CallReport, CallResult, CallScope, Called, LogLevel, LogLine, TaskRunner,
};
use grantry_model::ticket::{Ticket, TicketSchema, TicketSchemas};

/// Accepts what begins like a component, and panics on request.
pub struct FakeInspector;

#[async_trait]
impl PackageInspector for FakeInspector {
    async fn inspect(&self, component: &[u8]) -> Result<PackageReport, PackageRejection> {
        assert!(!component.ends_with(b"panic"), "the host's own fault");
        if !component.starts_with(b"\0asm") {
            return Err(PackageRejection::NotAComponent("text".to_owned()));
        }
        if component.ends_with(b"slow") {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        Ok(PackageReport {
            digest: Digest::of(component),
            size_bytes: component.len() as u64,
            contract: "0.1.0".to_owned(),
            interfaces: vec![
                Interface::Lifecycle,
                Interface::Aggregate,
                Interface::Provision,
                Interface::Tickets,
            ],
            imports: Vec::new(),
            manifest: manifest_of(component),
        })
    }
}

/// A registry that has one plugin, which nobody signed, under every name.
pub struct FakeRegistry;

#[async_trait]
impl PackageRegistry for FakeRegistry {
    async fn check(&self, _: &str, _: &RegistryAccess) -> Result<(), RegistryFault> {
        Ok(())
    }

    async fn pull(&self, _: &Reference, _: &RegistryAccess) -> Result<Pulled, RegistryFault> {
        let component = b"\0asm pulled".to_vec();
        Ok(Pulled { manifest: Digest::of(b"manifest"), component, signature: None })
    }
}

const SCHEMA: &str = r#"{
    "type": "object", "required": ["url", "token"], "additionalProperties": false,
    "properties": {"url": {"type": "string"}, "token": {"type": "string", "writeOnly": true}}
}"#;

/// The manifest of a component that says by its last word in what it differs.
fn manifest_of(component: &[u8]) -> Manifest {
    let mut manifest = manifest();
    if component.ends_with(b"wider") {
        manifest.platform_actions.push(Action::AppMembershipWrite);
    } else if component.ends_with(b"telling") {
        manifest.connection_schema = SCHEMA.replace(r#", "writeOnly": true"#, "");
    } else if component.ends_with(b"foreign") {
        manifest.name = "foreign".to_owned();
    }
    manifest
}

fn manifest() -> Manifest {
    let bearer = AuthKind::Bearer { secret: "/token".to_owned() };
    let host = HostRule::FromConnection("/url".to_owned());
    let why = "the directory".to_owned();
    let needed = NeededHost { host, methods: Vec::new(), path_prefix: "/".to_owned(), why };
    Manifest {
        name: "fake".to_owned(),
        version: "1.0.0".to_owned(),
        publisher: "Tests".to_owned(),
        application_type: "Fake".to_owned(),
        description: "A directory in memory".to_owned(),
        docs_url: None,
        example_connection: r#"{"url": "https://a.example", "token": "t"}"#.to_owned(),
        connection_schema: SCHEMA.to_owned(),
        auth: vec![AuthScheme { name: "main".to_owned(), kind: bearer }],
        hosts: vec![needed],
        platform_actions: vec![Action::AppAndRoleRead],
        needs_kv: false,
        kinds: kinds(),
        can_read_back: true,
    }
}

fn kinds() -> Vec<KindSchema> {
    let kind = |name: &str, class, verbs: &[Verb]| KindSchema {
        kind: name.to_owned(),
        classes: vec![class],
        display: name.to_owned(),
        id_attribute: "id".to_owned(),
        name_attribute: None,
        parent_kinds: Vec::new(),
        attributes: Vec::new(),
        verbs: verbs.to_vec(),
        delta: DeltaSupport::None,
        is_countable: false,
    };
    vec![
        kind("User", KindClass::Account, &[]),
        kind("Group", KindClass::Group, &[Verb::Grant, Verb::Revoke]),
    ]
}

/// The directory, with what was granted in it.
#[derive(Default)]
pub struct FakeRunner {
    granted: Mutex<HashSet<(String, String)>>,
}

fn done<T>(value: T) -> CallResult<T> {
    let message = "looked at the directory".to_owned();
    let log = vec![LogLine { level: LogLevel::Info, message, fields: Vec::new() }];
    Ok(Called { value, report: CallReport { log, ..CallReport::default() } })
}

fn reference(kind: &str, id: &str) -> ObjectRef {
    ObjectRef { kind: kind.to_owned(), id: id.to_owned() }
}

fn object(kind: &str, id: &str) -> Object {
    let (kind, id) = (kind.to_owned(), id.to_owned());
    let display = Some(id.to_uppercase());
    Object {
        id: ObjectId { kind, id, name: None, aliases: Vec::new(), parent: None, etag: None },
        display,
        description: None,
        status: ObjectStatus::Enabled,
        attributes: Vec::new(),
        created_ms: None,
        last_used_ms: None,
    }
}

fn membership_of(group: &str) -> Entitlement {
    Entitlement {
        id: format!("{group}/member"),
        kind: "member".to_owned(),
        on: reference("Group", group),
        slug: "member".to_owned(),
        display: format!("Member of {group}"),
        description: None,
        purpose: Purpose::Access,
        grantable_to: vec!["User".to_owned()],
        exclusive: None,
        is_immutable: false,
        is_privileged: false,
        attributes: Vec::new(),
    }
}

fn held(entitlement: &str, user: &str) -> Assignment {
    Assignment {
        id: None,
        entitlement: entitlement.to_owned(),
        holder: reference("User", user),
        expansion: None,
        is_immutable: false,
        starts_ms: None,
        ends_ms: None,
        origin: None,
        attributes: Vec::new(),
    }
}

fn access(operation: &Operation) -> (String, String) {
    match operation {
        Operation::Grant(grant) => (grant.entitlement.clone(), grant.holder.id.clone()),
        Operation::Revoke(revoke) => (revoke.entitlement.clone(), revoke.holder.id.clone()),
        other => panic!("the host asks for nothing else today: {other:?}"),
    }
}

/// It is a service desk that opens nothing.
fn no_desk<T>() -> CallResult<T> {
    let fault = Fault::NotOffered("tickets".to_owned());
    Err(Box::new(CallFailure { fault, report: CallReport::default() }))
}

#[async_trait]
impl TaskRunner for FakeRunner {
    async fn validate_config(&self, _: &Digest, connection: &str) -> CallResult<Vec<FieldIssue>> {
        let is_refused = connection.contains("http://");
        let issue = FieldIssue {
            path: "/url".to_owned(),
            code: "plain_http".to_owned(),
            message: "must be https".to_owned(),
        };
        done(if is_refused { vec![issue] } else { Vec::new() })
    }

    async fn test_connection(
        &self,
        _: &CallScope,
        test: &AdmittedTest,
    ) -> CallResult<ConnectionReport> {
        if test.depth() == TestDepth::WriteProbe {
            let fault = Fault::Trap("unreachable".to_owned());
            return Err(Box::new(CallFailure { fault, report: CallReport::default() }));
        }
        done(ConnectionReport {
            tenant: Some("example".to_owned()),
            effective: kinds(),
            missing_permissions: Vec::new(),
            warnings: Vec::new(),
        })
    }

    async fn discover_schema(&self, _: &CallScope) -> CallResult<Vec<KindSchema>> {
        done(kinds())
    }

    async fn read_page(&self, _: &CallScope, request: PageRequest) -> CallResult<Page> {
        let mut page = Page {
            objects: Vec::new(),
            entitlements: Vec::new(),
            assignments: Vec::new(),
            next: None,
            expected_total: None,
            is_complete: true,
            scope: None,
            skipped: Vec::new(),
        };
        match &request.target {
            Target::Objects(kind) if kind == "User" => {
                page.objects = vec![object("User", "ada"), object("User", "bob")];
            }
            Target::Objects(_) => page.objects = vec![object("Group", "staff")],
            Target::EntitlementsOfKind(_) => page.entitlements = vec![membership_of("staff")],
            Target::AssignmentsOfKind(_) => page.assignments = vec![held("staff/member", "ada")],
            Target::EntitlementsOf(_) | Target::AssignmentsOf(_) => {}
        }
        done(page)
    }

    async fn feeds(&self, _: &CallScope) -> CallResult<Vec<Feed>> {
        done(Vec::new())
    }

    async fn latest(&self, _: &CallScope, _: &str) -> CallResult<Cursor> {
        done(Vec::new())
    }

    async fn poll(
        &self,
        _: &CallScope,
        _: &str,
        _: Option<Cursor>,
        _: u32,
    ) -> CallResult<ChangePage> {
        done(ChangePage { changes: Vec::new(), next: Vec::new(), has_more: false })
    }

    async fn plan(&self, _: &CallScope, _: &Operation, _: &OperationContext) -> CallResult<Plan> {
        done(Plan { calls: Vec::new(), warnings: Vec::new() })
    }

    async fn apply(
        &self,
        _: &CallScope,
        licence: Licence,
        _: &OperationContext,
    ) -> CallResult<Outcome> {
        let operation = licence.operation();
        let mut granted = self.granted.lock().unwrap();
        match operation {
            Operation::Revoke(_) => granted.remove(&access(operation)),
            _ => granted.insert(access(operation)),
        };
        done(Outcome::Done(Effects::default()))
    }

    async fn status(&self, _: &CallScope, _: &str) -> CallResult<Outcome> {
        done(Outcome::Done(Effects::default()))
    }

    async fn verify(
        &self,
        _: &CallScope,
        operation: &Operation,
        _: &OperationContext,
    ) -> CallResult<Verification> {
        let is_held = self.granted.lock().unwrap().contains(&access(operation));
        let is_wanted = matches!(operation, Operation::Grant(_));
        done(if is_held == is_wanted { Verification::Holds } else { Verification::Absent })
    }

    async fn ticket_schemas(&self, _: &CallScope, _: Option<Vec<u8>>) -> CallResult<TicketSchemas> {
        let schema = TicketSchema {
            id: "10002".to_owned(),
            display: "Task".to_owned(),
            fields_schema: "{}".to_owned(),
            statuses: Vec::new(),
            types: Vec::new(),
        };
        done(TicketSchemas { items: vec![schema], next: None })
    }

    async fn create_ticket(&self, _: &CallScope, _: AdmittedTicket) -> CallResult<Ticket> {
        no_desk()
    }

    async fn ticket(&self, _: &CallScope, _: &str) -> CallResult<Ticket> {
        no_desk()
    }
}

/// Takes everything, and lets nothing be sent to private places.
pub struct FakeCourier;

fn checked(url: &str) -> Result<(), Undelivered> {
    if url.contains("//10.") {
        let code = "address_not_allowed".to_owned();
        return Err(Undelivered::NotAllowed { code, detail: "a private address".to_owned() });
    }
    Ok(())
}

#[async_trait]
impl Courier for FakeCourier {
    async fn check_channel(&self, to: &Destination<ChannelSettings>) -> Result<(), Undelivered> {
        match &to.settings {
            ChannelSettings::Webhook { url, .. } => checked(url),
            _ => checked(to.secret.as_ref().map_or("", |url| url.expose())),
        }
    }

    async fn check_sink(&self, to: &Destination<SinkSettings>) -> Result<(), Undelivered> {
        match &to.settings {
            SinkSettings::Webhook { url, .. } => checked(url),
            _ => Ok(()),
        }
    }

    async fn tell(
        &self,
        _: &Destination<ChannelSettings>,
        _: &NoticeMessage,
    ) -> Result<(), Undelivered> {
        Ok(())
    }

    async fn carry_out(
        &self,
        _: &Destination<AppWebhook>,
        _: Licence,
        _: &AppMessage,
    ) -> Result<AppAnswer, Undelivered> {
        Ok(AppAnswer::Done)
    }

    async fn stream(
        &self,
        _: &Destination<SinkSettings>,
        _: &AuditBatch,
    ) -> Result<(), Undelivered> {
        Ok(())
    }
}
