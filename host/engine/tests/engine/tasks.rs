//! What people do by hand: by the method, where settings close the gate, and where the connector
//! finally fails (PRV-3, INT-4, INT-5).

use grantry_engine::{Answer, Idempotent, PageQuery, Task, TaskQuery, TaskView};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::gate::Closed;
use grantry_model::ids::TaskId;
use grantry_model::membership::{Membership, Status};
use grantry_model::method::{Fallback, Method};
use grantry_model::notification::NoticeKind;
use grantry_model::settings::SettingsChange;
use grantry_model::task::{TaskState, Verb, Word};

use crate::host::{Host, hosts};
use crate::scripted::{WriteFault, unknown};

const DAY_MS: i64 = 24 * 3_600_000;
const LOOK_MS: i64 = 16 * 60_000;

impl Host {
    async fn tasks(&self) -> Vec<Task> {
        let wanted = TaskQuery { all: true, ..TaskQuery::default() };
        let query = PageQuery { limit: 100, ..PageQuery::default() };
        self.ctx.list_tasks(&wanted, &query).await.unwrap().items
    }

    /// The one task that there is.
    async fn task(&self) -> Task {
        let tasks = self.tasks().await;
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks[0].clone()
    }

    /// The one task to do that.
    async fn task_to(&self, verb: Verb) -> Task {
        let mut tasks = self.tasks().await;
        tasks.retain(|task| task.verb == verb);
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks.remove(0)
    }

    async fn say_of(&self, id: &TaskId, word: Word, note: &str) -> TaskView {
        self.ctx.say_of_task(id, word, note).await.unwrap()
    }

    fn set_member(&self, is_member: bool) {
        let pair = ("g00".to_owned(), "u001".to_owned());
        let mut directory = self.directory.lock().unwrap();
        if is_member {
            directory.members.insert(pair);
        } else {
            directory.members.remove(&pair);
        }
    }

    fn refuse_writes(&self, count: usize, fault: impl Fn() -> Fault) {
        let faults = (0..count).map(|_| WriteFault::Lost(fault()));
        self.directory.lock().unwrap().write_faults.extend(faults);
    }
}

fn manual() -> SettingsChange {
    SettingsChange { method: Some(Method::Manual), ..SettingsChange::default() }
}

fn falls_back() -> SettingsChange {
    SettingsChange { fallback: Some(Fallback::Manual), ..SettingsChange::default() }
}

fn refusal() -> Fault {
    Fault::Plugin(PluginError::PermissionDenied(vec!["groups:write".into()]))
}

#[tokio::test]
async fn what_is_done_by_hand_is_active_once_the_target_shows_it() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(manual()).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let waits = host.membership(&id).await;
        assert_eq!(
            (waits.status, waits.waiting),
            (Status::Provisioning, Some(Closed::ManualMethod))
        );
        let task = host.task().await;
        assert_eq!((task.verb, task.state), (Verb::Grant, TaskState::Open));
        let said = host.say_of(&task.id, Word::Done, "added in the console").await;
        assert_eq!(said.words, "Give `Group 0 member` to `User 1` in `Scripted`");
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Provisioning);
        assert_eq!(host.task().await.state, TaskState::Done);
        host.set_member(true);
        host.advance(LOOK_MS);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.task().await.state, TaskState::Confirmed);

        host.delete(&id).await;
        host.work().await;
        let tasks = host.tasks().await;
        assert_eq!((tasks.len(), tasks[0].verb), (2, Verb::Revoke));
        host.set_member(false);
        host.say_of(&tasks[0].id, Word::Done, "").await;
        host.say_of(&tasks[0].id, Word::Done, "").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 0);
        assert_eq!(host.audited("task.opened").await, 2);
        assert_eq!(host.audited("task.done").await, 2);
        assert_eq!(host.told(NoticeKind::TaskWaiting).await, 2);
        assert_eq!(host.told(NoticeKind::TaskDecided).await, 2);
    }
}

