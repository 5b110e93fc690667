//! The rules at work on the accounts of an integration, or of a list: read some at a time, judged, and
//! written in small steps where anything differs, each with its audit entry.
//!
//! No step depends on another one: a pass that breaks off is made up for by the next. Owners go in a
//! first round and come in a second one, so that an identity may change its account.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use grantry_authz::Provenance;
use grantry_model::catalogue::Object;
use grantry_model::ids::{AccountId, DataSourceId, IdentityId, IntegrationId};
use grantry_model::mapping::{Found, IdentityField, Rule, Verdict, judge};
use grantry_store::{
    AuditEntry, Candidate, Candidates, CatalogueSource, Db, MappingState, NewMapping,
};
use serde_json::{Value, json};

use super::{MappingChange, MappingCounts, MappingOutcome, NamedIdentity};
use crate::Result;

/// Accounts that are read, or written, at a time.
const STEP_ACCOUNTS: u32 = 1_000;
/// Changes that an audit entry names.
const AUDITED_MAX: usize = 20;
/// Integrations and apps that are read at a time.
const SOURCES_A_TIME: u32 = 100;

/// How the rules are applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// For the audit log.
    pub(crate) because: &'static str,
    /// Changes that the outcome names.
    pub(crate) named: usize,
    /// Whether a person has said that accounts may get another owner, and identities a second account.
    pub(crate) accepts: bool,
}

impl How {
    /// By the machinery.
    pub(crate) fn because(because: &'static str) -> Self {
        Self { because, named: 0, accepts: false }
    }
}

/// Who has a text that rules compare, and in which data source.
type ByKey = HashMap<String, Vec<(IdentityId, DataSourceId)>>;

/// What becomes of an account, and what it was.
struct Judged {
    account: AccountId,
    kind: String,
    display: String,
    row_hash: i64,
    version: i64,
    is_read: bool,
    before: Verdict,
    after: Verdict,
}

/// Applies the rules of all integrations and lists, once the change that calls for it is committed.
pub(crate) async fn apply_all(db: &Db, provenance: &Provenance, how: How) {
    apply_to(db, provenance, how, |_| true).await;
}

/// Applies the rules of all lists: nothing else makes up for a mapping that broke off until their next
/// one comes, which may be never.
pub(crate) async fn apply_to_lists(db: &Db, provenance: &Provenance, how: How) {
    apply_to(db, provenance, how, |source| matches!(source, CatalogueSource::List(_))).await;
}

async fn apply_to(
    db: &Db,
    provenance: &Provenance,
    how: How,
    is_wanted: impl Fn(&CatalogueSource) -> bool,
) {
    let mut after = String::new();
    loop {
        let sources = match db.account_sources(&after, SOURCES_A_TIME).await {
            Ok(sources) => sources,
            Err(error) => return tracing::error!("cannot map accounts: {error}"),
        };
        let Some(last) = sources.last() else { return };
        after = last.id().to_string();
        for source in sources.iter().filter(|source| is_wanted(source)) {
            apply_or_tell(db, provenance, source, how).await;
        }
    }
}

/// Applies the rules once the change that calls for it is committed: one source that cannot be mapped
/// keeps nothing else from being done. Its next aggregation, or list, makes up for it.
pub(crate) async fn apply_or_tell(
    db: &Db,
    provenance: &Provenance,
    source: &CatalogueSource,
    how: How,
) {
    if let Err(error) = apply(db, provenance, source, how).await {
        tracing::error!(source.id = %source.id(), "cannot map accounts: {error}");
    }
}

/// Applies the rules of an integration, or list. Next to nothing is read where neither accounts,
/// identities nor rules have changed, and nothing is written where nothing differs.
pub(crate) async fn apply(
    db: &Db,
    provenance: &Provenance,
    source: &CatalogueSource,
    how: How,
) -> Result<MappingOutcome> {
    let id = &source.id();
    // Read first: what changes meanwhile is looked at by the next pass.
    let identities = db.identities_revision().await?;
    let (rules, version) = db.mapping_rules(id).await?;
    let state = MappingState { identities, rules: version };
    let is_known = db.mapping_state(id).await? == Some(state) && !how.accepts;
    if !is_known {
        db.forget_gone_accounts(id).await?;
    }
    let pass = Pass { db, source, id, rules: &rules, accepts: how.accepts };
    let mut writing =
        Writing { provenance, how, outcome: MappingOutcome::default(), is_whole: true };
    let whose: &[Candidates] =
        if is_known { &[Candidates::Unread, Candidates::Proposed] } else { &[Candidates::All] };
    let mut coming = Vec::new();
    for which in whose {
        let mut after = String::new();
        while let Some((last, judged, read)) = pass.judge_some(*which, &after).await? {
            after = last;
            db.note_read(id, &read).await?;
            let (comes, rest): (Vec<_>, Vec<_>) = judged.into_iter().partition(Judged::comes);
            coming.extend(comes);
            writing.write(&pass, rest).await?;
        }
    }
    pass.settle(&mut coming).await?;
    while !coming.is_empty() {
        let rest = coming.split_off(coming.len().min(STEP_ACCOUNTS as usize));
        writing.write(&pass, std::mem::replace(&mut coming, rest)).await?;
    }
    if !is_known && writing.is_whole {
        db.set_mapping_state(id, state).await?;
    }
    Ok(writing.outcome)
}

