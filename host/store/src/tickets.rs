//! Service desks of integrations, and the tickets that are opened in them (PRV-4).

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IntegrationId, JobId, MembershipId};
use grantry_model::ticket::TicketRequest;
use grantry_model::ticket::follow::{Followed, Stage};
use grantry_model::ticket::template::TicketTemplate;

use crate::db::{Arg, Db, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

/// Tickets of one membership that are shown.
const SHOWN_MAX: u32 = 500;
/// Open tickets of one membership that are looked at in one turn.
const OPEN_MAX: u32 = 20;

/// The service desk of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredDesk {
    /// An integration whose plugin opens tickets.
    pub desk: IntegrationId,
    pub template: TicketTemplate,
    /// Grows with every change, from 2.
    pub version: i64,
}

/// A ticket of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredTicket {
    pub operation: String,
    /// From 0: a later one was opened because the end of the one before was not the last word.
    pub round: i64,
    pub desk: IntegrationId,
    pub request: TicketRequest,
    /// By which the desk knows it, once it has answered.
    pub id: Option<String>,
    pub url: Option<String>,
    /// What the desk calls its state.
    pub native_status: String,
    pub resolution: Option<String>,
    pub followed: Followed,
    pub is_outdated: bool,
    pub ordered: UnixMs,
    /// When the desk last told how it stands, or was asked to.
    pub looked: Option<UnixMs>,
    /// When it is looked at next.
    pub look: Option<UnixMs>,
}

/// What a ticket may say of a membership, where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TicketFacts {
    pub app: Option<String>,
    pub person: Option<String>,
    pub person_mail: Option<String>,
    pub requester: Option<String>,
    pub reason: Option<String>,
    pub request: Option<String>,
    pub duration_ms: Option<i64>,
}

macro_rules! select {
    ($besides:expr) => {
        concat!("SELECT t.operation_id, t.round, t.desk_id, t.request, t.ticket_id, t.url, t.stage, t.native_status, t.resolution, t.misses, t.is_outdated, t.ordered_ms, t.looked_ms, t.look_ms, t.open_until_ms FROM tickets t ", $besides)
    };
}

statements! {
    DESK = "SELECT desk_id, template, version FROM ticket_desks WHERE integration_id = $1";
    INSERT_DESK = "INSERT INTO ticket_desks (integration_id, desk_id, template, version) VALUES ($1, $2, $3, 2) ON CONFLICT (integration_id) DO NOTHING";
    UPDATE_DESK = "UPDATE ticket_desks SET desk_id = $2, template = $3, version = version + 1 WHERE integration_id = $1 AND version = $4";
    DELETE_DESK = "DELETE FROM ticket_desks WHERE integration_id = $1";
    GET = select!("WHERE t.operation_id = $1 ORDER BY t.round DESC LIMIT 1");
    OF_MEMBERSHIP = select!("JOIN operations p ON p.id = t.operation_id WHERE p.membership_id = $1 ORDER BY t.ordered_ms, t.operation_id, t.round LIMIT $2");
    OPEN = select!("JOIN operations p ON p.id = t.operation_id WHERE p.membership_id = $1 AND t.operation_id <> $2 AND t.open_until_ms > 0 ORDER BY t.ordered_ms, t.operation_id, t.round LIMIT $3");
    /// A ticket by which somebody may give this access yet.
    MAY_BE_GIVEN = "SELECT 1 FROM tickets t JOIN operations p ON p.id = t.operation_id WHERE p.membership_id = $1 AND p.verb = 'grant' AND t.open_until_ms > 0 LIMIT 1";
    IS_OPEN = "SELECT 1 FROM tickets t JOIN operations p ON p.id = t.operation_id WHERE p.membership_id = $1 AND t.open_until_ms > 0 LIMIT 1";
    /// The same request for every try.
    ORDER = "INSERT INTO tickets (operation_id, round, desk_id, request, ticket_id, url, stage, native_status, resolution, misses, is_outdated, ordered_ms, looked_ms, look_ms, open_until_ms) VALUES ($1, $2, $3, $4, NULL, NULL, 'ordered', '', NULL, 0, 0, $5, NULL, NULL, $6) \
        ON CONFLICT (operation_id, round) DO UPDATE SET open_until_ms = excluded.open_until_ms";
    RECORD = "UPDATE tickets SET ticket_id = $3, url = $4, stage = $5, native_status = $6, resolution = $7, misses = $8, is_outdated = $9, looked_ms = $10, look_ms = $11, open_until_ms = $12 WHERE operation_id = $1 AND round = $2";
    /// Whoever found more meanwhile is not overruled.
    NOTE = "UPDATE tickets SET misses = $4, looked_ms = $5, look_ms = $6, open_until_ms = $7 WHERE operation_id = $1 AND round = $2 AND stage = $3";
    /// The desk said for certain that it opened none.
    FORGET = "DELETE FROM tickets WHERE operation_id = $1 AND round = $2 AND ticket_id IS NULL";
    OUTDATE = "UPDATE tickets SET is_outdated = 1 WHERE operation_id = $1";
    ADOPT = "UPDATE tickets SET operation_id = $1 WHERE operation_id = $2";
    SPEAKS_WITH = "UPDATE jobs SET desk_id = $2 WHERE id = $1";
    /// Before its first contact.
    WILL_SPEAK = "UPDATE jobs SET desk_id = (SELECT d.desk_id FROM ticket_desks d WHERE d.integration_id = $2) WHERE queue = $1 AND status IN ('queued', 'running')";
    /// Of the request that led to the latest grant, if one did: not of one that led to a grant before.
    FACTS = "SELECT a.name, i.display, i.email, p.name, r.reason, r.id, r.duration_ms FROM memberships m LEFT JOIN apps a ON a.id = m.app_id \
        LEFT JOIN mappings x ON x.account_id = m.account_id LEFT JOIN identities i ON i.id = x.identity_id AND i.removed_ms IS NULL \
        LEFT JOIN request_items t ON t.membership_id = m.id LEFT JOIN requests r ON r.id = t.request_id \
        AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.membership_id = m.id AND o.verb = 'grant' AND o.started_ms >= r.finished_ms AND o.id <> (SELECT l.id FROM operations l WHERE l.membership_id = m.id AND l.verb = 'grant' ORDER BY l.started_ms DESC, l.id DESC LIMIT 1)) \
        LEFT JOIN principals p ON p.id = r.requester_id \
        WHERE m.id = $1 ORDER BY CASE WHEN r.id IS NULL THEN 1 ELSE 0 END, r.id DESC LIMIT 1";
}

