//! Tasks: what people have to do in targets, one an effect of a membership (PRV-3). They are ended by
//! what becomes of the membership: see `move_membership`.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::gate::Closed;
use grantry_model::ids::{AppId, IntegrationId, MembershipId, PrincipalId, TaskId};
use grantry_model::task::{TaskState, Verb};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Task {
    pub id: TaskId,
    pub membership: MembershipId,
    pub app_id: AppId,
    /// The integration that feeds the app, and its owner.
    pub integration: Option<IntegrationId>,
    pub owner: Option<PrincipalId>,
    pub verb: Verb,
    /// What role, account and app were called when it was opened.
    pub role: String,
    pub account: String,
    pub app: String,
    pub reason: Closed,
    /// What the connector said, where it failed.
    pub detail: String,
    pub state: TaskState,
    /// What was said of it.
    pub note: String,
    pub decided_by: Option<PrincipalId>,
    pub decided_by_name: Option<String>,
    pub decided: Option<UnixMs>,
    pub created: UnixMs,
    pub due: UnixMs,
}

/// A task to be opened.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct NewTask {
    pub id: TaskId,
    pub membership: MembershipId,
    pub reason: Closed,
    pub detail: String,
    pub due_ms: i64,
    /// Whom it is given to by name.
    pub people: Vec<PrincipalId>,
}

/// Which tasks are listed; empty texts and `None` are all of them.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Those of this person.
    pub person: String,
    /// The person is an admin: what is nobody else's is theirs.
    pub is_admin: bool,
    /// Those that stand so.
    pub state: Option<TaskState>,
    /// Those of this app.
    pub app: String,
}

/// The task of the effect that a membership is at.
macro_rules! current {
    () => {
        "operation_id = (SELECT m.id || '-' || m.effect_number FROM memberships m WHERE m.id = $1)"
    };
}

macro_rules! select {
    ($besides:expr) => {
        concat!("SELECT t.id, t.membership_id, t.app_id, i.id, i.owner_id, t.verb, t.role, t.account, t.app, t.reason, t.detail, t.state, t.note, t.decided_by, p.name, t.decided_ms, t.created_ms, t.due_ms FROM tasks t \
            LEFT JOIN integrations i ON i.app_id = t.app_id LEFT JOIN principals p ON p.id = t.decided_by WHERE ", $besides)
    };
}

statements! {
    /// One that was cancelled, since the host went on by itself, is opened again.
    OPEN = "INSERT INTO tasks (id, membership_id, operation_id, app_id, verb, role, account, app, reason, detail, state, note, decided_by, decided_ms, created_ms, due_ms, remind_ms) \
        SELECT CAST($2 AS TEXT), m.id, m.id || '-' || m.effect_number, m.app_id, CASE m.status WHEN 'provisioning' THEN 'grant' ELSE 'revoke' END, COALESCE(e.said_display, e.display, m.role_id), COALESCE(o.display, m.account_id), COALESCE(a.name, m.app_id), CAST($3 AS TEXT), CAST($4 AS TEXT), 'open', '', NULL, NULL, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($6 AS BIGINT) \
        FROM memberships m LEFT JOIN entitlements e ON e.id = m.role_id LEFT JOIN objects o ON o.id = m.account_id LEFT JOIN apps a ON a.id = m.app_id \
        WHERE m.id = $1 AND m.status IN ('provisioning', 'deprovisioning') \
        ON CONFLICT (operation_id) DO UPDATE SET state = 'open', reason = excluded.reason, detail = excluded.detail, note = '', decided_by = NULL, decided_ms = NULL, due_ms = excluded.due_ms, remind_ms = excluded.remind_ms WHERE tasks.state = 'cancelled'";
    OF_MEMBERSHIP = concat!("SELECT id FROM tasks WHERE ", current!());
    /// Of the effect so many before.
    CLOSE = concat!("UPDATE tasks SET state = $2, remind_ms = NULL WHERE operation_id = (SELECT m.id || '-' || (m.effect_number - CAST($3 AS BIGINT)) FROM memberships m WHERE m.id = $1)", " AND (state IN ('open', 'done') OR (state = 'rejected' AND $2 = 'confirmed'))");
    WORD = concat!("UPDATE tasks SET state = 'done', decided_by = $2, decided_ms = $3, remind_ms = NULL WHERE ", current!(), " AND state IN ('open', 'rejected')");
    DECIDE = "UPDATE tasks SET state = $3, note = $4, decided_by = $5, decided_ms = $6, remind_ms = NULL WHERE id = $1 AND state = $2";
    GET = select!("t.id = $1");
    /// The latest first.
    LIST = select!("($1 = '' OR t.id < $1) AND ($2 = '' OR t.state = $2) AND ($3 = '' OR t.app_id = $3) \
        AND ($4 = '' OR EXISTS (SELECT 1 FROM task_people a WHERE a.task_id = t.id AND a.principal_id = $4) \
            OR (NOT EXISTS (SELECT 1 FROM task_people a JOIN principals h ON h.id = a.principal_id AND h.is_disabled = 0 WHERE a.task_id = t.id) \
                AND (i.owner_id = $4 OR (CAST($5 AS BIGINT) = 1 AND NOT EXISTS (SELECT 1 FROM principals h WHERE h.id = i.owner_id AND h.is_disabled = 0))))) ORDER BY t.id DESC LIMIT $6");
    /// Those who have it by name; else the owner. Who cannot sign in has nothing.
    PEOPLE = "SELECT p.id, p.name FROM task_people a JOIN principals p ON p.id = a.principal_id WHERE a.task_id = $1 AND p.is_disabled = 0 \
        UNION SELECT p.id, p.name FROM tasks t JOIN integrations i ON i.app_id = t.app_id JOIN principals p ON p.id = i.owner_id WHERE t.id = $1 AND p.is_disabled = 0 AND NOT EXISTS (SELECT 1 FROM task_people a JOIN principals h ON h.id = a.principal_id AND h.is_disabled = 0 WHERE a.task_id = $1) ORDER BY 1";
    ADMINS = "SELECT id, name FROM principals WHERE kind = 'person' AND role = 'admin' AND is_disabled = 0 ORDER BY id LIMIT 100";
    /// Whoever else gives it away now waits; what is over is nobody's.
    LOCK = "UPDATE tasks SET state = state WHERE id = $1 AND state IN ('open', 'done', 'rejected')";
    FORGET_PEOPLE = "DELETE FROM task_people WHERE task_id = $1";
    /// Whoever is gone meanwhile gets nothing.
    ADD_PERSON = "INSERT INTO task_people (task_id, principal_id) SELECT CAST($1 AS TEXT), p.id FROM principals p WHERE p.id = $2 ON CONFLICT DO NOTHING";
    REQUESTER = "SELECT r.requester_id FROM request_items t JOIN requests r ON r.id = t.request_id WHERE t.membership_id = $1 ORDER BY r.id DESC LIMIT 1";
    DUE = "SELECT id FROM tasks WHERE remind_ms <= $1 ORDER BY remind_ms, id LIMIT $2";
    REMIND = "UPDATE tasks SET remind_ms = $3 WHERE id = $1 AND state = 'open' AND remind_ms <= $2";
}

