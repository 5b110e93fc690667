//! An aggregation at work: page by page, each committed with the place where the next one begins.
//!
//! A run that is killed goes on from its last committed page, on any worker. Removal happens only
//! with a `Complete` in hand, which a partial run cannot get (CAT-6): see [`end`].

mod end;
mod following;
mod guard;
mod scopes;

use std::collections::HashSet;

use grantry_authz::{Permit, actions};
use grantry_model::aggregation::{
    PAGE_BYTES_MAX, PAGE_ITEMS_MAX, PageFault, Progress, RESTARTS_MAX, RunStatus,
};
use grantry_model::catalogue::{Page, PageRequest, Target};
use grantry_model::entitlement_types::{DeclaredType, OwnType};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::fingerprint::{Key, Keys};
use grantry_model::job::Lease;
use grantry_model::package::Interface;
use grantry_model::removal::What;
use grantry_model::runner::{CallResult, CallScope, KvWrite, LogLine};
use grantry_model::selection::Part;
use grantry_model::text::printable;
use grantry_store::{
    AuditEntry, Domain, Integration, Job, LOG_LINES_MAX, PageRecord, Plugin, Run, Seen, SeenAgain,
    StagedChange, TypeOrigin,
};
use serde_json::json;

use self::end::End;
use self::following::Preparing;
use self::scopes::Offer;
use crate::external_changes;
use crate::integrations::require;
use crate::reconcile::rules::{Ids, Naming, Types, attributes_of};
use crate::reconcile::{self, Against, Known, Rows};
use crate::run_changes;
use crate::worker::{LEASE_MS, Verdict};
use crate::{Engine, EngineError, Result};

/// How often a page is asked for again before the run fails.
const ATTEMPTS_MAX: u32 = 8;
/// Unchanged pages that share a checkpoint: after a crash at most so many are read again.
const UNCHANGED_PAGES_MAX: usize = 16;

/// Why a run ends early: a code of security.md section 4 and words.
struct Stop {
    code: String,
    detail: String,
}

impl From<PageFault> for Stop {
    fn from(fault: PageFault) -> Self {
        Self { code: fault.code().to_owned(), detail: fault.to_string() }
    }
}

/// What one page brought.
enum Turn {
    /// Go on with the next.
    Next,
    /// All is read, or the run has to end.
    End(std::result::Result<(), Stop>),
    /// Ask again later.
    Later(Fault),
    /// The run begins again.
    Again(Verdict),
}

/// What became of the settings since the last page.
enum Policy {
    /// They are the same, or count from now on.
    Followed,
    /// The plugin waits for its release.
    Quarantined,
    /// What is read from now on would be something else.
    OtherSource,
}

struct Aggregation<'a> {
    engine: &'a Engine,
    job: &'a Job,
    lease: Lease,
    run: Run,
    integration: Integration,
    scope: CallScope,
    permit: Permit<actions::AggregationRun>,
    progress: Progress,
    keys: Keys,
    /// Listings that no run has read whole before this one.
    first_readings: HashSet<String>,
    /// Whether this worker committed a page of the run.
    has_progressed: bool,
    known: Option<(Domain, Known)>,
    types: Types,
    /// By which ids living entitlements are known, where that is not their native id.
    naming: Naming,
    /// Pages of a domain whose rows need not be written again if they are read again.
    trusted: Option<(Domain, HashSet<String>)>,
    /// Lines of the connector's log that are kept so far.
    log_lines: u64,
    /// Unchanged pages and scopes that no checkpoint has noted yet.
    unchanged: Vec<SeenAgain>,
    /// By what the connector may validate scopes of the listing that is being read.
    offer: Option<Offer>,
    buffer: Vec<u8>,
}

