//! Whose an account is: the rules of integrations, what they find, and what people say (INT-13).
//!
//! The rules are applied in two steps. [`Tx::read_accounts`] makes the texts that the rules compare,
//! of accounts that are new or changed; [`Tx::apply_mappings`] finds whose they are, for all accounts
//! in one statement, and writes only what differs.

use grantry_authz::{Permit, actions};
use grantry_model::catalogue::Object;
use grantry_model::clock::UnixMs;
use grantry_model::ids::{AccountId, AppId, IdentityId, IntegrationId};
use grantry_model::mapping::{Origin, Rule, Unmapped, default_rules};

use crate::catalogue::{BATCH_ROWS, Batch};
use crate::db::{Arg, Db, HousekeepingTx, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// Accounts that are read at a time.
const ACCOUNTS_A_TIME: u32 = 1_000;

/// Whose an account is, with its version, which is 1 until something is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredMapping {
    pub identity: Option<IdentityId>,
    /// What people call the identity.
    pub identity_display: Option<String>,
    pub origin: Origin,
    /// Which rule found the identity, or more than one; counted from 0.
    pub rule: Option<u32>,
    /// Why it is nobody's.
    pub reason: Option<Unmapped>,
    pub changed: Option<UnixMs>,
    pub version: i64,
}

impl StoredMapping {
    /// What is known of an account that was never looked at.
    pub fn unknown() -> Self {
        Self {
            identity: None,
            identity_display: None,
            origin: Origin::Rule,
            rule: None,
            reason: Some(Unmapped::NoMatch),
            changed: None,
            version: 1,
        }
    }

    /// From seven columns: identity, its display name, origin, rule, reason, changed, version.
    pub(crate) fn of(row: &Row, first: usize) -> Result<Self> {
        if row.int_or_null(first + 6)?.is_none() {
            return Ok(Self::unknown());
        }
        let parse_identity = |text: String| {
            let what = "identity id";
            let corrupt = |error: grantry_model::ids::InvalidId| error.to_string();
            let id = IdentityId::parse(&text).map_err(corrupt);
            id.map_err(|reason| StoreError::Corrupt { what, reason })
        };
        Ok(Self {
            identity: row.text_or_null(first)?.map(parse_identity).transpose()?,
            identity_display: row.text_or_null(first + 1)?,
            origin: row.parsed(first + 2, "origin of a mapping", Origin::parse)?,
            rule: row.int_or_null(first + 3)?.and_then(|rule| u32::try_from(rule).ok()),
            reason: row.text_or_null(first + 4)?.as_deref().and_then(Unmapped::parse),
            changed: row.time_or_null(first + 5)?,
            version: row.int(first + 6)?,
        })
    }
}

/// How many mappings the rules would change, or have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MappingCounts {
    /// Accounts that get an identity.
    pub mapped: u64,
    /// Accounts that get another identity.
    pub remapped: u64,
    /// Accounts that lose theirs.
    pub unmapped: u64,
    /// Accounts of which only the reason, or the rule, is another.
    pub explained: u64,
}

impl MappingCounts {
    /// Whether anything differs.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What the rules change about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MappingChange {
    pub account: String,
    pub account_display: Option<String>,
    /// Id and display name.
    pub before: Option<(String, String)>,
    /// Id and display name.
    pub after: Option<(String, String)>,
    pub rule: Option<u32>,
    pub reason: Option<Unmapped>,
}

/// An account of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct IdentityAccount {
    pub account: AccountId,
    pub integration: IntegrationId,
    pub integration_name: String,
    pub app: AppId,
    pub kind: String,
    pub native_id: String,
    pub name: Option<String>,
    pub display: String,
    pub status: String,
    pub origin: Origin,
}

