//! Change feeds: up to where an integration's are followed, and what they say in a run (CAT-12).
//!
//! A run first stages what all feeds say: the last word about each row, whole rows and tombstones. Then it
//! takes the rows over as pages, and judges the tombstones as what vanished.

use std::collections::HashSet;

use grantry_model::changes::FeedPosition;
use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::Key;
use grantry_model::ids::{IntegrationId, RunId};

use crate::db::{Db, HousekeepingTx, Row, Tx, args, json};
use crate::runs::{Domain, Run, Seen};
use crate::{Result, StoreError, statements};

/// Up to where feeds are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The feeds.
    pub positions: Vec<FeedPosition>,
    /// With which plugin, connection and kinds.
    pub basis: String,
    /// When the last full run began.
    pub full: UnixMs,
    /// Whether something was left out that a later event may make fit.
    pub has_left_out: bool,
    /// Whether objects did not fit: the catalogue may have them as they were before.
    pub has_stale_objects: bool,
}

/// A row as a feed has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedChange {
    /// What it is.
    pub domain: Domain,
    /// The kind of the listing that would have it.
    pub kind: String,
    /// Its key.
    pub row: Seen,
    /// What an entitlement is on; zero for other rows.
    pub resource: Key,
    /// The row as JSON.
    pub change: String,
}

const ZERO: Key = Key([0; 16]);

