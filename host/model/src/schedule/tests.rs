//! Against a table made by hand from the published changes of clocks, and properties of any plan.

use proptest::prelude::*;

use super::calendar::{next_after, next_runs, out_of_blackouts};
use super::*;
use crate::clock::UnixMs;
use crate::ids::ScheduleId;

fn id() -> ScheduleId {
    ScheduleId::parse("schedule").unwrap()
}

fn ms(utc: &str) -> UnixMs {
    UnixMs(utc.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn utc(moments: Vec<UnixMs>) -> Vec<String> {
    let text = |at: &UnixMs| jiff::Timestamp::from_millisecond(at.0).unwrap().to_string();
    moments.iter().map(text).collect()
}

fn plan(recurrence: Recurrence, at: &str, zone: &str) -> Plan {
    Plan {
        name: "Nightly".into(),
        recurrence,
        at: ClockTime::parse(at).unwrap(),
        time_zone: Zone::parse(zone).unwrap(),
        missed: Missed::RunOnce,
        jitter_minutes: 0,
        blackouts: Vec::new(),
        reads: Selection::default(),
    }
}

fn blackout(from: &str, to: &str, days: &[Weekday]) -> Blackout {
    let time = |text| ClockTime::parse(text).unwrap();
    Blackout { from: time(from), to: time(to), days: days.to_vec() }
}

#[track_caller]
fn assert_runs(plan: &Plan, after: &str, expected: &[&str]) {
    assert_eq!(utc(next_runs(plan, &id(), ms(after), expected.len())), expected);
}

#[test]
fn five_pm_every_four_hours_is_five_and_nine_and_begins_anew_each_day() {
    let plan = plan(Recurrence::Recurring { every_hours: 4 }, "17:00", "UTC");
    let expected = [
        "2026-01-01T17:00:00Z",
        "2026-01-01T21:00:00Z",
        "2026-01-02T17:00:00Z",
        "2026-01-02T21:00:00Z",
    ];
    assert_runs(&plan, "2026-01-01T00:00:00Z", &expected);
}

#[test]
fn a_moment_at_which_it_is_due_is_not_after_itself() {
    let plan = plan(Recurrence::Daily, "17:00", "UTC");
    assert_runs(&plan, "2026-01-01T17:00:00Z", &["2026-01-02T17:00:00Z"]);
    assert_runs(&plan, "2026-01-01T16:59:59.999Z", &["2026-01-01T17:00:00Z"]);
}

/// Clocks in New York skip 02:00 to 03:00 on 2026-03-08 (07:00 UTC), in Berlin on 2026-03-29 (01:00
/// UTC); on Lord Howe Island 02:00 to 02:30 on 2026-10-04 (15:30 UTC of the day before).
#[test]
fn a_time_that_the_clocks_skip_runs_at_the_first_moment_after_the_gap() {
    let table = [
        ("America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"),
        ("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"),
    ];
    for (zone, after, due) in table {
        assert_runs(&plan(Recurrence::Daily, "02:15", zone), after, &[due]);
    }
    let new_york = plan(Recurrence::Daily, "02:30", "America/New_York");
    let around = ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"];
    assert_runs(&new_york, "2026-03-07T00:00:00Z", &around);
}

/// Clocks in New York show 01:00 to 02:00 twice on 2026-11-01 (from 05:00 UTC), in Berlin 02:00 to
/// 03:00 on 2026-10-25 (from 00:00 UTC); on Lord Howe Island 01:30 to 02:00 on 2026-04-05 (from 14:30
/// UTC of the day before).
#[test]
fn a_time_that_the_clocks_show_twice_runs_once_at_its_first() {
    let table = [
        ("America/New_York", "01:30", ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
        ("Europe/Berlin", "02:30", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("Australia/Lord_Howe", "01:45", ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]),
    ];
    for (zone, at, due) in table {
        let before = ms(due[0]).plus_ms(-3_600_000);
        let plan = plan(Recurrence::Daily, at, zone);
        assert_eq!(utc(next_runs(&plan, &id(), before, 2)), due, "{zone}");
    }
}

#[test]
fn every_hour_of_the_day_of_a_change_of_clocks_runs_once() {
    let hourly = plan(Recurrence::Recurring { every_hours: 1 }, "00:00", "Europe/Berlin");
    // 02:00 does not exist and falls on 03:00, which is due anyway: 23 hours, 23 runs.
    let spring = next_runs(&hourly, &id(), ms("2026-03-28T22:59:00Z"), 23);
    let hours: Vec<i64> = spring.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(hours, [3_600_000; 22]);
    assert_eq!(utc(vec![spring[22]]), ["2026-03-29T21:00:00Z"]);
    // 02:00 is shown twice and runs once: a pause of two hours.
    let expected = ["2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"];
    assert_runs(&hourly, "2026-10-24T22:30:00Z", &expected);
}

#[test]
fn a_month_without_the_day_has_its_last_one() {
    let plan = plan(Recurrence::Monthly { day: 31 }, "06:00", "UTC");
    let expected = [
        "2028-01-31T06:00:00Z",
        "2028-02-29T06:00:00Z",
        "2028-03-31T06:00:00Z",
        "2028-04-30T06:00:00Z",
    ];
    assert_runs(&plan, "2028-01-01T00:00:00Z", &expected);
}

#[test]
fn a_week_has_the_days_that_were_chosen_by_the_clocks_of_the_zone() {
    let days = vec![Weekday::Monday, Weekday::Friday];
    let plan = plan(Recurrence::Weekly { days }, "08:00", "Pacific/Auckland");
    // 08:00 in Auckland is 19:00 or 20:00 UTC of the day before.
    let expected = ["2026-06-04T20:00:00Z", "2026-06-07T20:00:00Z", "2026-06-11T20:00:00Z"];
    assert_runs(&plan, "2026-06-03T00:00:00Z", &expected);
}

#[test]
fn a_run_that_is_due_in_a_blackout_waits_for_its_end() {
    let mut plan = plan(Recurrence::Daily, "23:00", "Europe/Berlin");
    plan.blackouts = vec![blackout("22:00", "02:30", &[Weekday::Saturday])];
    // On 2026-03-28, a Saturday, the window ends in the gap: at 03:00, which is 01:00 UTC.
    let expected = ["2026-03-27T22:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T21:00:00Z"];
    assert_runs(&plan, "2026-03-27T12:00:00Z", &expected);
}

#[test]
fn windows_that_touch_are_one_and_two_runs_that_wait_for_one_end_are_one() {
    let mut plan = plan(Recurrence::Recurring { every_hours: 2 }, "08:00", "UTC");
    plan.blackouts = vec![blackout("07:00", "12:00", &[]), blackout("12:00", "17:00", &[])];
    let expected = ["2026-05-01T17:00:00Z", "2026-05-01T18:00:00Z", "2026-05-01T20:00:00Z"];
    assert_runs(&plan, "2026-05-01T00:00:00Z", &expected);
}

#[test]
fn a_blackout_that_ends_in_a_doubled_hour_ends_at_the_end_that_is_still_to_come() {
    let mut plan = plan(Recurrence::Daily, "12:00", "America/New_York");
    plan.blackouts = vec![blackout("00:30", "01:30", &[])];
    // 06:15 UTC is the second 01:15.
    let out = out_of_blackouts(&plan, ms("2026-11-01T06:15:00Z"));
    assert_eq!(out, ms("2026-11-01T06:30:00Z"));
    let out = out_of_blackouts(&plan, ms("2026-11-01T05:15:00Z"));
    assert_eq!(out, ms("2026-11-01T05:30:00Z"));
}

#[test]
fn jitter_is_a_delay_of_the_schedule_that_stays_the_same() {
    let mut plan = plan(Recurrence::Daily, "17:00", "UTC");
    plan.jitter_minutes = 60;
    let runs = |id: &str| {
        let id = ScheduleId::parse(id).unwrap();
        next_runs(&plan, &id, ms("2026-01-01T00:00:00Z"), 3)
    };
    let (one, other) = (runs("one"), runs("other"));
    assert_ne!(one, other);
    for runs in [one, other] {
        assert!((0..=3_600_000).contains(&(runs[0].0 - ms("2026-01-01T17:00:00Z").0)));
        assert_eq!([runs[1].0 - runs[0].0, runs[2].0 - runs[1].0], [86_400_000; 2]);
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_its_place() {
    let refused = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan(Recurrence::Daily, "17:00", "UTC");
        change(&mut plan);
        let issues = plan.checked().unwrap_err();
        (issues[0].path.clone(), issues[0].code.clone())
    };
    let is = |path: &str, code: &str| (path.to_owned(), code.to_owned());
    assert_eq!(refused(&|plan| plan.name = " ".into()), is("/name", "invalid_string"));
    assert_eq!(refused(&|plan| plan.at = ClockTime::END_OF_DAY), is("/at", "invalid_time"));
    for (recurrence, at) in [
        (Recurrence::Weekly { days: Vec::new() }, "/recurrence/days"),
        (Recurrence::Monthly { day: 0 }, "/recurrence/day"),
        (Recurrence::Monthly { day: 32 }, "/recurrence/day"),
        (Recurrence::Recurring { every_hours: 0 }, "/recurrence/every_hours"),
        (Recurrence::Recurring { every_hours: 24 }, "/recurrence/every_hours"),
    ] {
        let change = |plan: &mut Plan| plan.recurrence = recurrence.clone();
        assert_eq!(refused(&change), is(at, "invalid_recurrence"));
    }
    let jitter = refused(&|plan| plan.jitter_minutes = 61);
    assert_eq!(jitter, is("/jitter_minutes", "invalid_jitter"));
    for (from, to) in [("08:00", "08:00"), ("24:00", "08:00")] {
        let change = |plan: &mut Plan| plan.blackouts = vec![blackout(from, to, &[])];
        assert_eq!(refused(&change), is("/blackouts/0", "invalid_blackout"));
    }
    let all = |plan: &mut Plan| {
        plan.blackouts = vec![blackout("09:00", "08:00", &[]), blackout("07:00", "09:30", &[])];
    };
    assert_eq!(refused(&all), is("/blackouts", "invalid_blackout"));
    for text in ["7:00", "24:01", "17:60", "17", "17:00:00", "+1:00", "١٧:00", ""] {
        assert!(ClockTime::parse(text).is_err(), "{text}");
    }
    for name in ["", "Mars/Olympus", "../../etc/passwd", "+02:00"] {
        assert!(Zone::parse(name).is_err(), "{name}");
    }
    assert_eq!(Zone::parse("europe/berlin").unwrap().to_string(), "Europe/Berlin");
}

#[test]
fn a_plan_is_stored_and_read_back() {
    let mut plan = plan(Recurrence::Monthly { day: 31 }, "24:00", "Asia/Kolkata");
    plan.blackouts = vec![blackout("22:00", "24:00", &[Weekday::Sunday])];
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let zones = prop::sample::select(vec![
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Africa/Casablanca",
    ]);
    let minutes = || (0_u16..1_440).prop_map(|m| format!("{:02}:{:02}", m / 60, m % 60));
    let days = || prop::sample::subsequence(Weekday::ALL.to_vec(), 0..=7);
    let recurrences = prop_oneof![
        Just(Recurrence::Daily),
        days().prop_map(|days| Recurrence::Weekly { days }),
        (1_u8..=31).prop_map(|day| Recurrence::Monthly { day }),
        (1_u8..=23).prop_map(|every_hours| Recurrence::Recurring { every_hours }),
    ];
    let windows = prop::collection::vec(
        (minutes(), minutes(), days()).prop_map(|(from, to, days)| blackout(&from, &to, &days)),
        0..4,
    );
    (recurrences, minutes(), zones, 0_u32..=60, windows)
        .prop_map(|(recurrence, at, zone, jitter_minutes, blackouts)| Plan {
            jitter_minutes,
            blackouts,
            ..plan(recurrence, &at, zone)
        })
        .prop_filter_map("not valid", |plan| plan.checked().ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_next_run_is_later_comes_within_two_months_and_in_no_blackout(
        plan in any_plan(),
        after in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let mut before = UnixMs(after);
        for due in next_runs(&plan, &id(), before, 6) {
            prop_assert!(due > before);
            prop_assert!(due.0 - before.0 < 70 * 86_400_000);
            prop_assert_eq!(out_of_blackouts(&plan, due), due);
            before = due;
        }
        prop_assert!(before > UnixMs(after));
    }

    #[test]
    fn looking_from_any_moment_before_a_run_finds_the_same_run(
        plan in any_plan(),
        after in 1_700_000_000_000_i64..1_900_000_000_000,
        share in 0.0..1.0_f64,
    ) {
        let due = next_after(&plan, &id(), UnixMs(after)).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment between will do")]
        let between = after + ((due.0 - 1 - after) as f64 * share) as i64;
        prop_assert_eq!(next_after(&plan, &id(), UnixMs(between)), Some(due));
    }
}