/// Runs or resumes an aggregation.
pub(crate) async fn aggregate(engine: &Engine, job: &Job, run: Run) -> Result<Verdict> {
    if run.status.is_final() {
        return Ok(Verdict::Done);
    }
    let db = engine.db();
    let integration = db.integration(&run.integration_id).await?;
    let integration = integration.ok_or(EngineError::NotFound { what: "integration" })?;
    let plugin = db.plugin(&integration.plugin_id).await?;
    let plugin = plugin.ok_or(EngineError::NotFound { what: "plugin" })?;
    let permit = Permit::for_job(&job.id, &engine.orderer(job).await?, None);
    let stopped = async |status, stop: &Stop| {
        let progress = run.progress.clone().unwrap_or_else(|| Progress::start(&[]));
        End { engine, job, run: &run, permit: &permit, progress: &progress }
            .stopped(status, stop)
            .await
    };
    // Before the plugin is asked anything: one that waits for its release can still be cancelled.
    if db.is_cancel_requested(&job.id).await? {
        return stopped(RunStatus::Cancelled, &cancelled()).await;
    }
    let (scope, progress) = match begin(engine, job, &run, &integration, &plugin, &permit).await? {
        Ok(begun) => begun,
        Err(Beginning::Later(verdict)) => return Ok(verdict),
        Err(Beginning::Never(stop)) => return stopped(RunStatus::Failed, &stop).await,
    };
    // As it is now that it was started.
    let run = db.run(&run.id).await?.unwrap_or(run);
    let types = Types::of(&db.entitlement_types(&integration.id).await?);
    let keys = Keys::of(&integration.id);
    let lease = job.lease();
    let (known, buffer) = (None, Vec::new());
    let first_readings = db.first_readings(&integration.id, &progress).await?;
    let log_lines = db.count_run_log(&run.id).await?;
    let mut aggregation = Aggregation {
        engine,
        job,
        lease,
        run,
        integration,
        scope,
        permit,
        progress,
        keys,
        known,
        types,
        naming: Naming::default(),
        buffer,
        first_readings,
        has_progressed: false,
        trusted: None,
        log_lines,
        unchanged: Vec::new(),
        offer: None,
    };
    aggregation.read_all().await
}

enum Beginning {
    Later(Verdict),
    Never(Stop),
}

fn cancelled() -> Stop {
    let detail = "stopped by a person; nothing was removed".to_owned();
    Stop { code: "cancelled".to_owned(), detail }
}

fn policy_changed() -> Stop {
    let detail = "the plugin version or the connection was changed meanwhile; what was read is kept, \
                  nothing was removed, start another run";
    Stop { code: "policy_changed".to_owned(), detail: detail.to_owned() }
}

/// Stands for what an integration reads, and with what. Secrets are not in it: they are replaced
/// without a change of what they open.
fn source(integration: &Integration, plugin: &Plugin) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("grantry source of an aggregation");
    for part in [&plugin.digest.to_string(), &integration.connection] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The scope, and the progress: stored, or of a new run over the kinds of this tenant.
