//! Requests for access: what is asked for, where its approvals stand, and their timeline.

use grantry_authz::{Permit, Relation, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{
    AccountId, AppId, EntitlementId, IdentityId, MembershipId, PrincipalId, RequestId,
};
use grantry_model::request::{Approval, ApprovalStatus};
use grantry_model::workflow::{Facts, Workflow};

use crate::db::{Db, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

/// A request, without what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Request {
    pub id: RequestId,
    pub requester: PrincipalId,
    /// What people call the requester; nothing once the person is gone.
    pub requester_name: Option<String>,
    /// Who is to get access.
    pub identity: IdentityId,
    pub identity_name: Option<String>,
    pub reason: String,
    /// For how long, from the approval; `None` without an end.
    pub duration_ms: Option<i64>,
    pub status: ApprovalStatus,
    pub summary: String,
    pub created: UnixMs,
    pub finished: Option<UnixMs>,
    /// When time does something to it next.
    pub attention: Option<UnixMs>,
    pub version: i64,
}

/// One entitlement that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct RequestItem {
    /// From 0.
    pub position: u32,
    pub app: AppId,
    pub app_name: Option<String>,
    pub role: EntitlementId,
    pub role_name: Option<String>,
    pub account: AccountId,
    /// As it was when the request was made.
    pub workflow: Workflow,
    pub facts: Facts,
    pub approval: Approval,
    /// What came of it.
    pub membership: Option<MembershipId>,
    pub membership_status: Option<String>,
    /// Why nothing came of an approved one.
    pub failure: Option<String>,
}

/// Something that happened to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct RequestEvent {
    pub position: i64,
    pub at: UnixMs,
    /// Who did it; nobody where time or a rule did.
    pub by: Option<PrincipalId>,
    pub by_name: Option<String>,
    /// Which item it is about, if not all of it.
    pub item: Option<u32>,
    pub event: String,
    pub note: String,
}

/// Who decides in somebody's place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Delegation {
    pub delegate: PrincipalId,
    pub delegate_name: String,
    pub starts: UnixMs,
    pub ends: UnixMs,
}

/// Which requests are listed.
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// Those that this person made.
    pub requester: String,
    /// Those that this person was asked about.
    pub approver: String,
    /// Those that stand so.
    pub status: Option<ApprovalStatus>,
}

/// People who sign in as one of these identities, with what has to hold besides.
macro_rules! people_of {
    ($identities:expr, $besides:expr) => {
        concat!("SELECT DISTINCT p.principal_id FROM identities i JOIN data_sources s ON s.id = i.data_source_id \
            JOIN people p ON p.issuer_id = s.issuer_id AND ((s.known_by = 'subject' AND p.subject = i.external_id) OR (s.known_by = 'verified_mail' AND p.verified_mail_key = i.email_key)) \
            JOIN principals c ON c.id = p.principal_id AND c.is_disabled = 0 WHERE i.id IN (", $identities, ")", $besides, " ORDER BY p.principal_id")
    };
}

/// The identity is a living one, and no other of its data source has the same address.
macro_rules! for_certain {
    () => {
        " AND i.removed_ms IS NULL AND i.is_active = 1 AND NOT EXISTS (SELECT 1 FROM identities o WHERE s.known_by = 'verified_mail' AND o.data_source_id = i.data_source_id AND o.email_key = i.email_key AND o.id <> i.id AND o.removed_ms IS NULL AND o.is_active = 1)"
    };
}