fn desk(row: &Row) -> Result<StoredDesk> {
    Ok(StoredDesk {
        desk: row.parsed(0, "integration id", |id| IntegrationId::parse(id).ok())?,
        template: row.json(1, "template of tickets")?,
        version: row.int(2)?,
    })
}

fn ticket(row: &Row) -> Result<StoredTicket> {
    Ok(StoredTicket {
        operation: row.text(0)?,
        round: row.int(1)?,
        desk: row.parsed(2, "integration id", |id| IntegrationId::parse(id).ok())?,
        request: row.json(3, "request of a ticket")?,
        id: row.text_or_null(4)?,
        url: row.text_or_null(5)?,
        native_status: row.text(7)?,
        resolution: row.text_or_null(8)?,
        followed: Followed {
            stage: row.parsed(6, "stage of a ticket", Stage::parse)?,
            misses: u32::try_from(row.int(9)?).unwrap_or(u32::MAX),
            open_until: row.time(14)?,
        },
        is_outdated: row.is_true(10)?,
        ordered: row.time(11)?,
        looked: row.time_or_null(12)?,
        look: row.time_or_null(13)?,
    })
}

fn recorded(seen: &StoredTicket) -> [Arg<'_>; 12] {
    let followed = &seen.followed;
    [
        (&seen.operation).into(),
        seen.round.into(),
        (&seen.id).into(),
        (&seen.url).into(),
        followed.stage.name().into(),
        (&seen.native_status).into(),
        (&seen.resolution).into(),
        followed.misses.into(),
        seen.is_outdated.into(),
        seen.looked.into(),
        seen.look.into(),
        followed.open_until.into(),
    ]
}

impl Db {
    /// The service desk of an integration, if it has one.
    pub async fn ticket_desk(&self, id: &IntegrationId) -> Result<Option<StoredDesk>> {
        self.fetch_one(DESK, args![id.as_str()]).await?.as_ref().map(desk).transpose()
    }

    /// The latest ticket of an operation.
    pub async fn ticket(&self, operation: &str) -> Result<Option<StoredTicket>> {
        self.fetch_one(GET, args![operation]).await?.as_ref().map(ticket).transpose()
    }

    /// The tickets of a membership, oldest first.
    pub async fn list_tickets(&self, membership: &MembershipId) -> Result<Vec<StoredTicket>> {
        let rows = self.fetch(OF_MEMBERSHIP, args![membership.as_str(), SHOWN_MAX]).await?;
        rows.iter().map(ticket).collect()
    }

    /// Tickets of a membership, but for those of one operation, on which somebody may act yet.
    pub async fn open_tickets(
        &self,
        membership: &MembershipId,
        except: &str,
    ) -> Result<Vec<StoredTicket>> {
        let args = args![membership.as_str(), except, OPEN_MAX];
        self.fetch(OPEN, args).await?.iter().map(ticket).collect()
    }

