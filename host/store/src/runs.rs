//! Aggregations: their progress, the pages that they saw, and what follows from a complete one.
//!
//! A page is remembered by the digest of its content. As long as it is trusted, seeing the same
//! digest again proves that its rows are in the catalogue unchanged, so nothing but the page's own
//! row is touched (ADR 0003). Trust ends when anything else may have written one of its rows.

use std::collections::HashSet;

use grantry_model::aggregation::{Complete, Progress, RunStatus};
use grantry_model::catalogue::Target;
use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::{Key, Keys};
use grantry_model::ids::{IntegrationId, JobId, RunId, ScheduleId};
use grantry_model::job::Lease;
use grantry_model::removal::What;
use grantry_model::selection::{Mode, Part, Selection};

use crate::db::{Db, HousekeepingTx, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

/// What kind of rows a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    /// Accounts and resources.
    Objects,
    /// Entitlements.
    Entitlements,
    /// Assignments.
    Assignments,
}

impl Domain {
    /// All of them, in the order in which vanished rows are removed: facts before things.
    pub const ALL: [Self; 3] = [Self::Assignments, Self::Entitlements, Self::Objects];

    /// Where rows of that sort are.
    pub fn of(what: What) -> Self {
        match what {
            What::Account | What::Resource => Self::Objects,
            What::Entitlement => Self::Entitlements,
            What::Assignment => Self::Assignments,
        }
    }

    /// What the rows of a listing are.
    pub fn of_listing(listing: &Target) -> Self {
        match listing {
            Target::Objects(_) => Self::Objects,
            Target::EntitlementsOfKind(_) | Target::EntitlementsOf(_) => Self::Entitlements,
            Target::AssignmentsOfKind(_) | Target::AssignmentsOf(_) => Self::Assignments,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Entitlements => "entitlements",
            Self::Assignments => "assignments",
        }
    }
}

/// Which listings of a domain a run reads. What is on pages of others is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listings {
    /// All that there are.
    All,
    /// Those of these names.
    Some(Vec<String>),
}

impl Listings {
    /// The names; an empty one stands for all.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::All => vec![""],
            Self::Some(names) => names.iter().map(String::as_str).collect(),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|listing| listing == name),
        }
    }
}

/// What a page saw: the keys of its rows. An assignment's is (entitlement, holder); the others'
/// second half is zero.
pub type Seen = (Key, Key);

/// A page to be remembered.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct PageRecord {
    pub domain: Domain,
    /// The name of the listing that it is of.
    pub listing: String,
    /// The scope of the listing that it is of; empty for none.
    pub scope: String,
    pub digest: String,
    /// Grouped by the first key: see [`encode`].
    pub seen: Vec<Seen>,
    /// Rows that the page has and the catalogue does not take over: they did not vanish.
    pub left_out: Vec<Seen>,
    /// False where a row of the page was left out.
    pub is_trusted: bool,
}

/// A row that was left out of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RunIssue {
    pub code: String,
    pub detail: String,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Run {
    pub id: RunId,
    pub integration_id: IntegrationId,
    pub job_id: JobId,
    /// The schedule that ordered it; nothing where a person did.
    pub schedule_id: Option<ScheduleId>,
    /// What it reads.
    pub selection: Selection,
    pub status: RunStatus,
    pub progress: Option<Progress>,
    pub started: Option<UnixMs>,
    pub finished: Option<UnixMs>,
    pub created: UnixMs,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub live_before: u64,
    pub error: Option<(String, String)>,
    /// Whether it follows feeds instead of reading.
    pub is_delta: bool,
}

impl Run {
    /// A run that waits for its job.
    pub fn waiting(id: RunId, integration: IntegrationId, job: JobId, now: UnixMs) -> Self {
        Self {
            id,
            integration_id: integration,
            job_id: job,
            schedule_id: None,
            selection: Selection::default(),
            status: RunStatus::Queued,
            progress: None,
            started: None,
            finished: None,
            created: now,
            added: 0,
            changed: 0,
            removed: 0,
            live_before: 0,
            error: None,
            is_delta: false,
        }
    }