/// What the rules say of the accounts of an integration, or of all (`$1` is empty), where it differs
/// from what is stored. The first rule that finds anybody decides; if it finds several identities,
/// the account is nobody's.
macro_rules! differing {
    () => {
        "hits AS ( \
            SELECT k.account_id, k.rule, i.id AS identity_id FROM account_keys k JOIN identities i ON i.email_key = k.value_key \
                WHERE k.field = 'email' AND ($1 = '' OR k.integration_id = $1) AND i.removed_ms IS NULL AND (k.data_source_id = '' OR k.data_source_id = i.data_source_id) \
            UNION SELECT k.account_id, k.rule, i.id AS identity_id FROM account_keys k JOIN identities i ON i.user_name_key = k.value_key \
                WHERE k.field = 'user_name' AND ($1 = '' OR k.integration_id = $1) AND i.removed_ms IS NULL AND (k.data_source_id = '' OR k.data_source_id = i.data_source_id) \
            UNION SELECT k.account_id, k.rule, i.id AS identity_id FROM account_keys k JOIN identities i ON i.external_id_key = k.value_key \
                WHERE k.field = 'external_id' AND ($1 = '' OR k.integration_id = $1) AND i.removed_ms IS NULL AND (k.data_source_id = '' OR k.data_source_id = i.data_source_id) \
        ), best AS (SELECT account_id, MIN(rule) AS rule FROM hits GROUP BY account_id), \
        found AS (SELECT h.account_id, h.rule, MIN(h.identity_id) AS identity_id, COUNT(*) AS identities FROM hits h JOIN best b ON b.account_id = h.account_id AND b.rule = h.rule GROUP BY h.account_id, h.rule), \
        said AS (SELECT m.account_id, m.identity_id AS was, m.rule AS was_rule, m.reason AS was_reason, f.rule, \
            CASE WHEN f.identities = 1 THEN f.identity_id END AS identity_id, \
            CASE WHEN f.identities IS NULL THEN 'no_match' WHEN f.identities > 1 THEN 'ambiguous' END AS reason \
            FROM mappings m LEFT JOIN found f ON f.account_id = m.account_id WHERE m.origin = 'rule' AND ($1 = '' OR m.integration_id = $1)), \
        differing AS (SELECT account_id, was, identity_id, rule, reason FROM said WHERE was IS DISTINCT FROM identity_id OR was_reason IS DISTINCT FROM reason OR was_rule IS DISTINCT FROM rule) "
    };
}

const MAPPING_INSERT: &str = "INSERT INTO mappings (account_id, integration_id, row_hash, rules_version, identity_id, origin, rule, reason, changed_ms, version) VALUES ";
const MAPPING_UPSERT: &str = " ON CONFLICT (account_id) DO UPDATE SET row_hash = excluded.row_hash, rules_version = excluded.rules_version";
const MAPPING_TAIL: &str = ", NULL, 'rule', NULL, 'no_match', NULL, 1";
const KEYS_INSERT: &str = "INSERT INTO account_keys (account_id, rule, value_key, integration_id, field, data_source_id) VALUES ";
const KEYS_KEEP: &str = " ON CONFLICT DO NOTHING";

