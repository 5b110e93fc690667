//! Whose an account is: the rules, what is stored, and what people say (INT-13). All of it is kept, as
//! the catalogue is, under the id of an integration, or of an app that lists feed.
//!
//! What the rules make of an account is decided by the engine with [`grantry_model::mapping::judge`];
//! here are the rows that it needs, some at a time and without a lock, and the writing of what differs.

pub(crate) mod gone;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use grantry_authz::{Permit, actions};
use grantry_model::catalogue::Object;
use grantry_model::clock::UnixMs;
use grantry_model::csv::ListedPerson;
use grantry_model::ids::{AccountId, AppId, DataSourceId, IdentityId, IntegrationId};
use grantry_model::mapping::{
    IdentityField, Origin, Proposal, Rule, Unmapped, Verdict, default_rules,
};

use crate::catalogue::{BATCH_ROWS, Batch};
use crate::db::{Arg, Db, HousekeepingTx, Row, Tx, args};
use crate::{CatalogueSource, Result, StoreError, dialect, statements};

/// Whose an account is, with its version, which is 1 until something is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredMapping {
    /// One that is there.
    pub identity: Option<IdentityId>,
    /// What people call the identity.
    pub identity_display: Option<String>,
    /// The data source that the identity is from.
    pub identity_source: Option<DataSourceId>,
    pub origin: Origin,
    /// Which rule found the identity, or more than one; counted from 0.
    pub rule: Option<u32>,
    /// Why it is nobody's.
    pub reason: Option<Unmapped>,
    /// What the rules say that takes a person's word.
    pub proposal: Option<Proposal>,
    pub changed: Option<UnixMs>,
    pub version: i64,
}

impl StoredMapping {
    /// Whether the account is this identity's, and the rules do not find another one alone. That they
    /// find several takes nothing away: a list of strangers would be enough for it.
    pub fn is_surely_of(&self, identity: &IdentityId) -> bool {
        self.identity.as_ref() == Some(identity)
            && !matches!(self.proposal, Some(Proposal::AnotherIdentity(_)))
    }

    /// What is known of an account that was never looked at.
    pub fn unknown() -> Self {
        Self {
            identity: None,
            identity_display: None,
            identity_source: None,
            origin: Origin::Rule,
            rule: None,
            reason: Some(Unmapped::NoMatch),
            proposal: None,
            changed: None,
            version: 1,
        }
    }

    /// From ten columns: identity, its display name, origin, rule, reason, changed, version, data
    /// source, proposed identity, proposal.
    pub(crate) fn of(row: &Row, first: usize) -> Result<Self> {
        if row.int_or_null(first + 6)?.is_none() {
            return Ok(Self::unknown());
        }
        let source = row.text_or_null(first + 7)?;
        Ok(Self {
            identity: identity(row, first)?,
            identity_display: row.text_or_null(first + 1)?,
            identity_source: source.and_then(|text| DataSourceId::parse(&text).ok()),
            origin: row.parsed(first + 2, "origin of a mapping", Origin::parse)?,
            rule: row.int_or_null(first + 3)?.and_then(|rule| u32::try_from(rule).ok()),
            reason: row.text_or_null(first + 4)?.as_deref().and_then(Unmapped::parse),
            proposal: proposal(row, first + 8)?,
            changed: row.time_or_null(first + 5)?,
            version: row.int(first + 6)?,
        })
    }
}

pub(crate) fn identity(row: &Row, index: usize) -> Result<Option<IdentityId>> {
    match row.text_or_null(index)? {
        None => Ok(None),
        Some(_) => row.parsed(index, "identity id", |id| IdentityId::parse(id).ok()).map(Some),
    }
}

/// From two columns: the proposed identity and the proposal's name.
pub(crate) fn proposal(row: &Row, first: usize) -> Result<Option<Proposal>> {
    let proposed = identity(row, first)?;
    Ok(row.text_or_null(first + 1)?.and_then(|name| Proposal::parse(&name, proposed)))
}

/// An account of which the rules are asked whose it is.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Candidate {
    pub account: AccountId,
    pub kind: String,
    pub display: String,
    pub object: Object,
    /// Of what the account is now.
    pub row_hash: i64,
    /// Whether a person has said whose it is.
    pub is_said: bool,
    /// What is stored, the identity also where it is gone.
    pub stored: Verdict,
    /// Whether that identity is there.
    pub is_living: bool,
    /// 1 where nothing is stored.
    pub version: i64,
    /// Whether the account was looked at since it changed.
    pub is_read: bool,
}

