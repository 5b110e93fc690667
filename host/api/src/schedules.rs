//! Schedules: when an integration is aggregated by itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::aggregations::StartAggregation;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Its id.
    pub id: String,
    /// What it aggregates.
    pub integration_id: String,
    /// What people call it.
    pub name: String,
    /// On which days, and how often on each.
    pub recurrence: Recurrence,
    /// The time of the (first) run of a day, by the clocks of the time zone.
    pub at: String,
    /// Whose clocks: an IANA name.
    pub time_zone: String,
    /// What becomes of a run that was due while nothing ran.
    pub missed: Missed,
    /// Longest delay that spreads schedules of the same time, in minutes.
    pub jitter_minutes: u32,
    /// When no run begins: one that is due waits until the window ends.
    pub blackouts: Vec<Blackout>,
    /// What is read.
    pub reads: StartAggregation,
    /// Whether it is followed.
    pub is_enabled: bool,
    /// The next five times at which it is due; none for one that is not followed. The first is past
    /// where no worker ran since.
    pub next_runs_ms: Vec<i64>,
    /// How the last time that it was due went.
    pub last: Option<LastDue>,
    /// When it was created.
    pub created_ms: i64,
    /// Grows with every change; the same as the `ETag`.
    pub version: i64,
}

/// On which days, and how often on each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "daily"}))]
pub enum Recurrence {
    /// Every day, once.
    Daily {},
    /// On these days of the week, once.
    Weekly {
        /// The days.
        days: Vec<Weekday>,
    },
    /// Once a month. A month without that day has its last one.
    Monthly {
        /// 1 to 31.
        #[schema(minimum = 1, maximum = 31)]
        day: u8,
    },
    /// Every day, at the time and then every so many hours until the day ends.
    Recurring {
        /// 1 to 23.
        #[schema(minimum = 1, maximum = 23)]
        every_hours: u8,
    },
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// What becomes of a run that was due while nothing ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run, whatever number was missed.
    #[default]
    RunOnce,
    /// None: the next one is as planned.
    Skip,
}

/// A time of the day in which no run of the schedule begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// When the window begins, such as `08:00`.
    #[schema(example = "08:00", pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    pub from: String,
    /// When it ends, up to `24:00`. Before `from`, it is on the next day.
    #[schema(example = "18:00", pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    pub to: String,
    /// The days on which a window begins; empty for every day.
    #[serde(default)]
    pub days: Vec<Weekday>,
}

/// How the last time that a schedule was due went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastDue {
    /// What came of it.
    pub outcome: Outcome,
    /// When it was due.
    pub due_ms: i64,
    /// The aggregation that was started, if one was.
    pub aggregation_id: Option<String>,
}

/// What came of a schedule that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An aggregation was ordered.
    Started,
    /// The one before was under way: none was ordered.
    SkippedRunning,
    /// The plugin is in quarantine: none was ordered.
    SkippedQuarantined,
    /// Nothing ran at that time, and the schedule does not make up for it.
    SkippedMissed,
}

/// A schedule to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSchedule {
    /// What people call it.
    #[schema(example = "Nightly", min_length = 1, max_length = 200)]
    pub name: String,
    /// On which days, and how often on each.
    pub recurrence: Recurrence,
    /// The time of the (first) run of a day, by the clocks of the time zone.
    #[schema(example = "17:00", pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    pub at: String,
    /// Whose clocks: an IANA name.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// What becomes of a run that was due while nothing ran.
    #[serde(default)]
    pub missed: Missed,
    /// Longest delay that spreads schedules of the same time, in minutes.
    #[serde(default)]
    #[schema(maximum = 60)]
    pub jitter_minutes: u32,
    /// When no run begins: one that is due waits until the window ends.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub blackouts: Vec<Blackout>,
    /// What is read: everything unless told.
    #[serde(default)]
    #[schema(default = json!({"kind": "all", "types": []}))]
    pub reads: StartAggregation,
    /// Whether it is followed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub is_enabled: bool,
}

fn yes() -> bool {
    true
}

/// A change of a schedule. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateSchedule {
    /// The new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// On which days, and how often on each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// The time of the (first) run of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    pub at: Option<String>,
    /// Whose clocks: an IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What becomes of a run that was due while nothing ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// Longest delay that spreads schedules of the same time, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 60)]
    pub jitter_minutes: Option<u32>,
    /// When no run begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 20)]
    pub blackouts: Option<Vec<Blackout>>,
    /// What is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<StartAggregation>,
    /// Whether it is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<bool>,
}