statements! {
    RULES = "SELECT rules, version FROM mapping_rules WHERE integration_id = $1";
    INSERT_RULES = "INSERT INTO mapping_rules (integration_id, rules, version) VALUES ($1, $2, 2) ON CONFLICT (integration_id) DO NOTHING";
    UPDATE_RULES = "UPDATE mapping_rules SET rules = $2, version = version + 1 WHERE integration_id = $1 AND version = $3";
    LOCK = "UPDATE mapping_lock SET id = 1 WHERE id = 1";
    /// Accounts whose keys are not made of what they are now.
    UNREAD = "SELECT o.id, o.details, o.row_hash FROM objects o LEFT JOIN mappings m ON m.account_id = o.id \
        WHERE o.integration_id = $1 AND o.class = 'account' AND o.id > $2 AND o.removed_ms IS NULL AND (m.row_hash IS DISTINCT FROM o.row_hash OR m.rules_version IS DISTINCT FROM $3) ORDER BY o.id LIMIT $4";
    FORGET_KEYS = "DELETE FROM account_keys WHERE integration_id = $1 AND account_id > $2 AND account_id <= $3 AND NOT EXISTS \
        (SELECT 1 FROM objects o JOIN mappings m ON m.account_id = o.id WHERE o.id = account_keys.account_id AND m.row_hash = o.row_hash AND m.rules_version = $4)";
    COUNT = concat!("WITH ", differing!(), "SELECT CAST(COALESCE(SUM(CASE WHEN was IS NULL AND identity_id IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT), \
        CAST(COALESCE(SUM(CASE WHEN was <> identity_id THEN 1 ELSE 0 END), 0) AS BIGINT), \
        CAST(COALESCE(SUM(CASE WHEN was IS NOT NULL AND identity_id IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT), COUNT(*) FROM differing");
    CHANGES = concat!("WITH ", differing!(), "SELECT d.account_id, o.display, d.was, w.display, d.identity_id, i.display, d.rule, d.reason FROM differing d \
        LEFT JOIN objects o ON o.id = d.account_id LEFT JOIN identities w ON w.id = d.was LEFT JOIN identities i ON i.id = d.identity_id ORDER BY d.account_id LIMIT $2");
    APPLY = concat!("UPDATE mappings SET identity_id = d.identity_id, rule = d.rule, reason = d.reason, changed_ms = $2, version = version + 1 FROM (",
        "WITH ", differing!(), "SELECT account_id, identity_id, rule, reason FROM differing) AS d WHERE d.account_id = mappings.account_id");
    /// What a person said of an identity that is gone holds no more.
    FORGET_GONE = "UPDATE mappings SET identity_id = NULL, origin = 'rule', rule = NULL, reason = 'no_match', changed_ms = $1, version = version + 1 \
        WHERE origin = 'hand' AND identity_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.id = mappings.identity_id AND i.removed_ms IS NULL)";
    GET = "SELECT m.identity_id, i.display, m.origin, m.rule, m.reason, m.changed_ms, m.version FROM mappings m LEFT JOIN identities i ON i.id = m.identity_id WHERE m.account_id = $1";
    SET = "INSERT INTO mappings (account_id, integration_id, identity_id, origin, rule, reason, row_hash, rules_version, changed_ms, version) VALUES ($1, $2, $3, 'hand', NULL, $4, NULL, NULL, $5, 2) \
        ON CONFLICT (account_id) DO UPDATE SET identity_id = excluded.identity_id, origin = 'hand', rule = NULL, reason = excluded.reason, changed_ms = excluded.changed_ms, version = mappings.version + 1 WHERE mappings.version = $6";
    RELEASE = "UPDATE mappings SET identity_id = NULL, origin = 'rule', rule = NULL, reason = 'no_match', changed_ms = $3, version = version + 1 WHERE account_id = $1 AND version = $2";
    ACCOUNTS_OF = "SELECT o.id, n.id, n.name, n.app_id, o.kind, o.native_id, o.name, o.display, o.status, m.origin FROM mappings m JOIN objects o ON o.id = m.account_id JOIN integrations n ON n.id = m.integration_id \
        WHERE m.identity_id = $1 AND m.account_id > $2 AND o.removed_ms IS NULL AND ($3 = '' OR m.integration_id = $3) ORDER BY m.account_id LIMIT $4";
}

fn mappings() -> Batch {
    Batch::with_tail(MAPPING_INSERT, MAPPING_UPSERT, 4, MAPPING_TAIL)
}

fn keys() -> Batch {
    Batch::plain(KEYS_INSERT, KEYS_KEEP, 6)
}

/// The multi-row statements, of two rows each.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    vec![
        ("MAPPING_INSERT", mappings().text(is_postgres, 2)),
        ("KEYS_INSERT", keys().text(is_postgres, 2)),
    ]
}

