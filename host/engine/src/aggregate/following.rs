//! A run that follows the target's change log instead of reading everything (CAT-12).
//!
//! It polls every feed to its end and stages the last word about each row; then it takes the staged rows
//! over page by page, as if it had read them. What the feeds say is gone is what vanished: the deletion
//! guard and everything else at the end of a run see no difference. What cannot be settled this way is
//! settled by reading in full, in the same run.

mod staging;

use grantry_model::aggregation::{PAGE_BYTES_MAX, PAGE_ITEMS_MAX, PageFault, Progress};
use grantry_model::catalogue::{Page, Target};
use grantry_model::changes::{
    FULL_AGE_MS_MAX, FULL_EVERY_MS, Feed, FeedPosition, Following, POSITION_BYTES_MAX, can_follow,
};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::package::Interface;
use grantry_model::runner::{CallResult, CallScope};
use grantry_model::selection::Mode;
use grantry_store::{AuditEntry, Domain, Followed, Integration, Plugin, Run};
use serde_json::json;

use self::staging::Unsettled;
use super::scopes::basis;
use super::{Aggregation, Beginning, Stop, Turn, is_worth_repeating, later, log_of};
use crate::worker::Verdict;
use crate::{Engine, Result};

/// Most events of one run; with more it costs less to read everything.
const EVENTS_MAX: u64 = 1_000_000;
/// Rows that are taken over at once.
const ROWS_MAX: u32 = 500;

/// A run that has not begun.
pub(super) struct Preparing<'a> {
    pub(super) engine: &'a Engine,
    pub(super) run: &'a Run,
    pub(super) integration: &'a Integration,
    pub(super) plugin: &'a Plugin,
    pub(super) scope: &'a CallScope,
    /// Whether the job may still try again later.
    pub(super) may_wait: bool,
}

impl Preparing<'_> {
    /// Decides whether the run follows feeds, and if not, up to where they are when it begins to read: then
    /// a later run can.
    pub(super) async fn prepare(
        &self,
        mut progress: Progress,
    ) -> Result<std::result::Result<Progress, Beginning>> {
        let has_feeds = self.plugin.interfaces.contains(&Interface::Changes);
        if !has_feeds || !self.run.selection.is_everything() {
            return Ok(Ok(progress));
        }
        let feeds = self.engine.parts.runner.feeds(self.scope).await;
        let feeds = match self.answer(feeds).await? {
            Ok(feeds) => feeds.unwrap_or_default(),
            Err(beginning) => return Ok(Err(beginning)),
        };
        let kinds: Vec<String> = progress.targets.iter().filter_map(kind_of).collect();
        if !can_follow(&feeds, &kinds) {
            return Ok(Ok(progress));
        }
        let basis = basis_of(&progress, self.integration);
        if let Some(followed) = self.followed(&feeds, &basis).await? {
            let following = Following {
                full: followed.full,
                has_left_out: followed.has_left_out,
                has_stale_objects: followed.has_stale_objects,
                ..Following::from(followed.positions, kinds)
            };
            (progress.basis, progress.following) = (Some(basis), Some(following));
            progress.targets.clear();
            return Ok(Ok(progress));
        }
        let mut positions = Vec::with_capacity(feeds.len());
        for Feed { id: feed, .. } in feeds {
            let latest = self.engine.parts.runner.latest(self.scope, &feed).await;
            match self.answer(latest).await? {
                Ok(Some(at)) if at.len() <= POSITION_BYTES_MAX => {
                    positions.push(FeedPosition { feed, at });
                }
                // A log that cannot be read does not keep the lists from being read.
                Ok(_) => return Ok(Ok(progress)),
                Err(beginning) => return Ok(Err(beginning)),
            }
        }
        (progress.basis, progress.feeds) = (Some(basis), positions);
        Ok(Ok(progress))
    }

    /// What the connector answers; nothing where it does not.
    async fn answer<T>(
        &self,
        result: CallResult<T>,
    ) -> Result<std::result::Result<Option<T>, Beginning>> {
        let (db, log) = (self.engine.db(), log_of(&result));
        if !log.is_empty() {
            let kept = db.count_run_log(&self.run.id).await?;
            db.add_run_log(&self.run.id, kept, log).await?;
        }
        Ok(match self.engine.observe(&self.integration.id, result).await? {
            Ok(called) => Ok(Some(called.value)),
            Err(fault @ (Fault::DigestMismatch | Fault::Missing(_))) => {
                let (code, detail) = (fault.code().to_owned(), fault.to_string());
                Err(Beginning::Never(Stop { code, detail }))
            }
            // Who orders a full run does not wait for a log.
            Err(fault)
                if is_worth_repeating(&fault)
                    && self.may_wait
                    && self.run.selection.mode != Mode::Full =>
            {
                Err(Beginning::Later(later(&fault, false)))
            }
            Err(_) => Ok(None),
        })
    }

    /// Up to where the feeds are followed, if the run may go on from there.
    async fn followed(&self, feeds: &[Feed], basis: &str) -> Result<Option<Followed>> {
        let db = self.engine.db();
        let mode = self.run.selection.mode;
        // What such a connector wrote is settled by a run that reads.
        let manifest = &self.plugin.manifest;
        let writes = self.plugin.interfaces.contains(&Interface::Provision);
        if mode == Mode::Full || (writes && !manifest.can_read_back) {
            return Ok(None);
        }
        let Some(followed) = db.followed(&self.integration.id).await? else { return Ok(None) };
        let is_followed = |feed: &Feed| followed.positions.iter().any(|of| of.feed == feed.id);
        let is_same = followed.positions.len() == feeds.len()
            && feeds.iter().all(is_followed)
            && followed.basis == basis;
        let age_ms = db.now().0.saturating_sub(followed.full.0);
        let age_ms_max = if mode == Mode::Changes { FULL_AGE_MS_MAX } else { FULL_EVERY_MS };
        let is_fresh = (0..age_ms_max).contains(&age_ms);
        Ok(Some(followed).filter(|_| is_same && is_fresh))
    }
}

