//! What earlier aggregations saw and a complete one did not, with what goes along: exactly the rows
//! that its removal would take.
//!
//! Only the difference is looked at: a run that saw everything again costs one query a domain here.

use std::collections::{BTreeMap, HashMap, HashSet};

use grantry_model::aggregation::Complete;
use grantry_model::fingerprint::Key;
use grantry_model::ids::IntegrationId;
use grantry_model::removal::{KindCount, RowKind, What};

use crate::catalogue::Class;
use crate::db::{Db, HousekeepingTx, Row, Tx, args};
use crate::removals::RemovalStep;
use crate::runs::{Domain, Listings, Run, Seen, decode};
use crate::{Result, dialect, statements};

/// From so many keys on, a whole list is read instead of one row a key.
const POINTS_MAX: usize = 500;

/// The rows that vanished, by kind: assignments, then entitlements, resources and accounts, so that
/// facts go before things. Every list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vanished {
    /// The rows that a removal takes.
    pub rows: Vec<(RowKind, Vec<Seen>)>,
    /// Rows that stay although the run did not see them, because we granted access on them since it
    /// began, or because of their type nothing is read. They have to be remembered, or no later run would miss
    /// them.
    pub held_back: Vec<(Domain, Vec<Seen>)>,
}

impl Vanished {
    /// How many rows.
    pub fn count(&self) -> u64 {
        self.rows.iter().map(|(_, rows)| rows.len() as u64).sum()
    }

    /// How many rows of a domain.
    pub fn count_of(&self, domain: Domain) -> u64 {
        let of = self.rows.iter().filter(|(of, _)| Domain::of(of.what) == domain);
        of.map(|(_, rows)| rows.len() as u64).sum()
    }
}

impl Vanished {
    /// What steps of a removal took.
    pub fn of_steps(steps: impl IntoIterator<Item = RemovalStep>) -> Self {
        let rows = steps.into_iter().map(|step| (step.of, step.rows)).collect();
        Self { rows, held_back: Vec::new() }
    }

    /// Assignments that go although their entitlement and their holder stay.
    pub fn lost_alone(&self) -> HashSet<Seen> {
        let of = |what: &'static [What]| {
            let rows = self.rows.iter().filter(move |(of, _)| what.contains(&of.what));
            rows.flat_map(|(_, rows)| rows.iter().copied())
        };
        let entitlements: HashSet<Key> = of(&[What::Entitlement]).map(|(key, _)| key).collect();
        let objects: HashSet<Key> =
            of(&[What::Account, What::Resource]).map(|(key, _)| key).collect();
        let is_alone = |(entitlement, holder): &Seen| {
            !entitlements.contains(entitlement) && !objects.contains(holder)
        };
        of(&[What::Assignment]).filter(is_alone).collect()
    }
}

/// What our own provisioning touched since a run began: its word is newer than what the run read.
#[derive(Debug, Clone, Default)]
pub struct Newer {
    pairs: HashSet<Seen>,
    things: HashSet<Key>,
}

impl Newer {
    pub(crate) fn of(pairs: HashSet<Seen>) -> Self {
        let things = pairs.iter().flat_map(|(entitlement, holder)| [*entitlement, *holder]);
        Self { things: things.collect(), pairs }
    }

    /// Whether the row is to stay.
    pub fn has(&self, what: What, row: &Seen) -> bool {
        match what {
            What::Assignment => self.pairs.contains(row),
            What::Account | What::Resource | What::Entitlement => self.things.contains(&row.0),
        }
    }
}

