//! Schedules of aggregations: set by people here, followed by the worker in [`follow`] (CAT-5).

mod follow;

use grantry_authz::actions;
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IntegrationId, ScheduleId};
use grantry_model::package::Interface;
use grantry_model::schedule::{
    Blackout, ClockTime, Missed, Plan, Recurrence, SCHEDULES_MAX, Zone, calendar,
};
use grantry_model::selection::Selection;
use grantry_store::{AuditEntry, Schedule};
use serde_json::{Value, json};

use crate::idempotency::Turn;
use crate::integrations::require;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// How many of the moments to come are shown with a schedule.
const NEXT_RUNS_SHOWN: usize = 5;

/// A schedule to be created.
#[derive(Debug, Clone)]
pub struct ScheduleInput {
    /// What a person set.
    pub plan: Plan,
    /// Whether it is followed.
    pub is_enabled: bool,
}

/// A change of a schedule. What is `None` stays.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields of `Plan`")]
pub struct ScheduleChange {
    pub name: Option<String>,
    pub recurrence: Option<Recurrence>,
    pub at: Option<ClockTime>,
    pub time_zone: Option<Zone>,
    pub missed: Option<Missed>,
    pub jitter_minutes: Option<u32>,
    pub blackouts: Option<Vec<Blackout>>,
    pub reads: Option<Selection>,
    pub is_enabled: Option<bool>,
}

/// A schedule as it is shown.
#[derive(Debug, Clone)]
pub struct ScheduleView {
    /// What is stored.
    pub schedule: Schedule,
    /// When it is due next, in order. The first is past where no worker ran since.
    pub next_runs: Vec<UnixMs>,
}

const NO_SCHEDULE: EngineError = EngineError::NotFound { what: "schedule" };

impl ScheduleChange {
    fn applied_to(&self, plan: &Plan) -> Plan {
        fn or<T: Clone>(change: &Option<T>, stays: &T) -> T {
            change.clone().unwrap_or_else(|| stays.clone())
        }
        Plan {
            name: or(&self.name, &plan.name),
            recurrence: or(&self.recurrence, &plan.recurrence),
            at: or(&self.at, &plan.at),
            time_zone: or(&self.time_zone, &plan.time_zone),
            missed: or(&self.missed, &plan.missed),
            jitter_minutes: or(&self.jitter_minutes, &plan.jitter_minutes),
            blackouts: or(&self.blackouts, &plan.blackouts),
            reads: or(&self.reads, &plan.reads),
        }
    }
}

impl Ctx {
    /// Creates a schedule of an integration.
    pub async fn create_schedule(
        &self,
        integration: &IntegrationId,
        input: &ScheduleInput,
        request: &Idempotent<'_, ScheduleView>,
    ) -> Result<Answer> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let view = self.load_integration(integration).await?;
        require(&view.plugin, Interface::Aggregate, "aggregate")?;
        let plan = input.plan.clone().checked().map_err(EngineError::Invalid)?;
        self.check_selection(integration, &plan.reads).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let id = ScheduleId::fresh(db.clock(), db.random());
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            if tx.count_schedules(integration).await? >= SCHEDULES_MAX as u64 {
                let message = format!("there are {SCHEDULES_MAX} already: remove one first");
                return Err(EngineError::field("", "too_many", message));
            }
            let now = tx.now();
            let next_due = due(&plan, &id, input.is_enabled, now);
            let schedule = Schedule {
                id,
                integration_id: integration.clone(),
                plan,
                is_enabled: input.is_enabled,
                next_due,
                last: None,
                created: now,
                version: 1,
            };
            tx.create_schedule(&permit, &schedule).await?;
            let detail = json!({ "integration": integration, "after": described(&schedule) });
            let id = schedule.id.to_string();
            let answer = claimed.finish(&mut tx, &shown(schedule, now)).await?;
            tx.commit(AuditEntry::about("schedule.created", "schedule", &id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// An integration's schedules, in order of creation.
    pub async fn list_schedules(
        &self,
        integration: &IntegrationId,
        query: &PageQuery,
    ) -> Result<Page<ScheduleView>> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        self.load_integration(integration).await?;
        let list = format!("schedules/{integration}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_schedules(integration, &after, query.limit + 1).await?;
        let now = self.db().now();
        let rows = rows.into_iter().map(|row| shown(row, now)).collect();
        Ok(self.engine.page(&list, rows, query.limit, |row| row.schedule.id.to_string()))
    }

    /// One schedule.
    pub async fn schedule(
        &self,
        integration: &IntegrationId,
        id: &ScheduleId,
    ) -> Result<ScheduleView> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        Ok(shown(self.load_schedule(integration, id).await?, self.db().now()))
    }

    async fn load_schedule(&self, of: &IntegrationId, id: &ScheduleId) -> Result<Schedule> {
        let schedule = self.db().schedule(id).await?;
        schedule.filter(|schedule| schedule.integration_id == *of).ok_or(NO_SCHEDULE)
    }

    /// Changes a schedule that is still at that version. What was due before is forgotten: it is due
    /// when the changed plan says so, from now on.
    pub async fn update_schedule(
        &self,
        integration: &IntegrationId,
        id: &ScheduleId,
        version: i64,
        change: &ScheduleChange,
    ) -> Result<ScheduleView> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let before = self.load_schedule(integration, id).await?;
        let plan = change.applied_to(&before.plan).checked().map_err(EngineError::Invalid)?;
        if plan.reads != before.plan.reads {
            self.check_selection(integration, &plan.reads).await?;
        }
        let is_enabled = change.is_enabled.unwrap_or(before.is_enabled);
        let mut tx = self.db().begin(permit.provenance()).await?;
        let next_due = due(&plan, id, is_enabled, tx.now());
        let after = Schedule { plan, is_enabled, next_due, version, ..before.clone() };
        tx.update_schedule(&permit, &after).await?;
        let detail = json!({
            "integration": integration, "before": described(&before), "after": described(&after),
        });
        tx.commit(AuditEntry::about("schedule.updated", "schedule", id.as_str(), detail)).await?;
        Ok(shown(self.load_schedule(integration, id).await?, self.db().now()))
    }

    /// Removes a schedule. A run that it started goes on.
    pub async fn delete_schedule(
        &self,
        integration: &IntegrationId,
        id: &ScheduleId,
    ) -> Result<()> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let before = self.load_schedule(integration, id).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_schedule(&permit, id).await?;
        let detail = json!({ "integration": integration, "before": described(&before) });
        tx.commit(AuditEntry::about("schedule.deleted", "schedule", id.as_str(), detail)).await?;
        Ok(())
    }
}

fn due(plan: &Plan, id: &ScheduleId, is_enabled: bool, now: UnixMs) -> Option<UnixMs> {
    is_enabled.then(|| calendar::next_after(plan, id, now)).flatten()
}

fn shown(schedule: Schedule, now: UnixMs) -> ScheduleView {
    let mut next_runs: Vec<UnixMs> = schedule.next_due.into_iter().collect();
    if let Some(due) = schedule.next_due {
        let more = NEXT_RUNS_SHOWN - 1;
        next_runs.extend(calendar::next_runs(&schedule.plan, &schedule.id, due.max(now), more));
    }
    ScheduleView { schedule, next_runs }
}

fn described(schedule: &Schedule) -> Value {
    json!({ "plan": schedule.plan, "is_enabled": schedule.is_enabled })
}