    /// Which listings of a domain it reads.
    pub(crate) fn listings(&self, domain: Domain) -> Listings {
        let of = |targets: &[Target]| -> Vec<String> {
            let of = targets.iter().filter(|target| Domain::of_listing(target) == domain);
            of.map(Target::name).collect()
        };
        match &self.progress {
            Some(progress) if !of(&progress.unread).is_empty() => {
                Listings::Some(of(&progress.targets))
            }
            _ => Listings::All,
        }
    }

    /// When it began to read; for one that has not, the beginning of time.
    pub fn began(&self) -> UnixMs {
        self.started.unwrap_or(UnixMs(0))
    }
}

/// Most issues of a run that are kept in words; all are counted.
pub const ISSUES_MAX: u64 = 1_000;

statements! {
    LAST_READING = "SELECT MAX(id), COUNT(finished_ms), MAX(finished_ms) FROM runs WHERE integration_id = $1";
    INSERT = "INSERT INTO runs (id, integration_id, job_id, status, progress, started_ms, finished_ms, created_ms, added, changed, removed, live_before, error_code, error_detail, schedule_id, part, types, mode) VALUES ($1, $2, $3, 'queued', NULL, NULL, NULL, $4, 0, 0, 0, 0, NULL, NULL, $5, $6, $7, $8)";
    GET = "SELECT id, integration_id, job_id, status, progress, started_ms, finished_ms, created_ms, added, changed, removed, live_before, error_code, error_detail, schedule_id, part, types, mode, is_delta FROM runs WHERE id = $1";
    LIST = "SELECT id, integration_id, job_id, status, progress, started_ms, finished_ms, created_ms, added, changed, removed, live_before, error_code, error_detail, schedule_id, part, types, mode, is_delta FROM runs WHERE integration_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3";
    LAST_WHOLE = "SELECT progress FROM runs WHERE integration_id = $1 AND status = 'succeeded' AND part = $2 AND types = $3 AND is_delta = 0 ORDER BY id DESC LIMIT 1";
    START = "UPDATE runs SET status = 'running', progress = $2, started_ms = $3, live_before = $4, is_delta = $5 WHERE id = $1 AND status IN ('queued', 'running')";
    CHECKPOINT = "UPDATE runs SET progress = $2, live_before = $3 WHERE id = $1 AND status = 'running'";
    REMOVED = "UPDATE runs SET removed = $2 WHERE id = $1";
    FINISH = "UPDATE runs SET status = $2, progress = $3, finished_ms = $4, added = $5, changed = $6, removed = $7, error_code = $8, error_detail = $9 WHERE id = $1 AND status IN ('queued', 'running')";
    HOLD = "UPDATE jobs SET lease_until_ms = CASE WHEN lease_until_ms > $3 THEN lease_until_ms ELSE $3 END WHERE id = $1 AND fence = $2 AND status = 'running'";
    TRUSTED = "SELECT digest FROM pages WHERE integration_id = $1 AND domain = $2 AND is_trusted = 1";
    PUT_PAGE = "INSERT INTO pages (integration_id, domain, digest, run_id, is_trusted, row_count, row_keys, provisioned_ms, listing, scope) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (integration_id, domain, digest) DO UPDATE SET run_id = excluded.run_id, is_trusted = excluded.is_trusted, row_count = excluded.row_count, row_keys = excluded.row_keys, provisioned_ms = excluded.provisioned_ms, listing = excluded.listing, scope = excluded.scope";
    DISTRUST_ALL = "UPDATE pages SET is_trusted = 0 WHERE integration_id = $1 AND is_trusted = 1";
    /// Without pages nothing else would end the trust in them.
    FORGET_EMPTY_SCOPES = "DELETE FROM scopes WHERE integration_id = $1 AND page_count = 0";
    DISTRUST_DOMAIN = "UPDATE pages SET is_trusted = 0 WHERE integration_id = $1 AND domain = $2 AND is_trusted = 1";
    SUM_ROWS = "SELECT CAST(COALESCE(SUM(row_count), 0) AS BIGINT) FROM pages WHERE integration_id = $1 AND domain = $2 AND run_id = $3";
    DELETE_STALE = "DELETE FROM pages WHERE integration_id = $1 AND run_id <> $2 AND provisioned_ms < $3 AND domain = $4 AND ($5 = '' OR listing = $5)";
    /// Only a run of everything has seen what everybody holds.
    READ_SINCE = "SELECT 1 FROM runs WHERE integration_id = $1 AND status = 'succeeded' AND part = 'all' AND types = '[]' AND is_delta = 0 AND started_ms > $2 LIMIT 1";
    /// Only of runs that ended; a cancelled one says nothing about the target.
    LAST_ERROR = "SELECT error_code FROM runs WHERE integration_id = $1 AND id < $2 AND status IN ('succeeded', 'failed', 'blocked') ORDER BY id DESC LIMIT 1";
    READ_ACCOUNTS = "SELECT 1 FROM runs WHERE integration_id = $1 AND status = 'succeeded' AND part IN ('all', 'accounts') LIMIT 1";
    READ_WHOLE = "SELECT 1 FROM runs WHERE integration_id = $1 AND status = 'succeeded' AND part = 'all' AND types = '[]' LIMIT 1";
    NOTE_LISTING = "INSERT INTO listings_read (integration_id, listing, run_id, read_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (integration_id, listing) DO UPDATE SET run_id = excluded.run_id, read_ms = excluded.read_ms";
    LISTINGS_READ = "SELECT listing FROM listings_read WHERE integration_id = $1";
    ADD_ISSUE = "INSERT INTO run_issues (run_id, position, code, detail) VALUES ($1, $2, $3, $4) ON CONFLICT (run_id, position) DO NOTHING";
    LIST_ISSUES = "SELECT code, detail FROM run_issues WHERE run_id = $1 AND position > $2 ORDER BY position LIMIT $3";
}

