//! How a ticket is followed until it is closed, as a pure state machine.
//!
//! While a ticket is open, whoever has it may still act on it: so it counts until it is seen closed, or
//! for [`SILENCE_MS_MAX`] after its desk was last heard of.

use crate::clock::UnixMs;
use crate::ticket::TicketState;

/// Shortest pause between two looks at a ticket, in milliseconds: a minute.
pub const LOOK_MS_MIN: i64 = 60_000;
/// Longest pause, in milliseconds: an hour.
pub const LOOK_MS_MAX: i64 = 3_600_000;
/// How long a ticket counts of whose desk nothing is heard, in milliseconds: a week, as an app that was
/// asked by a webhook has for its callback.
pub const SILENCE_MS_MAX: i64 = 7 * 24 * 3_600_000;
/// Looks in a row that do not find a ticket before it can be lost.
pub const MISSES_MAX: u32 = 5;
/// How long it takes at least, however often it is looked at, in milliseconds: a day. A desk also says
/// that it has no such ticket where it may not be seen for a while.
pub const MISSING_MS_MIN: i64 = 24 * 3_600_000;

/// What is known of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The desk was asked to open it, and has not answered.
    Ordered,
    /// As the desk said last.
    Known(TicketState),
    /// The desk does not have it any more, or nothing was heard of it for too long.
    Lost,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Somebody may act on it.
    Open,
    /// It was done.
    Done,
    /// It was closed without being done.
    Refused,
    /// Nothing comes of it.
    Lost,
}

impl Stage {
    /// The stage's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Known(state) => state.name(),
            Self::Lost => "lost",
        }
    }

    /// The stage of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let known = TicketState::ALL.into_iter().map(Self::Known);
        known.chain([Self::Ordered, Self::Lost]).find(|stage| stage.name() == name)
    }

    /// What follows from it.
    pub fn standing(self) -> Standing {
        match self {
            Self::Ordered
            | Self::Known(TicketState::Open | TicketState::InProgress | TicketState::Unknown) => {
                Standing::Open
            }
            Self::Known(TicketState::Done) => Standing::Done,
            Self::Known(TicketState::Rejected | TicketState::Cancelled) => Standing::Refused,
            Self::Lost => Standing::Lost,
        }
    }
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The desk told how it stands.
    Seen(TicketState),
    /// The desk says that it has no such ticket.
    Missing,
    /// The desk did not answer.
    Unanswered,
}

/// A ticket that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// What is known of it.
    pub stage: Stage,
    /// Looks in a row that did not find it.
    pub misses: u32,
    /// Until when somebody may act on it, as far as is known.
    pub open_until: UnixMs,
}

/// What is known after a look at that moment.
pub fn after(before: &Followed, look: Look, now: UnixMs) -> Followed {
    let over = UnixMs(0);
    let misses = before.misses.saturating_add(1);
    match look {
        Look::Seen(state) => {
            let stage = Stage::Known(state);
            let open_until = match stage.standing() {
                Standing::Open => now.plus_ms(SILENCE_MS_MAX),
                Standing::Done | Standing::Refused | Standing::Lost => over,
            };
            Followed { stage, misses: 0, open_until }
        }
        // What was closed stays what it was.
        Look::Missing | Look::Unanswered if before.stage.standing() != Standing::Open => {
            Followed { misses, ..*before }
        }
        Look::Missing | Look::Unanswered => {
            let soonest = now.plus_ms(MISSING_MS_MIN);
            let open_until = match (look, before.misses) {
                (Look::Missing, 0) => soonest,
                // Nobody asked the desk while Grantry did not run.
                (_, 0) => before.open_until.max(soonest),
                _ => before.open_until,
            };
            if misses >= MISSES_MAX && open_until <= now {
                return Followed { stage: Stage::Lost, misses, open_until: over };
            }
            Followed { misses, open_until, ..*before }
        }
    }
}