/// What these rules would change. Nothing is written.
pub(crate) async fn preview(
    db: &Db,
    source: &CatalogueSource,
    rules: &[Rule],
    named: usize,
) -> Result<MappingOutcome> {
    let pass = Pass { db, source, id: &source.id(), rules, accepts: false };
    let (mut outcome, mut coming, mut going) =
        (MappingOutcome::default(), Vec::new(), BTreeSet::new());
    let mut after = String::new();
    while let Some((last, judged, _)) = pass.judge_some(Candidates::All, &after).await? {
        after = last;
        for judged in judged {
            if judged.comes() {
                coming.push(judged);
            } else {
                if judged.after.identity.is_none() {
                    going.insert(judged.account.clone());
                }
                outcome.add(&judged, named);
            }
        }
    }
    pass.settle_without(&mut coming, &going).await?;
    for judged in coming.iter().filter(|judged| judged.differs()) {
        outcome.add(judged, named);
    }
    Ok(outcome)
}

impl Judged {
    fn differs(&self) -> bool {
        self.before != self.after
    }

    /// Whether the account gets an owner that it does not have.
    fn comes(&self) -> bool {
        self.after.identity.is_some() && self.after.identity != self.before.identity
    }

    fn audited(&self) -> Value {
        json!({
            "account": self.account, "before": self.before.identity, "after": self.after.identity,
            "reason": self.after.reason,
            "proposal": self.after.proposal.as_ref().map(|proposal| {
                json!({ "why": proposal.name(), "identity": proposal.identity() })
            }),
        })
    }
}

impl MappingCounts {
    fn add(&mut self, before: &Verdict, after: &Verdict) {
        match (&before.identity, &after.identity) {
            (None, Some(_)) => self.mapped += 1,
            (Some(before), Some(after)) if before != after => self.remapped += 1,
            (Some(_), None) => self.unmapped += 1,
            _ if after.proposal.is_some() && before.proposal != after.proposal => self.held += 1,
            _ => self.explained += 1,
        }
    }
}

impl MappingOutcome {
    fn add(&mut self, judged: &Judged, named: usize) {
        self.counts.add(&judged.before, &judged.after);
        if self.changes.len() < named {
            self.changes.push(MappingChange {
                account: judged.account.to_string(),
                account_display: judged.display.clone(),
                before: judged.before.identity.as_ref().map(NamedIdentity::nameless),
                after: judged.after.identity.as_ref().map(NamedIdentity::nameless),
                rule: judged.after.rule,
                reason: judged.after.reason,
                proposal: judged.after.proposal.clone(),
            });
        }
    }
}

/// The rules of an integration, or list, asked.
struct Pass<'a> {
    db: &'a Db,
    source: &'a CatalogueSource,
    /// Under which the catalogue keeps the accounts.
    id: &'a IntegrationId,
    rules: &'a [Rule],
    accepts: bool,
}

/// The last account that was looked at, what differs, and what is only to be noted as read.
type Step = (String, Vec<Judged>, Vec<(AccountId, i64)>);

