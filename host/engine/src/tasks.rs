//! Tasks: what people do in targets by hand (PRV-3, INT-4). One opens when a membership begins to wait
//! for a person; a word about it is taken here, and what the target or a list shows ends it.
//!
//! Where there is a target it has the last word: *done* lets it be looked at now.

use grantry_authz::{Permit, Provenance, actions};
use grantry_model::gate::Closed;
use grantry_model::ids::{PrincipalId, TaskId};
use grantry_model::membership::{Event, Membership, Status, next};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::permission::AdminAction;
use grantry_model::settings::{ASSIGNEES_MAX, Settings, TASK_DUE_MS};
use grantry_model::task::{TaskState, Verb, Word, said, words};
use grantry_model::text::printable;
use grantry_store::{AuditEntry, Db, NewTask, StoreError, Task, TaskFilter, Tx};
use serde_json::json;

use crate::expiry::revoke_overdue;
use crate::jobs::machine_provenance;
use crate::memberships::{changed_entry, manual::take_word};
use crate::{Ctx, Engine, EngineError, Page, PageQuery, Result};

/// How often the people of an open task are told again once it is due, in milliseconds: a day.
const REMINDER_MS: i64 = 24 * 3_600_000;
/// Tasks whose people are told again in one sweep.
const REMINDERS_MAX: u32 = 50;
/// How often a word is said again that met another change.
const CONFLICTS_MAX: u32 = 5;
/// Longest note, in characters.
const NOTE_CHARACTERS_MAX: usize = 2_000;
/// Longest explanation of a connector that is kept, in characters.
const DETAIL_CHARACTERS_MAX: usize = 1_000;

const NO_TASK: EngineError = EngineError::NotFound { what: "task" };

type Write = Permit<actions::AppMembershipWrite>;

/// Why a person is asked.
pub(crate) struct Asked<'a> {
    pub closed: Closed,
    /// Those of the integration that feeds the app, if one does.
    pub settings: Option<&'a Settings>,
    /// What the connector said, where it failed.
    pub detail: &'a str,
}

/// Lets a membership wait, and opens the task of it where a person is to do it: once, whoever asks.
pub(crate) async fn ask_person(
    db: &Db,
    tx: &mut Tx,
    permit: &Write,
    membership: &Membership,
    asked: &Asked<'_>,
) -> Result<()> {
    tx.set_waiting(permit, membership, Some(asked.closed)).await?;
    if !asked.closed.asks_person() {
        return Ok(());
    }
    let settings = asked.settings;
    let new = NewTask {
        id: TaskId::fresh(db.clock(), db.random()),
        membership: membership.id.clone(),
        reason: asked.closed,
        detail: printable(asked.detail, DETAIL_CHARACTERS_MAX),
        due_ms: settings.map_or(TASK_DUE_MS, |settings| settings.task_due_ms),
        people: settings.map_or_else(Vec::new, |settings| settings.task_assignees.clone()),
    };
    let Some(task) = tx.open_task(permit, &new).await? else { return Ok(()) };
    let people = tx.task_people(&task.id).await?;
    tx.queue_notice(&waiting(&task, "to be done", people)).await?;
    tx.record(entry("task.opened", &task, json!({ "reason": task.reason.code() })));
    Ok(())
}

fn in_words(task: &Task) -> String {
    words(task.verb, &task.role, &task.account, &task.app)
}

fn waiting(task: &Task, occasion: &str, people: Vec<PrincipalId>) -> Notice {
    let reason = format!("{}\n{}", task.reason, task.detail);
    Notice::new(NoticeKind::TaskWaiting, task.integration.as_ref())
        .with("task", &in_words(task))
        .with("reason", reason.trim())
        .with("occasion", occasion)
        .to(people)
}

fn entry(event: &'static str, task: &Task, mut detail: serde_json::Value) -> AuditEntry {
    detail["membership"] = json!(task.membership);
    detail["task"] = json!(in_words(task));
    AuditEntry::about(event, "task", task.id.as_str(), detail)
}

impl Engine {
    /// Tells the people of tasks that are due, once a day.
    pub(crate) async fn follow_tasks(&self) -> Result<()> {
        for id in self.db().due_tasks(REMINDERS_MAX).await? {
            // One that cannot be followed must not keep the others.
            if let Err(error) = self.remind(&id).await {
                tracing::error!(task.id = %id, "cannot remind of a task: {error}");
            }
        }
        Ok(())
    }