statements! {
    /// What was provisioned since the run began may not have been there when the run looked.
    STALE_KEYS = "SELECT row_keys FROM pages WHERE integration_id = $1 AND domain = $2 AND run_id <> $3 AND provisioned_ms < $4 AND ($5 = '' OR listing = $5)";
    CURRENT_DIGESTS = "SELECT digest FROM pages WHERE integration_id = $1 AND domain = $2 AND run_id = $3 ORDER BY digest";
    ALL_DIGESTS = "SELECT digest, run_id, listing FROM pages WHERE integration_id = $1 AND domain = $2 ORDER BY digest";
    LATER_DIGESTS = "SELECT digest FROM pages WHERE integration_id = $1 AND domain = $2 AND run_id > $3 ORDER BY digest";
    PAGE_KEYS = "SELECT row_keys FROM pages WHERE integration_id = $1 AND domain = $2 AND digest = $3";
    PROVISIONED_SINCE = "SELECT row_keys FROM pages WHERE integration_id = $1 AND provisioned_ms > 0 AND provisioned_ms >= $2";
    OBJECT = "SELECT id, class, kind FROM objects WHERE id = $1 AND removed_ms IS NULL";
    OBJECTS = "SELECT id, class, kind FROM objects WHERE integration_id = $1 AND removed_ms IS NULL";
    ENTITLEMENT = "SELECT id, kind, resource_id FROM entitlements WHERE id = $1 AND removed_ms IS NULL";
    ENTITLEMENTS = "SELECT id, kind, resource_id FROM entitlements WHERE integration_id = $1 AND removed_ms IS NULL";
    HOLDERS = "SELECT holder_id FROM assignments WHERE entitlement_id = $1 AND removed_ms IS NULL";
    HELD_BY = "SELECT a.entitlement_id FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id AND a.holder_id = $2 WHERE e.integration_id = $1 AND a.removed_ms IS NULL";
    COUNT_OBJECTS = "SELECT class, kind, COUNT(*) FROM objects WHERE integration_id = $1 AND removed_ms IS NULL GROUP BY class, kind ORDER BY class, kind";
    COUNT_ENTITLEMENTS = "SELECT 'entitlement', kind, COUNT(*) FROM entitlements WHERE integration_id = $1 AND removed_ms IS NULL GROUP BY kind ORDER BY kind";
    /// Counted along the index first: a million rows are never sorted by their kind.
    COUNT_ASSIGNMENTS = "SELECT 'assignment', c.kind, CAST(SUM(c.held) AS BIGINT) FROM (SELECT MAX(e.kind) AS kind, COUNT(*) AS held FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id WHERE e.integration_id = $1 AND a.removed_ms IS NULL GROUP BY e.id) c GROUP BY c.kind ORDER BY c.kind";
}

/// Whose pages are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SeenBy {
    /// The run's own.
    Itself,
    /// Those of runs that began later.
    Later,
}

fn key(row: &Row, index: usize) -> Result<Key> {
    row.parsed(index, "catalogue key", Key::parse)
}

fn what(class: &str) -> Option<What> {
    [(Class::Account, What::Account), (Class::Resource, What::Resource)]
        .into_iter()
        .find_map(|(of, what)| (of.name() == class).then_some(what))
}

/// A living entitlement.
struct Entitlement {
    kind: String,
    resource: Key,
}

const ZERO: Key = Key([0; 16]);

impl Db {
    /// How many rows of each kind live.
    pub async fn count_kinds(&self, integration: &IntegrationId) -> Result<Vec<KindCount>> {
        let mut counts = Vec::new();
        for sql in [COUNT_OBJECTS, COUNT_ENTITLEMENTS, COUNT_ASSIGNMENTS] {
            for row in self.fetch(sql, args![integration.as_str()]).await? {
                let parse = |name: &str| what(name).or_else(|| What::parse(name));
                let of = RowKind { what: row.parsed(0, "class", parse)?, kind: row.text(1)? };
                counts.push((of, u64::try_from(row.int(2)?).unwrap_or(0)));
            }
        }
        Ok(counts)
    }

    /// What our own provisioning granted or revoked since the run began.
    pub async fn newer_than(&self, run: &Run) -> Result<Newer> {
        let args = args![run.integration_id.as_str(), run.began()];
        Ok(Newer::of(pairs(&self.fetch(PROVISIONED_SINCE, args).await?)?))
    }

    /// What earlier runs saw and this complete one did not, or what the feeds that it followed say is gone,
    /// with everything that goes along.
    pub async fn vanished(&self, _: &Complete, run: &Run) -> Result<Vanished> {
        let mut gone = HashMap::new();
        for domain in Domain::ALL {
            let rows = if run.is_delta {
                self.gone_by_feeds(run, domain).await?
            } else {
                self.unseen(run, domain).await?
            };
            gone.insert(domain, rows);
        }
        if gone.values().all(HashSet::is_empty) {
            return Ok(Vanished::default());
        }
        let newer = self.newer_than(run).await?;
        let frozen = self.frozen_types(&run.integration_id).await?;
        let silent = self.silent_types(&run.integration_id).await?;
        let mut take = |domain: Domain| gone.remove(&domain).unwrap_or_default();
        let (pairs, entitlements) = (take(Domain::Assignments), take(Domain::Entitlements));
        let objects = take(Domain::Objects);
        Closure { db: self, run, newer, frozen, silent }.of(pairs, entitlements, objects).await
    }

