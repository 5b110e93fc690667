//! When a plan is due: pure, from the plan, its id and a moment.
//!
//! A day's times are read off the wall clocks of the plan's zone. Each is then delayed by the
//! schedule's own share of the jitter, and out of blackout windows. Both keep the order, so that the
//! next one is found by looking from a little before the moment on.

use jiff::Timestamp;
use jiff::civil::Date;

use super::zone::days_later;
use super::{Blackout, ClockTime, Plan, Recurrence, Weekday};
use crate::clock::UnixMs;
use crate::ids::ScheduleId;

/// Longest that a time can be delayed, in days: a week of blackouts, the jitter, a change of clocks.
const DELAY_DAYS_MAX: i32 = 9;
/// Days that are looked at for the next time: two months and the longest delay.
const DAYS_MAX: i32 = 62 + 2 * DELAY_DAYS_MAX;
/// Most windows that a time is moved out of, one after another: more than a week has.
const WINDOWS_MAX: usize = 8 * super::BLACKOUTS_MAX;
const WEEK_MINUTES: usize = 7 * 1_440;

/// The first moment after this one at which the schedule is due; `None` at the end of time.
pub fn next_after(plan: &Plan, id: &ScheduleId, after: UnixMs) -> Option<UnixMs> {
    let after = Timestamp::from_millisecond(after.0).ok()?;
    let today = plan.time_zone.shown_at(after).date();
    for days in -DELAY_DAYS_MAX..=DAYS_MAX {
        let Some(day) = days_later(today, days) else { continue };
        let due = times(plan, day)
            .filter_map(|time| plan.time_zone.moment(day_time(day, time)?))
            .filter_map(|due| delayed(plan, id, due))
            .find(|due| *due > after);
        if let Some(due) = due {
            return Some(UnixMs(due.as_millisecond()));
        }
    }
    None
}

/// The next moments at which the schedule is due.
pub fn next_runs(plan: &Plan, id: &ScheduleId, after: UnixMs, count: usize) -> Vec<UnixMs> {
    let first = next_after(plan, id, after);
    std::iter::successors(first, |due| next_after(plan, id, *due)).take(count).collect()
}

/// The moment itself, or the end of the blackout windows that it is in.
pub fn out_of_blackouts(plan: &Plan, at: UnixMs) -> UnixMs {
    let moved = Timestamp::from_millisecond(at.0).ok().map(|at| out_of_windows(plan, at));
    moved.map_or(at, |at| UnixMs(at.as_millisecond()))
}

/// Whether these windows cover a whole week.
pub(super) fn is_never(blackouts: &[Blackout]) -> bool {
    let mut is_covered = vec![false; WEEK_MINUTES];
    for blackout in blackouts {
        for day in (0..7).filter(|day| is_on(blackout, Weekday::ALL[*day])) {
            let begins = day * 1_440 + usize::from(blackout.from.minutes());
            for minute in begins..begins + length_minutes(blackout) {
                is_covered[minute % WEEK_MINUTES] = true;
            }
        }
    }
    is_covered.into_iter().all(|is_covered| is_covered)
}

/// The times of a day, in order; none on a day that is not one of the plan's.
fn times(plan: &Plan, day: Date) -> impl Iterator<Item = ClockTime> {
    let (is_on, every_hours) = match &plan.recurrence {
        Recurrence::Daily => (true, None),
        Recurrence::Weekly { days } => (days.contains(&weekday(day)), None),
        Recurrence::Monthly { day: wanted } => {
            (day.day() == i8::try_from(*wanted).unwrap_or(1).min(day.days_in_month()), None)
        }
        Recurrence::Recurring { every_hours } => (true, Some(*every_hours)),
    };
    // 24 hours after its first time, the day is over.
    let times = plan.at.every_hours(every_hours.unwrap_or(24));
    times.take(if is_on { usize::MAX } else { 0 })
}

fn weekday(day: Date) -> Weekday {
    let index = day.weekday().to_monday_zero_offset();
    Weekday::ALL[usize::try_from(index).unwrap_or(0)]
}

/// A day at a time, which may be the beginning of the next day.
fn day_time(day: Date, time: ClockTime) -> Option<jiff::civil::DateTime> {
    if time == ClockTime::END_OF_DAY {
        return Some(days_later(day, 1)?.at(0, 0, 0, 0));
    }
    let hour_minute = (time.minutes() / 60, time.minutes() % 60);
    let (hour, minute) = (i8::try_from(hour_minute.0).ok()?, i8::try_from(hour_minute.1).ok()?);
    Some(day.at(hour, minute, 0, 0))
}

fn delayed(plan: &Plan, id: &ScheduleId, due: Timestamp) -> Option<Timestamp> {
    let due = Timestamp::from_millisecond(due.as_millisecond().checked_add(jitter_ms(plan, id))?);
    Some(out_of_windows(plan, due.ok()?))
}

/// The schedule's own delay, the same every time: schedules of one time are spread, and the times of
/// one schedule stay as far apart as they are.
fn jitter_ms(plan: &Plan, id: &ScheduleId) -> i64 {
    let hash = xxhash_rust::xxh3::xxh3_64(id.as_str().as_bytes());
    let most_ms = u64::from(plan.jitter_minutes) * 60_000;
    i64::try_from(hash % (most_ms + 1)).unwrap_or(0)
}

fn out_of_windows(plan: &Plan, mut at: Timestamp) -> Timestamp {
    for _ in 0..WINDOWS_MAX {
        let end = plan.blackouts.iter().filter_map(|blackout| end_of(plan, blackout, at)).max();
        match end {
            Some(end) => at = end,
            None => break,
        }
    }
    at
}

/// The end of a window that the moment is in.
fn end_of(plan: &Plan, blackout: &Blackout, at: Timestamp) -> Option<Timestamp> {
    let zone = &plan.time_zone;
    let shown = zone.shown_at(at);
    for days_ago in [0, 1] {
        let day = days_later(shown.date(), -days_ago)?;
        if !is_on(blackout, weekday(day)) {
            continue;
        }
        let ends_on = if blackout.to < blackout.from { days_later(day, 1)? } else { day };
        let (from, to) = (day_time(day, blackout.from)?, day_time(ends_on, blackout.to)?);
        if from <= shown && shown < to {
            let is_later = |end: &Timestamp| *end > at;
            // An end that the clocks show twice may be behind us the first time.
            return zone.moment(to).filter(is_later).or(zone.last_moment(to).filter(is_later));
        }
    }
    None
}

fn is_on(blackout: &Blackout, day: Weekday) -> bool {
    blackout.days.is_empty() || blackout.days.contains(&day)
}

fn length_minutes(blackout: &Blackout) -> usize {
    let (from, to) = (usize::from(blackout.from.minutes()), usize::from(blackout.to.minutes()));
    if to < from { to + 1_440 - from } else { to - from }
}
