//! Tasks: what a person has to do in a target by hand, and where that stands (PRV-3).
//!
//! A task is opened when a membership begins to wait for a person, and ended by what becomes of the
//! membership: the word of a person is `done`, what the target or list shows is `confirmed`.

use serde::{Deserialize, Serialize};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// To be done.
    Open,
    /// Somebody says that it is done; the target does not show it yet.
    Done,
    /// It is done: the target or the list shows it, or nobody but people can tell.
    Confirmed,
    /// Somebody says why it is not done.
    Rejected,
    /// It is not to be done any more.
    Cancelled,
}

impl TaskState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Done, Self::Confirmed, Self::Rejected, Self::Cancelled];

    /// The state's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Give the access.
    Grant,
    /// Take it away.
    Revoke,
}

impl Verb {
    /// The verb's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Revoke => "revoke",
        }
    }

    /// The verb of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Grant, Self::Revoke].into_iter().find(|verb| verb.name() == name)
    }
}

/// What somebody says of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It is done.
    Done,
    /// It will not be done.
    Reject,
}

/// The task is over, or something else was said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task is {}: look at it again", .0.name())]
pub struct TaskOver(pub TaskState);

/// The state after a word; `None` if that was said before. A revocation that was refused can still be
/// done; a grant that was refused has failed, and is asked for anew.
pub fn said(state: TaskState, verb: Verb, word: Word) -> Result<Option<TaskState>, TaskOver> {
    match (state, word, verb) {
        (TaskState::Open, Word::Done, _) => Ok(Some(TaskState::Done)),
        (TaskState::Rejected, Word::Done, Verb::Revoke) => Ok(Some(TaskState::Done)),
        (TaskState::Done | TaskState::Confirmed, Word::Done, _) => Ok(None),
        (TaskState::Open, Word::Reject, _) | (TaskState::Done, Word::Reject, Verb::Revoke) => {
            Ok(Some(TaskState::Rejected))
        }
        (TaskState::Rejected, Word::Reject, _) => Ok(None),
        (TaskState::Rejected, Word::Done, Verb::Grant)
        // The access is there, by that word: it is taken away by a revocation.
        | (TaskState::Done, Word::Reject, Verb::Grant)
        | (TaskState::Cancelled, Word::Done | Word::Reject, _)
        | (TaskState::Confirmed, Word::Reject, _) => Err(TaskOver(state)),
    }
}

/// What is to be done, in words.
pub fn words(verb: Verb, role: &str, account: &str, app: &str) -> String {
    match verb {
        Verb::Grant => format!("Give `{role}` to `{account}` in `{app}`"),
        Verb::Revoke => format!("Take `{role}` from `{account}` in `{app}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_said_twice_changes_nothing_and_what_is_over_stays() {
        use TaskState::{Cancelled, Confirmed, Done, Open, Rejected};
        assert_eq!(said(Open, Verb::Grant, Word::Done), Ok(Some(Done)));
        for state in [Done, Confirmed] {
            assert_eq!(said(state, Verb::Grant, Word::Done), Ok(None));
        }
        assert_eq!(said(Rejected, Verb::Grant, Word::Reject), Ok(None));
        for state in [Done, Confirmed] {
            assert_eq!(said(state, Verb::Grant, Word::Reject), Err(TaskOver(state)));
        }
        for word in [Word::Done, Word::Reject] {
            assert_eq!(said(Cancelled, Verb::Revoke, word), Err(TaskOver(Cancelled)));
        }
    }

    #[test]
    fn a_refused_revocation_can_still_be_done_and_a_refused_grant_cannot() {
        let rejected = TaskState::Rejected;
        assert_eq!(said(rejected, Verb::Revoke, Word::Done), Ok(Some(TaskState::Done)));
        assert_eq!(said(rejected, Verb::Grant, Word::Done), Err(TaskOver(rejected)));
    }

    #[test]
    fn names_are_read_back() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::parse(state.name()), Some(state));
        }
        assert_eq!(Verb::parse("revoke"), Some(Verb::Revoke));
    }
}
