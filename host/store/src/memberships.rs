//! Memberships, and the operations that make them true in the target. Those of apps that lists feed
//! are confirmed in [`lists`].

pub(crate) mod lists;

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::Key;
use grantry_model::gate::Closed;
use grantry_model::ids::{AccountId, AppId, EntitlementId, MembershipId};
use grantry_model::membership::{Effect, Ending, Membership, Status, Transition};
use grantry_model::task::TaskState;

use crate::catalogue::{AssignmentRow, wanted};
use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A membership to be created, in `provisioning`.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewMembership {
    pub id: MembershipId,
    pub role: EntitlementId,
    pub account: AccountId,
    pub ends: Option<UnixMs>,
}

/// One effect on the target: intended, perhaps attempted, perhaps confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredOperation {
    /// Also the idempotency key: the same for every attempt.
    pub id: String,
    pub membership_id: MembershipId,
    /// `grant` or `revoke`.
    pub verb: String,
    /// `intended`, `confirmed` or `failed`.
    pub state: String,
    /// How often the target was asked to do it.
    pub attempts: u32,
    pub started: UnixMs,
    pub finished: Option<UnixMs>,
    /// The last word about it.
    pub outcome: Option<String>,
    /// By which the target knows it, while it works on it.
    pub token: Option<String>,
    /// When the target was asked last.
    pub attempted: Option<UnixMs>,
    /// Until when it may still take effect by itself although the target gave it no token.
    pub open_until: Option<UnixMs>,
}

statements! {
    INSERT = "INSERT INTO memberships (id, app_id, role_id, account_id, status, ending, starts_ms, ends_ms, failure, effect_number, created_ms, version) VALUES ($1, $2, $3, $4, 'provisioning', NULL, $5, $6, NULL, 1, $5, 1)";
    GET = "SELECT id, app_id, role_id, account_id, status, ending, starts_ms, ends_ms, failure, version, effect_number, waiting, overdue_ms FROM memberships WHERE id = $1";
    LIVING = "SELECT id, app_id, role_id, account_id, status, ending, starts_ms, ends_ms, failure, version, effect_number, waiting, overdue_ms FROM memberships WHERE role_id = $1 AND account_id = $2 AND status IN ('provisioning', 'active', 'failed', 'deprovisioning')";
    LIST = "SELECT id, app_id, role_id, account_id, status, ending, starts_ms, ends_ms, failure, version, effect_number, waiting, overdue_ms FROM memberships WHERE app_id = $1 AND id > $2 AND ($3 = '' OR status = $3) AND ($4 = '' OR account_id = $4) AND ($5 = '' OR role_id = $5) AND ($7 = '' OR (waiting IS NOT NULL) = ($7 = 'true')) AND ($8 = '' OR EXISTS (SELECT 1 FROM entitlements e WHERE e.id = role_id AND e.resource_id = $8)) ORDER BY id LIMIT $6";
    DUE = "SELECT id, app_id, role_id, account_id, status, ending, starts_ms, ends_ms, failure, version, effect_number, waiting, overdue_ms FROM memberships WHERE status IN ('provisioning', 'active', 'failed') AND ends_ms <= $1 ORDER BY ends_ms LIMIT $2";
    CHANGE = "UPDATE memberships SET status = $3, ending = $4, ends_ms = $5, failure = $6, waiting = CASE WHEN status = $3 AND CAST($7 AS BIGINT) = 0 THEN waiting ELSE NULL END, revoked_ms = CASE WHEN CAST($8 AS BIGINT) = 1 THEN COALESCE(revoked_ms, $9) ELSE NULL END, overdue_ms = CASE WHEN CAST($8 AS BIGINT) = 1 THEN overdue_ms ELSE NULL END, effect_number = effect_number + $7, version = version + 1 WHERE id = $1 AND version = $2";
    COUNT_DUE = "SELECT COALESCE(SUM(CASE WHEN ends_ms <= $1 THEN 1 ELSE 0 END), 0), COUNT(*) FROM memberships WHERE status IN ('provisioning', 'active', 'failed')";
    OVERDUE = "SELECT id, app_id, role_id, account_id, status, ending, starts_ms, ends_ms, failure, version, effect_number, waiting, overdue_ms FROM memberships WHERE status = 'deprovisioning' AND revoked_ms <= $1 AND overdue_ms IS NULL ORDER BY revoked_ms LIMIT $2";
    SET_OVERDUE = "UPDATE memberships SET overdue_ms = $2 WHERE id = $1 AND status = 'deprovisioning' AND overdue_ms IS NULL";
    SET_WAITING = "UPDATE memberships SET waiting = $3 WHERE id = $1 AND version = $2";
    /// Those that wait look again whether they still have to.
    HASTEN_WAITING = "UPDATE jobs SET due_ms = CASE WHEN status = 'running' AND due_ms = $2 THEN $2 + 1 ELSE $2 END, attempt = CASE WHEN status = 'queued' THEN 0 ELSE attempt END WHERE status IN ('queued', 'running') AND queue IN (SELECT 'provision/' || id FROM memberships WHERE app_id = $1 AND waiting IS NOT NULL)";
    INTEND = "INSERT INTO operations (id, membership_id, job_id, verb, state, attempts, started_ms, finished_ms, outcome, token) VALUES ($1, $2, $3, $4, 'intended', 0, $5, NULL, NULL, NULL) ON CONFLICT (id) DO NOTHING";
    GET_OPERATION = "SELECT id, membership_id, verb, state, attempts, started_ms, finished_ms, outcome, token, attempted_ms, open_until_ms FROM operations WHERE id = $1";
    LIST_OPERATIONS = "SELECT id, membership_id, verb, state, attempts, started_ms, finished_ms, outcome, token, attempted_ms, open_until_ms FROM operations WHERE membership_id = $1 ORDER BY started_ms, id LIMIT 200";
    FORGET_ATTEMPTS = "UPDATE operations SET attempts = 0 WHERE id = $1";
    TAKE_BACK_ATTEMPT = "UPDATE operations SET attempts = attempts - 1 WHERE id = $1 AND attempts > 0";
    COUNT_ATTEMPT = "UPDATE operations SET attempts = attempts + 1, attempted_ms = $2 WHERE id = $1";
    NOTE = "UPDATE operations SET outcome = $2 WHERE id = $1";
    CLOSE = "UPDATE operations SET state = $2, finished_ms = $3, outcome = $4 WHERE id = $1";
}