/// What the rules say of an account, to be stored.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewMapping {
    pub account: AccountId,
    pub row_hash: i64,
    pub version: i64,
    pub verdict: Verdict,
}

/// Of which identities and rules the mappings of an integration are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappingState {
    /// Grows whenever identities change.
    pub identities: i64,
    /// The version of the rules.
    pub rules: i64,
}

/// An account of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct IdentityAccount {
    pub account: AccountId,
    /// What tells of it.
    pub source: CatalogueSource,
    /// `None` where lists feed the app.
    pub integration_name: Option<String>,
    pub app: AppId,
    pub app_name: String,
    pub kind: String,
    pub native_id: String,
    pub name: Option<String>,
    pub display: String,
    pub status: String,
    pub origin: Origin,
}

const MAPPING_INSERT: &str =
    "INSERT INTO mappings (account_id, integration_id, row_hash, origin, reason, version) VALUES ";
const MAPPING_UPSERT: &str = " ON CONFLICT (account_id) DO UPDATE SET row_hash = excluded.row_hash";
const MAPPING_TAIL: &str = ", 'rule', 'no_match', 1";
const SAID_INSERT: &str = "INSERT INTO mappings (account_id, integration_id, row_hash, identity_id, rule, reason, proposed_id, proposal, changed_ms, version, origin) VALUES ";
const SAID_UPSERT: &str = " ON CONFLICT (account_id) DO UPDATE SET row_hash = excluded.row_hash, identity_id = excluded.identity_id, rule = excluded.rule, reason = excluded.reason, proposed_id = excluded.proposed_id, proposal = excluded.proposal, changed_ms = excluded.changed_ms, version = excluded.version \
    WHERE mappings.origin = 'rule' AND mappings.version = excluded.version - 1";
const SAID_COLUMNS: usize = 10;
const SAID_TAIL: &str = ", 'rule'";
const BY_EMAIL: &str = "SELECT email_key, id, data_source_id FROM identities WHERE removed_ms IS NULL AND email_key IN (VALUES ";
const BY_USER_NAME: &str = "SELECT user_name_key, id, data_source_id FROM identities WHERE removed_ms IS NULL AND user_name_key IN (VALUES ";
const BY_EXTERNAL_ID: &str = "SELECT external_id_key, id, data_source_id FROM identities WHERE removed_ms IS NULL AND external_id_key IN (VALUES ";
const HOLDERS: &str = "SELECT m.identity_id, o.kind, m.account_id FROM mappings m JOIN objects o ON o.id = m.account_id WHERE o.removed_ms IS NULL AND o.integration_id = ";