statements! {
    PEOPLE_OF = people_of!("$1", for_certain!());
    /// Also those who only might be: nobody decides about what may be their own.
    PEOPLE_PERHAPS = people_of!("$1", "");
    PEOPLE_OF_RESOURCE = people_of!("SELECT r.identity_id FROM entitlements e JOIN resource_people r ON r.resource_id = e.resource_id WHERE e.id = $1 AND r.relation = $2", for_certain!());
    PEOPLE_HOLDING = people_of!("SELECT m.identity_id FROM assignments a JOIN mappings m ON m.account_id = a.holder_id WHERE a.entitlement_id = $1 AND a.removed_ms IS NULL", for_certain!());
    INSERT = "INSERT INTO requests (id, requester_id, identity_id, reason, duration_ms, status, summary, created_ms, finished_ms, attention_ms, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)";
    GET = "SELECT r.id, r.requester_id, p.name, r.identity_id, i.display, r.reason, r.duration_ms, r.status, r.summary, r.created_ms, r.finished_ms, r.attention_ms, r.version FROM requests r \
        LEFT JOIN principals p ON p.id = r.requester_id LEFT JOIN identities i ON i.id = r.identity_id WHERE r.id = $1";
    /// The latest first.
    LIST = "SELECT r.id, r.requester_id, p.name, r.identity_id, i.display, r.reason, r.duration_ms, r.status, r.summary, r.created_ms, r.finished_ms, r.attention_ms, r.version FROM requests r \
        LEFT JOIN principals p ON p.id = r.requester_id LEFT JOIN identities i ON i.id = r.identity_id \
        WHERE ($1 = '' OR r.id < $1) AND ($2 = '' OR r.requester_id = $2) AND ($3 = '' OR r.status = $3) AND ($4 = '' OR EXISTS (SELECT 1 FROM request_approvers a WHERE a.request_id = r.id AND a.principal_id = $4)) ORDER BY r.id DESC LIMIT $5";
    DUE = "SELECT id FROM requests WHERE attention_ms <= $1 ORDER BY attention_ms, id LIMIT $2";
    MOVE = "UPDATE requests SET status = $3, finished_ms = $4, attention_ms = $5, version = version + 1 WHERE id = $1 AND version = $2";
    POSTPONE = "UPDATE requests SET attention_ms = $3 WHERE id = $1 AND version = $2";
    INSERT_ITEM = "INSERT INTO request_items (request_id, position, app_id, role_id, account_id, workflow, facts, approval, status, membership_id, failure) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL)";
    ITEMS = "SELECT t.position, t.app_id, a.name, t.role_id, COALESCE(e.said_display, e.display), t.account_id, t.workflow, t.facts, t.approval, t.membership_id, m.status, t.failure FROM request_items t \
        LEFT JOIN apps a ON a.id = t.app_id LEFT JOIN entitlements e ON e.id = t.role_id LEFT JOIN memberships m ON m.id = t.membership_id \
        WHERE t.request_id = $1 ORDER BY t.position";
    MOVE_ITEM = "UPDATE request_items SET approval = $3, status = $4, membership_id = $5, failure = $6 WHERE request_id = $1 AND position = $2";
    PENDING = "SELECT request_id FROM request_items WHERE role_id = $1 AND account_id = $2 AND status = 'pending'";
    FORGET_APPROVERS = "DELETE FROM request_approvers WHERE request_id = $1";
    ADD_APPROVER = "INSERT INTO request_approvers (request_id, principal_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    IS_APPROVER = "SELECT 1 FROM request_approvers WHERE request_id = $1 AND principal_id = $2";
    APPROVERS = "SELECT principal_id FROM request_approvers WHERE request_id = $1 ORDER BY principal_id";
    ADD_EVENT = "INSERT INTO request_events (request_id, position, at_ms, principal_id, item, event, note) VALUES ($1, (SELECT COALESCE(MAX(e.position), 0) + 1 FROM request_events e WHERE e.request_id = $1), $2, $3, $4, $5, $6)";
    EVENTS = "SELECT e.position, e.at_ms, e.principal_id, p.name, e.item, e.event, e.note FROM request_events e LEFT JOIN principals p ON p.id = e.principal_id WHERE e.request_id = $1 AND e.position > $2 ORDER BY e.position LIMIT $3";
    MANAGER = "SELECT m.id FROM identities i JOIN identities m ON m.data_source_id = i.data_source_id AND m.external_id = i.manager_external_id WHERE i.id = $1 AND m.removed_ms IS NULL";
    ADMINS = "SELECT id FROM principals WHERE kind = 'person' AND role = 'admin' AND is_disabled = 0 ORDER BY id LIMIT 1000";
    DELEGATES = "SELECT delegate_id FROM delegations WHERE principal_id = $1 AND starts_ms <= $2 AND ends_ms > $2";
    DELEGATORS = "SELECT principal_id FROM delegations WHERE delegate_id = $1 AND starts_ms <= $2 AND ends_ms > $2 ORDER BY principal_id";
    DELEGATION = "SELECT d.delegate_id, p.name, d.starts_ms, d.ends_ms FROM delegations d JOIN principals p ON p.id = d.delegate_id WHERE d.principal_id = $1";
    SET_DELEGATION = "INSERT INTO delegations (principal_id, delegate_id, starts_ms, ends_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (principal_id) DO UPDATE SET delegate_id = excluded.delegate_id, starts_ms = excluded.starts_ms, ends_ms = excluded.ends_ms";
    END_DELEGATION = "DELETE FROM delegations WHERE principal_id = $1";
}