    async fn remind(&self, id: &TaskId) -> Result<()> {
        let mut tx = self.db().begin(&machine_provenance(id.as_str())).await?;
        let again = tx.now().plus_ms(REMINDER_MS);
        if !tx.remind_of_task(id, again).await? {
            return Ok(());
        }
        let task = tx.task(id).await?.ok_or(NO_TASK)?;
        let people = tx.task_people(id).await?;
        tx.queue_notice(&waiting(&task, "overdue", people)).await?;
        let detail = json!({ "due_ms": task.due });
        tx.commit(entry("task.reminded", &task, detail)).await?;
        Ok(())
    }
}

/// Which tasks are listed.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// Everybody's, for admins and auditors; else the caller's.
    pub all: bool,
    /// Only those that stand so.
    pub state: Option<TaskState>,
    /// Only of this app; empty for all.
    pub app: String,
}

/// A task with who has it.
#[derive(Debug, Clone)]
pub struct TaskView {
    /// The task.
    pub task: Task,
    /// What is to be done, in words.
    pub words: String,
    /// Who has it, by id and name.
    pub people: Vec<(PrincipalId, String)>,
    /// Whether the caller is one of them.
    pub is_mine: bool,
}

impl Ctx {
    /// Tasks, the latest first.
    pub async fn list_tasks(&self, wanted: &TaskQuery, query: &PageQuery) -> Result<Page<Task>> {
        self.permit_own().await?;
        let mut filter =
            TaskFilter { state: wanted.state, app: wanted.app.clone(), ..TaskFilter::default() };
        if wanted.all {
            self.permit_admin::<actions::RequestRead>().await?;
        } else {
            filter.person = self.actor.principal.id.to_string();
            filter.is_admin = self.is_admin(AdminAction::RequestDecide);
        }
        let list = format!("tasks/{}", filter.person);
        let before = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_tasks(&filter, &before, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    fn is_admin(&self, action: AdminAction) -> bool {
        self.actor.permissions.admin_actions().contains(&action)
    }

    /// One task, for whoever has it or administers its integration, and for admins and auditors.
    pub async fn task(&self, id: &TaskId) -> Result<TaskView> {
        self.permit_own().await?;
        let task = self.db().task(id).await?.ok_or(NO_TASK)?;
        let view = self.task_view(task).await?;
        let is_seen = self.has_task(&view) || self.is_admin(AdminAction::RequestRead);
        if is_seen { Ok(view) } else { Err(NO_TASK) }
    }

    async fn task_view(&self, task: Task) -> Result<TaskView> {
        let people = self.db().task_people(&task.id).await?;
        let is_mine = people.iter().any(|(id, _)| *id == self.actor.principal.id);
        Ok(TaskView { words: in_words(&task), task, people, is_mine })
    }

    fn has_task(&self, view: &TaskView) -> bool {
        let own = Some(&self.actor.principal.id);
        view.is_mine || view.task.owner.as_ref() == own
    }

    /// The permit to act on a task, for whoever has it or administers its integration; else for admins.
    async fn permit_task(&self, view: &TaskView) -> Result<Write> {
        let own = self.permit_own().await?;
        let provenance: Provenance = if self.has_task(view) {
            own.provenance().clone()
        } else {
            self.permit_admin::<actions::RequestDecide>().await?.provenance().clone()
        };
        Ok(Permit::for_task(&provenance, &view.task.app_id))
    }

    /// Takes a word about a task: that it is done, or why it will not be. Saying it twice changes
    /// nothing.
    pub async fn say_of_task(&self, id: &TaskId, word: Word, note: &str) -> Result<TaskView> {
        let note = note.trim();
        check_note(note, word)?;
        for _ in 0..CONFLICTS_MAX {
            let view = self.task(id).await?;
            let permit = self.permit_task(&view).await?;
            match self.say_once(&view.task, &permit, word, note).await {
                Err(EngineError::Store(StoreError::VersionConflict { .. })) => {}
                other => {
                    other?;
                    self.engine.wake.notify_one();
                    return self.task(id).await;
                }
            }
        }
        Err(StoreError::VersionConflict { what: "task" }.into())
    }

    async fn say_once(&self, task: &Task, permit: &Write, word: Word, note: &str) -> Result<()> {
        let Some(state) = said(task.state, task.verb, word)? else { return Ok(()) };
        let mut tx = self.db().begin(permit.provenance()).await?;
        if task.integration.is_none() {
            // The list first, as where a list is applied.
            tx.take_list(permit).await?;
        }
        tx.lock_membership(&task.membership).await?;
        let (membership, effect) = tx.membership(&task.membership).await?.ok_or(NO_TASK)?;
        tx.decide_task(permit, task, (state, note)).await?;
        // A task that is not over is of the effect that its membership is at.
        match (word, task.verb) {
            (Word::Done, _) if membership.waiting == Some(Closed::Manual) => {
                if let Some((_, entry)) = take_word(&mut tx, permit, &membership).await? {
                    tx.record(entry);
                }
            }
            (Word::Done, _) => tx.hasten_membership(permit, &membership).await?,
            (Word::Reject, Verb::Grant) => {
                let operation = format!("{}-{effect}", membership.id);
                fail(&mut tx, permit, &membership, (&operation, note)).await?;
            }
            (Word::Reject, Verb::Revoke) => {
                tx.note_operation(&format!("{}-{effect}", membership.id), note).await?;
                if tx.set_overdue(permit, &membership).await? {
                    tx.record(revoke_overdue(&membership, note));
                }
                tx.queue_notice(&still_there(task, note)).await?;
            }
        }
        let mut people = tx.task_people(&task.id).await?;
        people.extend(tx.requester_of(&task.membership).await?);
        people.sort();
        people.dedup();
        let notice = Notice::new(NoticeKind::TaskDecided, task.integration.as_ref())
            .with("task", &in_words(task))
            .with("outcome", state.name())
            .with("person", &self.actor.principal.name)
            .with("note", note);
        tx.queue_notice(&notice.to(people)).await?;
        let event = if word == Word::Done { "task.done" } else { "task.rejected" };
        let detail = json!({
            "note": note, "before": { "state": task.state }, "after": { "state": state },
        });
        tx.commit(entry(event, task, detail)).await?;
        Ok(())
    }

    /// Gives a task to these people by name; to nobody gives it back to the owner.
    pub async fn assign_task(&self, id: &TaskId, people: &[PrincipalId]) -> Result<TaskView> {
        let view = self.task(id).await?;
        let permit = self.permit_task(&view).await?;
        if people.len() > ASSIGNEES_MAX {
            let message = format!("must name at most {ASSIGNEES_MAX} people");
            return Err(EngineError::field("/person_ids", "too_many", message));
        }
        for (position, person) in people.iter().enumerate() {
            self.check_person(&format!("/person_ids/{position}"), person).await?;
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.assign_task(&permit, id, people).await?;
        let named = tx.task_people(id).await?;
        if view.task.state == TaskState::Open {
            tx.queue_notice(&waiting(&view.task, "to be done", named)).await?;
        }
        let before: Vec<_> = view.people.iter().map(|(id, _)| id).collect();
        let detail = json!({ "before": { "people": before }, "after": { "people": people } });
        tx.commit(entry("task.assigned", &view.task, detail)).await?;
        self.task_view(self.db().task(id).await?.ok_or(NO_TASK)?).await
    }
}

fn check_note(note: &str, word: Word) -> Result<()> {
    crate::error::check_description("/note", note)?;
    if note.chars().count() > NOTE_CHARACTERS_MAX {
        let message = format!("must have at most {NOTE_CHARACTERS_MAX} characters");
        return Err(EngineError::field("/note", "invalid_string", message));
    }
    if word == Word::Reject && note.is_empty() {
        return Err(EngineError::field("/note", "required", "say why it will not be done"));
    }
    Ok(())
}

/// A grant that a person refuses has failed.
async fn fail(
    tx: &mut Tx,
    permit: &Write,
    membership: &Membership,
    (operation, note): (&str, &str),
) -> Result<()> {
    let to = next(membership, Event::ProvisioningFailed)?;
    tx.change_membership(permit, membership, &to, Some(note)).await?;
    tx.close_operation(operation, "failed", note).await?;
    let failed = Membership {
        status: Status::Failed,
        failure: Some(note.to_owned()),
        waiting: None,
        ..membership.clone()
    };
    tx.record(changed_entry("membership.failed", membership, &failed));
    Ok(())
}

/// Access that a person refuses to take away is there, overdue.
fn still_there(task: &Task, note: &str) -> Notice {
    Notice::new(NoticeKind::RevokeOverdue, task.integration.as_ref())
        .with("integration", &task.app)
        .with("account", &task.account)
        .with("entitlement", &task.role)
        .with("detail", note)
}
