//! Tasks, and the methods of entitlements.

use grantry_api::requests::NamedPerson;
use grantry_api::tasks as wire;
use grantry_engine::{MethodView, Task, TaskQuery, TaskView};
use grantry_model::task::{TaskState, Verb, words};

use super::settings::method;

/// A task, in a list.
pub(crate) fn summary(task: &Task) -> wire::TaskSummary {
    wire::TaskSummary {
        id: task.id.to_string(),
        task: words(task.verb, &task.role, &task.account, &task.app),
        verb: match task.verb {
            Verb::Grant => wire::TaskVerb::Grant,
            Verb::Revoke => wire::TaskVerb::Revoke,
        },
        membership_id: task.membership.to_string(),
        app_id: task.app_id.to_string(),
        integration_id: task.integration.as_ref().map(ToString::to_string),
        role: task.role.clone(),
        account: task.account.clone(),
        app: task.app.clone(),
        reason: task.reason.code().to_owned(),
        detail: task.detail.clone(),
        state: state(task.state),
        note: task.note.clone(),
        decided_by: task.decided_by.as_ref().map(ToString::to_string),
        decided_by_name: task.decided_by_name.clone(),
        decided_ms: task.decided.map(|at| at.0),
        created_ms: task.created.0,
        due_ms: task.due.0,
    }
}

/// A task with who has it.
pub(crate) fn task(view: &TaskView) -> wire::Task {
    let person = |(id, name): &(grantry_model::ids::PrincipalId, String)| NamedPerson {
        id: id.to_string(),
        name: name.clone(),
    };
    wire::Task {
        task: summary(&view.task),
        assignees: view.people.iter().map(person).collect(),
        is_mine: view.is_mine,
    }
}

fn state(state: TaskState) -> wire::TaskState {
    match state {
        TaskState::Open => wire::TaskState::Open,
        TaskState::Done => wire::TaskState::Done,
        TaskState::Confirmed => wire::TaskState::Confirmed,
        TaskState::Rejected => wire::TaskState::Rejected,
        TaskState::Cancelled => wire::TaskState::Cancelled,
    }
}

/// Which tasks, from the wire.
pub(crate) fn read_query(query: &wire::TaskQuery) -> TaskQuery {
    let is_it = |other: &TaskState| Some(state(*other)) == query.state;
    TaskQuery {
        all: query.whose == Some(wire::WhoseTasks::All),
        state: TaskState::ALL.into_iter().find(is_it),
        app: query.app_id.clone().unwrap_or_default(),
    }
}

/// How access to an entitlement is made true.
pub(crate) fn provisioning(view: &MethodView) -> wire::EntitlementProvisioning {
    wire::EntitlementProvisioning {
        method: view.own.map(method),
        in_force: method(view.in_force),
        version: view.version,
    }
}