/// How long until the next look, in milliseconds: a tenth of the ticket's age, between a minute and an
/// hour; longer after every look that did not find it.
pub fn look_after_ms(age_ms: i64, misses: u32) -> i64 {
    let doubled = LOOK_MS_MIN.saturating_mul(1 << misses.min(10));
    (age_ms / 10).max(doubled).clamp(LOOK_MS_MIN, LOOK_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn open() -> Followed {
        let stage = Stage::Known(TicketState::Open);
        Followed { stage, misses: 0, open_until: NOW.plus_ms(SILENCE_MS_MAX) }
    }

    #[test]
    fn a_ticket_counts_as_open_until_it_is_seen_closed() {
        for state in TicketState::ALL {
            let seen = after(&open(), Look::Seen(state), NOW);
            let is_open = seen.stage.standing() == Standing::Open;
            assert_eq!(seen.open_until > NOW, is_open, "{state:?}");
            let expected = match state {
                TicketState::Open | TicketState::InProgress | TicketState::Unknown => {
                    Standing::Open
                }
                TicketState::Done => Standing::Done,
                TicketState::Rejected | TicketState::Cancelled => Standing::Refused,
            };
            assert_eq!(seen.stage.standing(), expected);
        }
    }

    #[test]
    fn a_ticket_that_is_missing_is_lost_only_after_several_looks() {
        let mut ticket = open();
        for look in 1..=2 * MISSES_MAX {
            ticket = after(&ticket, Look::Missing, NOW);
            assert_eq!((ticket.stage, ticket.misses), (Stage::Known(TicketState::Open), look));
        }
        ticket = after(&ticket, Look::Missing, NOW.plus_ms(MISSING_MS_MIN));
        assert_eq!((ticket.stage, ticket.open_until), (Stage::Lost, UnixMs(0)));
        let found = after(&ticket, Look::Seen(TicketState::Open), NOW);
        assert_eq!((found.stage.standing(), found.misses), (Standing::Open, 0));
    }

    #[test]
    fn a_silent_desk_is_waited_for_a_week_and_what_was_closed_stays_so() {
        let mut silent = open();
        for _ in 0..2 * MISSES_MAX {
            silent = after(&silent, Look::Unanswered, NOW.plus_ms(SILENCE_MS_MAX - 1));
            assert_eq!(silent.stage, Stage::Known(TicketState::Open));
        }
        // The first of them came late: there is another day.
        let lost = NOW.plus_ms(SILENCE_MS_MAX - 1 + MISSING_MS_MIN);
        assert_eq!(after(&silent, Look::Unanswered, lost.plus_ms(-1)).stage, silent.stage);
        assert_eq!(after(&silent, Look::Unanswered, lost).stage, Stage::Lost);
        let mut done = after(&open(), Look::Seen(TicketState::Done), NOW);
        for look in [Look::Missing, Look::Unanswered].repeat(10) {
            done = after(&done, look, NOW.plus_ms(2 * SILENCE_MS_MAX));
        }
        assert_eq!(done.stage, Stage::Known(TicketState::Done));
    }

    #[test]
    fn old_tickets_are_looked_at_less_often() {
        assert_eq!(look_after_ms(0, 0), LOOK_MS_MIN);
        assert_eq!(look_after_ms(3_600_000, 0), 360_000);
        assert_eq!(look_after_ms(i64::MAX, 0), LOOK_MS_MAX);
        assert_eq!(look_after_ms(0, 2), 240_000);
        assert_eq!(look_after_ms(-5, u32::MAX), LOOK_MS_MAX);
    }

    #[test]
    fn stages_are_read_back_by_their_names() {
        for name in
            ["ordered", "open", "in_progress", "done", "rejected", "cancelled", "unknown", "lost"]
        {
            assert_eq!(Stage::parse(name).map(Stage::name), Some(name));
        }
        assert_eq!(Stage::parse("closed"), None);
    }
}