fn task(row: &Row) -> Result<Task> {
    let principal = |at: usize| {
        let parse = |_| row.parsed(at, "principal id", |id| PrincipalId::parse(id).ok());
        row.text_or_null(at)?.map(parse).transpose()
    };
    let integration = |_| row.parsed(3, "integration id", |id| IntegrationId::parse(id).ok());
    Ok(Task {
        id: row.parsed(0, "task id", |id| TaskId::parse(id).ok())?,
        membership: row.parsed(1, "membership id", |id| MembershipId::parse(id).ok())?,
        app_id: row.parsed(2, "app id", |id| AppId::parse(id).ok())?,
        integration: row.text_or_null(3)?.map(integration).transpose()?,
        owner: principal(4)?,
        verb: row.parsed(5, "verb of a task", Verb::parse)?,
        role: row.text(6)?,
        account: row.text(7)?,
        app: row.text(8)?,
        reason: row.parsed(9, "reason of a task", Closed::parse)?,
        detail: row.text(10)?,
        state: row.parsed(11, "state of a task", TaskState::parse)?,
        note: row.text(12)?,
        decided_by: principal(13)?,
        decided_by_name: row.text_or_null(14)?,
        decided: row.time_or_null(15)?,
        created: row.time(16)?,
        due: row.time(17)?,
    })
}

fn people(rows: &[Row]) -> Result<Vec<(PrincipalId, String)>> {
    let read = |row: &Row| {
        Ok((row.parsed(0, "principal id", |id| PrincipalId::parse(id).ok())?, row.text(1)?))
    };
    rows.iter().map(read).collect()
}

impl Db {
    /// The task with that id.
    pub async fn task(&self, id: &TaskId) -> Result<Option<Task>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(task).transpose()
    }

    /// Tasks, the latest first, before the given id.
    pub async fn list_tasks(
        &self,
        filter: &TaskFilter,
        before: &str,
        limit: u32,
    ) -> Result<Vec<Task>> {
        let state = filter.state.map_or("", TaskState::name);
        let (app, person) = (filter.app.as_str(), filter.person.as_str());
        let args = args![before, state, app, person, filter.is_admin, limit];
        self.fetch(LIST, args).await?.iter().map(task).collect()
    }

    /// Who has a task, by id and name: those whom it was given to, else the owner, else the admins.
    pub async fn task_people(&self, id: &TaskId) -> Result<Vec<(PrincipalId, String)>> {
        let named = people(&self.fetch(PEOPLE, args![id.as_str()]).await?)?;
        if named.is_empty() { people(&self.fetch(ADMINS, &[]).await?) } else { Ok(named) }
    }

    /// Open tasks whose people are to be told again.
    pub async fn due_tasks(&self, limit: u32) -> Result<Vec<TaskId>> {
        let rows = self.fetch(DUE, args![self.now(), limit]).await?;
        rows.iter().map(|row| row.parsed(0, "task id", |id| TaskId::parse(id).ok())).collect()
    }
}