fn request(row: &Row) -> Result<Request> {
    Ok(Request {
        id: row.parsed(0, "request id", |id| RequestId::parse(id).ok())?,
        requester: row.parsed(1, "principal id", |id| PrincipalId::parse(id).ok())?,
        requester_name: row.text_or_null(2)?,
        identity: row.parsed(3, "identity id", |id| IdentityId::parse(id).ok())?,
        identity_name: row.text_or_null(4)?,
        reason: row.text(5)?,
        duration_ms: row.int_or_null(6)?,
        status: row.parsed(7, "status of a request", ApprovalStatus::parse)?,
        summary: row.text(8)?,
        created: row.time(9)?,
        finished: row.time_or_null(10)?,
        attention: row.time_or_null(11)?,
        version: row.int(12)?,
    })
}

fn item(row: &Row) -> Result<RequestItem> {
    let parse_membership = |_| row.parsed(9, "membership id", |id| MembershipId::parse(id).ok());
    Ok(RequestItem {
        position: small(row.int(0)?),
        app: row.parsed(1, "app id", |id| AppId::parse(id).ok())?,
        app_name: row.text_or_null(2)?,
        role: row.parsed(3, "role id", |id| EntitlementId::parse(id).ok())?,
        role_name: row.text_or_null(4)?,
        account: row.parsed(5, "account id", |id| AccountId::parse(id).ok())?,
        workflow: row.json(6, "workflow of a request")?,
        facts: row.json(7, "facts of a request")?,
        approval: row.json(8, "approval")?,
        membership: row.text_or_null(9)?.map(parse_membership).transpose()?,
        membership_status: row.text_or_null(10)?,
        failure: row.text_or_null(11)?,
    })
}

fn event(row: &Row) -> Result<RequestEvent> {
    let by = row.text_or_null(2)?.map(|_| row.parsed(2, "principal id", principal));
    Ok(RequestEvent {
        position: row.int(0)?,
        at: row.time(1)?,
        by: by.transpose()?,
        by_name: row.text_or_null(3)?,
        item: row.int_or_null(4)?.map(small),
        event: row.text(5)?,
        note: row.text(6)?,
    })
}