    async fn gone_by_feeds(&self, run: &Run, domain: Domain) -> Result<HashSet<Seen>> {
        let mut gone = self.staged_gone(run, domain).await?;
        self.keep_living(&run.integration_id, domain, &mut gone).await?;
        Ok(gone)
    }

    /// Living rows of pages that the run did not see, in none of the pages that it saw.
    async fn unseen(&self, run: &Run, domain: Domain) -> Result<HashSet<Seen>> {
        let (integration, run_id) = (run.integration_id.as_str(), run.id.as_str());
        let listings = run.listings(domain);
        let mut unseen = HashSet::new();
        for listing in listings.names() {
            let args = args![integration, domain.name(), run_id, run.began(), listing];
            unseen.extend(pairs(&self.fetch(STALE_KEYS, args).await?)?);
        }
        if !unseen.is_empty() {
            self.forget_seen(run, SeenBy::Itself, domain, &mut unseen).await?;
        }
        if !unseen.is_empty() && listings != Listings::All {
            self.forget_unread(run, domain, &listings, &mut unseen).await?;
        }
        // What is removed already, by our own revocation for instance, cannot vanish.
        self.keep_living(&run.integration_id, domain, &mut unseen).await?;
        Ok(unseen)
    }

    /// Takes away what pages of this run, or of later ones, hold.
    pub(crate) async fn forget_seen(
        &self,
        run: &Run,
        by: SeenBy,
        domain: Domain,
        rows: &mut HashSet<Seen>,
    ) -> Result<()> {
        let (integration, run_id) = (run.integration_id.as_str(), run.id.as_str());
        let sql = match by {
            SeenBy::Itself => CURRENT_DIGESTS,
            SeenBy::Later => LATER_DIGESTS,
        };
        let current = self.fetch(sql, args![integration, domain.name(), run_id]).await?;
        for row in &current {
            self.forget_page(run, domain, &row.text(0)?, rows).await?;
        }
        Ok(())
    }

    /// Takes away what pages of listings hold that the run does not read.
    async fn forget_unread(
        &self,
        run: &Run,
        domain: Domain,
        listings: &Listings,
        rows: &mut HashSet<Seen>,
    ) -> Result<()> {
        let integration = run.integration_id.as_str();
        for row in &self.fetch(ALL_DIGESTS, args![integration, domain.name()]).await? {
            let is_its_own = row.text(1)? == run.id.as_str();
            if !is_its_own && !listings.has(&row.text(2)?) {
                self.forget_page(run, domain, &row.text(0)?, rows).await?;
            }
        }
        Ok(())
    }

    async fn forget_page(
        &self,
        run: &Run,
        domain: Domain,
        digest: &str,
        rows: &mut HashSet<Seen>,
    ) -> Result<()> {
        let args = args![run.integration_id.as_str(), domain.name(), digest];
        match self.fetch_one(PAGE_KEYS, args).await? {
            Some(page) => decode(&page.blob(0)?, |seen| {
                rows.remove(&seen);
            }),
            None => Ok(()),
        }
    }

    /// Takes away what does not live.
    pub(crate) async fn keep_living(
        &self,
        integration: &IntegrationId,
        domain: Domain,
        rows: &mut HashSet<Seen>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let keys: HashSet<Key> = rows.iter().map(|(key, _)| *key).collect();
        match domain {
            Domain::Objects => {
                let living = self.living_objects(integration, &keys).await?;
                rows.retain(|(key, _)| living.contains_key(key));
            }
            Domain::Entitlements => {
                let living = self.living_entitlements(integration, Some(&keys)).await?;
                rows.retain(|(key, _)| living.contains_key(key));
            }
            Domain::Assignments => {
                let mut living = HashSet::new();
                if rows.len() > POINTS_MAX {
                    for entitlement in keys {
                        let holders = self.holders(entitlement).await?;
                        let pairs = holders.into_iter().map(|holder| (entitlement, holder));
                        living.extend(pairs.filter(|pair| rows.contains(pair)));
                    }
                } else {
                    for (entitlement, holder) in rows.iter() {
                        if self.has_assignment_key(*entitlement, *holder).await? {
                            living.insert((*entitlement, *holder));
                        }
                    }
                }
                *rows = living;
            }
        }
        Ok(())
    }

