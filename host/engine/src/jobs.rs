//! Background jobs as people see them, and the identity of the machinery.

use grantry_authz::{Door, Provenance, Reason, actions};
use grantry_model::ids::{JobId, PrincipalId};
use grantry_model::job::{JobStatus, Work};
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_store::Job;

use crate::{Ctx, Engine, EngineError, Page, PageQuery, Result};

const NO_JOB: EngineError = EngineError::NotFound { what: "job" };

/// What the machinery does by itself: expiry, quarantine.
pub(crate) fn machine() -> Principal {
    Principal {
        id: PrincipalId::parse("grantry").expect("this is an id"),
        kind: PrincipalKind::Plugin,
        name: "Grantry".to_owned(),
    }
}

/// The provenance of what the machinery does by itself.
pub(crate) fn machine_provenance(about: &str) -> Provenance {
    let machine = machine();
    Provenance {
        principal_id: machine.id,
        principal_kind: machine.kind,
        door: Door::Job,
        reason: Reason::Job,
        action: "machinery",
        entity: None,
        request_id: about.to_owned(),
    }
}

impl Engine {
    /// Who ordered a job. A principal that was deleted meanwhile keeps its id in the audit log.
    pub(crate) async fn orderer(&self, job: &Job) -> Result<Principal> {
        let record = self.db().principal(&job.ordered_by).await?;
        let gone = || Principal { id: job.ordered_by.clone(), ..machine() };
        Ok(record.map_or_else(gone, |record| record.principal))
    }
}

impl Ctx {
    /// Jobs, newest first; `query.status` filters.
    pub async fn list_jobs(&self, query: &PageQuery) -> Result<Page<Job>> {
        let own = self.own_integrations::<actions::JobRead>().await?;
        let before = self.engine.position("jobs", query.cursor.as_deref())?;
        let before = Some(before.as_str()).filter(|before| !before.is_empty());
        let status = match query.status.as_str() {
            "" => None,
            name => Some(JobStatus::parse(name).ok_or_else(|| {
                EngineError::field("/status", "unknown_status", "no such status of a job")
            })?),
        };
        let (db, limit) = (self.db(), query.limit + 1);
        let rows = match own {
            None => db.list_jobs(before, status, limit).await?,
            Some(_) => {
                let owner = &self.actor.principal.id;
                db.list_jobs_of_owner(owner, before, status, limit).await?
            }
        };
        Ok(self.engine.page("jobs", rows, query.limit, |row| row.id.to_string()))
    }

    /// One job.
    pub async fn job(&self, id: &JobId) -> Result<Job> {
        self.permitted_job::<actions::JobRead>(id).await
    }

    /// A job of an integration on which the caller holds the action.
    async fn permitted_job<A: actions::RoleAction>(&self, id: &JobId) -> Result<Job> {
        match self.db().job(id).await? {
            Some(job) => {
                self.permit_integration::<A>(job.work.integration()).await?;
                Ok(job)
            }
            None => {
                self.permit_admin::<A>().await?;
                Err(NO_JOB)
            }
        }
    }

    /// Cancels a job that can be cancelled: an aggregation. Provisioning is undone by deleting the
    /// membership, not by stopping halfway.
    pub async fn cancel_job(&self, id: &JobId) -> Result<Job> {
        let job = self.permitted_job::<actions::AggregationRun>(id).await?;
        match &job.work {
            Work::Aggregate { run, .. } => {
                self.cancel_aggregation(run).await?;
            }
            Work::Remove { .. } => {
                let message = "undo the removal once it has ended";
                return Err(EngineError::field("", "not_cancellable", message));
            }
            Work::Provision { .. } => {
                let message = "delete the membership instead: its access is then revoked";
                return Err(EngineError::field("", "not_cancellable", message));
            }
        }
        self.db().job(id).await?.ok_or(NO_JOB)
    }
}