fn run(row: &Row) -> Result<Run> {
    let count = |index| -> Result<u64> { Ok(u64::try_from(row.int(index)?).unwrap_or(0)) };
    let progress = match row.text_or_null(4)? {
        Some(text) => Some(serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
            what: "progress",
            reason: error.to_string(),
        })?),
        None => None,
    };
    let schedule = |text: &str| ScheduleId::parse(text).ok();
    let schedule_id = row.text_or_null(14)?.map(|_| row.parsed(14, "schedule id", schedule));
    Ok(Run {
        id: row.parsed(0, "run id", |text| RunId::parse(text).ok())?,
        integration_id: row.parsed(1, "integration id", |text| IntegrationId::parse(text).ok())?,
        job_id: row.parsed(2, "job id", |text| JobId::parse(text).ok())?,
        schedule_id: schedule_id.transpose()?,
        selection: Selection {
            part: row.parsed(15, "part of a source", Part::parse)?,
            types: row.json(16, "selected types")?,
            mode: row.parsed(17, "mode of a run", Mode::parse)?,
        },
        status: row.parsed(3, "run status", RunStatus::parse)?,
        progress,
        started: row.time_or_null(5)?,
        finished: row.time_or_null(6)?,
        created: row.time(7)?,
        added: count(8)?,
        changed: count(9)?,
        removed: count(10)?,
        live_before: count(11)?,
        error: row.text_or_null(12)?.zip(row.text_or_null(13)?),
        is_delta: row.is_true(18)?,
    })
}