    /// Which of these objects live, and of which kind they are.
    async fn living_objects(
        &self,
        integration: &IntegrationId,
        keys: &HashSet<Key>,
    ) -> Result<HashMap<Key, RowKind>> {
        let rows = if keys.len() > POINTS_MAX {
            self.fetch(OBJECTS, args![integration.as_str()]).await?
        } else {
            self.points(OBJECT, keys).await?
        };
        let mut living = HashMap::new();
        for row in &rows {
            let key = key(row, 0)?;
            if keys.contains(&key) {
                let of = RowKind { what: row.parsed(1, "class", what)?, kind: row.text(2)? };
                living.insert(key, of);
            }
        }
        Ok(living)
    }

    /// Which of these entitlements live, or all that do.
    async fn living_entitlements(
        &self,
        integration: &IntegrationId,
        keys: Option<&HashSet<Key>>,
    ) -> Result<HashMap<Key, Entitlement>> {
        let rows = match keys.filter(|keys| keys.len() <= POINTS_MAX) {
            Some(keys) => self.points(ENTITLEMENT, keys).await?,
            None => self.fetch(ENTITLEMENTS, args![integration.as_str()]).await?,
        };
        let entry = |row: &Row| {
            Ok((key(row, 0)?, Entitlement { kind: row.text(1)?, resource: key(row, 2)? }))
        };
        rows.iter().map(entry).collect()
    }

    async fn points(&self, sql: &'static str, keys: &HashSet<Key>) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for key in keys {
            rows.extend(self.fetch_one(sql, args![&key.text()]).await?);
        }
        Ok(rows)
    }

    /// Who holds an entitlement.
    async fn holders(&self, entitlement: Key) -> Result<Vec<Key>> {
        let rows = self.fetch(HOLDERS, args![&entitlement.text()]).await?;
        rows.iter().map(|row| key(row, 0)).collect()
    }
}

impl HousekeepingTx {
    /// Lets nobody else write assignments of the integration before the commit.
    pub(crate) async fn lock_catalogue(&mut self, integration: &IntegrationId) -> Result<()> {
        if let Some(lock) = dialect::catalogue_lock(self.is_postgres()) {
            self.fetch(lock, args![integration.as_str()]).await?;
        }
        Ok(())
    }
}

impl Tx {
    /// What our own provisioning granted or revoked since the run began: nothing is added to it before
    /// this transaction ends.
    pub async fn newer_than(&mut self, run: &Run) -> Result<Newer> {
        self.lock_catalogue(&run.integration_id).await?;
        let args = args![run.integration_id.as_str(), run.began()];
        Ok(Newer::of(pairs(&self.fetch(PROVISIONED_SINCE, args).await?)?))
    }
}

fn pairs(rows: &[Row]) -> Result<HashSet<Seen>> {
    let mut pairs = HashSet::new();
    for row in rows {
        decode(&row.blob(0)?, |seen| {
            pairs.insert(seen);
        })?;
    }
    Ok(pairs)
}

/// Finds what goes along: entitlements on resources that go, assignments of entitlements and holders
/// that go.
struct Closure<'a> {
    db: &'a Db,
    run: &'a Run,
    newer: Newer,
    /// Types that were deleted: nothing of theirs goes (CAT-3).
    frozen: HashSet<String>,
    /// Types of which it is not read who holds them: what was read before stays.
    silent: HashSet<String>,
}