async fn begin(
    engine: &Engine,
    job: &Job,
    run: &Run,
    integration: &Integration,
    plugin: &Plugin,
    permit: &Permit<actions::AggregationRun>,
) -> Result<std::result::Result<(CallScope, Progress), Beginning>> {
    let never = |error: EngineError| {
        Beginning::Never(Stop { code: "unsupported".to_owned(), detail: error.to_string() })
    };
    if let Err(error) = require(plugin, Interface::Aggregate, "aggregate") {
        return Ok(Err(never(error)));
    }
    let scope = match engine.scope(integration, plugin, job.id.as_str()) {
        Ok(scope) => scope,
        Err(EngineError::Quarantined) => return Ok(Err(Beginning::Later(Verdict::quarantined()))),
        Err(error) => return Ok(Err(never(error))),
    };
    let source = source(integration, plugin);
    let is_other = |progress: &Progress| progress.source.as_ref().is_some_and(|was| *was != source);
    // Where nothing was read of the other source, the run begins with this one.
    let progress = run.progress.as_ref().filter(|begun| begun.pages > 0 || !is_other(begun));
    if let Some(progress) = progress {
        if is_other(progress) {
            return Ok(Err(Beginning::Never(policy_changed())));
        }
        if progress.is_stale(engine.db().now()) {
            let code = "checkpoint_too_old".to_owned();
            let detail = "its last page was read more than a day ago; nothing was removed, start another run".to_owned();
            return Ok(Err(Beginning::Never(Stop { code, detail })));
        }
        return Ok(Ok((scope, progress.clone())));
    }
    let discovered = engine.parts.runner.discover_schema(&scope).await;
    if !log_of(&discovered).is_empty() {
        let kept = engine.db().count_run_log(&run.id).await?;
        engine.db().add_run_log(&run.id, kept, log_of(&discovered)).await?;
    }
    let kinds = match engine.observe(&integration.id, discovered).await? {
        Ok(called) => called.value,
        Err(Fault::Plugin(PluginError::Unsupported(_))) => plugin.manifest.kinds.clone(),
        Err(fault) if is_worth_repeating(&fault) && job.attempt < ATTEMPTS_MAX => {
            return Ok(Err(Beginning::Later(later(&fault, false))));
        }
        Err(fault) => {
            let (code, detail) = (fault.code().to_owned(), fault.to_string());
            return Ok(Err(Beginning::Never(Stop { code, detail })));
        }
    };
    if let Some(odd) = kinds.iter().find(|kind| kind.kind.is_empty() || kind.kind.contains('\0')) {
        let detail = format!("`{}` is not a kind", printable(&odd.kind, 80));
        return Ok(Err(Beginning::Never(Stop { code: "bad_data".to_owned(), detail })));
    }
    let mut progress = match choose(engine, run, Progress::start(&kinds)).await? {
        Ok(progress) => progress,
        Err(stop) => return Ok(Err(Beginning::Never(stop))),
    };
    progress.source = Some(source);
    let may_wait = job.attempt < ATTEMPTS_MAX;
    let preparing = Preparing { engine, run, integration, plugin, scope: &scope, may_wait };
    let mut progress = match preparing.prepare(progress).await? {
        Ok(progress) => progress,
        Err(beginning) => return Ok(Err(beginning)),
    };
    // A run that follows feeds counts before it writes, where it does.
    if progress.following.is_none() {
        progress.live_before = engine.db().count_kinds(&integration.id).await?;
        progress.rows_expected = engine.db().last_rows(&integration.id, &run.selection).await?;
    }
    let live = progress.live_before.iter().map(|(_, count)| count).sum();
    let mut tx = engine.db().begin(permit.provenance()).await?;
    tx.hold(&job.lease(), engine.lease_until()).await?;
    tx.start_run(&run.id, &progress, live).await?;
    // Those of kinds that only this tenant has, and of integrations from before there were types.
    for (name, of) in &DeclaredType::of_kinds(&kinds) {
        let (origin, own) = (TypeOrigin::Connector, OwnType::default());
        tx.make_type(&integration.id, name, origin, Some(of), &own).await?;
    }
    let detail = json!({
        "run": run.id, "listings": progress.targets.len(), "reads": run.selection,
        "feeds": progress.following.as_ref().map(|following| following.feeds.len()),
    });
    let (event, id) = ("aggregation.started", integration.id.as_str());
    tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
    Ok(Ok((scope, progress)))
}

/// The run over what it is to read, or why there is nothing (CAT-4).
async fn choose(
    engine: &Engine,
    run: &Run,
    progress: Progress,
) -> Result<std::result::Result<Progress, Stop>> {
    let (db, selection, id) = (engine.db(), &run.selection, &run.integration_id);
    if selection.part == Part::Entitlements && !db.has_read_accounts(id).await? {
        let (code, detail) = ("accounts_not_read", EngineError::AccountsNotRead.to_string());
        return Ok(Err(Stop { code: code.to_owned(), detail }));
    }
    let types = Types::of(&db.entitlement_types(id).await?);
    let on_kinds = db.kinds_of_types(id).await?;
    let kinds = selection.types.iter().flat_map(|name| types.kinds_of(name, &on_kinds)).collect();
    let silent = types.silent_kinds(&on_kinds);
    let chosen = progress.choosing(|listings, account_kinds| {
        selection.choose(listings, account_kinds, &kinds, &silent)
    });
    let has_types = |target: &Target| Domain::of_listing(target) != Domain::Objects;
    if !selection.types.is_empty() && !chosen.targets.iter().any(has_types) {
        let detail = format!(
            "the target lists nothing of `{}` that could be read; nothing was removed",
            selection.types.join("`, `")
        );
        return Ok(Err(Stop { code: "nothing_to_read".to_owned(), detail }));
    }
    Ok(Ok(chosen))
}