statements! {
    GET = "SELECT positions, basis, full_ms, has_left_out, has_stale_objects FROM followed_feeds WHERE integration_id = $1";
    PUT = "INSERT INTO followed_feeds (integration_id, positions, basis, full_ms, has_left_out, has_stale_objects) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (integration_id) DO UPDATE SET positions = excluded.positions, basis = excluded.basis, full_ms = excluded.full_ms, has_left_out = excluded.has_left_out, has_stale_objects = excluded.has_stale_objects";
    FORGET = "DELETE FROM followed_feeds WHERE integration_id = $1";
    RESTART = "UPDATE runs SET status = 'queued', progress = NULL, mode = 'full', is_delta = 0 WHERE id = $1 AND status = 'running'";
    STAGE = "INSERT INTO staged_changes (run_id, domain, first_key, second_key, kind, resource_key, change) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run_id, domain, first_key, second_key) DO UPDATE SET kind = excluded.kind, resource_key = excluded.resource_key, change = excluded.change";
    STAGED = "SELECT change FROM staged_changes WHERE run_id = $1 AND domain = $2 AND first_key = $3 AND second_key = $4";
    DETAILS = "SELECT details FROM objects WHERE id = $1 AND removed_ms IS NULL";
    /// The kind of what an entitlement is on, by the last word.
    KIND_ON = "SELECT kind FROM staged_changes WHERE run_id = $1 AND domain = 1 AND first_key = $2 AND change IS NOT NULL UNION ALL SELECT o.kind FROM entitlements e JOIN objects o ON o.id = e.resource_id WHERE e.id = $2";
    /// What was said of them before stays: they may be on something else by now.
    GONE_ENTITLEMENTS = "INSERT INTO staged_changes (run_id, domain, first_key, second_key, kind, resource_key, change) SELECT $1, 1, e.id, $4, '', $3, NULL FROM entitlements e WHERE e.integration_id = $2 AND e.resource_id = $3 AND e.removed_ms IS NULL ON CONFLICT (run_id, domain, first_key, second_key) DO NOTHING";
    GONE_STAGED_ENTITLEMENTS = "UPDATE staged_changes SET change = NULL WHERE run_id = $1 AND domain = 1 AND resource_key = $2";
    GONE_STAGED_ON = "UPDATE staged_changes SET change = NULL WHERE run_id = $1 AND domain = 2 AND first_key IN (SELECT s.first_key FROM staged_changes s WHERE s.run_id = $1 AND s.domain = 1 AND s.resource_key = $2)";
    GONE_STAGED_OF = "UPDATE staged_changes SET change = NULL WHERE run_id = $1 AND domain = 2 AND first_key = $2";
    GONE_STAGED_BY = "UPDATE staged_changes SET change = NULL WHERE run_id = $1 AND domain = 2 AND second_key = $2";
    /// Who held an entitlement before it went; what was said of them since stays.
    GONE_HELD = "INSERT INTO staged_changes (run_id, domain, first_key, second_key, kind, resource_key, change) SELECT $1, 2, a.entitlement_id, a.holder_id, '', $3, NULL FROM assignments a WHERE a.entitlement_id = $2 AND a.removed_ms IS NULL ON CONFLICT (run_id, domain, first_key, second_key) DO NOTHING";
    /// The same of what a holder held before it went.
    GONE_HOLDINGS = "INSERT INTO staged_changes (run_id, domain, first_key, second_key, kind, resource_key, change) SELECT $1, 2, a.entitlement_id, a.holder_id, '', $4, NULL FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id AND a.holder_id = $3 WHERE e.integration_id = $2 AND a.removed_ms IS NULL ON CONFLICT (run_id, domain, first_key, second_key) DO NOTHING";
    SIZES = "SELECT domain, kind, CAST(LENGTH(change) AS BIGINT) FROM staged_changes WHERE run_id = $1 AND change IS NOT NULL ORDER BY domain, kind, first_key, second_key LIMIT $2";
    NEXT = "SELECT domain, kind, first_key, second_key, resource_key, change FROM staged_changes WHERE run_id = $1 AND change IS NOT NULL ORDER BY domain, kind, first_key, second_key LIMIT $2";
    UNSTAGE = "DELETE FROM staged_changes WHERE run_id = $1 AND domain = $2 AND first_key = $3 AND second_key = $4";
    /// Something that the catalogue does not have, to which something that was left out may point.
    HAS_NEW = "SELECT 1 FROM staged_changes s WHERE s.run_id = $1 AND s.change IS NOT NULL AND ((s.domain = 0 AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.id = s.first_key AND o.removed_ms IS NULL)) OR (s.domain = 1 AND NOT EXISTS (SELECT 1 FROM entitlements e WHERE e.id = s.first_key AND e.removed_ms IS NULL))) LIMIT 1";
    /// A resource that is not as it was, with entitlements that are not said anew.
    HAS_RESOURCES = "SELECT 1 FROM staged_changes s JOIN entitlements e ON e.resource_id = s.first_key AND e.removed_ms IS NULL WHERE s.run_id = $1 AND s.domain = 0 AND s.change IS NOT NULL AND NOT EXISTS (SELECT 1 FROM staged_changes n WHERE n.run_id = $1 AND n.domain = 1 AND n.first_key = e.id) LIMIT 1";
    /// A row that hangs on one that is gone.
    HAS_ON_GONE = "SELECT 1 FROM staged_changes s JOIN staged_changes g ON g.run_id = s.run_id AND g.domain = 0 AND g.first_key = s.second_key AND g.change IS NULL WHERE s.run_id = $1 AND s.domain = 2 AND s.change IS NOT NULL \
        UNION ALL SELECT 1 FROM staged_changes s JOIN staged_changes g ON g.run_id = s.run_id AND g.domain = 1 AND g.first_key = s.first_key AND g.change IS NULL WHERE s.run_id = $1 AND s.domain = 2 AND s.change IS NOT NULL \
        UNION ALL SELECT 1 FROM staged_changes s JOIN staged_changes g ON g.run_id = s.run_id AND g.domain = 0 AND g.first_key = s.resource_key AND g.change IS NULL WHERE s.run_id = $1 AND s.domain = 1 AND s.change IS NOT NULL LIMIT 1";
    SET_GONE = "UPDATE staged_changes SET change = NULL WHERE run_id = $1 AND domain = $2 AND first_key = $3 AND second_key = $4";
    LIVES = "SELECT 1 FROM objects WHERE $1 = 0 AND id = $2 AND removed_ms IS NULL UNION ALL SELECT 1 FROM entitlements WHERE $1 = 1 AND id = $2 AND removed_ms IS NULL UNION ALL SELECT 1 FROM assignments WHERE $1 = 2 AND entitlement_id = $2 AND holder_id = $3 AND removed_ms IS NULL";
    IS_STAGED = "SELECT 1 FROM staged_changes WHERE run_id = $1 LIMIT 1";
    GONE = "SELECT first_key, second_key FROM staged_changes WHERE run_id = $1 AND domain = $2 AND change IS NULL";
    CLEAR = "DELETE FROM staged_changes WHERE run_id = $1";
}

fn number(domain: Domain) -> i64 {
    match domain {
        Domain::Objects => 0,
        Domain::Entitlements => 1,
        Domain::Assignments => 2,
    }
}

fn domain(row: &Row, index: usize) -> Result<Domain> {
    Ok(match row.int(index)? {
        0 => Domain::Objects,
        1 => Domain::Entitlements,
        2 => Domain::Assignments,
        other => {
            let reason = format!("`{other}` is none");
            return Err(StoreError::Corrupt { what: "domain of a staged change", reason });
        }
    })
}

fn seen(row: &Row, index: usize) -> Result<Seen> {
    let key = |index| row.parsed(index, "catalogue key", Key::parse);
    Ok((key(index)?, key(index + 1)?))
}

