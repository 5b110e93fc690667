//! Aggregations as people see them: started, watched, cancelled. The work is in `aggregate`.

use grantry_authz::{Permit, actions};
use grantry_model::ids::{IntegrationId, JobId, PrincipalId, RunId, ScheduleId};
use grantry_model::job::Work;
use grantry_model::selection::{Part, SELECTED_TYPES_MAX, Selection};
use grantry_model::text::printable;
use grantry_store::{AuditEntry, Db, NewJob, Run, RunIssue, RunLogLine, Tx};
use serde_json::json;

use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// An aggregation as it is shown.
pub type RunView = Run;

pub(crate) const NO_RUN: EngineError = EngineError::NotFound { what: "aggregation" };

/// The queue of an integration's aggregations: one at a time.
pub(crate) fn queue(integration: &IntegrationId) -> String {
    format!("aggregate/{integration}")
}

/// Creates a run with its job, unless one is under way; then nothing may be committed.
pub(crate) async fn order(
    tx: &mut Tx,
    job: &NewJob,
    run: &RunId,
    schedule: Option<&ScheduleId>,
    selection: &Selection,
) -> Result<()> {
    if !tx.enqueue(job).await? {
        return Err(EngineError::SyncRunning);
    }
    Ok(tx.create_run(run, job.work.integration(), &job.id, schedule, selection).await?)
}

/// The job of a run.
pub(crate) fn job(
    db: &Db,
    integration: &IntegrationId,
    run: &RunId,
    ordered_by: &PrincipalId,
) -> NewJob {
    NewJob {
        id: JobId::fresh(db.clock(), db.random()),
        queue: queue(integration),
        work: Work::Aggregate { integration: integration.clone(), run: run.clone() },
        ordered_by: ordered_by.clone(),
    }
}

impl Ctx {
    /// Orders an aggregation of an integration.
    pub async fn start_aggregation(
        &self,
        integration: &IntegrationId,
        selection: &Selection,
        request: &Idempotent<'_, RunView>,
    ) -> Result<Answer> {
        let permit = self.permit_integration::<actions::AggregationRun>(integration).await?;
        let stored = self.db().integration(integration).await?;
        let stored = stored.ok_or(EngineError::NotFound { what: "integration" })?;
        if stored.quarantined.is_some() {
            return Err(EngineError::Quarantined);
        }
        self.check_selection(integration, selection).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        if selection.part == Part::Entitlements && !db.has_read_accounts(integration).await? {
            return self.settle(&claimed, Err(EngineError::AccountsNotRead)).await;
        }
        let run = RunId::fresh(db.clock(), db.random());
        let job = job(db, integration, &run, &self.actor.principal.id);
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            order(&mut tx, &job, &run, None, selection).await?;
            let view = Run {
                selection: selection.clone(),
                ..Run::waiting(run.clone(), integration.clone(), job.id.clone(), tx.now())
            };
            let answer = claimed.finish(&mut tx, &view).await?;
            let detail = json!({ "run": run, "reads": selection });
            let (event, id) = ("aggregation.ordered", integration.as_str());
            tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.engine.wake.notify_one();
        self.settle(&claimed, outcome).await
    }

    /// Refuses types that the integration does not have, or that are deleted.
    pub(crate) async fn check_selection(
        &self,
        integration: &IntegrationId,
        selection: &Selection,
    ) -> Result<()> {
        if selection.types.is_empty() {
            return Ok(());
        }
        if selection.types.len() > SELECTED_TYPES_MAX {
            let message = format!("must have at most {SELECTED_TYPES_MAX} types");
            return Err(EngineError::field("/types", "too_many", message));
        }
        let types = self.db().entitlement_types(integration).await?;
        let is_living =
            |name: &String| types.iter().any(|of| of.name == *name && of.deleted.is_none());
        match selection.types.iter().find(|name| !is_living(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("the integration has no type `{}`", printable(name, 80));
                Err(EngineError::field("/types", "unknown_type", message))
            }
        }
    }

    /// An integration's aggregations, newest first.
    pub async fn list_runs(
        &self,
        integration: &IntegrationId,
        query: &PageQuery,
    ) -> Result<Page<RunView>> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        let found = self.db().integration(integration).await?;
        found.ok_or(EngineError::NotFound { what: "integration" })?;
        let list = format!("runs/{integration}");
        let before = self.engine.position(&list, query.cursor.as_deref())?;
        let before = Some(before.as_str()).filter(|before| !before.is_empty());
        let rows = self.db().list_runs(integration, before, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// One aggregation.
    pub async fn run(&self, id: &RunId) -> Result<RunView> {
        self.permitted_run::<actions::IntegrationRead>(id).await.map(|(_, run)| run)
    }

    /// A run of an integration on which the caller holds the action. Whoever does not learns nothing
    /// of which runs there are.
    pub(crate) async fn permitted_run<A: actions::RoleAction>(
        &self,
        id: &RunId,
    ) -> Result<(Permit<A>, Run)> {
        match self.db().run(id).await? {
            Some(run) => Ok((self.permit_integration(&run.integration_id).await?, run)),
            None => {
                self.permit_admin::<A>().await?;
                Err(NO_RUN)
            }
        }
    }

    /// What an aggregation left out of the catalogue, and why.
    pub async fn list_run_issues(&self, id: &RunId, query: &PageQuery) -> Result<Page<RunIssue>> {
        self.run(id).await?;
        let list = format!("issues/{id}");
        let position = self.engine.position(&list, query.cursor.as_deref())?;
        let after: i64 = position.parse().unwrap_or(-1);
        let rows = self.db().list_run_issues(id, after, query.limit + 1).await?;
        let last = after + i64::from(query.limit);
        Ok(self.engine.page(&list, rows, query.limit, |_| last.to_string()))
    }

    /// What the connector wrote to its log in an aggregation: the first lines.
    pub async fn list_run_log(&self, id: &RunId, query: &PageQuery) -> Result<Page<RunLogLine>> {
        self.run(id).await?;
        let list = format!("log/{id}");
        let position = self.engine.position(&list, query.cursor.as_deref())?;
        let after: i64 = position.parse().unwrap_or(-1);
        let rows = self.db().list_run_log(id, after, query.limit + 1).await?;
        let last = after + i64::from(query.limit);
        Ok(self.engine.page(&list, rows, query.limit, |_| last.to_string()))
    }

    /// Asks a running aggregation to stop; what it read so far stays, nothing is removed.
    pub async fn cancel_aggregation(&self, id: &RunId) -> Result<RunView> {
        let (permit, run) = self.permitted_run::<actions::AggregationRun>(id).await?;
        if !run.status.is_final() {
            let mut tx = self.db().begin(permit.provenance()).await?;
            tx.request_cancel(&run.job_id).await?;
            let (event, integration) = ("aggregation.cancelled", run.integration_id.as_str());
            let detail = json!({ "run": id });
            tx.commit(AuditEntry::about(event, "integration", integration, detail)).await?;
            self.engine.wake.notify_one();
        }
        self.db().run(id).await?.ok_or(NO_RUN)
    }
}
