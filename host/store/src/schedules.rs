//! Schedules of aggregations. When one is due is calculated outside and stored with it.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IntegrationId, RunId, ScheduleId};
use grantry_model::schedule::{Outcome, Plan};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// What it aggregates.
    pub integration_id: IntegrationId,
    /// What a person set.
    pub plan: Plan,
    /// Whether it is followed.
    pub is_enabled: bool,
    /// When it is due; nothing for one that is not followed.
    pub next_due: Option<UnixMs>,
    /// How the last time that it was due went.
    pub last: Option<LastDue>,
    /// When it was created.
    pub created: UnixMs,
    /// Grows with every change by a person.
    pub version: i64,
}

/// How the last time that a schedule was due went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastDue {
    /// What came of it.
    pub outcome: Outcome,
    /// When it was due.
    pub due: UnixMs,
    /// The run that was ordered, if one was.
    pub run: Option<RunId>,
}

statements! {
    INSERT = "INSERT INTO schedules (id, integration_id, plan, is_enabled, next_due_ms, last_outcome, last_due_ms, last_run_id, created_ms, version) VALUES ($1, $2, $3, $4, $5, NULL, NULL, NULL, $6, 1)";
    GET = "SELECT id, integration_id, plan, is_enabled, next_due_ms, last_outcome, last_due_ms, last_run_id, created_ms, version FROM schedules WHERE id = $1";
    LIST = "SELECT id, integration_id, plan, is_enabled, next_due_ms, last_outcome, last_due_ms, last_run_id, created_ms, version FROM schedules WHERE integration_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    DUE = "SELECT id, integration_id, plan, is_enabled, next_due_ms, last_outcome, last_due_ms, last_run_id, created_ms, version FROM schedules WHERE is_enabled = 1 AND next_due_ms <= $1 ORDER BY next_due_ms, id LIMIT $2";
    COUNT = "SELECT COUNT(*) FROM schedules WHERE integration_id = $1";
    UPDATE = "UPDATE schedules SET plan = $3, is_enabled = $4, next_due_ms = $5, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM schedules WHERE id = $1";
    /// The old moment is the fence: of two workers that find it due, one moves it on.
    MOVE_ON = "UPDATE schedules SET next_due_ms = $3, last_outcome = $4, last_due_ms = $2, last_run_id = $5 WHERE id = $1 AND next_due_ms = $2 AND version = $6 AND is_enabled = 1";
    POSTPONE = "UPDATE schedules SET next_due_ms = $3 WHERE id = $1 AND next_due_ms = $2 AND version = $4 AND is_enabled = 1";
}

fn schedule(row: &Row) -> Result<Schedule> {
    let outcome = row.text_or_null(5)?.map(|_| row.parsed(5, "outcome", Outcome::parse));
    let run = row.text_or_null(7)?.map(|_| row.parsed(7, "run id", |id| RunId::parse(id).ok()));
    let last = match (outcome.transpose()?, row.time_or_null(6)?) {
        (Some(outcome), Some(due)) => Some(LastDue { outcome, due, run: run.transpose()? }),
        _ => None,
    };
    Ok(Schedule {
        id: row.parsed(0, "schedule id", |id| ScheduleId::parse(id).ok())?,
        integration_id: row.parsed(1, "integration id", |id| IntegrationId::parse(id).ok())?,
        plan: row.json(2, "schedule's plan")?,
        is_enabled: row.is_true(3)?,
        next_due: row.time_or_null(4)?,
        last,
        created: row.time(8)?,
        version: row.int(9)?,
    })
}

fn plan_json(plan: &Plan) -> Result<String> {
    let corrupt = |error: serde_json::Error| StoreError::Corrupt {
        what: "schedule's plan",
        reason: error.to_string(),
    };
    serde_json::to_string(plan).map_err(corrupt)
}

impl Db {
    /// The schedule with that id.
    pub async fn schedule(&self, id: &ScheduleId) -> Result<Option<Schedule>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(schedule).transpose()
    }

    /// Schedules of an integration after the given id, in order of creation.
    pub async fn list_schedules(
        &self,
        integration: &IntegrationId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Schedule>> {
        let args = args![integration.as_str(), after, limit];
        self.fetch(LIST, args).await?.iter().map(schedule).collect()
    }

    /// Schedules that are due, the longest waiting first. One whose plan cannot be read must not keep
    /// the others: it is an error of its own.
    pub async fn due_schedules(&self, limit: u32) -> Result<Vec<Result<Schedule>>> {
        let rows = self.fetch(DUE, args![self.now(), limit]).await?;
        Ok(rows.iter().map(schedule).collect())
    }
}

impl Tx {
    /// How many schedules an integration has.
    pub async fn count_schedules(&mut self, integration: &IntegrationId) -> Result<u64> {
        let row = self.fetch_one(COUNT, args![integration.as_str()]).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    /// Creates a schedule.
    pub async fn create_schedule(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        new: &Schedule,
    ) -> Result<()> {
        let (plan, now) = (plan_json(&new.plan)?, self.now());
        let (id, integration) = (new.id.as_str(), new.integration_id.as_str());
        let args = args![id, integration, &plan, new.is_enabled, new.next_due, now];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Changes a schedule that is still at that version.
    pub async fn update_schedule(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        changed: &Schedule,
    ) -> Result<()> {
        let (id, plan) = (changed.id.as_str(), plan_json(&changed.plan)?);
        let args = args![id, changed.version, &plan, changed.is_enabled, changed.next_due];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "schedule" }),
            _ => Ok(()),
        }
    }

    /// Removes a schedule. Runs that it started stay.
    pub async fn delete_schedule(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &ScheduleId,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str()]).await? {
            0 => Err(StoreError::NotFound { what: "schedule" }),
            _ => Ok(()),
        }
    }

    /// Notes what came of a schedule that was due, and when it is due next. False if another worker
    /// did so, or a person changed it meanwhile.
    pub async fn move_schedule_on(
        &mut self,
        _: &Permit<actions::AggregationRun>,
        due: &Schedule,
        last: &LastDue,
        next: Option<UnixMs>,
    ) -> Result<bool> {
        let run = last.run.as_ref().map(RunId::as_str);
        let (id, outcome) = (due.id.as_str(), last.outcome.name());
        let args = args![id, last.due, next, outcome, run, due.version];
        Ok(self.execute(MOVE_ON, args).await? == 1)
    }
}

impl Db {
    /// Lets a schedule wait until a blackout ends: nothing came of it yet.
    pub async fn postpone_schedule(&self, due: &Schedule, until: UnixMs) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let args = args![due.id.as_str(), due.next_due, until, due.version];
        tx.execute(POSTPONE, args).await?;
        tx.commit().await
    }
}