fn account(row: &Row) -> Result<IdentityAccount> {
    Ok(IdentityAccount {
        account: row.parsed(0, "account id", |text| AccountId::parse(text).ok())?,
        integration: row.parsed(1, "integration id", |text| IntegrationId::parse(text).ok())?,
        integration_name: row.text(2)?,
        app: row.parsed(3, "app id", |text| AppId::parse(text).ok())?,
        kind: row.text(4)?,
        native_id: row.text(5)?,
        name: row.text_or_null(6)?,
        display: row.text(7)?,
        status: row.text(8)?,
        origin: row.parsed(9, "origin of a mapping", Origin::parse)?,
    })
}

fn rules(row: Option<Row>) -> Result<(Vec<Rule>, i64)> {
    match row {
        Some(row) => Ok((row.json(0, "mapping rules")?, row.int(1)?)),
        None => Ok((default_rules(), 1)),
    }
}

impl Db {
    /// An integration's rules with their version, which is 1 until somebody changes them.
    pub async fn mapping_rules(&self, id: &IntegrationId) -> Result<(Vec<Rule>, i64)> {
        rules(self.fetch_one(RULES, args![id.as_str()]).await?)
    }

    /// Makes the keys of an integration's accounts that are new or changed, some at a time. They are
    /// nothing that a person would call a change.
    pub async fn read_accounts(&self, integration: &IntegrationId) -> Result<()> {
        let mut after = String::new();
        loop {
            let mut tx = self.begin_housekeeping().await?;
            tx.execute(LOCK, &[]).await?;
            let last = tx.read_some_accounts(integration, &after).await?;
            tx.commit().await?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
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
    /// Makes the keys of the next accounts; returns the last of them, if there may be more.
    async fn read_some_accounts(
        &mut self,
        integration: &IntegrationId,
        after: &str,
    ) -> Result<Option<String>> {
        let id = integration.as_str();
        let (rules, version) = rules(self.fetch_one(RULES, args![id]).await?)?;
        let unread = self.fetch(UNREAD, args![id, after, version, ACCOUNTS_A_TIME]).await?;
        let Some(last) = unread.last() else { return Ok(None) };
        let last = last.text(0)?;
        self.execute(FORGET_KEYS, args![id, after, &last, version]).await?;
        let (mut mappings, mut keys) = (mappings(), keys());
        for chunk in unread.chunks(BATCH_ROWS) {
            let read = chunk.iter().map(|row| Read::of(row, &rules)).collect::<Result<Vec<_>>>()?;
            let rows: Vec<Arg<'_>> = read
                .iter()
                .flat_map(|read| *args![&read.account, id, read.row_hash, version])
                .collect();
            mappings.run(self, &rows).await?;
            let pairs: Vec<_> =
                read.iter().flat_map(|read| read.keys.iter().map(move |key| (read, key))).collect();
            for chunk in pairs.chunks(BATCH_ROWS) {
                let mut rows: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 6);
                for (read, (position, key)) in chunk {
                    let rule = &rules[*position];
                    let position = i64::try_from(*position).unwrap_or(i64::MAX);
                    let source = rule.data_source.as_ref().map_or("", |source| source.as_str());
                    let (account, field) = (&read.account, rule.identity.name());
                    rows.extend_from_slice(args![account, position, key, id, field, source]);
                }
                keys.run(self, &rows).await?;
            }
        }
        let is_full = unread.len() == ACCOUNTS_A_TIME as usize;
        Ok(Some(last).filter(|_| is_full))
    }
}

/// What the rules make of an account.
struct Read {
    account: String,
    row_hash: i64,
    /// With the rule's position.
    keys: Vec<(usize, String)>,
}

impl Read {
    fn of(row: &Row, rules: &[Rule]) -> Result<Self> {
        let object: Object = row.json(1, "account")?;
        let of_rule = |(position, rule): (usize, &Rule)| {
            rule.keys(&object).into_iter().map(move |key| (position, key)).collect::<Vec<_>>()
        };
        let keys = rules.iter().enumerate().flat_map(of_rule).collect();
        Ok(Self { account: row.text(0)?, row_hash: row.int(2)?, keys })
    }
}

impl Tx {
    /// Lets no other change of mappings come between.
    pub async fn lock_mappings(&mut self) -> Result<()> {
        self.execute(LOCK, &[]).await.map(drop)
    }