impl Tx {
    /// Opens the task of the effect that a membership of the permit's app is at; `None` if there is
    /// one that is not cancelled.
    pub async fn open_task(
        &mut self,
        permit: &Permit<actions::AppMembershipWrite>,
        new: &NewTask,
    ) -> Result<Option<Task>> {
        let (membership, now) = (new.membership.as_str(), self.now());
        let due = now.plus_ms(new.due_ms);
        let reason = new.reason.code();
        let args = args![membership, new.id.as_str(), reason, &new.detail, now, due];
        if self.execute(OPEN, args).await? == 0 {
            return Ok(None);
        }
        let row = self.fetch_one(OF_MEMBERSHIP, args![membership]).await?;
        let row = row.ok_or(StoreError::NotFound { what: "task" })?;
        let id = row.parsed(0, "task id", |id| TaskId::parse(id).ok())?;
        if id == new.id {
            self.set_people(&id, &new.people).await?;
        }
        let task = self.task(&id).await?.filter(|task| permit.app() == Some(&task.app_id));
        task.map(Some).ok_or(StoreError::NotFound { what: "task" })
    }

    /// The task with that id as this transaction sees it.
    pub async fn task(&mut self, id: &TaskId) -> Result<Option<Task>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(task).transpose()
    }

    /// Who has a task: see [`Db::task_people`].
    pub async fn task_people(&mut self, id: &TaskId) -> Result<Vec<PrincipalId>> {
        let mut rows = self.fetch(PEOPLE, args![id.as_str()]).await?;
        if rows.is_empty() {
            rows = self.fetch(ADMINS, &[]).await?;
        }
        Ok(people(&rows)?.into_iter().map(|(id, _)| id).collect())
    }

    /// Gives a task that is not over to these people by name.
    pub async fn assign_task(
        &mut self,
        _: &Permit<actions::AppMembershipWrite>,
        id: &TaskId,
        people: &[PrincipalId],
    ) -> Result<()> {
        if self.execute(LOCK, args![id.as_str()]).await? == 0 {
            return Err(StoreError::NotFound { what: "task" });
        }
        self.execute(FORGET_PEOPLE, args![id.as_str()]).await?;
        self.set_people(id, people).await
    }

    async fn set_people(&mut self, id: &TaskId, people: &[PrincipalId]) -> Result<()> {
        for person in people {
            self.execute(ADD_PERSON, args![id.as_str(), person.as_str()]).await?;
        }
        Ok(())
    }

    /// Writes down what somebody says of a task, if it still stands as it did.
    pub async fn decide_task(
        &mut self,
        permit: &Permit<actions::AppMembershipWrite>,
        before: &Task,
        (state, note): (TaskState, &str),
    ) -> Result<()> {
        let (by, now) = (permit.provenance().principal_id.clone(), self.now());
        let (id, was) = (before.id.as_str(), before.state.name());
        let args = args![id, was, state.name(), note, by.as_str(), now];
        match self.execute(DECIDE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "task" }),
            _ => Ok(()),
        }
    }

    /// Writes down that somebody says of a membership that what it waits for is done.
    pub async fn say_task_done<A: actions::Settles>(
        &mut self,
        permit: &Permit<A>,
        membership: &MembershipId,
    ) -> Result<()> {
        let (by, now) = (permit.provenance().principal_id.clone(), self.now());
        self.execute(WORD, args![membership.as_str(), by.as_str(), now]).await.map(drop)
    }

    /// Ends the task of the effect that a membership was at so many effects ago, if there is one. The
    /// membership's row is locked before its task's.
    pub(crate) async fn close_task(
        &mut self,
        membership: &MembershipId,
        state: TaskState,
        effects_ago: i64,
    ) -> Result<()> {
        let args = args![membership.as_str(), state.name(), effects_ago];
        self.execute(CLOSE, args).await.map(drop)
    }

    /// Who asked for a membership, if a request did.
    pub async fn requester_of(&mut self, membership: &MembershipId) -> Result<Option<PrincipalId>> {
        let row = self.fetch_one(REQUESTER, args![membership.as_str()]).await?;
        let parse = |row: Row| row.parsed(0, "principal id", |id| PrincipalId::parse(id).ok());
        row.map(parse).transpose()
    }

    /// Says when the people of an open task are told again; false if somebody else did.
    pub async fn remind_of_task(&mut self, id: &TaskId, again: UnixMs) -> Result<bool> {
        let now = self.now();
        Ok(self.execute(REMIND, args![id.as_str(), now, again]).await? == 1)
    }
}
