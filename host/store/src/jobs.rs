//! The job table: leased, fenced, one living job a queue.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IntegrationId, JobId, MembershipId, PrincipalId};
use grantry_model::job::{JobStatus, Lease, Work};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, dialect, statements};

/// Jobs of one integration that write to its target at a time, on all workers together.
const WRITERS_MAX: u32 = 3;
/// Jobs that speak with one service desk at a time, of all integrations and on all workers together.
const SPEAKERS_MAX: u32 = 2;

/// A job to be enqueued in the transaction of the change that orders it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewJob {
    pub id: JobId,
    /// At most one living job has it.
    pub queue: String,
    pub work: Work,
    pub ordered_by: PrincipalId,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Job {
    pub id: JobId,
    pub queue: String,
    pub work: Work,
    pub ordered_by: PrincipalId,
    pub status: JobStatus,
    pub attempt: u32,
    pub fence: i64,
    pub due: UnixMs,
    pub is_cancel_requested: bool,
    pub error: Option<(String, String)>,
    pub created: UnixMs,
    pub finished: Option<UnixMs>,
}

impl Job {
    /// The hold on this job.
    pub fn lease(&self) -> Lease {
        Lease { job: self.id.clone(), fence: self.fence, attempt: self.attempt, due: self.due }
    }
}

statements! {
    ENQUEUE = "INSERT INTO jobs (id, queue, work, ordered_by, status, attempt, fence, due_ms, lease_until_ms, is_cancel_requested, error_code, error_detail, created_ms, finished_ms, integration_id, account_id, resource_id) VALUES ($1, $2, $3, $4, 'queued', 0, 0, $5, 0, 0, NULL, NULL, $5, NULL, $6, (SELECT m.account_id FROM memberships m WHERE m.id = $7), (SELECT e.resource_id FROM memberships m JOIN entitlements e ON e.id = m.role_id WHERE m.id = $7)) \
        ON CONFLICT (queue) WHERE status IN ('queued', 'running') DO NOTHING";
    /// One that runs notes it in `due_ms`, for when it is put back.
    HASTEN = "UPDATE jobs SET due_ms = CASE WHEN status = 'running' AND due_ms = $2 THEN $2 + 1 ELSE $2 END, attempt = CASE WHEN status = 'queued' THEN 0 ELSE attempt END WHERE queue = $1 AND status IN ('queued', 'running')";
    HASTEN_OF_INTEGRATION = "UPDATE jobs SET due_ms = $2, attempt = 0 WHERE integration_id = $1 AND status = 'queued'";
    GET = "SELECT id, queue, work, ordered_by, status, attempt, fence, due_ms, is_cancel_requested, error_code, error_detail, created_ms, finished_ms FROM jobs WHERE id = $1";
    LIST = "SELECT id, queue, work, ordered_by, status, attempt, fence, due_ms, is_cancel_requested, error_code, error_detail, created_ms, finished_ms FROM jobs WHERE ($1 = '' OR id < $1) AND ($2 = '' OR status = $2) ORDER BY id DESC LIMIT $3";
    LIST_OF_OWNER = "SELECT id, queue, work, ordered_by, status, attempt, fence, due_ms, is_cancel_requested, error_code, error_detail, created_ms, finished_ms FROM jobs WHERE integration_id IN (SELECT id FROM integrations WHERE owner_id = $4) AND ($1 = '' OR id < $1) AND ($2 = '' OR status = $2) ORDER BY id DESC LIMIT $3";
    /// A job that writes to a target waits while another one writes to the same account or resource
    /// (connectors read a list, change it and write it back), and while its integration has enough
    /// of them: a target that hangs does not take all workers. The same holds for a service desk. The
    /// outer condition is checked again
    /// after waiting for a row lock, so that no job is leased twice.
    LEASE = "UPDATE jobs SET status = 'running', fence = fence + 1, attempt = attempt + 1, lease_until_ms = $2 \
        WHERE id = (SELECT id FROM jobs WHERE queue LIKE $3 AND ((status = 'queued' AND due_ms <= $1) OR (status = 'running' AND lease_until_ms < $1)) \
        AND (account_id IS NULL OR (\
        integration_id NOT IN (SELECT w.integration_id FROM jobs w WHERE w.status = 'running' AND w.lease_until_ms >= $1 AND w.account_id IS NOT NULL GROUP BY w.integration_id HAVING COUNT(*) >= $4) \
        AND COALESCE(desk_id, '') NOT IN (SELECT w.desk_id FROM jobs w WHERE w.status = 'running' AND w.lease_until_ms >= $1 AND w.desk_id IS NOT NULL GROUP BY w.desk_id HAVING COUNT(*) >= $5) \
        AND account_id NOT IN (SELECT w.account_id FROM jobs w WHERE w.status = 'running' AND w.lease_until_ms >= $1 AND w.account_id IS NOT NULL) \
        AND COALESCE(resource_id, '') NOT IN (SELECT w.resource_id FROM jobs w WHERE w.status = 'running' AND w.lease_until_ms >= $1 AND w.resource_id IS NOT NULL))) \
        ORDER BY due_ms, id LIMIT 1) \
        AND ((status = 'queued' AND due_ms <= $1) OR (status = 'running' AND lease_until_ms < $1)) \
        RETURNING id, queue, work, ordered_by, status, attempt, fence, due_ms, is_cancel_requested, error_code, error_detail, created_ms, finished_ms";
    FINISH = "UPDATE jobs SET status = $3, error_code = $4, error_detail = $5, finished_ms = $6 WHERE id = $1 AND fence = $2 AND status = 'running'";
    /// Whoever hastened or cancelled it meanwhile does not wait for the pause, also where the clock
    /// went back since. The fence is the lease's: a job that was leased anew is not touched.
    RETRY = "UPDATE jobs SET status = 'queued', due_ms = CASE WHEN due_ms <> $7 THEN due_ms ELSE $3 END, error_code = $4, error_detail = $5, attempt = $6 WHERE id = $1 AND fence = $2 AND status = 'running'";
    IS_LIVING = "SELECT COUNT(*) FROM jobs WHERE queue = $1 AND status IN ('queued', 'running')";
    CANCEL = "UPDATE jobs SET is_cancel_requested = 1, due_ms = CASE WHEN status = 'running' AND due_ms = $2 THEN $2 + 1 ELSE $2 END WHERE id = $1 AND status IN ('queued', 'running')";
    IS_CANCELLED = "SELECT is_cancel_requested FROM jobs WHERE id = $1";
    NEXT_DUE = "SELECT MIN(due_ms) FROM jobs WHERE status = 'queued'";
    RENEW = "UPDATE jobs SET lease_until_ms = CASE WHEN lease_until_ms > $3 THEN lease_until_ms ELSE $3 END WHERE id = $1 AND fence = $2 AND status = 'running'";
}