fn principal(text: &str) -> Option<PrincipalId> {
    PrincipalId::parse(text).ok()
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn principals(rows: &[Row]) -> Result<Vec<PrincipalId>> {
    rows.iter().map(|row| row.parsed(0, "principal id", principal)).collect()
}

impl Db {
    /// The request with that id.
    pub async fn request(&self, id: &RequestId) -> Result<Option<Request>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(request).transpose()
    }

    /// What a request asks for.
    pub async fn request_items(&self, id: &RequestId) -> Result<Vec<RequestItem>> {
        self.fetch(ITEMS, args![id.as_str()]).await?.iter().map(item).collect()
    }

    /// Requests, the latest first, before the given id.
    pub async fn list_requests(
        &self,
        filter: &RequestFilter,
        before: &str,
        limit: u32,
    ) -> Result<Vec<Request>> {
        let status = filter.status.map_or("", ApprovalStatus::name);
        let (requester, approver) = (filter.requester.as_str(), filter.approver.as_str());
        let args = args![before, requester, status, approver, limit];
        self.fetch(LIST, args).await?.iter().map(request).collect()
    }

    /// Requests to which time does something, the longest waiting first.
    pub async fn due_requests(&self, limit: u32) -> Result<Vec<RequestId>> {
        let rows = self.fetch(DUE, args![self.now(), limit]).await?;
        rows.iter().map(|row| row.parsed(0, "request id", |id| RequestId::parse(id).ok())).collect()
    }

    /// Says when time does something next to a request that is still at that version: machinery, and no
    /// change of the request.
    pub async fn postpone_request(&self, to: &Request) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(POSTPONE, args![to.id.as_str(), to.version, to.attention]).await?;
        tx.commit().await
    }

    /// The request that asks for the same access already.
    pub async fn pending_request(
        &self,
        role: &EntitlementId,
        account: &AccountId,
    ) -> Result<Option<String>> {
        let row = self.fetch_one(PENDING, args![role.as_str(), account.as_str()]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Whether a person was asked about a request.
    pub async fn was_asked(&self, id: &RequestId, person: &PrincipalId) -> Result<bool> {
        let args = args![id.as_str(), person.as_str()];
        Ok(self.fetch_one(IS_APPROVER, args).await?.is_some())
    }

    /// Who was asked about a request.
    pub async fn asked_people(&self, id: &RequestId) -> Result<Vec<PrincipalId>> {
        principals(&self.fetch(APPROVERS, args![id.as_str()]).await?)
    }

    /// What happened to a request after that position.
    pub async fn request_events(
        &self,
        id: &RequestId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RequestEvent>> {
        self.fetch(EVENTS, args![id.as_str(), after, limit]).await?.iter().map(event).collect()
    }

    /// Everybody who is an admin now.
    pub async fn admins(&self) -> Result<Vec<PrincipalId>> {
        principals(&self.fetch(ADMINS, &[]).await?)
    }

    /// To whom an identity reports, in the same data source.
    pub async fn manager_of(&self, identity: &IdentityId) -> Result<Option<IdentityId>> {
        let row = self.fetch_one(MANAGER, args![identity.as_str()]).await?;
        let parse =
            |row: crate::db::Row| row.parsed(0, "identity id", |id| IdentityId::parse(id).ok());
        row.map(parse).transpose()
    }

    /// People who sign in as that identity.
    pub async fn people_of_identity(&self, identity: &IdentityId) -> Result<Vec<PrincipalId>> {
        principals(&self.fetch(PEOPLE_OF, args![identity.as_str()]).await?)
    }

    /// People who sign in as that identity, or may: two have its address, or it is gone.
    pub async fn people_perhaps_of(&self, identity: &IdentityId) -> Result<Vec<PrincipalId>> {
        principals(&self.fetch(PEOPLE_PERHAPS, args![identity.as_str()]).await?)
    }

    /// Owners or maintainers of a role's resource, as far as they sign in.
    pub async fn people_of_resource(
        &self,
        role: &EntitlementId,
        relation: Relation,
    ) -> Result<Vec<PrincipalId>> {
        let args = args![role.as_str(), relation.name()];
        principals(&self.fetch(PEOPLE_OF_RESOURCE, args).await?)
    }

    /// People who hold a role by an account that is known as theirs.
    pub async fn people_holding(&self, role: &EntitlementId) -> Result<Vec<PrincipalId>> {
        principals(&self.fetch(PEOPLE_HOLDING, args![role.as_str()]).await?)
    }

    /// Who decides in a person's place now.
    pub async fn delegate_of(&self, person: &PrincipalId) -> Result<Option<PrincipalId>> {
        let row = self.fetch_one(DELEGATES, args![person.as_str(), self.now()]).await?;
        row.map(|row| row.parsed(0, "principal id", principal)).transpose()
    }

    /// In whose place a person decides now.
    pub async fn delegators_of(&self, person: &PrincipalId) -> Result<Vec<PrincipalId>> {
        principals(&self.fetch(DELEGATORS, args![person.as_str(), self.now()]).await?)
    }

    /// Who is to decide in a person's place, now or later.
    pub async fn delegation(&self, person: &PrincipalId) -> Result<Option<Delegation>> {
        let row = self.fetch_one(DELEGATION, args![person.as_str()]).await?;
        let read = |row: &Row| {
            Ok(Delegation {
                delegate: row.parsed(0, "principal id", principal)?,
                delegate_name: row.text(1)?,
                starts: row.time(2)?,
                ends: row.time(3)?,
            })
        };
        row.as_ref().map(read).transpose()
    }
}

impl Tx {
    /// Creates a request with what it asks for.
    pub async fn create_request(
        &mut self,
        _: &Permit<actions::OwnAccount>,
        new: &Request,
        items: &[RequestItem],
    ) -> Result<()> {
        let (id, now) = (new.id.as_str(), self.now());
        let args = args![
            id,
            new.requester.as_str(),
            new.identity.as_str(),
            &new.reason,
            new.duration_ms,
            new.status.name(),
            &new.summary,
            now,
            new.finished,
            new.attention
        ];
        self.execute(INSERT, args).await?;
        for item in items {
            let workflow = json("workflow", &item.workflow)?;
            let (facts, approval) =
                (json("facts", &item.facts)?, json("approval", &item.approval)?);
            let args = args![
                id,
                item.position,
                item.app.as_str(),
                item.role.as_str(),
                item.account.as_str(),
                &workflow,
                &facts,
                &approval,
                item.approval.status.name()
            ];
            let inserted = self.execute(INSERT_ITEM, args).await;
            inserted.map_err(|error| error.or_already_exists("request for the same access"))?;
        }
        Ok(())
    }

    /// Moves a request on that is still at that version.
    pub async fn move_request(&mut self, to: &Request) -> Result<()> {
        let args = args![to.id.as_str(), to.version, to.status.name(), to.finished, to.attention];
        match self.execute(MOVE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "request" }),
            _ => Ok(()),
        }
    }

    /// Writes down where an item stands. The request was moved on in the same transaction.
    pub async fn move_request_item(&mut self, id: &RequestId, to: &RequestItem) -> Result<()> {
        let approval = json("approval", &to.approval)?;
        let membership = to.membership.as_ref().map(MembershipId::as_str);
        let (status, failure) = (to.approval.status.name(), to.failure.as_deref());
        let args = args![id.as_str(), to.position, &approval, status, membership, failure];
        self.execute(MOVE_ITEM, args).await.map(drop)
    }

    /// Writes down who is asked now.
    pub async fn set_asked_people(&mut self, id: &RequestId, people: &[PrincipalId]) -> Result<()> {
        self.execute(FORGET_APPROVERS, args![id.as_str()]).await?;
        for person in people {
            self.execute(ADD_APPROVER, args![id.as_str(), person.as_str()]).await?;
        }
        Ok(())
    }

    /// Adds to a request's timeline.
    pub async fn add_request_event(
        &mut self,
        id: &RequestId,
        by: Option<&PrincipalId>,
        item: Option<u32>,
        event: &str,
        note: &str,
    ) -> Result<()> {
        let (now, by) = (self.now(), by.map(PrincipalId::as_str));
        let item = item.map(i64::from);
        self.execute(ADD_EVENT, args![id.as_str(), now, by, item, event, note]).await.map(drop)
    }

    /// Lets somebody decide in the permit's person's place.
    pub async fn set_delegation(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        delegate: &PrincipalId,
        starts: UnixMs,
        ends: UnixMs,
    ) -> Result<()> {
        let own = permit.provenance().principal_id.as_str();
        self.execute(SET_DELEGATION, args![own, delegate.as_str(), starts, ends]).await.map(drop)
    }

    /// Ends it.
    pub async fn end_delegation(&mut self, permit: &Permit<actions::OwnAccount>) -> Result<bool> {
        let own = permit.provenance().principal_id.as_str();
        Ok(self.execute(END_DELEGATION, args![own]).await? == 1)
    }
}
