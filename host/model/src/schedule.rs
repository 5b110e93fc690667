//! Schedules of aggregations: what a person sets, and its checks (CAT-5).
//!
//! When a schedule is due follows from it in [`calendar`], purely: settings and a moment in, moments
//! out. docs/schedules.md says the same to people.

pub mod calendar;
mod clock_time;
mod zone;

use serde::{Deserialize, Serialize};

pub use self::clock_time::ClockTime;
pub use self::zone::Zone;
use crate::fault::FieldIssue;
use crate::selection::Selection;
use crate::text::check_name;

/// Most schedules of one integration.
pub const SCHEDULES_MAX: usize = 20;
/// Most blackout windows of one schedule.
pub const BLACKOUTS_MAX: usize = 20;
/// Longest delay that spreads schedules of the same time, in minutes.
pub const JITTER_MINUTES_MAX: u32 = 60;
/// A run that begins later than this after it was due was missed, in milliseconds: nothing ran.
pub const MISSED_AFTER_MS: i64 = 5 * 60_000;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}

/// On which days, and how often on each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Recurrence {
    /// Every day, once.
    Daily,
    /// On these days of the week, once.
    Weekly {
        /// The days.
        days: Vec<Weekday>,
    },
    /// Once a month. A month without that day has its last one.
    Monthly {
        /// 1 to 31.
        day: u8,
    },
    /// Every day, at the time and then every so many hours until the day ends; each day begins anew.
    Recurring {
        /// 1 to 23.
        every_hours: u8,
    },
}

/// What becomes of a run that was due while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run, whatever number was missed.
    #[default]
    RunOnce,
    /// None: the next one is as planned.
    Skip,
}

/// A time of the day in which no run of the schedule begins: it waits until the window ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// The first moment of the window.
    pub from: ClockTime,
    /// The first moment after it. Before `from`, it is on the next day.
    pub to: ClockTime,
    /// The days on which a window begins; empty for every day.
    #[serde(default)]
    pub days: Vec<Weekday>,
}

/// A schedule as a person sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What people call it.
    pub name: String,
    /// On which days, and how often on each.
    pub recurrence: Recurrence,
    /// The time of the (first) run of a day, by the clocks of the time zone.
    pub at: ClockTime,
    /// Whose clocks.
    pub time_zone: Zone,
    /// What becomes of a missed run.
    #[serde(default)]
    pub missed: Missed,
    /// Longest delay that spreads schedules of the same time; 0 for none.
    #[serde(default)]
    pub jitter_minutes: u32,
    /// When no run begins.
    #[serde(default)]
    pub blackouts: Vec<Blackout>,
    /// What is read.
    #[serde(default)]
    pub reads: Selection,
}

/// How the last time that a schedule was due went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A run was ordered.
    Started,
    /// The run before was under way: none was ordered.
    SkippedRunning,
    /// The plugin is in quarantine: none was ordered.
    SkippedQuarantined,
    /// Nothing ran at that time, and the schedule does not make up for it.
    SkippedMissed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Started, Self::SkippedRunning, Self::SkippedQuarantined, Self::SkippedMissed];

    /// The outcome's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::SkippedRunning => "skipped_running",
            Self::SkippedQuarantined => "skipped_quarantined",
            Self::SkippedMissed => "skipped_missed",
        }
    }

    /// The outcome of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

impl Plan {
    /// The plan in its plain form, if it is valid. Every fault is told, by its place.
    pub fn checked(mut self) -> Result<Self, Vec<FieldIssue>> {
        let mut issues = Vec::new();
        self.name = self.name.trim().to_owned();
        if let Err(error) = check_name(&self.name) {
            issues.push(issue("/name", "invalid_string", error.to_string()));
        }
        if self.at == ClockTime::END_OF_DAY {
            issues.push(issue("/at", "invalid_time", "a day begins at `00:00`"));
        }
        issues.extend(self.recurrence.issue());
        if let Recurrence::Weekly { days } = &mut self.recurrence {
            sort(days);
        }
        if self.jitter_minutes > JITTER_MINUTES_MAX {
            let message = format!("must be at most {JITTER_MINUTES_MAX}");
            issues.push(issue("/jitter_minutes", "invalid_jitter", message));
        }
        issues.extend(self.blackout_issues());
        self.blackouts.iter_mut().for_each(|blackout| sort(&mut blackout.days));
        if issues.is_empty() { Ok(self) } else { Err(issues) }
    }

    fn blackout_issues(&self) -> Vec<FieldIssue> {
        let mut issues = Vec::new();
        if self.blackouts.len() > BLACKOUTS_MAX {
            let message = format!("must be at most {BLACKOUTS_MAX}");
            return vec![issue("/blackouts", "too_many", message)];
        }
        for (position, blackout) in self.blackouts.iter().enumerate() {
            let at = format!("/blackouts/{position}");
            if blackout.from == blackout.to {
                let message = "is empty: a whole day is from `00:00` to `24:00`";
                issues.push(issue(&at, "invalid_blackout", message));
            } else if blackout.from == ClockTime::END_OF_DAY {
                issues.push(issue(&at, "invalid_blackout", "a day begins at `00:00`"));
            }
        }
        if issues.is_empty() && calendar::is_never(&self.blackouts) {
            let message = "leave no time of the week for a run";
            issues.push(issue("/blackouts", "invalid_blackout", message));
        }
        issues
    }
}

impl Recurrence {
    fn issue(&self) -> Option<FieldIssue> {
        let (path, message) = match self {
            Self::Weekly { days } if days.is_empty() => ("/recurrence/days", "names no day"),
            Self::Monthly { day } if !(1..=31).contains(day) => {
                ("/recurrence/day", "must be between 1 and 31")
            }
            Self::Recurring { every_hours } if !(1..=23).contains(every_hours) => {
                ("/recurrence/every_hours", "must be between 1 and 23")
            }
            Self::Daily | Self::Weekly { .. } | Self::Monthly { .. } | Self::Recurring { .. } => {
                return None;
            }
        };
        Some(issue(path, "invalid_recurrence", message))
    }
}

fn sort(days: &mut Vec<Weekday>) {
    days.sort_unstable();
    days.dedup();
}

fn issue(path: &str, code: &str, message: impl Into<String>) -> FieldIssue {
    FieldIssue { path: path.to_owned(), code: code.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests;