fn job(row: &Row) -> Result<Job> {
    Ok(Job {
        id: row.parsed(0, "job id", |text| JobId::parse(text).ok())?,
        queue: row.text(1)?,
        work: row.json(2, "work")?,
        ordered_by: row.parsed(3, "principal id", |text| PrincipalId::parse(text).ok())?,
        status: row.parsed(4, "job status", JobStatus::parse)?,
        attempt: u32::try_from(row.int(5)?).unwrap_or(u32::MAX),
        fence: row.int(6)?,
        due: row.time(7)?,
        is_cancel_requested: row.is_true(8)?,
        error: row.text_or_null(9)?.zip(row.text_or_null(10)?),
        created: row.time(11)?,
        finished: row.time_or_null(12)?,
    })
}

impl Db {
    /// The job with that id.
    pub async fn job(&self, id: &JobId) -> Result<Option<Job>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(job).transpose()
    }

    /// Jobs before the given id, newest first, optionally of one status.
    pub async fn list_jobs(
        &self,
        before: Option<&str>,
        status: Option<JobStatus>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let args = args![before.unwrap_or(""), status.map_or("", JobStatus::name), limit];
        self.fetch(LIST, args).await?.iter().map(job).collect()
    }

    /// Jobs of the integrations that a person owns, as [`Db::list_jobs`].
    pub async fn list_jobs_of_owner(
        &self,
        owner: &PrincipalId,
        before: Option<&str>,
        status: Option<JobStatus>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let status = status.map_or("", JobStatus::name);
        let args = args![before.unwrap_or(""), status, limit, owner.as_str()];
        self.fetch(LIST_OF_OWNER, args).await?.iter().map(job).collect()
    }

    /// Takes the next due job whose queue begins with the prefix, or one whose worker has been
    /// silent for too long. The lease counts from when the database could be had.
    pub async fn lease_job(&self, prefix: &str, lease_ms: i64) -> Result<Option<Job>> {
        let pattern = format!("{}%", crate::catalogue::escape_like(prefix));
        let mut tx = self.begin_housekeeping().await?;
        if let Some(lock) = dialect::lease_lock(self.is_postgres()) {
            tx.fetch(lock, &[]).await?;
        }
        let now = self.now();
        let args = args![now, now.plus_ms(lease_ms), &pattern, WRITERS_MAX, SPEAKERS_MAX];
        let leased = tx.fetch_one(LEASE, args).await?;
        let Some(row) = leased else { return Ok(None) };
        let leased = match job(&row) {
            Ok(job) => Ok(Some(job)),
            Err(error) => {
                // It would be the next one for ever, and no other job would get its turn.
                let (id, fence, why) = (row.text(0)?, row.int(6)?, error.to_string());
                let args = args![&id, fence, "failed", "unreadable_job", &why, now];
                tx.execute(FINISH, args).await?;
                Err(error)
            }
        };
        tx.commit().await?;
        leased
    }

    /// Prolongs a hold; tells until when. It counts from when the database could be had: waiting
    /// for other writers is no loss.
    pub async fn renew_lease(&self, lease: &Lease, lease_ms: i64) -> Result<UnixMs> {
        let mut tx = self.begin_housekeeping().await?;
        let until = self.now().plus_ms(lease_ms);
        let renewed = tx.execute(RENEW, args![lease.job.as_str(), lease.fence, until]).await?;
        tx.commit().await?;
        match renewed {
            0 => Err(StoreError::LeaseLost { job: lease.job.to_string() }),
            _ => Ok(until),
        }
    }

    /// Puts a job back for a later attempt, which will be the one after `attempt`.
    pub async fn retry_job(
        &self,
        lease: &Lease,
        attempt: u32,
        due: UnixMs,
        error: (&str, &str),
    ) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let (id, code, detail) = (lease.job.as_str(), error.0, error.1);
        let args = args![id, lease.fence, due, code, detail, attempt, lease.due];
        let put_back = tx.execute(RETRY, args).await?;
        tx.commit().await?;
        match put_back {
            0 => Err(StoreError::LeaseLost { job: lease.job.to_string() }),
            _ => Ok(()),
        }
    }

    /// Ends a job whose change was committed before, or that has none.
    pub async fn finish_job(
        &self,
        lease: &Lease,
        status: JobStatus,
        error: Option<(&str, &str)>,
    ) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        finish(&mut tx, lease, status, error, self.now()).await?;
        tx.commit().await
    }

    /// Whether somebody asked to cancel the job.
    pub async fn is_cancel_requested(&self, id: &JobId) -> Result<bool> {
        let row = self.fetch_one(IS_CANCELLED, args![id.as_str()]).await?;
        row.map_or(Ok(false), |row| row.is_true(0))
    }

    /// When the next waiting job is due.
    pub async fn next_due(&self) -> Result<Option<UnixMs>> {
        let row = self.fetch_one(NEXT_DUE, &[]).await?;
        row.map_or(Ok(None), |row| row.time_or_null(0))
    }
}