statements! {
    RULES = "SELECT rules, version FROM mapping_rules WHERE integration_id = $1";
    INSERT_RULES = "INSERT INTO mapping_rules (integration_id, rules, version) VALUES ($1, $2, 2) ON CONFLICT (integration_id) DO NOTHING";
    UPDATE_RULES = "UPDATE mapping_rules SET rules = $2, version = version + 1 WHERE integration_id = $1 AND version = $3";
    LOCK = "UPDATE mapping_lock SET id = 1 WHERE id = 1";
    IDENTITIES_CHANGED = "UPDATE mapping_lock SET identities = identities + 1 WHERE id = 1";
    IDENTITIES = "SELECT identities FROM mapping_lock WHERE id = 1";
    STATE = "SELECT identities, rules_version FROM mapping_states WHERE integration_id = $1";
    SET_STATE = "INSERT INTO mapping_states (integration_id, identities, rules_version) VALUES ($1, $2, $3) ON CONFLICT (integration_id) DO UPDATE SET identities = excluded.identities, rules_version = excluded.rules_version";
    ALL = "SELECT o.id, o.kind, o.display, o.details, o.row_hash, m.origin, m.identity_id, i.id, m.rule, m.reason, m.version, m.row_hash, m.proposed_id, m.proposal, n.id FROM objects o LEFT JOIN integrations n ON n.id = o.integration_id LEFT JOIN mappings m ON m.account_id = o.id LEFT JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL \
        WHERE o.integration_id = $1 AND o.class = 'account' AND o.id > $2 AND o.removed_ms IS NULL ORDER BY o.id LIMIT $3";
    /// Accounts that are new or changed, or came back.
    UNREAD = "SELECT o.id, o.kind, o.display, o.details, o.row_hash, m.origin, m.identity_id, i.id, m.rule, m.reason, m.version, m.row_hash, m.proposed_id, m.proposal, n.id FROM objects o LEFT JOIN integrations n ON n.id = o.integration_id LEFT JOIN mappings m ON m.account_id = o.id LEFT JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL \
        WHERE o.integration_id = $1 AND o.class = 'account' AND o.id > $2 AND o.removed_ms IS NULL AND m.row_hash IS DISTINCT FROM o.row_hash ORDER BY o.id LIMIT $3";
    /// Accounts of which a proposal may have become another one without a change of their own.
    PROPOSED = "SELECT o.id, o.kind, o.display, o.details, o.row_hash, m.origin, m.identity_id, i.id, m.rule, m.reason, m.version, m.row_hash, m.proposed_id, m.proposal, n.id FROM mappings m JOIN objects o ON o.id = m.account_id LEFT JOIN integrations n ON n.id = o.integration_id LEFT JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL \
        WHERE m.integration_id = $1 AND m.account_id > $2 AND m.proposal IS NOT NULL AND o.removed_ms IS NULL AND m.row_hash = o.row_hash ORDER BY m.account_id LIMIT $3";
    /// What is gone is looked at anew when it comes back: it was not judged meanwhile.
    FORGET_READ = "UPDATE mappings SET row_hash = NULL WHERE integration_id = $1 AND row_hash IS NOT NULL AND EXISTS (SELECT 1 FROM objects o WHERE o.id = mappings.account_id AND o.removed_ms IS NOT NULL)";
    GET = "SELECT i.id, i.display, m.origin, m.rule, CASE WHEN m.identity_id IS NOT NULL AND i.id IS NULL THEN 'identity_gone' ELSE m.reason END, m.changed_ms, m.version, i.data_source_id, m.proposed_id, m.proposal FROM mappings m LEFT JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL WHERE m.account_id = $1";
    SET = "INSERT INTO mappings (account_id, integration_id, identity_id, origin, rule, reason, row_hash, rules_version, changed_ms, version) VALUES ($1, $2, $3, $7, NULL, $4, NULL, NULL, $5, 2) \
        ON CONFLICT (account_id) DO UPDATE SET identity_id = excluded.identity_id, origin = excluded.origin, rule = NULL, reason = excluded.reason, proposed_id = NULL, proposal = NULL, changed_ms = excluded.changed_ms, version = mappings.version + 1 WHERE mappings.version = $6";
    RELEASE = "UPDATE mappings SET identity_id = NULL, origin = 'rule', rule = NULL, reason = 'no_match', row_hash = NULL, proposed_id = NULL, proposal = NULL, changed_ms = $3, version = version + 1 WHERE account_id = $1 AND version = $2";
    FORGET_MAPPINGS = "DELETE FROM mappings WHERE integration_id = $1";
    FORGET_RULES = "DELETE FROM mapping_rules WHERE integration_id = $1";
    FORGET_STATE = "DELETE FROM mapping_states WHERE integration_id = $1";
    ACCOUNTS_OF = "SELECT o.id, n.id, p.id, n.name, p.name, o.kind, o.native_id, o.name, o.display, o.status, m.origin FROM mappings m JOIN objects o ON o.id = m.account_id LEFT JOIN integrations n ON n.id = m.integration_id JOIN apps p ON p.id = COALESCE(n.app_id, m.integration_id) JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL \
        WHERE m.identity_id = $1 AND m.account_id > $2 AND o.removed_ms IS NULL AND ($3 = '' OR m.integration_id = $3) ORDER BY m.account_id LIMIT $4";
}

fn mappings() -> Batch {
    Batch::with_tail(MAPPING_INSERT, MAPPING_UPSERT, 3, MAPPING_TAIL)
}

fn said() -> Batch {
    Batch::with_tail(SAID_INSERT, SAID_UPSERT, SAID_COLUMNS, SAID_TAIL)
}

fn values_text(sql: &str, is_postgres: bool, rows: usize) -> String {
    format!("{sql}{})", dialect::values(is_postgres, rows, 1, ""))
}