fn ending_name(ending: Option<Ending>) -> Option<&'static str> {
    ending.map(|ending| match ending {
        Ending::Expiry => "expiry",
        Ending::Deletion => "deletion",
    })
}

fn parse_ending(text: &str) -> Option<Ending> {
    match text {
        "expiry" => Some(Ending::Expiry),
        "deletion" => Some(Ending::Deletion),
        _ => None,
    }
}

/// Which memberships of an app; empty texts and `None` are all of them.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MembershipQuery {
    pub status: Option<Status>,
    pub account: String,
    pub role: String,
    /// Of roles on this resource.
    pub resource: String,
    /// Whether they wait for a person.
    pub is_waiting: Option<bool>,
    pub after: String,
    pub limit: u32,
}

/// A membership with the number of its current effect on the target.
fn membership(row: &Row) -> Result<(Membership, i64)> {
    let membership = Membership {
        id: row.parsed(0, "membership id", |text| MembershipId::parse(text).ok())?,
        app: row.parsed(1, "app id", |text| AppId::parse(text).ok())?,
        role: row.parsed(2, "role id", |text| EntitlementId::parse(text).ok())?,
        account: row.parsed(3, "account id", |text| AccountId::parse(text).ok())?,
        status: row.parsed(4, "membership status", Status::parse)?,
        ending: row.text_or_null(5)?.as_deref().and_then(parse_ending),
        starts: row.time(6)?,
        ends: row.time_or_null(7)?,
        failure: row.text_or_null(8)?,
        version: row.int(9)?,
        waiting: row.text_or_null(11)?.as_deref().and_then(Closed::parse),
        overdue: row.time_or_null(12)?,
    };
    Ok((membership, row.int(10)?))
}

pub(crate) fn operation(row: &Row) -> Result<StoredOperation> {
    Ok(StoredOperation {
        id: row.text(0)?,
        membership_id: row.parsed(1, "membership id", |text| MembershipId::parse(text).ok())?,
        verb: row.text(2)?,
        state: row.text(3)?,
        attempts: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        started: row.time(5)?,
        finished: row.time_or_null(6)?,
        outcome: row.text_or_null(7)?,
        token: row.text_or_null(8)?,
        attempted: row.time_or_null(9)?,
        open_until: row.time_or_null(10)?,
    })
}