async fn finish(
    tx: &mut crate::HousekeepingTx,
    lease: &Lease,
    status: JobStatus,
    error: Option<(&str, &str)>,
    now: UnixMs,
) -> Result<()> {
    let (code, detail) = error.unzip();
    let args = args![lease.job.as_str(), lease.fence, status.name(), code, detail, now];
    match tx.execute(FINISH, args).await? {
        0 => Err(StoreError::LeaseLost { job: lease.job.to_string() }),
        _ => Ok(()),
    }
}

impl Tx {
    /// Orders a job. False if the queue has a living one: that one is made due at once.
    pub async fn enqueue(&mut self, new: &NewJob) -> Result<bool> {
        let work = serde_json::to_string(&new.work)
            .map_err(|error| StoreError::Corrupt { what: "work", reason: error.to_string() })?;
        let now = self.now();
        let integration = new.work.integration().as_str();
        let membership = new.work.membership().map(MembershipId::as_str);
        let args = args![
            new.id.as_str(),
            &new.queue,
            &work,
            new.ordered_by.as_str(),
            now,
            integration,
            membership
        ];
        if self.execute(ENQUEUE, args).await? == 1 {
            return Ok(true);
        }
        self.hasten_queue(&new.queue).await?;
        Ok(false)
    }

    /// Makes the living job of a queue due at once.
    pub(crate) async fn hasten_queue(&mut self, queue: &str) -> Result<()> {
        let now = self.now();
        self.execute(HASTEN, args![queue, now]).await.map(drop)
    }

    /// Whether the queue has a living job.
    pub async fn has_living_job(&mut self, queue: &str) -> Result<bool> {
        let row = self.fetch_one(IS_LIVING, args![queue]).await?;
        row.map_or(Ok(false), |row| row.is_true(0))
    }

    /// Makes the waiting jobs of an integration due at once.
    pub async fn hasten_jobs(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &IntegrationId,
    ) -> Result<()> {
        let now = self.now();
        self.execute(HASTEN_OF_INTEGRATION, args![integration.as_str(), now]).await.map(drop)
    }

    /// Whether somebody asked to cancel the job. Whoever holds its lease in this transaction cannot be
    /// asked any more before the commit.
    pub async fn is_cancel_requested(&mut self, id: &JobId) -> Result<bool> {
        let row = self.fetch_one(IS_CANCELLED, args![id.as_str()]).await?;
        row.map_or(Ok(false), |row| row.is_true(0))
    }

    /// Asks the worker of a job to stop.
    pub async fn request_cancel(&mut self, id: &JobId) -> Result<bool> {
        let now = self.now();
        Ok(self.execute(CANCEL, args![id.as_str(), now]).await? == 1)
    }

    /// Ends a job together with the change that it made.
    pub async fn finish_job(
        &mut self,
        lease: &Lease,
        status: JobStatus,
        error: Option<(&str, &str)>,
    ) -> Result<()> {
        let now = self.now();
        finish(self, lease, status, error, now).await
    }
}