impl Db {
    /// Up to where the integration's feeds are followed.
    pub async fn followed(&self, integration: &IntegrationId) -> Result<Option<Followed>> {
        let Some(row) = self.fetch_one(GET, args![integration.as_str()]).await? else {
            return Ok(None);
        };
        Ok(Some(Followed {
            positions: row.json(0, "positions of feeds")?,
            basis: row.text(1)?,
            full: row.time(2)?,
            has_left_out: row.is_true(3)?,
            has_stale_objects: row.is_true(4)?,
        }))
    }

    /// The next rows that are staged, all of one listing; empty when none are left. At most `rows`, and
    /// after the first no more than `characters` of JSON.
    pub async fn staged(
        &self,
        run: &RunId,
        rows: u32,
        characters: i64,
    ) -> Result<Vec<StagedChange>> {
        let sizes = self.fetch(SIZES, args![run.as_str(), rows]).await?;
        let (mut fitting, mut sum) = (0_u32, 0_i64);
        for row in &sizes {
            let is_of_first =
                row.int(0)? == sizes[0].int(0)? && row.text(1)? == sizes[0].text(1)?;
            sum = sum.saturating_add(row.int(2)?);
            if fitting > 0 && (!is_of_first || sum > characters) {
                break;
            }
            fitting += 1;
        }
        let found = self.fetch(NEXT, args![run.as_str(), fitting]).await?;
        let staged = |row: &Row| {
            Ok(StagedChange {
                domain: domain(row, 0)?,
                kind: row.text(1)?,
                row: seen(row, 2)?,
                resource: row.parsed(4, "catalogue key", Key::parse)?,
                change: row.text(5)?,
            })
        };
        found.iter().map(staged).collect()
    }

    /// Whether the feeds brought something that hangs on what they say is gone.
    pub async fn has_staged_on_gone(&self, run: &RunId) -> Result<bool> {
        Ok(self.fetch_one(HAS_ON_GONE, args![run.as_str()]).await?.is_some())
    }

    /// Whether the feeds said anything.
    pub async fn has_staged(&self, run: &RunId) -> Result<bool> {
        Ok(self.fetch_one(IS_STAGED, args![run.as_str()]).await?.is_some())
    }

    /// Whether the feeds brought objects or entitlements that the catalogue does not have.
    pub async fn has_staged_new(&self, run: &RunId) -> Result<bool> {
        Ok(self.fetch_one(HAS_NEW, args![run.as_str()]).await?.is_some())
    }

    /// Whether the feeds brought resources, and said nothing of entitlements that the catalogue has on them.
    pub async fn has_staged_resources(&self, run: &RunId) -> Result<bool> {
        Ok(self.fetch_one(HAS_RESOURCES, args![run.as_str()]).await?.is_some())
    }

    /// What the feeds say is gone.
    pub(crate) async fn staged_gone(&self, run: &Run, domain: Domain) -> Result<HashSet<Seen>> {
        let rows = self.fetch(GONE, args![run.id.as_str(), number(domain)]).await?;
        rows.iter().map(|row| seen(row, 0)).collect()
    }
}

impl Tx {
    /// Takes note of up to where the feeds are followed.
    pub async fn put_followed(&mut self, of: &IntegrationId, followed: &Followed) -> Result<()> {
        let positions = json("positions of feeds", &followed.positions)?;
        let Followed { basis, full, has_left_out, has_stale_objects, .. } = followed;
        let (left_out, stale) = (*has_left_out, *has_stale_objects);
        let args = args![of.as_str(), &positions, basis, *full, left_out, stale];
        self.execute(PUT, args).await.map(drop)
    }

    /// Stages a row as it is now.
    pub async fn stage(&mut self, run: &Run, staged: &StagedChange) -> Result<()> {
        let StagedChange { domain, kind, row, resource, change } = staged;
        let (first, second, resource) = (row.0.text(), row.1.text(), resource.text());
        let (run, domain) = (run.id.as_str(), number(*domain));
        let args = args![run, domain, &first, &second, kind, &resource, change];
        self.execute(STAGE, args).await.map(drop)
    }

    /// Stages that a row is gone, and nothing else; not where nobody has seen it.
    pub async fn stage_gone(&mut self, run: &Run, domain: Domain, row: Seen) -> Result<()> {
        let (first, second, zero) = (row.0.text(), row.1.text(), ZERO.text());
        let (run, domain) = (run.id.as_str(), number(domain));
        if self.execute(SET_GONE, args![run, domain, &first, &second]).await? > 0 {
            return Ok(());
        }
        if self.fetch_one(LIVES, args![domain, &first, &second]).await?.is_none() {
            return Ok(());
        }
        let nothing: Option<&str> = None;
        let args = args![run, domain, &first, &second, "", &zero, nothing];
        self.execute(STAGE, args).await.map(drop)
    }

