//! What the worker does about schedules that are due: order a run, wait for a blackout to end, or
//! say why there is none. A source is never read twice at a time.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::RunId;
use grantry_model::schedule::{MISSED_AFTER_MS, Missed, Outcome, Plan, calendar};
use grantry_store::{AuditEntry, LastDue, Schedule, StoreError};
use serde_json::json;

use crate::jobs::machine;
use crate::runs::{job, order};
use crate::{Engine, EngineError, Result};

/// Schedules that are looked at in one sweep.
const DUE_MAX: u32 = 100;

/// What is to be done about a schedule that is due.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Order a run, unless the state of the integration forbids it.
    Run,
    /// It was missed, and nothing makes up for it.
    Skip,
    /// A blackout has to end first.
    Wait(UnixMs),
}

fn step(plan: &Plan, due: UnixMs, now: UnixMs) -> Step {
    let is_missed = now > due.plus_ms(MISSED_AFTER_MS);
    match (is_missed, plan.missed) {
        (true, Missed::Skip) => Step::Skip,
        (true, Missed::RunOnce) | (false, Missed::Skip | Missed::RunOnce) => {
            let until = calendar::out_of_blackouts(plan, now);
            if until > now { Step::Wait(until) } else { Step::Run }
        }
    }
}

impl Engine {
    /// Orders what schedules want done now.
    pub(crate) async fn follow_schedules(&self) -> Result<()> {
        for due in self.db().due_schedules(DUE_MAX).await? {
            let outcome = match due {
                Ok(schedule) => self.follow(&schedule).await,
                Err(error) => Err(error.into()),
            };
            match outcome {
                // A run began meanwhile: the next sweep sees it.
                Ok(()) | Err(EngineError::SyncRunning) => {}
                // One that cannot be followed must not keep the others.
                Err(error) => tracing::error!("cannot follow a schedule: {error}"),
            }
        }
        Ok(())
    }

    async fn follow(&self, schedule: &Schedule) -> Result<()> {
        let (db, plan) = (self.db(), &schedule.plan);
        let (Some(due), now) = (schedule.next_due, db.now()) else { return Ok(()) };
        let wants_run = match step(plan, due, now) {
            Step::Wait(until) => return Ok(db.postpone_schedule(schedule, until).await?),
            Step::Run => true,
            Step::Skip => false,
        };
        let id = &schedule.integration_id;
        let integration = db.integration(id).await?;
        let integration = integration.ok_or(StoreError::NotFound { what: "integration" })?;
        let run = RunId::fresh(db.clock(), db.random());
        let job = job(db, id, &run, &machine().id);
        let permit: Permit<actions::AggregationRun> = Permit::for_job(&job.id, &machine(), None);
        let mut tx = db.begin(permit.provenance()).await?;
        let outcome = if !wants_run {
            Outcome::SkippedMissed
        } else if integration.quarantined.is_some() {
            Outcome::SkippedQuarantined
        } else if tx.has_living_job(&job.queue).await? {
            Outcome::SkippedRunning
        } else {
            Outcome::Started
        };
        let is_started = outcome == Outcome::Started;
        let last = LastDue { outcome, due, run: is_started.then(|| run.clone()) };
        let next = calendar::next_after(plan, &schedule.id, now);
        if !tx.move_schedule_on(&permit, schedule, &last, next).await? {
            return Ok(());
        }
        let name = &plan.name;
        let entry = if is_started {
            order(&mut tx, &job, &run, Some(&schedule.id), &plan.reads).await?;
            let detail = json!({ "run": run, "schedule": schedule.id, "reads": plan.reads });
            AuditEntry::about("aggregation.ordered", "integration", id.as_str(), detail)
        } else {
            let detail = json!({ "integration": id, "outcome": outcome, "due_ms": due });
            AuditEntry::about("schedule.skipped", "schedule", schedule.id.as_str(), detail)
        };
        tx.commit(entry).await?;
        let outcome = outcome.name();
        tracing::info!(schedule.id = %schedule.id, integration.id = %id, outcome, "schedule `{name}` was due");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use grantry_model::schedule::{Blackout, ClockTime, Recurrence, Zone};

    use super::*;

    /// 2026-01-01 is a Thursday; times are of that day.
    fn at(hour: i64, minute: i64) -> UnixMs {
        UnixMs(1_767_225_600_000 + (hour * 60 + minute) * 60_000)
    }

    fn plan(missed: Missed) -> Plan {
        let time = |text| ClockTime::parse(text).unwrap();
        Plan {
            name: "Nightly".into(),
            recurrence: Recurrence::Daily,
            at: time("07:00"),
            time_zone: Zone::parse("UTC").unwrap(),
            missed,
            jitter_minutes: 0,
            blackouts: vec![Blackout { from: time("08:00"), to: time("09:30"), days: vec![] }],
            reads: Default::default(),
        }
    }

    #[test]
    fn a_run_that_is_a_little_late_is_not_missed() {
        for missed in [Missed::RunOnce, Missed::Skip] {
            assert_eq!(step(&plan(missed), at(7, 0), at(7, 5)), Step::Run);
        }
    }

    #[test]
    fn a_missed_run_is_made_up_for_or_not_as_the_plan_says() {
        assert_eq!(step(&plan(Missed::RunOnce), at(7, 0), at(7, 6)), Step::Run);
        assert_eq!(step(&plan(Missed::Skip), at(7, 0), at(7, 6)), Step::Skip);
    }

    #[test]
    fn what_makes_up_for_a_missed_run_does_not_begin_in_a_blackout() {
        assert_eq!(step(&plan(Missed::RunOnce), at(7, 0), at(8, 15)), Step::Wait(at(9, 30)));
        assert_eq!(step(&plan(Missed::RunOnce), at(7, 0), at(9, 30)), Step::Run);
        assert_eq!(step(&plan(Missed::Skip), at(7, 57), at(8, 1)), Step::Wait(at(9, 30)));
    }
}