/// The integration is the first argument, the identities follow.
fn holders_text(is_postgres: bool, rows: usize) -> String {
    let (first, rest) = if is_postgres {
        let rest: Vec<String> = (0..rows).map(|row| format!("(${})", row + 2)).collect();
        ("$1", rest.join(", "))
    } else {
        ("?", dialect::values(false, rows, 1, ""))
    };
    format!("{HOLDERS}{first} AND m.identity_id IN (VALUES {rest})")
}

/// The multi-row statements, of two rows each.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    vec![
        ("MAPPING_INSERT", mappings().text(is_postgres, 2)),
        ("SAID_INSERT", said().text(is_postgres, 2)),
        ("BY_EMAIL", values_text(BY_EMAIL, is_postgres, 2)),
        ("BY_USER_NAME", values_text(BY_USER_NAME, is_postgres, 2)),
        ("BY_EXTERNAL_ID", values_text(BY_EXTERNAL_ID, is_postgres, 2)),
        ("HOLDERS", holders_text(is_postgres, 2)),
    ]
}

pub(crate) fn account(row: &Row) -> Result<IdentityAccount> {
    Ok(IdentityAccount {
        account: row.parsed(0, "account id", |text| AccountId::parse(text).ok())?,
        source: CatalogueSource::of(row, 1)?,
        app: row.parsed(2, "app id", |text| AppId::parse(text).ok())?,
        integration_name: row.text_or_null(3)?,
        app_name: row.text(4)?,
        kind: row.text(5)?,
        native_id: row.text(6)?,
        name: row.text_or_null(7)?,
        display: row.text(8)?,
        status: row.text(9)?,
        origin: row.parsed(10, "origin of a mapping", Origin::parse)?,
    })
}

/// An account as rules look at it, from its details: as its target tells of it, or a line of a list.
pub(crate) fn object(row: &Row, index: usize, is_listed: bool) -> Result<Object> {
    if is_listed {
        return Ok(row.json::<ListedPerson>(index, "account")?.into_account());
    }
    row.json(index, "account")
}

fn candidate(row: &Row) -> Result<Candidate> {
    let origin = row.text_or_null(5)?.as_deref().and_then(Origin::parse);
    let row_hash = row.int(4)?;
    Ok(Candidate {
        account: row.parsed(0, "account id", |text| AccountId::parse(text).ok())?,
        kind: row.text(1)?,
        display: row.text(2)?,
        object: object(row, 3, row.text_or_null(14)?.is_none())?,
        row_hash,
        is_said: matches!(origin, Some(Origin::Hand | Origin::Own)),
        stored: Verdict {
            identity: identity(row, 6)?,
            rule: row.int_or_null(8)?.and_then(|rule| u32::try_from(rule).ok()),
            reason: match origin {
                None => Some(Unmapped::NoMatch),
                Some(_) => row.text_or_null(9)?.as_deref().and_then(Unmapped::parse),
            },
            proposal: proposal(row, 12)?,
        },
        is_living: row.text_or_null(7)?.is_some(),
        version: row.int_or_null(10)?.unwrap_or(1),
        is_read: row.int_or_null(11)? == Some(row_hash),
    })
}

fn rules(row: Option<Row>) -> Result<(Vec<Rule>, i64)> {
    match row {
        Some(row) => Ok((row.json(0, "mapping rules")?, row.int(1)?)),
        None => Ok((default_rules(), 1)),
    }
}

/// Which accounts to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// All that live.
    All,
    /// Those that are new or changed.
    Unread,
    /// Those of which the rules say what takes a person's word, if they have not changed.
    Proposed,
}

impl Db {
    /// An integration's rules with their version, which is 1 until somebody changes them.
    pub async fn mapping_rules(&self, id: &IntegrationId) -> Result<(Vec<Rule>, i64)> {
        rules(self.fetch_one(RULES, args![id.as_str()]).await?)
    }

    /// How often identities have changed.
    pub async fn identities_revision(&self) -> Result<i64> {
        self.fetch_one(IDENTITIES, &[]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Of what the mappings of an integration are, once all its accounts were looked at.
    pub async fn mapping_state(&self, id: &IntegrationId) -> Result<Option<MappingState>> {
        let row = self.fetch_one(STATE, args![id.as_str()]).await?;
        row.map(|row| Ok(MappingState { identities: row.int(0)?, rules: row.int(1)? })).transpose()
    }

    /// Notes that all mappings of an integration are of these identities and rules.
    pub async fn set_mapping_state(&self, id: &IntegrationId, state: MappingState) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(SET_STATE, args![id.as_str(), state.identities, state.rules]).await?;
        tx.commit().await
    }

    /// Lets accounts that are gone be looked at when they come back.
    pub async fn forget_gone_accounts(&self, id: &IntegrationId) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(FORGET_READ, args![id.as_str()]).await?;
        tx.commit().await
    }