#[tokio::test]
async fn an_entitlements_own_method_comes_before_the_integrations() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let role = host.role("g00");
        let (integration, manual) = (&host.integration, Some(Method::Manual));
        host.ctx.set_entitlement_method(integration, &role, 1, manual).await.unwrap();
        let id = host.grant("g00", "u001").await;
        let other = host.grant("g01", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::ManualMethod));
        assert_eq!(host.membership(&other).await.status, Status::Active);
        assert!(host.ctx.set_entitlement_method(integration, &role, 1, None).await.is_err());
        // The word is taken back: the connector does it, and nobody has to any more.
        host.ctx.set_entitlement_method(integration, &role, 2, None).await.unwrap();
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.task().await.state, TaskState::Cancelled);
    }
}

#[tokio::test]
async fn read_only_asks_a_person_and_tracking_asks_nobody() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let allows = |allows| SettingsChange {
            allows_changing_permissions: Some(allows),
            ..SettingsChange::default()
        };
        host.set(allows(false)).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::PermissionChanges));
        assert!(host.tasks().await.is_empty());
        let read_only = |is| SettingsChange { is_read_only: Some(is), ..allows(true) };
        host.set(read_only(true)).await;
        host.work().await;
        assert_eq!(host.task().await.reason, Closed::ReadOnly);
        host.set(read_only(false)).await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert_eq!(host.task().await.state, TaskState::Cancelled);
    }
}

#[tokio::test]
async fn a_refused_grant_has_failed_and_a_refused_revocation_is_overdue_until_it_is_done() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(manual()).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let task = host.task().await;
        assert!(host.ctx.say_of_task(&task.id, Word::Reject, " ").await.is_err());
        host.say_of(&task.id, Word::Reject, "no licence is left").await;
        let failed = host.membership(&id).await;
        assert_eq!(failed.status, Status::Failed);
        assert_eq!(failed.failure.as_deref(), Some("no licence is left"));
        assert!(host.ctx.say_of_task(&task.id, Word::Done, "").await.is_err());

        host.renew(&id).await;
        host.set_member(true);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        assert!(host.tasks().await.iter().any(|task| task.state == TaskState::Rejected));
        host.delete(&id).await;
        host.work().await;
        let task = host.task_to(Verb::Revoke).await;
        host.say_of(&task.id, Word::Reject, "she still needs it").await;
        let there = host.membership(&id).await;
        assert_eq!((there.status, there.overdue.is_some()), (Status::Deprovisioning, true));
        assert_eq!(host.told(NoticeKind::RevokeOverdue).await, 1);
        host.set_member(false);
        host.say_of(&task.id, Word::Done, "").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert_eq!(host.task_to(Verb::Revoke).await.state, TaskState::Confirmed);
    }
}

#[tokio::test]
async fn where_the_connector_is_refused_a_person_is_asked_in_its_place() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(falls_back()).await;
        host.refuse_writes(1, refusal);
        let id = host.grant("g00", "u001").await;
        host.work_for(2).await;
        let waits = host.membership(&id).await;
        assert_eq!((waits.status, waits.waiting), (Status::Provisioning, Some(Closed::Fallback)));
        let task = host.task().await;
        assert!(task.detail.contains("groups:write"), "{}", task.detail);
        host.advance(LOOK_MS);
        host.work().await;
        assert_eq!(host.directory.lock().unwrap().writes.len(), 0, "the connector is not asked");
        host.set_member(true);
        host.say_of(&task.id, Word::Done, "").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);

        // A revocation is tried on by the connector while a person is asked for it.
        host.refuse_writes(2, refusal);
        host.delete(&id).await;
        host.work().await;
        let task = host.task_to(Verb::Revoke).await;
        assert_eq!((task.verb, task.reason), (Verb::Revoke, Closed::Fallback));
        for _ in 0..4 {
            host.advance(LOOK_MS);
            host.work().await;
        }
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
        assert_eq!(host.task_to(Verb::Revoke).await.state, TaskState::Confirmed);
        assert_eq!(host.tasks().await.len(), 2);
    }
}

#[tokio::test]
async fn nobody_is_asked_while_it_is_retried_or_the_outcome_is_not_known() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(falls_back()).await;
        host.refuse_writes(3, unknown);
        let id = host.grant("g00", "u001").await;
        for _ in 0..3 {
            host.work().await;
            assert!(host.tasks().await.is_empty());
            host.advance(LOOK_MS);
        }
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        // The connector cannot read back: what a lost answer did is not known.
        host.make_blind().await;
        host.refuse_writes(1, unknown);
        let id = host.grant("g01", "u003").await;
        for _ in 0..3 {
            host.work().await;
            host.advance(LOOK_MS);
        }
        let failed = host.membership(&id).await;
        assert_eq!(failed.status, Status::Failed, "{failed:?}");
        assert!(host.tasks().await.is_empty());
    }
}