impl Pass<'_> {
    /// Judges the next accounts; `None` behind the last one.
    async fn judge_some(&self, which: Candidates, after: &str) -> Result<Option<Step>> {
        let candidates = self.db.candidates(self.id, which, after, STEP_ACCOUNTS).await?;
        let Some(last) = candidates.last() else { return Ok(None) };
        let last = last.account.to_string();
        let judged = candidates.iter().filter(|candidate| !candidate.is_said);
        let judged: Vec<_> = judged.map(|it| (&it.account, &it.object)).collect();
        let found = find(self.db, self.rules, &judged).await?;
        let (mut judged, mut read) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let after = match candidate.is_said {
                true => candidate.stored.clone(),
                false => self.judge(&candidate, found.get(&candidate.account)),
            };
            let Candidate { account, kind, display, row_hash, version, is_read, stored, .. } =
                candidate;
            if after != stored {
                let (before, kind, display) = (stored, kind, display);
                let judged_one =
                    Judged { account, kind, display, row_hash, version, is_read, before, after };
                judged.push(judged_one);
            } else if !is_read {
                read.push((account, row_hash));
            }
        }
        Ok(Some((last, judged, read)))
    }

    fn judge(&self, candidate: &Candidate, found: Option<&Found>) -> Verdict {
        let was = candidate.stored.identity.as_ref().filter(|_| candidate.is_living);
        let verdict = judge((was, candidate.stored.rule), found, self.accepts);
        verdict.with_claim(candidate.stored.proposal.as_ref(), found)
    }

    /// Holds back what would be a second account of its kind, or one of several at once.
    async fn settle(&self, coming: &mut Vec<Judged>) -> Result<()> {
        self.settle_without(coming, &BTreeSet::new()).await?;
        let (differs, same): (Vec<_>, Vec<_>) =
            std::mem::take(coming).into_iter().partition(Judged::differs);
        *coming = differs;
        let read = same.into_iter().filter(|judged| !judged.is_read);
        let read: Vec<_> = read.map(|judged| (judged.account, judged.row_hash)).collect();
        self.db.note_read(self.id, &read).await.map_err(Into::into)
    }

    /// As [`Pass::settle`], where these accounts are as good as nobody's.
    async fn settle_without(
        &self,
        coming: &mut [Judged],
        going: &BTreeSet<AccountId>,
    ) -> Result<()> {
        if self.accepts || coming.is_empty() {
            return Ok(());
        }
        let to = |judged: &Judged| Some((judged.after.identity.clone()?, judged.kind.clone()));
        let mut wanted: BTreeMap<(IdentityId, String), u32> = BTreeMap::new();
        for key in coming.iter().filter_map(to) {
            *wanted.entry(key).or_default() += 1;
        }
        let identities: BTreeSet<&IdentityId> =
            wanted.keys().map(|(identity, _)| identity).collect();
        let identities: Vec<&IdentityId> = identities.into_iter().collect();
        let holders = self.db.holders_of(self.id, &identities).await?;
        for judged in coming {
            let Some(key) = to(judged) else { continue };
            let others = holders.get(&key).into_iter().flatten();
            let mut others =
                others.filter(|held| **held != judged.account && !going.contains(*held));
            if wanted[&key] > 1 || others.next().is_some() {
                judged.after = std::mem::take(&mut judged.after).as_second();
            }
        }
        Ok(())
    }
}

/// Whom the first rule finds that finds anybody, for each account.
pub(super) async fn find(
    db: &Db,
    rules: &[Rule],
    accounts: &[(&AccountId, &Object)],
) -> Result<HashMap<AccountId, Found>> {
    let mut found: HashMap<AccountId, Found> = HashMap::new();
    let mut known: BTreeMap<&str, ByKey> = BTreeMap::new();
    for field in [IdentityField::Email, IdentityField::UserName, IdentityField::ExternalId] {
        let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.identity == field).collect();
        let keys =
            accounts.iter().flat_map(|(_, object)| rules.iter().map(|rule| rule.keys(object)));
        let keys: BTreeSet<String> = keys.flatten().collect();
        known.insert(field.name(), db.identities_with(field, &keys).await?);
    }
    for (account, object) in accounts {
        for (position, rule) in rules.iter().enumerate() {
            let by_key = &known[rule.identity.name()];
            let hits = rule.keys(object).into_iter().filter_map(|key| by_key.get(&key));
            let is_wanted = |source: &DataSourceId| {
                rule.data_source.as_ref().is_none_or(|wanted| wanted == source)
            };
            let hits = hits.flatten().filter(|(_, source)| is_wanted(source));
            let identities: BTreeSet<IdentityId> = hits.map(|(id, _)| id.clone()).collect();
            if !identities.is_empty() {
                let rule = u32::try_from(position).unwrap_or(u32::MAX);
                found.insert((*account).clone(), Found { rule, identities });
                break;
            }
        }
    }
    Ok(found)
}

/// What is written, and what came of it.
struct Writing<'a> {
    provenance: &'a Provenance,
    how: How,
    outcome: MappingOutcome,
    /// Whether nobody changed a mapping between the look at it and its writing.
    is_whole: bool,
}

impl Writing<'_> {
    /// Writes some accounts' mappings with one audit entry, or none of them.
    async fn write(&mut self, pass: &Pass<'_>, judged: Vec<Judged>) -> Result<()> {
        if judged.is_empty() {
            return Ok(());
        }
        let new: Vec<NewMapping> = judged
            .iter()
            .map(|judged| NewMapping {
                account: judged.account.clone(),
                row_hash: judged.row_hash,
                version: judged.version,
                verdict: judged.after.clone(),
            })
            .collect();
        let mut tx = pass.db.begin(self.provenance).await?;
        tx.lock_mappings().await?;
        if !tx.write_mappings(pass.id, &new).await? {
            self.is_whole = false;
            return Ok(());
        }
        let mut counts = MappingCounts::default();
        for judged in &judged {
            counts.add(&judged.before, &judged.after);
        }
        let first: Vec<Value> = judged.iter().take(AUDITED_MAX).map(Judged::audited).collect();
        let detail = json!({
            "because": self.how.because, "mapped": counts.mapped, "remapped": counts.remapped,
            "unmapped": counts.unmapped, "held": counts.held, "explained": counts.explained,
            "first": first,
        });
        let (event, what) = ("mapping.applied", pass.source.what());
        tx.commit(AuditEntry::about(event, what, pass.id.as_str(), detail)).await?;
        for judged in &judged {
            self.outcome.add(judged, self.how.named);
        }
        Ok(())
    }
}