    /// An integration's rules with their version, as this transaction sees them.
    pub async fn mapping_rules(&mut self, id: &IntegrationId) -> Result<(Vec<Rule>, i64)> {
        rules(self.fetch_one(RULES, args![id.as_str()]).await?)
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

    /// Makes the keys of an integration's accounts, where they are not made of what is there now.
    pub async fn read_accounts(&mut self, integration: &IntegrationId) -> Result<()> {
        let mut after = String::new();
        while let Some(last) = self.read_some_accounts(integration, &after).await? {
            after = last;
        }
        Ok(())
    }

    /// What the rules would change, of one integration or of all: how much, and the first of it.
    pub async fn mapping_changes(
        &mut self,
        integration: Option<&IntegrationId>,
        limit: u32,
    ) -> Result<(MappingCounts, Vec<MappingChange>)> {
        let of = integration.map_or("", IntegrationId::as_str);
        let Some(row) = self.fetch_one(COUNT, args![of]).await? else {
            return Ok(Default::default());
        };
        let count = |index| Ok(u64::try_from(row.int(index)?).unwrap_or(0));
        let (mapped, remapped, unmapped): (u64, u64, u64) = (count(0)?, count(1)?, count(2)?);
        let all: Result<u64> = count(3);
        let explained = all?.saturating_sub(mapped + remapped + unmapped);
        let counts = MappingCounts { mapped, remapped, unmapped, explained };
        if counts.is_none() || limit == 0 {
            return Ok((counts, Vec::new()));
        }
        let named = |row: &Row, index: usize| -> Result<Option<(String, String)>> {
            let Some(id) = row.text_or_null(index)? else { return Ok(None) };
            Ok(Some((id, row.text_or_null(index + 1)?.unwrap_or_default())))
        };
        let change = |row: &Row| {
            Ok(MappingChange {
                account: row.text(0)?,
                account_display: row.text_or_null(1)?,
                before: named(row, 2)?,
                after: named(row, 4)?,
                rule: row.int_or_null(6)?.and_then(|rule| u32::try_from(rule).ok()),
                reason: row.text_or_null(7)?.as_deref().and_then(Unmapped::parse),
            })
        };
        let rows = self.fetch(CHANGES, args![of, limit]).await?;
        Ok((counts, rows.iter().map(change).collect::<Result<_>>()?))
    }

    /// Makes what the rules say true, of one integration or of all. Nothing that a person said is
    /// touched, unless the identity is gone.
    pub async fn apply_mappings(&mut self, integration: Option<&IntegrationId>) -> Result<u64> {
        let (of, now) = (integration.map_or("", IntegrationId::as_str), self.now());
        self.execute(APPLY, args![of, now]).await
    }

    /// Leaves to the rules whose account was a gone identity's by a person's word; returns how many.
    pub async fn forget_gone_identities(&mut self) -> Result<u64> {
        let now = self.now();
        self.execute(FORGET_GONE, args![now]).await
    }

    /// Notes what a person says of an account whose mapping is still at that version: it is this
    /// identity's, or nobody's.
    pub async fn set_mapping(
        &mut self,
        integration: &IntegrationId,
        account: &AccountId,
        version: i64,
        identity: Option<&IdentityId>,
    ) -> Result<()> {
        let (now, reason) = (self.now(), identity.is_none().then(|| Unmapped::ByHand.name()));
        let identity = identity.map(IdentityId::as_str);
        let (account, integration) = (account.as_str(), integration.as_str());
        let args = args![account, integration, identity, reason, now, version];
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

    /// Whose an account is, as this transaction sees it.
    pub async fn mapping(&mut self, account: &AccountId) -> Result<StoredMapping> {
        let row = self.fetch_one(GET, args![account.as_str()]).await?;
        row.map_or_else(|| Ok(StoredMapping::unknown()), |row| StoredMapping::of(&row, 0))
    }
}