/// Groups of pairs with the same first key: the key, how many, and the second keys.
pub(crate) fn encode(seen: &[Seen]) -> Vec<u8> {
    let mut out = Vec::with_capacity(seen.len() * 16 + 64);
    for group in seen.chunk_by(|a, b| a.0 == b.0) {
        out.extend_from_slice(&group[0].0.0);
        out.extend_from_slice(&u32::try_from(group.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (_, second) in group {
            out.extend_from_slice(&second.0);
        }
    }
    out
}

pub(crate) fn decode(mut bytes: &[u8], mut each: impl FnMut(Seen)) -> Result<()> {
    let corrupt = || StoreError::Corrupt { what: "page", reason: "cut short".to_owned() };
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(20).ok_or_else(corrupt)?;
        let first: [u8; 16] = head[..16].try_into().map_err(|_| corrupt())?;
        let count: [u8; 4] = head[16..].try_into().map_err(|_| corrupt())?;
        let length = (u32::from_be_bytes(count) as usize).saturating_mul(16);
        let (seconds, rest) = rest.split_at_checked(length).ok_or_else(corrupt)?;
        for second in seconds.chunks_exact(16) {
            let second: [u8; 16] = second.try_into().map_err(|_| corrupt())?;
            each((Key(first), Key(second)));
        }
        bytes = rest;
    }
    Ok(())
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunEnd<'a> {
    /// The final status.
    pub status: RunStatus,
    /// Where it stood.
    pub progress: &'a Progress,
    /// New rows.
    pub added: u64,
    /// Changed rows.
    pub changed: u64,
    /// Removed rows.
    pub removed: u64,
    /// Why it did not succeed: code and words.
    pub error: Option<(&'a str, &'a str)>,
}

impl Db {
    /// The run with that id.
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(run).transpose()
    }

    /// How many rows the last run had that read the same whole.
    pub async fn last_rows(
        &self,
        integration: &IntegrationId,
        selection: &Selection,
    ) -> Result<Option<u64>> {
        let (part, types) = (selection.part.name(), types_json(&selection.types)?);
        let row = self.fetch_one(LAST_WHOLE, args![integration.as_str(), part, &types]).await?;
        let progress = row.map(|row| row.json::<Progress>(0, "progress")).transpose()?;
        Ok(progress.map(|progress| progress.rows))
    }

    /// Runs of an integration, newest first, before the given id.
    pub async fn list_runs(
        &self,
        integration: &IntegrationId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Run>> {
        let args = args![integration.as_str(), before.unwrap_or(""), limit];
        self.fetch(LIST, args).await?.iter().map(run).collect()
    }

    /// Whether an aggregation that began after that moment has read the whole target.
    pub async fn is_read_since(&self, integration: &IntegrationId, since: UnixMs) -> Result<bool> {
        Ok(self.fetch_one(READ_SINCE, args![integration.as_str(), since]).await?.is_some())
    }

    /// Whether a run has ever read the integration's accounts whole.
    pub async fn has_read_accounts(&self, integration: &IntegrationId) -> Result<bool> {
        Ok(self.fetch_one(READ_ACCOUNTS, args![integration.as_str()]).await?.is_some())
    }

    /// Names of those listings of a run that none has read whole before: what they bring explains
    /// itself.
    pub async fn first_readings(
        &self,
        integration: &IntegrationId,
        progress: &Progress,
    ) -> Result<HashSet<String>> {
        let id = integration.as_str();
        if self.fetch_one(READ_WHOLE, args![id]).await?.is_some() {
            return Ok(HashSet::new());
        }
        let read = self.fetch(LISTINGS_READ, args![id]).await?;
        let read = read.iter().map(|row| row.text(0)).collect::<Result<HashSet<String>>>()?;
        let all = progress.targets.iter().map(Target::name);
        Ok(all.filter(|listing| !read.contains(listing)).collect())
    }

    /// The error of the run that ended before this one, if it ended with one.
    pub async fn last_run_error(&self, run: &Run) -> Result<Option<String>> {
        let args = args![run.integration_id.as_str(), run.id.as_str()];
        let row = self.fetch_one(LAST_ERROR, args).await?;
        row.map_or(Ok(None), |row| row.text_or_null(0))
    }

    /// What was left out in a run.
    pub async fn list_run_issues(
        &self,
        id: &RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RunIssue>> {
        let rows = self.fetch(LIST_ISSUES, args![id.as_str(), after, limit]).await?;
        rows.iter().map(|row| Ok(RunIssue { code: row.text(0)?, detail: row.text(1)? })).collect()
    }

    /// Digests of the pages whose rows are known to be in the catalogue as they were read.
    pub async fn trusted_pages(
        &self,
        integration: &IntegrationId,
        domain: Domain,
    ) -> Result<HashSet<String>> {
        let rows = self.fetch(TRUSTED, args![integration.as_str(), domain.name()]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// How many rows the pages of this run hold in a domain.
    pub async fn rows_in_pages(&self, run: &Run, domain: Domain) -> Result<u64> {
        let args = args![run.integration_id.as_str(), domain.name(), run.id.as_str()];
        let row = self.fetch_one(SUM_ROWS, args).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }
}

/// Tells whether anything has read an integration's source since: the newest run, how many have ended,
/// and when the last one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReading(Option<String>, i64, Option<UnixMs>);

fn last_reading(row: Option<Row>) -> Result<LastReading> {
    let Some(row) = row else { return Ok(LastReading(None, 0, None)) };
    Ok(LastReading(row.text_or_null(0)?, row.int(1)?, row.time_or_null(2)?))
}

impl Db {
    /// What has read an integration's source so far.
    pub async fn last_reading(&self, integration: &IntegrationId) -> Result<LastReading> {
        last_reading(self.fetch_one(LAST_READING, args![integration.as_str()]).await?)
    }
}

impl Tx {
    /// What has read an integration's source so far, as this transaction sees it.
    pub async fn last_reading(&mut self, integration: &IntegrationId) -> Result<LastReading> {
        last_reading(self.fetch_one(LAST_READING, args![integration.as_str()]).await?)
    }
}

impl HousekeepingTx {
    /// Refuses the commit of a worker whose lease another one has taken.
    pub(crate) async fn hold_lease(&mut self, lease: &Lease, until: UnixMs) -> Result<()> {
        match self.execute(HOLD, args![lease.job.as_str(), lease.fence, until]).await? {
            0 => Err(StoreError::LeaseLost { job: lease.job.to_string() }),
            _ => Ok(()),
        }
    }

    pub(crate) async fn checkpoint(&mut self, run: &RunId, progress: &Progress) -> Result<()> {
        let live: u64 = progress.live_before.iter().map(|(_, count)| count).sum();
        let live = i64::try_from(live).unwrap_or(i64::MAX);
        let progress = json("progress", progress)?;
        match self.execute(CHECKPOINT, args![run.as_str(), &progress, live]).await? {
            0 => Err(StoreError::NotFound { what: "running aggregation" }),
            _ => Ok(()),
        }
    }
}

pub(crate) fn types_json(types: &[String]) -> Result<String> {
    json("selected types", types)
}

impl Tx {
    /// Creates a run, which waits for its job.
    pub async fn create_run(
        &mut self,
        id: &RunId,
        integration: &IntegrationId,
        job: &JobId,
        schedule: Option<&ScheduleId>,
        selection: &Selection,
    ) -> Result<()> {
        let (now, schedule) = (self.now(), schedule.map(ScheduleId::as_str));
        let (part, types) = (selection.part.name(), types_json(&selection.types)?);
        let (id, of) = (id.as_str(), integration.as_str());
        let mode = selection.mode.name();
        let args = args![id, of, job.as_str(), now, schedule, part, &types, mode];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Refuses everything in this transaction if the job is another worker's now.
    pub async fn hold(&mut self, lease: &Lease, until: UnixMs) -> Result<()> {
        self.hold_lease(lease, until).await
    }

    /// Begins a run that was waiting.
    pub async fn start_run(
        &mut self,
        id: &RunId,
        progress: &Progress,
        live_before: u64,
    ) -> Result<()> {
        let (now, text) = (self.now(), json("progress", progress)?);
        let live = i64::try_from(live_before).unwrap_or(i64::MAX);
        let args = args![id.as_str(), &text, now, live, progress.following.is_some()];
        self.execute(START, args).await.map(drop)
    }

    /// Stores where a run stands.
    pub async fn checkpoint_run(&mut self, id: &RunId, progress: &Progress) -> Result<()> {
        self.checkpoint(id, progress).await
    }

    /// Remembers a page whose rows were just written.
    pub async fn put_page(&mut self, run: &Run, page: &PageRecord) -> Result<()> {
        let mut keys = encode(&page.seen);
        keys.extend(encode(&page.left_out));
        let count = i64::try_from(page.seen.len()).unwrap_or(i64::MAX);
        let args = args![
            run.integration_id.as_str(),
            page.domain.name(),
            &page.digest,
            run.id.as_str(),
            page.is_trusted,
            count,
            keys.as_slice(),
            0_i64,
            &page.listing,
            &page.scope
        ];
        self.execute(PUT_PAGE, args).await.map(drop)
    }

    /// Remembers a row that provisioning wrote, as a page that no run has seen: if the next complete
    /// run does not see the row either, it vanished.
    pub(crate) async fn put_provisioned_page(
        &mut self,
        integration: &IntegrationId,
        entitlement: Key,
        holder: Key,
    ) -> Result<()> {
        let name = format!("provisioned-{}", Keys::assignment(entitlement, holder));
        let rows = [(entitlement, holder)];
        self.remember(integration, (Domain::Assignments, ""), &name, &rows).await
    }

    /// Stores what was left out of a page.
    pub async fn add_issues(&mut self, run: &RunId, first: u64, issues: &[RunIssue]) -> Result<()> {
        for (offset, issue) in issues.iter().enumerate() {
            let position = first + offset as u64;
            if position >= ISSUES_MAX {
                break;
            }
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            self.execute(ADD_ISSUE, args![run.as_str(), position, &issue.code, &issue.detail])
                .await?;
        }
        Ok(())
    }

    /// Remembers rows that no run has seen: the next complete run of their listing that does not see
    /// them either misses them; where the listing is empty, the next one of the whole domain. Runs
    /// under way do not.
    pub async fn remember(
        &mut self,
        integration: &IntegrationId,
        (domain, listing): (Domain, &str),
        name: &str,
        rows: &[Seen],
    ) -> Result<()> {
        let (now, keys) = (self.now(), encode(rows));
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let (id, keys) = (integration.as_str(), keys.as_slice());
        let args = args![id, domain.name(), name, "", false, count, keys, now, listing, ""];
        self.execute(PUT_PAGE, args).await.map(drop)
    }

    /// Forgets pages that a complete run did not see again.
    pub async fn forget_stale_pages(&mut self, _: &Complete, run: &Run) -> Result<()> {
        let (of, id, began) = (run.integration_id.as_str(), run.id.as_str(), run.began());
        for domain in Domain::ALL {
            for listing in run.listings(domain).names() {
                let args = args![of, id, began, domain.name(), listing];
                self.execute(DELETE_STALE, args).await?;
            }
        }
        Ok(())
    }

    /// Takes note of the listings that a complete run has read.
    pub async fn note_listings(&mut self, _: &Complete, run: &Run) -> Result<()> {
        let now = self.now();
        for listing in run.progress.iter().flat_map(|progress| &progress.targets) {
            let (of, listing) = (run.integration_id.as_str(), listing.name());
            self.execute(NOTE_LISTING, args![of, &listing, run.id.as_str(), now]).await?;
        }
        Ok(())
    }

    /// Ends the trust in an integration's pages: in one domain, or in all.
    pub async fn distrust_pages(
        &mut self,
        integration: &IntegrationId,
        domain: Option<Domain>,
    ) -> Result<()> {
        self.execute(FORGET_EMPTY_SCOPES, args![integration.as_str()]).await?;
        match domain {
            Some(domain) => {
                self.execute(DISTRUST_DOMAIN, args![integration.as_str(), domain.name()]).await
            }
            None => self.execute(DISTRUST_ALL, args![integration.as_str()]).await,
        }
        .map(drop)
    }

    /// Stores how many rows an ended run has removed.
    pub(crate) async fn count_removed(&mut self, id: &RunId, removed: u64) -> Result<()> {
        let removed = i64::try_from(removed).unwrap_or(i64::MAX);
        self.execute(REMOVED, args![id.as_str(), removed]).await.map(drop)
    }

    /// Ends a run.
    pub async fn finish_run(&mut self, id: &RunId, end: &RunEnd<'_>) -> Result<()> {
        // Where feeds are followed from is kept elsewhere, once.
        let (feeds, following) = (Vec::new(), None);
        let ended = Progress { feeds, following, ..end.progress.clone() };
        let (now, progress) = (self.now(), json("progress", &ended)?);
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let args = args![
            id.as_str(),
            end.status.name(),
            &progress,
            now,
            count(end.added),
            count(end.changed),
            count(end.removed),
            end.error.map(|(code, _)| code),
            end.error.map(|(_, detail)| detail)
        ];
        self.execute(FINISH, args).await.map(drop)
    }
}

#[cfg(test)]
mod codec_tests {
    use super::*;

    #[test]
    fn pages_of_keys_are_decoded_as_encoded() {
        let key = |n: u8| Key([n; 16]);
        let seen = vec![(key(1), key(2)), (key(1), key(3)), (key(4), key(0)), (key(1), key(5))];
        let mut decoded = Vec::new();
        decode(&encode(&seen), |pair| decoded.push(pair)).unwrap();
        assert_eq!(decoded, seen);
        assert!(decode(&encode(&seen)[1..], |_| {}).is_err());
    }
}