/// What a call wrote to the log, also where it failed.
fn log_of<T>(result: &CallResult<T>) -> &[LogLine] {
    match result {
        Ok(called) => &called.report.log,
        Err(failure) => &failure.report.log,
    }
}

/// Faults that may pass by themselves.
fn is_worth_repeating(fault: &Fault) -> bool {
    match fault {
        Fault::Plugin(error) => matches!(
            error,
            PluginError::RateLimited(_)
                | PluginError::Unavailable(_)
                | PluginError::TimedOut
                | PluginError::Cancelled
        ),
        Fault::Timeout(_) | Fault::Cancelled | Fault::Host(_) => true,
        Fault::Trap(_)
        | Fault::ResultTooLarge
        | Fault::BadResult(_)
        | Fault::QuotaExceeded(_)
        | Fault::NotOffered(_)
        | Fault::DigestMismatch
        | Fault::Missing(_) => false,
    }
}

/// How long the target wants to be left alone.
pub(crate) fn asked_pause_ms(fault: &Fault) -> Option<u64> {
    match fault {
        Fault::Plugin(PluginError::RateLimited(backoff) | PluginError::Unavailable(backoff)) => {
            backoff.after_ms
        }
        _ => None,
    }
}

fn later(fault: &Fault, has_progressed: bool) -> Verdict {
    Verdict::Later {
        has_progressed,
        asked_ms: asked_pause_ms(fault),
        code: fault.code().to_owned(),
        detail: fault.to_string(),
    }
}

impl Engine {
    /// Until when a lease that is taken or renewed now holds.
    pub(crate) fn lease_until(&self) -> grantry_model::clock::UnixMs {
        self.db().now().plus_ms(LEASE_MS)
    }
}