impl Db {
    /// The membership with that id, and the number of its current effect.
    pub async fn membership(&self, id: &MembershipId) -> Result<Option<(Membership, i64)>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(membership).transpose()
    }

    /// The living membership of a role and an account.
    pub async fn living_membership(
        &self,
        role: &EntitlementId,
        account: &AccountId,
    ) -> Result<Option<Membership>> {
        let row = self.fetch_one(LIVING, args![role.as_str(), account.as_str()]).await?;
        Ok(row.as_ref().map(membership).transpose()?.map(|(membership, _)| membership))
    }

    /// Memberships of an app after the query's id.
    pub async fn list_memberships(
        &self,
        app: &AppId,
        query: &MembershipQuery,
    ) -> Result<Vec<Membership>> {
        let status = query.status.map_or("", Status::name);
        let waiting = wanted(query.is_waiting);
        let (account, role) = (&query.account, &query.role);
        let (after, limit, resource) = (&query.after, query.limit, &query.resource);
        let args = args![app.as_str(), after, status, account, role, limit, waiting, resource];
        let rows = self.fetch(LIST, args).await?;
        rows.iter().map(|row| Ok(membership(row)?.0)).collect()
    }

    /// Memberships whose end has come.
    pub async fn due_memberships(&self, limit: u32) -> Result<Vec<Membership>> {
        let rows = self.fetch(DUE, args![self.now(), limit]).await?;
        rows.iter().map(|row| Ok(membership(row)?.0)).collect()
    }

    /// How many living memberships are due to end now, and how many there are.
    pub async fn count_due_memberships(&self) -> Result<(i64, i64)> {
        let row = self.fetch_one(COUNT_DUE, args![self.now()]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Memberships whose access was to be gone so long ago and is not, which nobody was told of.
    pub async fn overdue_revocations(&self, after_ms: i64, limit: u32) -> Result<Vec<Membership>> {
        let rows = self.fetch(OVERDUE, args![self.now().plus_ms(-after_ms), limit]).await?;
        rows.iter().map(|row| Ok(membership(row)?.0)).collect()
    }

    /// The operation with that id.
    pub async fn operation(&self, id: &str) -> Result<Option<StoredOperation>> {
        self.fetch_one(GET_OPERATION, args![id]).await?.as_ref().map(operation).transpose()
    }

    /// All effects of a membership on its target, oldest first.
    pub async fn list_operations(&self, id: &MembershipId) -> Result<Vec<StoredOperation>> {
        self.fetch(LIST_OPERATIONS, args![id.as_str()]).await?.iter().map(operation).collect()
    }
}

impl Tx {
    /// The membership with that id as this transaction sees it, and the number of its current effect.
    pub async fn membership(&mut self, id: &MembershipId) -> Result<Option<(Membership, i64)>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(membership).transpose()
    }

    /// Creates a membership of the permit's app.
    pub async fn create_membership(
        &mut self,
        permit: &Permit<actions::AppMembershipWrite>,
        new: &NewMembership,
    ) -> Result<()> {
        let app = permit.app().ok_or(StoreError::NotFound { what: "app" })?;
        let now = self.now();
        let args = args![
            new.id.as_str(),
            app.as_str(),
            new.role.as_str(),
            new.account.as_str(),
            now,
            new.ends
        ];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("membership"))
    }

    /// Moves a membership of the permit's app on, if it is still at that version. A transition with
    /// an effect on the target gets a number of its own, which names the operation.
    pub async fn change_membership(
        &mut self,
        permit: &Permit<actions::AppMembershipWrite>,
        membership: &Membership,
        to: &Transition,
        failure: Option<&str>,
    ) -> Result<()> {
        if permit.app() != Some(&membership.app) {
            return Err(StoreError::NotFound { what: "membership" });
        }
        self.move_membership(membership, to, failure).await
    }

    /// The same for whoever was permitted in another way.
    async fn move_membership(
        &mut self,
        membership: &Membership,
        to: &Transition,
        failure: Option<&str>,
    ) -> Result<()> {
        let step = i64::from(to.effect != Effect::None);
        let ending = ending_name(to.ending);
        let args = args![
            membership.id.as_str(),
            membership.version,
            to.status.name(),
            ending,
            to.ends,
            failure,
            step,
            to.status == Status::Deprovisioning,
            self.now()
        ];
        // An expired one cannot be renewed while a newer one of the same role and account lives.
        let changed = self.execute(CHANGE, args).await;
        if changed.map_err(|error| error.or_already_exists("membership"))? == 0 {
            return Err(StoreError::VersionConflict { what: "membership" });
        }
        match (membership.status, to.status) {
            (Status::Provisioning, Status::Active)
            | (Status::Deprovisioning, Status::Expired | Status::Deleted) => {
                self.close_task(&membership.id, TaskState::Confirmed, step).await
            }
            (before, after) if before == after => Ok(()),
            _ => self.close_task(&membership.id, TaskState::Cancelled, step).await,
        }
    }

    /// Notes which setting keeps a membership of the permit's app from being provisioned, if any.
    /// Its version stays: nothing about the membership itself has changed.
    pub async fn set_waiting(
        &mut self,
        permit: &Permit<actions::AppMembershipWrite>,
        membership: &Membership,
        waiting: Option<Closed>,
    ) -> Result<()> {
        if permit.app() != Some(&membership.app) {
            return Err(StoreError::NotFound { what: "membership" });
        }
        let code = waiting.map(Closed::code);
        let args = args![membership.id.as_str(), membership.version, code];
        if self.execute(SET_WAITING, args).await? == 0 {
            return Err(StoreError::VersionConflict { what: "membership" });
        }
        if waiting.is_some_and(Closed::asks_person) {
            return Ok(());
        }
        self.close_task(&membership.id, TaskState::Cancelled, 0).await
    }

    /// Notes that the revocation of a membership of the permit's app is overdue. False if that is
    /// known, or over.
    pub async fn set_overdue(
        &mut self,
        permit: &Permit<actions::AppMembershipWrite>,
        membership: &Membership,
    ) -> Result<bool> {
        if permit.app() != Some(&membership.app) {
            return Err(StoreError::NotFound { what: "membership" });
        }
        let now = self.now();
        Ok(self.execute(SET_OVERDUE, args![membership.id.as_str(), now]).await? == 1)
    }

    /// The pages of an integration's assignments are not trusted any more: the next run compares row
    /// by row.
    pub async fn distrust_assignments(
        &mut self,
        integration: &grantry_model::ids::IntegrationId,
    ) -> Result<()> {
        self.distrust_pages(integration, Some(crate::Domain::Assignments)).await
    }

    /// Lets the memberships of an integration's app that wait for a setting look again now.
    pub async fn hasten_waiting(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        app: &AppId,
    ) -> Result<()> {
        let now = self.now();
        self.execute(HASTEN_WAITING, args![app.as_str(), now]).await.map(drop)
    }

    /// Moves a membership of the permit's app on that a person confirms.
    pub async fn confirm_membership<A: actions::Settles>(
        &mut self,
        permit: &Permit<A>,
        membership: &Membership,
        to: &Transition,
    ) -> Result<()> {
        let is_confirmed = membership.waiting.is_some() && to.effect == Effect::None;
        if permit.app() != Some(&membership.app) || !is_confirmed {
            return Err(StoreError::NotFound { what: "membership" });
        }
        self.move_membership(membership, to, None).await
    }

    /// Lets a membership of the permit's app that waits for a setting look at the target now.
    pub async fn hasten_membership<A: actions::Settles>(
        &mut self,
        permit: &Permit<A>,
        membership: &Membership,
    ) -> Result<()> {
        if permit.app() != Some(&membership.app) {
            return Err(StoreError::NotFound { what: "membership" });
        }
        self.hasten_queue(&format!("provision/{}", membership.id)).await
    }

    /// Writes down an effect before the target hears of it.
    pub async fn intend(
        &mut self,
        operation: &str,
        membership: &MembershipId,
        job: &str,
        verb: &str,
    ) -> Result<()> {
        let now = self.now();
        self.execute(INTEND, args![operation, membership.as_str(), job, verb, now]).await.map(drop)
    }

    /// Counts an attempt, before it is made.
    pub async fn count_attempt(&mut self, operation: &str) -> Result<()> {
        let now = self.now();
        self.execute(COUNT_ATTEMPT, args![operation, now]).await.map(drop)
    }

    /// The target said for certain that nothing was done: the next attempt is as the first.
    pub async fn forget_attempts(&mut self, operation: &str) -> Result<()> {
        self.execute(FORGET_ATTEMPTS, args![operation]).await.map(drop)
    }

    /// The last attempt did not begin: as if it had not been made.
    pub async fn take_back_attempt(&mut self, operation: &str) -> Result<()> {
        self.execute(TAKE_BACK_ATTEMPT, args![operation]).await.map(drop)
    }

    /// Writes down what is known of an operation that is not over.
    pub async fn note_operation(&mut self, operation: &str, outcome: &str) -> Result<()> {
        self.execute(NOTE, args![operation, outcome]).await.map(drop)
    }

    /// Ends an operation. An app that was asked by a webhook and has not answered may still do what
    /// failed: that it was asked is forgotten once the operation is confirmed.
    pub async fn close_operation(
        &mut self,
        operation: &str,
        state: &str,
        outcome: &str,
    ) -> Result<()> {
        let now = self.now();
        self.execute(CLOSE, args![operation, state, now, outcome]).await?;
        if state == "confirmed" { self.forget_callbacks(operation).await } else { Ok(()) }
    }

    /// Brings the catalogue in line with a confirmed grant or revocation. The pages of the
    /// integration's assignments are not trusted any more: the next run compares row by row.
    pub async fn observe_assignment(
        &mut self,
        integration: &grantry_model::ids::IntegrationId,
        entitlement: Key,
        holder: Key,
        is_held: bool,
    ) -> Result<()> {
        self.lock_catalogue(integration).await?;
        let now = self.now();
        if is_held {
            let row = AssignmentRow { entitlement, holder, details: None };
            self.upsert_assignments(&[row]).await?;
        } else {
            self.revoke_assignment(entitlement, holder, now).await?;
        }
        self.put_provisioned_page(integration, entitlement, holder).await?;
        self.distrust_assignments(integration).await
    }
}