    /// Stages that an object is gone, with entitlements on it. Who holds those, and what it holds, goes
    /// along at the run's end; or by [`Self::stage_made_again`], before they are there again.
    pub async fn stage_object_gone(&mut self, run: &Run, object: Key) -> Result<()> {
        self.stage_gone(run, Domain::Objects, (object, ZERO)).await?;
        let (object, zero) = (object.text(), ZERO.text());
        let (of, id) = (run.integration_id.as_str(), run.id.as_str());
        self.execute(GONE_ENTITLEMENTS, args![id, of, &object, &zero]).await?;
        self.execute(GONE_STAGED_ENTITLEMENTS, args![id, &object]).await?;
        self.execute(GONE_STAGED_ON, args![id, &object]).await?;
        self.execute(GONE_STAGED_BY, args![id, &object]).await.map(drop)
    }

    /// Stages that an entitlement is gone. The same is true of who holds it.
    pub async fn stage_entitlement_gone(&mut self, run: &Run, entitlement: Key) -> Result<()> {
        self.stage_gone(run, Domain::Entitlements, (entitlement, ZERO)).await?;
        self.execute(GONE_STAGED_OF, args![run.id.as_str(), &entitlement.text()]).await.map(drop)
    }

    /// Whether the feeds say that an object or an entitlement is gone.
    pub async fn is_staged_gone(&mut self, run: &Run, domain: Domain, key: Key) -> Result<bool> {
        Ok(self.last_word(run, domain, key).await? == Some(None))
    }

    /// Stages that nothing of what hung on an object or an entitlement before it went is there any more,
    /// because it comes again itself.
    pub async fn stage_made_again(&mut self, run: &Run, domain: Domain, key: Key) -> Result<()> {
        let (key, zero) = (key.text(), ZERO.text());
        let (of, id) = (run.integration_id.as_str(), run.id.as_str());
        match domain {
            Domain::Objects => self.execute(GONE_HOLDINGS, args![id, of, &key, &zero]).await,
            Domain::Entitlements => self.execute(GONE_HELD, args![id, &key, &zero]).await,
            Domain::Assignments => Ok(0),
        }
        .map(drop)
    }

    /// An object as JSON by the feeds' last word, `None` in it for one that is gone; nothing where they say
    /// nothing of it.
    pub async fn staged_object(
        &mut self,
        run: &Run,
        object: Key,
    ) -> Result<Option<Option<String>>> {
        self.last_word(run, Domain::Objects, object).await
    }

    async fn last_word(
        &mut self,
        run: &Run,
        domain: Domain,
        key: Key,
    ) -> Result<Option<Option<String>>> {
        let (id, zero) = (key.text(), ZERO.text());
        let args = args![run.id.as_str(), number(domain), &id, &zero];
        let row = self.fetch_one(STAGED, args).await?;
        row.map(|row| row.text_or_null(0)).transpose()
    }

    /// A living object of the catalogue, as JSON.
    pub async fn known_object(&mut self, object: Key) -> Result<Option<String>> {
        let row = self.fetch_one(DETAILS, args![&object.text()]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// The kind of what an entitlement is on; nothing for one that nobody knows.
    pub async fn kind_on(&mut self, run: &Run, entitlement: Key) -> Result<Option<String>> {
        let entitlement = entitlement.text();
        let row = self.fetch_one(KIND_ON, args![run.id.as_str(), &entitlement]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Takes rows from the stage that have just been taken over.
    pub async fn unstage(&mut self, run: &Run, rows: &[StagedChange]) -> Result<()> {
        for StagedChange { domain, row, .. } in rows {
            let (first, second) = (row.0.text(), row.1.text());
            let args = args![run.id.as_str(), number(*domain), &first, &second];
            self.execute(UNSTAGE, args).await?;
        }
        Ok(())
    }

    /// Lets a run that follows feeds begin again, as one that reads everything.
    pub async fn restart_in_full(&mut self, run: &Run) -> Result<()> {
        self.clear_staged(run).await?;
        self.execute(RESTART, args![run.id.as_str()]).await.map(drop)
    }
}

impl HousekeepingTx {
    /// Forgets what the feeds said in a run.
    pub async fn clear_staged(&mut self, run: &Run) -> Result<()> {
        self.execute(CLEAR, args![run.id.as_str()]).await.map(drop)
    }

    /// From here on only a full run knows up to where the feeds are followed.
    pub async fn forget_followed(&mut self, integration: &IntegrationId) -> Result<()> {
        self.execute(FORGET, args![integration.as_str()]).await.map(drop)
    }
}