impl Aggregation<'_> {
    async fn read_all(&mut self) -> Result<Verdict> {
        loop {
            // Asked after every checkpoint.
            let is_cancelled = self.unchanged.is_empty()
                && self.engine.db().is_cancel_requested(&self.job.id).await?;
            if is_cancelled {
                return self.end().stopped(RunStatus::Cancelled, &cancelled()).await;
            }
            if self.unchanged.is_empty() {
                match self.follow_policy().await? {
                    Policy::Followed => {}
                    Policy::Quarantined => return Ok(Verdict::quarantined()),
                    Policy::OtherSource => {
                        let stop = policy_changed();
                        return self.end().stopped(RunStatus::Failed, &stop).await;
                    }
                }
            }
            let turn = self.turn().await?;
            if !matches!(turn, Turn::Next | Turn::Again(_)) {
                self.flush().await?;
            }
            match turn {
                Turn::Next => {}
                Turn::Later(fault) => return Ok(later(&fault, self.has_progressed)),
                Turn::Again(verdict) => return Ok(verdict),
                Turn::End(Ok(())) => return self.finish().await,
                Turn::End(Err(stop)) => return self.end().stopped(RunStatus::Failed, &stop).await,
            }
        }
    }

    /// A changed approval counts from the next page on; with another plugin version or connection the
    /// run cannot go on.
    async fn follow_policy(&mut self) -> Result<Policy> {
        let db = self.engine.db();
        let integration = db.integration(&self.integration.id).await?;
        let integration = integration.ok_or(EngineError::NotFound { what: "integration" })?;
        if integration.policy_version == self.integration.policy_version {
            return Ok(Policy::Followed);
        }
        let plugin = db.plugin(&integration.plugin_id).await?;
        let plugin = plugin.ok_or(EngineError::NotFound { what: "plugin" })?;
        let now = source(&integration, &plugin);
        if self.progress.source.as_ref().is_some_and(|read| *read != now) {
            return Ok(Policy::OtherSource);
        }
        match self.engine.scope(&integration, &plugin, self.job.id.as_str()) {
            // What was offered rests on the policy before.
            Ok(scope) => (self.scope, self.integration, self.offer) = (scope, integration, None),
            Err(EngineError::Quarantined) => return Ok(Policy::Quarantined),
            Err(error) => return Err(error),
        }
        Ok(Policy::Followed)
    }

    /// Stores how far the run has come through unchanged pages.
    async fn flush(&mut self) -> Result<()> {
        let db = self.engine.db();
        let pages = std::mem::take(&mut self.unchanged);
        db.checkpoint_unchanged(&self.lease, &self.run, &self.progress, &pages, LEASE_MS).await?;
        Ok(())
    }

    /// Reads and commits one page.
    async fn turn(&mut self) -> Result<Turn> {
        if let Some(turn) = self.follow().await? {
            return Ok(turn);
        }
        let Some(target) = self.progress.target().cloned() else { return Ok(Turn::End(Ok(()))) };
        let request = PageRequest {
            run_id: self.run.id.to_string(),
            target: target.clone(),
            at: self.progress.at.clone(),
            max_items: PAGE_ITEMS_MAX,
            max_bytes: PAGE_BYTES_MAX,
        };
        let scope = self.offering(&target).await?;
        let result = self.engine.parts.runner.read_page(&scope, request).await;
        self.keep_lines(log_of(&result)).await?;
        let called = match self.engine.observe(&self.integration.id, result).await? {
            Ok(called) => called,
            Err(fault) => return Ok(self.failed_page(fault)),
        };
        let page = called.value;
        let mut progress = self.progress.clone();
        progress.last_page = Some(self.engine.db().now());
        let taken = reconcile::check(&target, &page).and_then(|()| self.taken_over(&page));
        let advanced = taken.and_then(|taken| match taken {
            Some(rows) => progress.advance_over(&page, rows),
            None => progress.advance(&page),
        });
        if let Err(fault) = advanced {
            return Ok(Turn::End(Err(fault.into())));
        }
        self.note_basis(&mut progress);
        self.store(&target, &page, progress, &called.report.kv_writes, &[]).await
    }

    /// Keeps what the connector wrote to its log.
    async fn keep_lines(&mut self, lines: &[LogLine]) -> Result<()> {
        if !lines.is_empty() && self.log_lines < LOG_LINES_MAX {
            let db = self.engine.db();
            self.log_lines = db.add_run_log(&self.run.id, self.log_lines, lines).await?;
        }
        Ok(())
    }

    fn failed_page(&mut self, fault: Fault) -> Turn {
        let is_expired = matches!(fault, Fault::Plugin(PluginError::CursorExpired));
        if is_expired && self.progress.at.is_some() && self.progress.restarts < RESTARTS_MAX {
            self.progress.restart_listing();
            self.offer = None;
            return Turn::Later(fault);
        }
        let may_repeat = self.has_progressed || self.job.attempt < ATTEMPTS_MAX;
        if may_repeat && is_worth_repeating(&fault) {
            return Turn::Later(fault);
        }
        let kept = format!("{fault}; {} rows were read, nothing was removed", self.progress.rows);
        Turn::End(Err(Stop { code: fault.code().to_owned(), detail: kept }))
    }

    /// Stores a page with the place where the next one begins, in one transaction; of a run that follows
    /// feeds, the rows that are staged.
    async fn store(
        &mut self,
        target: &Target,
        page: &Page,
        mut progress: Progress,
        kv: &[KvWrite],
        staged: &[StagedChange],
    ) -> Result<Turn> {
        let (domain, listing) = (Domain::of_listing(target), target.name());
        let has_rows = !(page.objects.is_empty()
            && page.entitlements.is_empty()
            && page.assignments.is_empty());
        let digest = reconcile::digest(target, page, &mut self.buffer);
        let is_plain = page.skipped.is_empty() && kv.is_empty() && staged.is_empty();
        let of_scope = self.note_of_scope(target, page, &progress);
        let scope = page.scope.as_ref().filter(|_| has_rows).map(|scope| scope.key.clone());
        let scope = scope.unwrap_or_default();
        if is_plain && (!has_rows || self.is_trusted(domain, &digest).await?) {
            (self.progress, self.has_progressed) = (progress, true);
            if has_rows {
                self.unchanged.push(SeenAgain::Page { domain, listing, scope, digest });
            }
            let has_rows = has_rows || of_scope.is_some();
            self.unchanged.extend(of_scope);
            if self.unchanged.len() >= UNCHANGED_PAGES_MAX || !has_rows {
                self.flush().await?;
            }
            return Ok(Turn::Next);
        }
        if !self.unchanged.is_empty() {
            self.flush().await?;
        }
        self.load_known(domain).await?;
        self.load_resources(page, &progress.account_kinds).await?;
        let known = self.known.as_ref().map(|(_, known)| known);
        let nothing = Known::default();
        let against = Against {
            account_kinds: &progress.account_kinds,
            known: known.unwrap_or(&nothing),
            types: &self.types,
            naming: &self.naming,
        };
        let prepared = reconcile::prepare(target, page, against, &mut self.keys);
        let mut prepared = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return Ok(Turn::End(Err(fault.into()))),
        };
        let first_issue = progress.quarantined;
        progress.quarantined += prepared.issues.len() as u64;
        progress.has_stale_objects |= domain == Domain::Objects && !prepared.issues.is_empty();
        let db = self.engine.db();
        let mut tx = db.begin(self.permit.provenance()).await?;
        tx.hold(&self.lease, self.engine.lease_until()).await?;
        // What we granted or revoked since the run began is newer than what the run has read.
        let mut is_overtaken = false;
        if let Rows::Assignments(rows) = &mut prepared.rows {
            let newer = tx.newer_than(&self.run).await?;
            let before = rows.len();
            rows.retain(|row| !newer.has(What::Assignment, &(row.entitlement, row.holder)));
            is_overtaken = rows.len() < before;
            if let Some(following) = &mut progress.following {
                following.is_overtaken |= is_overtaken;
            }
        }
        run_changes::name(&mut tx, &self.run, &prepared.rows).await?;
        let (now, id, app) = (tx.now(), &self.integration.id, &self.integration.app_id);
        let written = match &prepared.rows {
            Rows::Objects(rows) => tx.upsert_objects(id, now, rows).await?,
            Rows::Entitlements(rows) => tx.upsert_entitlements(id, app, now, rows).await?,
            Rows::Assignments(rows) => {
                if !self.first_readings.contains(&listing) {
                    external_changes::note_appeared(&mut tx, &self.run, rows).await?;
                }
                tx.upsert_assignments(rows).await?
            }
        };
        progress.written += written;
        if !prepared.found.is_empty() {
            run_changes::name_entitlements(&mut tx, &self.run, &prepared.found).await?;
            progress.written += tx.upsert_entitlements(id, app, now, &prepared.found).await?;
            let rows: Vec<Seen> =
                prepared.found.iter().map(|row| (row.key, Key([0; 16]))).collect();
            let name = format!("found-{}-{}", self.run.id, progress.pages);
            let of = prepared.found.first().map_or("", |row| row.kind.as_str());
            let of = Target::EntitlementsOfKind(of.to_owned()).name();
            // The next run that reads the entitlements, and does not see these, misses them.
            tx.remember(id, (Domain::Entitlements, &of), &name, &rows).await?;
        }
        for name in &prepared.new_types {
            let own = OwnType::default();
            tx.make_type(id, name, TypeOrigin::Sync, None, &own).await?;
        }
        let is_trusted = prepared.issues.is_empty() && !is_overtaken;
        let (seen, left_out) = (prepared.seen, prepared.left_out);
        let record = PageRecord { domain, listing, scope, digest, seen, left_out, is_trusted };
        tx.put_page(&self.run, &record).await?;
        if let Some(of_scope) = &of_scope {
            tx.see_again(&self.run, of_scope, now).await?;
        }
        tx.add_issues(&self.run.id, first_issue, &prepared.issues).await?;
        tx.unstage(&self.run, staged).await?;
        tx.write_kv(id, kv).await?;
        tx.checkpoint_run(&self.run.id, &progress).await?;
        let detail = json!({
            "run": self.run.id, "page": progress.pages, "rows": record.seen.len(),
            "written": written, "left_out": prepared.issues.len(), "digest": record.digest,
        });
        let event = "aggregation.page";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        (self.progress, self.has_progressed) = (progress, true);
        self.types.add(prepared.new_types);
        if let Some((_, known)) = &mut self.known {
            known.entitlements.extend(prepared.found.iter().map(|row| row.key));
        }
        if let Rows::Entitlements(rows) = &prepared.rows {
            self.naming.add(rows);
        }
        Ok(Turn::Next)
    }

    /// Whether the rows of a page with this content are in the catalogue as they are.
    async fn is_trusted(&mut self, domain: Domain, digest: &str) -> Result<bool> {
        // Ids and names may come from attributes of resources that have changed.
        let is_entitlements = domain == Domain::Entitlements;
        if is_entitlements && self.progress.written > 0 && self.types.reads_attributes() {
            return Ok(false);
        }
        if self.trusted.as_ref().is_none_or(|(loaded, _)| *loaded != domain) {
            let pages = self.engine.db().trusted_pages(&self.integration.id, domain).await?;
            self.trusted = Some((domain, pages));
        }
        Ok(self.trusted.as_ref().is_some_and(|(_, pages)| pages.contains(digest)))
    }

    /// What the references of this domain may point at; read once per domain.
    async fn load_known(&mut self, domain: Domain) -> Result<()> {
        if self.known.as_ref().is_some_and(|(loaded, _)| *loaded == domain) {
            return Ok(());
        }
        let (db, id) = (self.engine.db(), &self.integration.id);
        let mut known = Known::default();
        if domain != Domain::Objects {
            known.objects = db.object_keys(id).await?.into_iter().collect();
        }
        match domain {
            Domain::Objects => {}
            Domain::Entitlements => {
                known.untouched = db.entitlements_of_types(id, &self.types.frozen()).await?;
                for name in self.types.with_own_ids() {
                    let mut ids = Ids::default();
                    for (key, known_as) in db.ids_of_type(id, name).await? {
                        ids.add(key, known_as);
                    }
                    self.naming.ids.insert(name.to_owned(), ids);
                }
            }
            Domain::Assignments => {
                known.entitlements = db.entitlement_keys(id).await?.into_iter().collect();
                let untouched = self.types.without_permissions();
                known.untouched = db.entitlements_of_types(id, &untouched).await?;
                known.finds_by_account = self.run.selection.part == Part::Accounts;
            }
        }
        self.known = Some((domain, known));
        Ok(())
    }

    /// Reads the attributes of the resources from which entitlements of this page are named.
    async fn load_resources(&mut self, page: &Page, account_kinds: &[String]) -> Result<()> {
        self.naming.resources.clear();
        for entitlement in self.types.reading(page) {
            let on = &entitlement.on;
            let key = reconcile::object_key(&mut self.keys, account_kinds, &on.kind, &on.id);
            if !self.naming.resources.contains_key(&key) {
                let details = self.engine.db().object_details(key).await?;
                let attributes = details.as_deref().map(attributes_of).unwrap_or_default();
                self.naming.resources.insert(key, attributes);
            }
        }
        Ok(())
    }

    fn end(&self) -> End<'_> {
        End {
            engine: self.engine,
            job: self.job,
            run: &self.run,
            permit: &self.permit,
            progress: &self.progress,
        }
    }

    /// All listings are read: conclude what may be concluded.
    async fn finish(&mut self) -> Result<Verdict> {
        match self.progress.finish() {
            Some(complete) => self.end().complete(&complete).await,
            None => {
                let lists: Vec<String> =
                    self.progress.incomplete.iter().map(|target| format!("{target:?}")).collect();
                let detail = format!(
                    "not read whole: {}; what was read is kept, nothing was removed",
                    lists.join(", ")
                );
                let stop = Stop { code: "incomplete_listing".to_owned(), detail };
                self.end().stopped(RunStatus::Failed, &stop).await
            }
        }
    }
}