#[tokio::test]
async fn people_are_told_again_once_a_task_is_due() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(SettingsChange { task_due_ms: Some(DAY_MS), ..manual() }).await;
        host.grant("g00", "u001").await;
        host.work().await;
        host.advance(DAY_MS - 1);
        host.work().await;
        assert_eq!(host.audited("task.reminded").await, 0);
        for day in 1..=2 {
            host.advance(DAY_MS);
            host.work().await;
            host.work().await;
            assert_eq!(host.audited("task.reminded").await, day);
        }
        assert_eq!(host.told(NoticeKind::TaskWaiting).await, 3);
        host.say_of(&host.task().await.id, Word::Reject, "no").await;
        host.advance(DAY_MS);
        host.work().await;
        assert_eq!(host.audited("task.reminded").await, 2);
    }
}

#[tokio::test]
async fn more_time_leaves_the_person_asked_and_the_connector_alone() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(falls_back()).await;
        host.refuse_writes(1, refusal);
        let ends = host.db().now().plus_ms(DAY_MS);
        let id = host.try_grant("g00", "u001", Some(ends)).await.unwrap();
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::Fallback));
        let answer = |_: &Membership| Answer { status: 200, body: String::new() };
        let request = Idempotent { key: "extend", request: b"extend", answer: &answer };
        let later = ends.plus_ms(DAY_MS);
        host.ctx.extend_membership(&host.app, &id, later, &request).await.unwrap();
        for _ in 0..3 {
            host.advance(LOOK_MS);
            host.work().await;
        }
        let waits = host.membership(&id).await;
        assert_eq!((waits.ends, waits.waiting), (Some(later), Some(Closed::Fallback)));
        assert_eq!(host.task().await.state, TaskState::Open);
        assert_eq!(host.directory.lock().unwrap().writes.len(), 0);
        assert_eq!(host.audited("membership.fell_back").await, 1);
    }
}

#[tokio::test]
async fn access_that_was_given_by_hand_is_taken_by_hand_also_before_an_aggregation_saw_it() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.make_blind().await;
        host.set(manual()).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.set_member(true);
        host.say_of(&host.task().await.id, Word::Done, "").await;
        host.work().await;
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Deprovisioning);
        assert_eq!(host.task_to(Verb::Revoke).await.state, TaskState::Open);
        host.set_member(false);
        host.advance(1_000);
        host.aggregate().await;
        host.advance(LOOK_MS);
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Deleted);
    }
}

#[tokio::test]
async fn nobody_is_asked_while_the_target_still_works_on_it() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(falls_back()).await;
        host.directory.lock().unwrap().write_faults.push_back(WriteFault::Pending(1_000));
        let id = host.grant("g00", "u001").await;
        for _ in 0..60 {
            host.work().await;
            host.advance(LOOK_MS);
        }
        assert!(host.tasks().await.is_empty(), "{:?}", host.membership(&id).await);
    }
}

#[tokio::test]
async fn what_nobody_else_can_do_any_more_a_person_does() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.status, Status::Active);
        host.make_reading().await;
        assert!(host.try_grant("g01", "u001", None).await.is_err());
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::ManualMethod));
        assert_eq!(
            (host.task().await.verb, host.task().await.state),
            (Verb::Revoke, TaskState::Open)
        );
    }
}

#[tokio::test]
async fn a_plugin_in_quarantine_keeps_nobody_from_what_is_done_by_hand() {
    for host in hosts(10, 2).await {
        host.aggregate().await;
        host.set(manual()).await;
        host.quarantine().await;
        let id = host.grant("g00", "u001").await;
        for _ in 0..2 {
            host.work().await;
            host.advance(LOOK_MS);
        }
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::ManualMethod));
        assert_eq!(host.task().await.state, TaskState::Open);
        assert_eq!(host.audited("membership.waits").await, 1);
    }
}