    /// Whether somebody may give this access yet, by a ticket.
    pub async fn may_be_given_by_ticket(&self, membership: &MembershipId) -> Result<bool> {
        let row = self.fetch_one(MAY_BE_GIVEN, args![membership.as_str()]).await?;
        Ok(row.is_some())
    }

    /// Whether somebody may act on a ticket of this membership.
    pub async fn has_open_ticket(&self, membership: &MembershipId) -> Result<bool> {
        let row = self.fetch_one(IS_OPEN, args![membership.as_str()]).await?;
        Ok(row.is_some())
    }

    /// What a ticket may say of a membership.
    pub async fn ticket_facts(&self, membership: &MembershipId) -> Result<TicketFacts> {
        let row = self.fetch_one(FACTS, args![membership.as_str()]).await?;
        let Some(row) = row else { return Ok(TicketFacts::default()) };
        Ok(TicketFacts {
            app: row.text_or_null(0)?,
            person: row.text_or_null(1)?,
            person_mail: row.text_or_null(2)?,
            requester: row.text_or_null(3)?,
            reason: row.text_or_null(4)?,
            request: row.text_or_null(5)?,
            duration_ms: row.int_or_null(6)?,
        })
    }

    /// Writes down that a ticket was looked at which is as it was: no change of anything.
    pub async fn note_look(&self, seen: &StoredTicket) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let (followed, stage) = (&seen.followed, seen.followed.stage.name());
        let (misses, until) = (followed.misses, followed.open_until);
        let (id, round) = (&seen.operation, seen.round);
        tx.execute(NOTE, args![id, round, stage, misses, seen.looked, seen.look, until]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// The service desk of an integration as this transaction sees it.
    pub async fn ticket_desk(&mut self, id: &IntegrationId) -> Result<Option<StoredDesk>> {
        self.fetch_one(DESK, args![id.as_str()]).await?.as_ref().map(desk).transpose()
    }

    /// Sets an integration's service desk that is still at that version, which is 1 where there is
    /// none.
    pub async fn set_ticket_desk(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
        version: i64,
        (desk, template): (&IntegrationId, &TicketTemplate),
    ) -> Result<()> {
        let (of, desk) = (id.as_str(), desk.as_str());
        let template = json("template of tickets", template)?;
        let written = match version {
            1 => self.execute(INSERT_DESK, args![of, desk, &template]).await?,
            _ => self.execute(UPDATE_DESK, args![of, desk, &template, version]).await?,
        };
        let what = "ticket desk";
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }

    /// Removes an integration's service desk; false if there is none.
    pub async fn delete_ticket_desk(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
    ) -> Result<bool> {
        Ok(self.execute(DELETE_DESK, args![id.as_str()]).await? == 1)
    }

    /// Writes down what ticket a job orders in which desk, before the desk hears of it.
    pub async fn order_ticket(&mut self, job: &JobId, ticket: &StoredTicket) -> Result<()> {
        let (desk, request) = (ticket.desk.as_str(), json("request of a ticket", &ticket.request)?);
        let (operation, until) = (&ticket.operation, ticket.followed.open_until);
        let args = args![operation, ticket.round, desk, &request, ticket.ordered, until];
        self.execute(ORDER, args).await?;
        self.execute(SPEAKS_WITH, args![job.as_str(), desk]).await.map(drop)
    }

    /// A job that was ordered will speak with its integration's desk.
    pub async fn will_speak(&mut self, queue: &str, integration: &IntegrationId) -> Result<()> {
        self.execute(WILL_SPEAK, args![queue, integration.as_str()]).await.map(drop)
    }

    /// Writes down how a ticket stands.
    pub async fn record_ticket(&mut self, seen: &StoredTicket) -> Result<()> {
        self.execute(RECORD, &recorded(seen)).await.map(drop)
    }

    /// The desk said for certain that it did not open it.
    pub async fn forget_ticket(&mut self, operation: &str, round: i64) -> Result<()> {
        self.execute(FORGET, args![operation, round]).await.map(drop)
    }

    /// Access may have been given after the end of an operation's ticket.
    pub async fn outdate_tickets(&mut self, operation: &str) -> Result<()> {
        self.execute(OUTDATE, args![operation]).await.map(drop)
    }

    /// A ticket of an operation is of the one that goes on with it.
    pub(crate) async fn adopt_tickets(&mut self, operation: &str, before: &str) -> Result<()> {
        self.execute(ADOPT, args![operation, before]).await.map(drop)
    }
}