/// Stands for all on which it depends what feeds add to.
fn basis_of(progress: &Progress, integration: &Integration) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("grantry basis of what is followed");
    hasher.update(basis(progress, integration).as_bytes());
    for target in &progress.targets {
        hasher.update(target.name().as_bytes());
        hasher.update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

fn kind_of(target: &Target) -> Option<String> {
    match target {
        Target::Objects(kind) => Some(kind.clone()),
        _ => None,
    }
}

/// What is known of the feeds when a run has ended well; nothing where only a full run can tell.
pub(super) fn followed(run: &Run, progress: &Progress, has_held_back: bool) -> Option<Followed> {
    let basis = progress.basis.clone()?;
    let (left_out, has_stale_objects) = (progress.quarantined > 0, progress.has_stale_objects);
    match &progress.following {
        Some(following) => (!has_held_back && !following.is_overtaken).then(|| Followed {
            positions: following.feeds.clone(),
            basis,
            full: following.full,
            has_left_out: following.has_left_out || left_out,
            has_stale_objects: following.has_stale_objects || has_stale_objects,
        }),
        None => {
            let (positions, full) = (progress.feeds.clone(), run.began());
            let is_known = !positions.is_empty();
            let has_left_out = left_out;
            let followed = Followed { positions, basis, full, has_left_out, has_stale_objects };
            is_known.then_some(followed)
        }
    }
}

impl Aggregation<'_> {
    /// One step of a run that follows feeds; nothing where all that they say is taken over.
    pub(super) async fn follow(&mut self) -> Result<Option<Turn>> {
        let Some(following) = self.progress.following.clone() else { return Ok(None) };
        if following.is_applied {
            return Ok(None);
        }
        if let Some(feed) = following.feed() {
            return self.poll(feed).await.map(Some);
        }
        if !following.is_counted {
            return self.count(following).await.map(Some);
        }
        self.take_over().await.map(Some)
    }

    /// Polls a feed, and stages what it says in one transaction with its next position.
    async fn poll(&mut self, feed: &FeedPosition) -> Result<Turn> {
        let (runner, since) = (&self.engine.parts.runner, Some(feed.at.clone()));
        let result = runner.poll(&self.scope, &feed.feed, since, PAGE_ITEMS_MAX).await;
        self.keep_lines(log_of(&result)).await?;
        let called = match self.engine.observe(&self.integration.id, result).await? {
            Ok(called) => called,
            Err(Fault::Plugin(PluginError::CursorExpired)) => {
                let why = format!("the feed `{}` does not go back so far", feed.feed);
                return self.read_in_full(&why).await;
            }
            // What the connector cannot do with the log, it may do with the lists.
            Err(fault @ Fault::Plugin(_)) if !is_worth_repeating(&fault) => {
                let why = format!("the feed `{}` cannot be read: {fault}", feed.feed);
                return self.read_in_full(&why).await;
            }
            Err(fault) => return Ok(self.failed_page(fault)),
        };
        let (page, kv) = (called.value, called.report.kv_writes);
        if page.changes.len() > PAGE_ITEMS_MAX as usize {
            let what = format!("the feed has more than {PAGE_ITEMS_MAX} events on a page");
            return Ok(Turn::End(Err(PageFault::UnexpectedRow(what).into())));
        }
        let mut progress = self.progress.clone();
        progress.last_page = Some(self.engine.db().now());
        progress.pages += 1;
        let pages = progress.pages;
        let advanced = progress.following.as_mut().map(|of| of.advance(&page, pages));
        if let Some(Err(fault)) = advanced {
            return Ok(Turn::End(Err(fault.into())));
        }
        if progress.following.as_ref().is_some_and(|of| of.events > EVENTS_MAX) {
            let why = format!("the feeds have more than {EVENTS_MAX} events since");
            return self.read_in_full(&why).await;
        }
        let db = self.engine.db();
        let mut tx = db.begin(self.permit.provenance()).await?;
        tx.hold(&self.lease, self.engine.lease_until()).await?;
        match self.stage_all(&mut tx, &page, &mut progress).await? {
            Ok(Ok(())) => {}
            Ok(Err(Unsettled(why))) => {
                drop(tx);
                return self.read_in_full(&why).await;
            }
            Err(fault) => return Ok(Turn::End(Err(fault.into()))),
        }
        let id = &self.integration.id;
        tx.write_kv(id, &kv).await?;
        tx.checkpoint_run(&self.run.id, &progress).await?;
        let detail = json!({
            "run": self.run.id, "page": progress.pages, "feed": feed.feed, "events": page.changes.len(),
        });
        let event = "aggregation.changes";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        (self.progress, self.has_progressed) = (progress, true);
        Ok(Turn::Next)
    }

    /// All feeds are read: counts what lives before anything of it changes, where anything does.
    async fn count(&mut self, mut following: Following) -> Result<Turn> {
        let (db, id) = (self.engine.db(), &self.integration.id);
        if following.has_left_out && db.has_staged_new(&self.run.id).await? {
            let why = "what was left out before may fit what is new";
            return self.read_in_full(why).await;
        }
        if db.has_staged_on_gone(&self.run.id).await? {
            let why = "something was granted on what was deleted, and may be there again";
            return self.read_in_full(why).await;
        }
        if self.types.reads_attributes() && db.has_staged_resources(&self.run.id).await? {
            let why = "entitlements are known by attributes of what they are on, which changed";
            return self.read_in_full(why).await;
        }
        if db.has_staged(&self.run.id).await? {
            self.progress.live_before = db.count_kinds(id).await?;
        }
        following.is_counted = true;
        self.progress.following = Some(following);
        self.flush().await?;
        Ok(Turn::Next)
    }

    /// Takes the next staged rows over.
    async fn take_over(&mut self) -> Result<Turn> {
        let characters = i64::from(PAGE_BYTES_MAX);
        let staged = self.engine.db().staged(&self.run.id, ROWS_MAX, characters).await?;
        let Some(first) = staged.first() else {
            if let Some(following) = &mut self.progress.following {
                following.is_applied = true;
            }
            self.flush().await?;
            return Ok(Turn::Next);
        };
        let (kind, mut page) = (first.kind.clone(), Page::empty());
        let target = match first.domain {
            Domain::Objects => Target::Objects(kind),
            Domain::Entitlements => Target::EntitlementsOfKind(kind),
            Domain::Assignments => Target::AssignmentsOfKind(kind),
        };
        let filled = staged.iter().try_for_each(|row| {
            let text = &row.change;
            match row.domain {
                Domain::Objects => page.objects.push(serde_json::from_str(text)?),
                Domain::Entitlements => page.entitlements.push(serde_json::from_str(text)?),
                Domain::Assignments => page.assignments.push(serde_json::from_str(text)?),
            }
            Ok::<_, serde_json::Error>(())
        });
        if let Err(error) = filled {
            let what = format!("a feed has a row that cannot be kept: {error}");
            return Ok(Turn::End(Err(PageFault::UnexpectedRow(what).into())));
        }
        let mut progress = self.progress.clone();
        (progress.pages, progress.rows) = (progress.pages + 1, progress.rows + staged.len() as u64);
        self.store(&target, &page, progress, &[], &staged).await
    }

    /// Begins again as a run that reads everything.
    async fn read_in_full(&mut self, why: &str) -> Result<Turn> {
        let db = self.engine.db();
        let mut tx = db.begin(self.permit.provenance()).await?;
        tx.hold(&self.lease, self.engine.lease_until()).await?;
        tx.restart_in_full(&self.run).await?;
        let (detail, id) = (json!({ "run": self.run.id, "detail": why }), &self.integration.id);
        let event = "aggregation.reads_in_full";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        tracing::info!(run.id = %self.run.id, "aggregation reads in full; the audit log says why");
        Ok(Turn::Again(Verdict::Later {
            has_progressed: true,
            asked_ms: Some(0),
            code: "reads_in_full".to_owned(),
            detail: why.to_owned(),
        }))
    }
}