    /// Accounts of an integration after the given id, in order of their ids.
    pub async fn candidates(
        &self,
        id: &IntegrationId,
        which: Candidates,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Candidate>> {
        let sql = match which {
            Candidates::All => ALL,
            Candidates::Unread => UNREAD,
            Candidates::Proposed => PROPOSED,
        };
        self.fetch(sql, args![id.as_str(), after, limit]).await?.iter().map(candidate).collect()
    }

    /// The living identities that have one of these texts in the field, with their data sources.
    pub async fn identities_with(
        &self,
        field: IdentityField,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Vec<(IdentityId, DataSourceId)>>> {
        let sql = match field {
            IdentityField::Email => BY_EMAIL,
            IdentityField::UserName => BY_USER_NAME,
            IdentityField::ExternalId => BY_EXTERNAL_ID,
        };
        let mut found: HashMap<String, Vec<_>> = HashMap::new();
        let keys: Vec<&String> = keys.iter().collect();
        for chunk in keys.chunks(BATCH_ROWS) {
            let args: Vec<Arg<'_>> = chunk.iter().map(|key| Arg::from(*key)).collect();
            let sql = values_text(sql, self.is_postgres(), chunk.len());
            for row in &self.fetch_built(&sql, &args).await? {
                let id = row.parsed(1, "identity id", |id| IdentityId::parse(id).ok())?;
                let source = row.parsed(2, "data source id", |id| DataSourceId::parse(id).ok())?;
                found.entry(row.text(0)?).or_default().push((id, source));
            }
        }
        Ok(found)
    }

    /// The living accounts of identities on an integration, by identity and kind.
    pub async fn holders_of(
        &self,
        id: &IntegrationId,
        identities: &[&IdentityId],
    ) -> Result<BTreeMap<(IdentityId, String), Vec<AccountId>>> {
        let mut holders: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for chunk in identities.chunks(BATCH_ROWS) {
            let mut args: Vec<Arg<'_>> = vec![Arg::from(id.as_str())];
            args.extend(chunk.iter().map(|identity| Arg::from(identity.as_str())));
            let sql = holders_text(self.is_postgres(), chunk.len());
            for row in &self.fetch_built(&sql, &args).await? {
                let identity = row.parsed(0, "identity id", |id| IdentityId::parse(id).ok())?;
                let account = row.parsed(2, "account id", |id| AccountId::parse(id).ok())?;
                holders.entry((identity, row.text(1)?)).or_default().push(account);
            }
        }
        Ok(holders)
    }

    /// Notes that accounts were looked at as they are, where nothing else is to be written. That is
    /// nothing that a person would call a change.
    pub async fn note_read(&self, id: &IntegrationId, accounts: &[(AccountId, i64)]) -> Result<()> {
        if accounts.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin_housekeeping().await?;
        let mut batch = mappings();
        for chunk in accounts.chunks(BATCH_ROWS) {
            let rows: Vec<Arg<'_>> = chunk
                .iter()
                .flat_map(|(account, row_hash)| *args![account.as_str(), id.as_str(), *row_hash])
                .collect();
            batch.run(&mut tx, &rows).await?;
        }
        tx.commit().await
    }

    /// Whose an account is.
    pub async fn mapping(&self, account: &AccountId) -> Result<StoredMapping> {
        let row = self.fetch_one(GET, args![account.as_str()]).await?;
        row.map_or_else(|| Ok(StoredMapping::unknown()), |row| StoredMapping::of(&row, 0))
    }

    /// The accounts of an identity after the given id; of one integration, or of all.
    pub async fn accounts_of_identity(
        &self,
        identity: &IdentityId,
        integration: Option<&IntegrationId>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<IdentityAccount>> {
        let integration = integration.map_or("", IntegrationId::as_str);
        let args = args![identity.as_str(), after, integration, limit];
        self.fetch(ACCOUNTS_OF, args).await?.iter().map(account).collect()
    }
}

impl HousekeepingTx {
    /// Notes that identities of some data source have changed.
    pub(crate) async fn identities_changed(&mut self) -> Result<()> {
        self.execute(IDENTITIES_CHANGED, &[]).await.map(drop)
    }
}

/// Forgets whose the accounts of an integration, or app, that goes were.
pub(crate) async fn forget_source(tx: &mut HousekeepingTx, source: &str) -> Result<()> {
    for sql in [FORGET_MAPPINGS, FORGET_RULES, FORGET_STATE] {
        tx.execute(sql, args![source]).await?;
    }
    Ok(())
}

impl Tx {
    /// Lets no other change of mappings come between.
    pub async fn lock_mappings(&mut self) -> Result<()> {
        self.execute(LOCK, &[]).await.map(drop)
    }

    /// Changes the rules of an integration that are still at that version.
    pub async fn set_mapping_rules(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
        version: i64,
        rules: &[Rule],
    ) -> Result<()> {
        let what = "mapping rules";
        let text = serde_json::to_string(rules)
            .map_err(|error| StoreError::Corrupt { what, reason: error.to_string() })?;
        let written = match version {
            1 => self.execute(INSERT_RULES, args![id.as_str(), &text]).await?,
            _ => self.execute(UPDATE_RULES, args![id.as_str(), &text, version]).await?,
        };
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }

    /// Stores what the rules say of accounts that are still at these versions, and of which nobody has
    /// said anything by hand. False, and nothing may be committed, if one is not.
    pub async fn write_mappings(&mut self, id: &IntegrationId, new: &[NewMapping]) -> Result<bool> {
        let (now, mut batch, mut written) = (self.now(), said(), 0);
        for chunk in new.chunks(BATCH_ROWS) {
            let mut rows: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * SAID_COLUMNS);
            for NewMapping { account, row_hash, version, verdict } in chunk {
                let proposed = verdict.proposal.as_ref().and_then(Proposal::identity);
                rows.extend_from_slice(args![
                    account.as_str(),
                    id.as_str(),
                    *row_hash,
                    verdict.identity.as_ref().map(IdentityId::as_str),
                    Arg::Int(verdict.rule.map(i64::from)),
                    verdict.reason.map(Unmapped::name),
                    proposed.map(IdentityId::as_str),
                    verdict.proposal.as_ref().map(Proposal::name),
                    now,
                    version + 1
                ]);
            }
            written += batch.run(self, &rows).await?;
        }
        Ok(written == new.len() as u64)
    }

    /// Notes what a person says of an account whose mapping is still at that version: it is this
    /// identity's, or nobody's. `origin` tells who says so.
    pub async fn set_mapping(
        &mut self,
        integration: &IntegrationId,
        account: &AccountId,
        version: i64,
        identity: Option<&IdentityId>,
        origin: Origin,
    ) -> Result<()> {
        let (now, reason) = (self.now(), identity.is_none().then(|| Unmapped::ByHand.name()));
        let identity = identity.map(IdentityId::as_str);
        let (account, integration) = (account.as_str(), integration.as_str());
        let args = args![account, integration, identity, reason, now, version, origin.name()];
        match self.execute(SET, args).await? {
            0 => Err(StoreError::VersionConflict { what: "mapping" }),
            _ => Ok(()),
        }
    }

    /// Leaves it to the rules again whose an account is, if its mapping is still at that version.
    pub async fn release_mapping(&mut self, account: &AccountId, version: i64) -> Result<()> {
        let now = self.now();
        match self.execute(RELEASE, args![account.as_str(), version, now]).await? {
            0 => Err(StoreError::VersionConflict { what: "mapping" }),
            _ => Ok(()),
        }
    }

    /// Of what mappings of an integration would be at this moment. Once changes of mappings are locked
    /// out, identities do not change either.
    pub async fn mapping_state_now(&mut self, id: &IntegrationId) -> Result<MappingState> {
        let (_, rules) = rules(self.fetch_one(RULES, args![id.as_str()]).await?)?;
        let identities = self.fetch_one(IDENTITIES, &[]).await?.map_or(Ok(0), |row| row.int(0))?;
        Ok(MappingState { identities, rules })
    }

    /// Whose an account is, as this transaction sees it.
    pub async fn mapping(&mut self, account: &AccountId) -> Result<StoredMapping> {
        let row = self.fetch_one(GET, args![account.as_str()]).await?;
        row.map_or_else(|| Ok(StoredMapping::unknown()), |row| StoredMapping::of(&row, 0))
    }
}