impl Closure<'_> {
    async fn of(
        self,
        mut pairs: HashSet<Seen>,
        mut entitlements: HashSet<Seen>,
        mut objects: HashSet<Seen>,
    ) -> Result<Vanished> {
        let (db, integration) = (self.db, &self.run.integration_id);
        let things = !(entitlements.is_empty() && objects.is_empty());
        let of_pairs: HashSet<Key> = pairs.iter().map(|(entitlement, _)| *entitlement).collect();
        // Only where things go is it necessary to know everything that is on them.
        let all = db.living_entitlements(integration, (!things).then_some(&of_pairs)).await?;
        let mut stays = self.newer.things.clone();
        // Access on a resource keeps the resource.
        let on = self.newer.things.iter().filter_map(|key| all.get(key)).map(|of| of.resource);
        stays.extend(on);
        for (key, entitlement) in &all {
            if self.frozen.contains(&entitlement.kind) {
                stays.extend([*key, entitlement.resource]);
            }
        }
        let mut held_pairs = self.hold_back_silent(&mut pairs, &all);
        if self.run.is_delta {
            // A feed says it once: a run that reads has to look whether it was before or after our word.
            held_pairs.extend(pairs.iter().filter(|pair| self.newer.pairs.contains(*pair)));
        }
        let held_objects = hold_back(&mut objects, &stays);
        let kinds =
            db.living_objects(integration, &objects.iter().map(|(key, _)| *key).collect()).await?;
        for (key, entitlement) in &all {
            if objects.contains(&(entitlement.resource, ZERO)) {
                entitlements.insert((*key, ZERO));
            }
        }
        let held_entitlements = hold_back(&mut entitlements, &stays);
        if things {
            self.add_dependent(&mut pairs, &entitlements, &objects, &all).await?;
        }
        pairs.retain(|pair| !self.newer.pairs.contains(pair));

        let mut rows: BTreeMap<(usize, RowKind), Vec<Seen>> = BTreeMap::new();
        let mut add = |order: usize, of: RowKind, row: Seen| {
            rows.entry((order, of)).or_default().push(row);
        };
        for row in pairs {
            let kind = all.get(&row.0).map_or_else(String::new, |of| of.kind.clone());
            add(0, RowKind { what: What::Assignment, kind }, row);
        }
        for row in entitlements {
            let kind = all.get(&row.0).map_or_else(String::new, |of| of.kind.clone());
            add(1, RowKind { what: What::Entitlement, kind }, row);
        }
        for row in objects {
            let Some(of) = kinds.get(&row.0) else { continue };
            add(if of.what == What::Resource { 2 } else { 3 }, of.clone(), row);
        }
        let sorted = rows.into_iter().map(|((_, of), mut rows)| {
            rows.sort_unstable();
            (of, rows)
        });
        let rows = sorted.collect();
        let held_back = vec![
            (Domain::Objects, held_objects),
            (Domain::Entitlements, held_entitlements),
            (Domain::Assignments, held_pairs),
        ];
        Ok(Vanished { rows, held_back })
    }

    /// Takes away assignments of types of which none are read, and returns them.
    fn hold_back_silent(
        &self,
        pairs: &mut HashSet<Seen>,
        all: &HashMap<Key, Entitlement>,
    ) -> Vec<Seen> {
        if self.silent.is_empty() {
            return Vec::new();
        }
        let is_silent = |(entitlement, _): &Seen| {
            all.get(entitlement).is_some_and(|of| self.silent.contains(&of.kind))
        };
        let held: Vec<Seen> = pairs.iter().filter(|pair| is_silent(pair)).copied().collect();
        pairs.retain(|pair| !is_silent(pair));
        held
    }

    /// Adds the assignments of entitlements and holders that go.
    async fn add_dependent(
        &self,
        pairs: &mut HashSet<Seen>,
        entitlements: &HashSet<Seen>,
        objects: &HashSet<Seen>,
        all: &HashMap<Key, Entitlement>,
    ) -> Result<()> {
        if objects.len() > POINTS_MAX {
            for entitlement in all.keys() {
                let goes = entitlements.contains(&(*entitlement, ZERO));
                for holder in self.db.holders(*entitlement).await? {
                    if goes || objects.contains(&(holder, ZERO)) {
                        pairs.insert((*entitlement, holder));
                    }
                }
            }
            return Ok(());
        }
        for (entitlement, _) in entitlements {
            let holders = self.db.holders(*entitlement).await?;
            pairs.extend(holders.into_iter().map(|holder| (*entitlement, holder)));
        }
        for (holder, _) in objects {
            let id = holder.text();
            let args = args![self.run.integration_id.as_str(), &id];
            for row in self.db.fetch(HELD_BY, args).await? {
                pairs.insert((key(&row, 0)?, *holder));
            }
        }
        Ok(())
    }
}

/// Takes away what stays, and returns it.
fn hold_back(rows: &mut HashSet<Seen>, stays: &HashSet<Key>) -> Vec<Seen> {
    let held: Vec<Seen> = rows.iter().filter(|(key, _)| stays.contains(key)).copied().collect();
    rows.retain(|(key, _)| !stays.contains(key));
    held
}
