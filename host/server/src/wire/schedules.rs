//! Schedules.

use grantry_api::schedules as wire;
use grantry_engine::{ScheduleChange, ScheduleInput, ScheduleView};
use grantry_model::schedule::{
    Blackout, ClockTime, Missed, Outcome, Plan, Recurrence, Weekday, Zone,
};

use super::aggregations::{read_selection, selection};
use crate::problem::Problem;

/// A schedule with its next runs.
pub(crate) fn schedule(view: &ScheduleView) -> wire::Schedule {
    let ScheduleView { schedule, next_runs } = view;
    let plan = &schedule.plan;
    wire::Schedule {
        id: schedule.id.to_string(),
        integration_id: schedule.integration_id.to_string(),
        name: plan.name.clone(),
        recurrence: recurrence(&plan.recurrence),
        at: plan.at.to_string(),
        time_zone: plan.time_zone.to_string(),
        missed: match plan.missed {
            Missed::RunOnce => wire::Missed::RunOnce,
            Missed::Skip => wire::Missed::Skip,
        },
        jitter_minutes: plan.jitter_minutes,
        blackouts: plan.blackouts.iter().map(blackout).collect(),
        reads: selection(&plan.reads),
        is_enabled: schedule.is_enabled,
        next_runs_ms: next_runs.iter().map(|due| due.0).collect(),
        last: schedule.last.as_ref().map(|last| wire::LastDue {
            outcome: outcome(last.outcome),
            due_ms: last.due.0,
            aggregation_id: last.run.as_ref().map(ToString::to_string),
        }),
        created_ms: schedule.created.0,
        version: schedule.version,
    }
}

fn outcome(outcome: Outcome) -> wire::Outcome {
    match outcome {
        Outcome::Started => wire::Outcome::Started,
        Outcome::SkippedRunning => wire::Outcome::SkippedRunning,
        Outcome::SkippedQuarantined => wire::Outcome::SkippedQuarantined,
        Outcome::SkippedMissed => wire::Outcome::SkippedMissed,
    }
}

fn recurrence(recurrence: &Recurrence) -> wire::Recurrence {
    match recurrence {
        Recurrence::Daily => wire::Recurrence::Daily {},
        Recurrence::Weekly { days } => {
            wire::Recurrence::Weekly { days: days.iter().copied().map(weekday).collect() }
        }
        Recurrence::Monthly { day } => wire::Recurrence::Monthly { day: *day },
        Recurrence::Recurring { every_hours } => {
            wire::Recurrence::Recurring { every_hours: *every_hours }
        }
    }
}

fn blackout(blackout: &Blackout) -> wire::Blackout {
    wire::Blackout {
        from: blackout.from.to_string(),
        to: blackout.to.to_string(),
        days: blackout.days.iter().copied().map(weekday).collect(),
    }
}

fn weekday(day: Weekday) -> wire::Weekday {
    match day {
        Weekday::Monday => wire::Weekday::Monday,
        Weekday::Tuesday => wire::Weekday::Tuesday,
        Weekday::Wednesday => wire::Weekday::Wednesday,
        Weekday::Thursday => wire::Weekday::Thursday,
        Weekday::Friday => wire::Weekday::Friday,
        Weekday::Saturday => wire::Weekday::Saturday,
        Weekday::Sunday => wire::Weekday::Sunday,
    }
}

fn read_weekday(day: wire::Weekday) -> Weekday {
    match day {
        wire::Weekday::Monday => Weekday::Monday,
        wire::Weekday::Tuesday => Weekday::Tuesday,
        wire::Weekday::Wednesday => Weekday::Wednesday,
        wire::Weekday::Thursday => Weekday::Thursday,
        wire::Weekday::Friday => Weekday::Friday,
        wire::Weekday::Saturday => Weekday::Saturday,
        wire::Weekday::Sunday => Weekday::Sunday,
    }
}

fn read_recurrence(recurrence: wire::Recurrence) -> Recurrence {
    match recurrence {
        wire::Recurrence::Daily {} => Recurrence::Daily,
        wire::Recurrence::Weekly { days } => {
            Recurrence::Weekly { days: days.into_iter().map(read_weekday).collect() }
        }
        wire::Recurrence::Monthly { day } => Recurrence::Monthly { day },
        wire::Recurrence::Recurring { every_hours } => Recurrence::Recurring { every_hours },
    }
}

fn read_missed(missed: wire::Missed) -> Missed {
    match missed {
        wire::Missed::RunOnce => Missed::RunOnce,
        wire::Missed::Skip => Missed::Skip,
    }
}

fn read_time(path: &str, text: &str) -> Result<ClockTime, Problem> {
    ClockTime::parse(text).map_err(|error| Problem::field(path, "invalid_time", error.to_string()))
}

fn read_zone(name: &str) -> Result<Zone, Problem> {
    Zone::parse(name)
        .map_err(|error| Problem::field("/time_zone", "unknown_time_zone", error.to_string()))
}

fn read_blackouts(windows: Vec<wire::Blackout>) -> Result<Vec<Blackout>, Problem> {
    let read = |(position, window): (usize, wire::Blackout)| {
        Ok(Blackout {
            from: read_time(&format!("/blackouts/{position}/from"), &window.from)?,
            to: read_time(&format!("/blackouts/{position}/to"), &window.to)?,
            days: window.days.into_iter().map(read_weekday).collect(),
        })
    };
    windows.into_iter().enumerate().map(read).collect()
}

/// A schedule to be created, from the wire.
pub(crate) fn read_create(body: wire::CreateSchedule) -> Result<ScheduleInput, Problem> {
    let plan = Plan {
        name: body.name,
        recurrence: read_recurrence(body.recurrence),
        at: read_time("/at", &body.at)?,
        time_zone: read_zone(&body.time_zone)?,
        missed: read_missed(body.missed),
        jitter_minutes: body.jitter_minutes,
        blackouts: read_blackouts(body.blackouts)?,
        reads: read_selection(body.reads),
    };
    Ok(ScheduleInput { plan, is_enabled: body.is_enabled })
}

/// A change, from the wire.
pub(crate) fn read_update(body: wire::UpdateSchedule) -> Result<ScheduleChange, Problem> {
    Ok(ScheduleChange {
        name: body.name,
        recurrence: body.recurrence.map(read_recurrence),
        at: body.at.map(|at| read_time("/at", &at)).transpose()?,
        time_zone: body.time_zone.map(|name| read_zone(&name)).transpose()?,
        missed: body.missed.map(read_missed),
        jitter_minutes: body.jitter_minutes,
        blackouts: body.blackouts.map(read_blackouts).transpose()?,
        reads: body.reads.map(read_selection),
        is_enabled: body.is_enabled,
    })
}
