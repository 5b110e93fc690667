//! What a complete aggregation did not see any more: counted by kind, and the states through which
//! its removal goes (CAT-6).
//!
//! Whether it may be removed without a person's word is said by [`crate::deletion_guard`].

use serde::{Deserialize, Serialize};

/// What a row of the catalogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A login of a person or a machine.
    Account,
    /// Something that entitlements are on.
    Resource,
    /// An entitlement.
    Entitlement,
    /// That somebody holds an entitlement; its kind is the entitlement's.
    Assignment,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Account, Self::Resource, Self::Entitlement, Self::Assignment];

    /// The name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Resource => "resource",
            Self::Entitlement => "entitlement",
            Self::Assignment => "assignment",
        }
    }

    /// What has that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Resource => "resources",
            Self::Entitlement => "entitlements",
            Self::Assignment => "assignments",
        }
    }
}

/// Rows that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKind {
    /// What they are.
    pub what: What,
    /// The source's own word for their type.
    pub kind: String,
}

/// How many rows of a kind there are.
pub type KindCount = (RowKind, u64);

/// Why the loss of a kind's rows needs a person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// None would be left.
    Emptied,
    /// Too large a share within a day.
    Percent,
    /// Too many within a day.
    Count,
    /// A person brought some of them back not long ago.
    Restored,
}

impl Excess {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emptied => "emptied",
            Self::Percent => "percent",
            Self::Count => "count",
            Self::Restored => "restored",
        }
    }
}

/// What a run would take from the rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindLoss {
    /// Which rows.
    pub of: RowKind,
    /// How many there were when the run began.
    pub before: u64,
    /// How many the run would remove.
    pub removals: u64,
    /// How many earlier runs removed within a day, without a person's word.
    pub recent: u64,
    /// How many the run added.
    pub added: u64,
    /// How many of the removals a person brought back not long ago.
    pub restored: u64,
    /// Those that were there a day ago, where others have come since: these do not make a loss smaller.
    #[serde(default)]
    pub known: Option<KnownLoss>,
    /// Why this needs a person's word, if it does.
    pub excess: Option<Excess>,
}

/// What a run would take from the rows of one kind that were there a day ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownLoss {
    /// How many of them there were when the run began.
    pub before: u64,
    /// How many of them the run would remove.
    pub removals: u64,
    /// How many of them earlier runs removed since, without a person's word.
    pub recent: u64,
}

impl KindLoss {
    /// The loss in words.
    pub fn words(&self) -> String {
        let (rows, kind) = (self.of.what.plural(), &self.of.kind);
        let share = match self.excess {
            Some(Excess::Emptied) => "; none would be left",
            Some(Excess::Restored) => "; a person brought some of them back",
            Some(Excess::Percent | Excess::Count) | None => "",
        };
        let recent = match self.recent {
            0 => String::new(),
            recent => format!(", after {recent} within a day"),
        };
        let added = match self.added {
            0 => String::new(),
            added => format!("; {added} others are new"),
        };
        let known = match self.known {
            Some(known) => {
                format!("; {} of the {} that were there a day ago", known.removals, known.before)
            }
            None => String::new(),
        };
        let (removals, before) = (self.removals, self.before);
        format!("{removals} of {before} {rows} `{kind}` are gone{recent}{known}{share}{added}")
    }
}

/// Where a removal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalState {
    /// Suspiciously much: nothing is removed until a person says so.
    Waiting,
    /// Under way.
    Removing,
    /// Done; can be undone for a while.
    Removed,
    /// A person said no: everything stays.
    Discarded,
    /// A later aggregation has read everything again: its word counts.
    Superseded,
    /// Being undone.
    Restoring,
    /// Undone.
    Restored,
}

impl RemovalState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Removing,
        Self::Removed,
        Self::Discarded,
        Self::Superseded,
        Self::Restoring,
        Self::Restored,
    ];

    /// The name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Removing => "removing",
            Self::Removed => "removed",
            Self::Discarded => "discarded",
            Self::Superseded => "superseded",
            Self::Restoring => "restoring",
            Self::Restored => "restored",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a person decides about a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Remove exactly what was shown.
    Approve,
    /// Leave everything as it is.
    Discard,
    /// Bring back what was removed.
    Undo,
}

/// The state after a decision: `Ok(None)` where it was taken before, so that repeating it changes
/// nothing; `Err` with the state that forbids it.
pub fn decide(
    state: RemovalState,
    decision: Decision,
) -> Result<Option<RemovalState>, RemovalState> {
    use RemovalState::{Discarded, Removed, Removing, Restored, Restoring, Superseded, Waiting};
    match (state, decision) {
        (Waiting, Decision::Approve) => Ok(Some(Removing)),
        (Waiting, Decision::Discard) => Ok(Some(Discarded)),
        (Removed, Decision::Undo) => Ok(Some(Restoring)),
        (Removing | Removed, Decision::Approve)
        | (Discarded, Decision::Discard)
        | (Restoring | Restored, Decision::Undo) => Ok(None),
        (Discarded | Superseded | Restoring | Restored, Decision::Approve)
        | (Removing | Removed | Superseded | Restoring | Restored, Decision::Discard)
        | (Waiting | Removing | Discarded | Superseded, Decision::Undo) => Err(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_states_are_inverse() {
        for state in RemovalState::ALL {
            assert_eq!(RemovalState::parse(state.name()), Some(state));
        }
        for what in What::ALL {
            assert_eq!(What::parse(what.name()), Some(what));
        }
    }

    #[test]
    fn only_what_waits_can_be_approved_and_only_what_was_removed_undone() {
        let approve = |state| decide(state, Decision::Approve);
        assert_eq!(approve(RemovalState::Waiting), Ok(Some(RemovalState::Removing)));
        assert_eq!(approve(RemovalState::Removed), Ok(None));
        assert_eq!(approve(RemovalState::Superseded), Err(RemovalState::Superseded));
        let undoable = RemovalState::ALL
            .into_iter()
            .filter(|state| matches!(decide(*state, Decision::Undo), Ok(Some(_))));
        assert_eq!(undoable.collect::<Vec<_>>(), [RemovalState::Removed]);
    }
}
