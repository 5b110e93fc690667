//! Schedules, from the command line.

use std::process::ExitCode;

use anyhow::Context as _;
use grantry_api::client::Client;
use grantry_api::schedules::{
    Blackout, CreateSchedule, Missed, Outcome, Recurrence, Schedule, UpdateSchedule, Weekday,
};
use serde_json::{Value, json};

use super::{client, find_integration, key, moment, segment, selection, shown};
use crate::lists::list;
use crate::options::{OneSchedule, PlanOptions, ScheduleCommand};
use crate::output::{Output, table};

pub(super) async fn run(command: ScheduleCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ScheduleCommand::List { integration, server } => {
            let client = client(&server)?;
            let id = find_integration(&client, &integration).await?;
            let all: Vec<Schedule> =
                list(&client, &format!("/integrations/{id}/schedules")).await?;
            output.print(&all, |all| words(all))?;
        }
        ScheduleCommand::Create { integration, plan, server } => {
            let client = client(&server)?;
            let id = find_integration(&client, &integration).await?;
            let path = format!("/integrations/{id}/schedules");
            let created: Schedule = client.post(&path, &key(), &body(plan)?).await?;
            output.print(&created, |created| words(std::slice::from_ref(created)))?;
        }
        ScheduleCommand::Enable(one) => set_enabled(&one, true, output).await?,
        ScheduleCommand::Disable(one) => set_enabled(&one, false, output).await?,
        ScheduleCommand::Delete(one) => {
            let client = client(&one.server)?;
            client.delete(&path(&client, &one).await?).await?;
            output.print(&json!({ "deleted": one.schedule }), |_| "Removed.".to_owned())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn path(client: &Client, one: &OneSchedule) -> anyhow::Result<String> {
    let schedule = segment(&one.schedule)?;
    let integration = find_integration(client, &one.integration).await?;
    Ok(format!("/integrations/{integration}/schedules/{schedule}"))
}

async fn set_enabled(one: &OneSchedule, is_enabled: bool, output: Output) -> anyhow::Result<()> {
    let client = client(&one.server)?;
    let path = path(&client, one).await?;
    let before: Schedule = client.get(&path, &()).await?;
    let change = UpdateSchedule { is_enabled: Some(is_enabled), ..UpdateSchedule::default() };
    let after: Schedule = client.patch(&path, before.version, &change).await?;
    output.print(&after, |after| words(std::slice::from_ref(after)))
}

fn body(plan: PlanOptions) -> anyhow::Result<CreateSchedule> {
    let recurrence = if let Some(day) = plan.monthly {
        Recurrence::Monthly { day }
    } else if let Some(every_hours) = plan.every_hours {
        Recurrence::Recurring { every_hours }
    } else if plan.weekly.is_empty() {
        Recurrence::Daily {}
    } else {
        Recurrence::Weekly { days: weekdays(&plan.weekly)? }
    };
    let windows = plan.blackout.iter().map(|window| {
        let ends = window.split_once('-');
        let (from, to) = ends.with_context(|| format!("`{window}` is not like `08:00-18:00`"))?;
        Ok(Blackout { from: from.to_owned(), to: to.to_owned(), days: Vec::new() })
    });
    Ok(CreateSchedule {
        name: plan.name,
        recurrence,
        at: plan.at,
        time_zone: plan.time_zone,
        missed: if plan.skip_missed { Missed::Skip } else { Missed::RunOnce },
        jitter_minutes: plan.jitter_minutes,
        blackouts: windows.collect::<anyhow::Result<_>>()?,
        reads: selection(plan.reads),
        is_enabled: true,
    })
}

fn weekdays(names: &[String]) -> anyhow::Result<Vec<Weekday>> {
    let day = |name: &String| {
        let name = name.trim().to_lowercase();
        serde_json::from_value(Value::String(name.clone()))
            .with_context(|| format!("`{name}` is not a day of the week, such as `monday`"))
    };
    names.iter().map(day).collect()
}

fn words(schedules: &[Schedule]) -> String {
    if schedules.is_empty() {
        return "There are no schedules.".to_owned();
    }
    let head = ["ID", "NAME", "DUE", "NEXT", "LAST TIME"].map(str::to_owned).to_vec();
    let row = |schedule: &Schedule| {
        let next = match (schedule.is_enabled, schedule.next_runs_ms.first()) {
            (true, Some(next)) => moment(*next),
            (true, None) => "never".to_owned(),
            (false, _) => "disabled".to_owned(),
        };
        let last = schedule.last.as_ref().map_or("", |last| outcome(last.outcome)).to_owned();
        vec![schedule.id.clone(), shown(&schedule.name), due(schedule), next, last]
    };
    table(&std::iter::once(head).chain(schedules.iter().map(row)).collect::<Vec<_>>())
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Started => "started",
        Outcome::SkippedRunning => "skipped: one was running",
        Outcome::SkippedQuarantined => "skipped: the plugin is in quarantine",
        Outcome::SkippedMissed => "skipped: it was missed",
    }
}

fn due(schedule: &Schedule) -> String {
    let (at, zone) = (&schedule.at, &schedule.time_zone);
    match &schedule.recurrence {
        Recurrence::Daily {} => format!("daily at {at} {zone}"),
        Recurrence::Weekly { days } => {
            let days: Vec<String> =
                days.iter().map(|day| format!("{day:?}").to_lowercase()).collect();
            format!("on {} at {at} {zone}", days.join(", "))
        }
        Recurrence::Monthly { day } => format!("monthly on day {day} at {at} {zone}"),
        Recurrence::Recurring { every_hours } => {
            format!("daily at {at} and every {every_hours} hours after, {zone}")
        }
    }
}
