//! Accounts of people who sign in, and those that could be theirs (INT-7).
//!
//! What comes of what people say is decided by [`grantry_model::mapping::judge_own`].

use std::collections::BTreeSet;

use grantry_authz::{Permit, actions};
use grantry_model::catalogue::Object;
use grantry_model::ids::{AccountId, IdentityId, PrincipalId};
use grantry_model::mapping::{Held, Proposal};
use grantry_model::settings::Settings;

use crate::db::{Db, Row, Tx, args};
use crate::identities::own_identities;
use crate::mappings::{IdentityAccount, account, identity, object, proposal};
use crate::{Result, StoreError, statements};

/// A living account of an integration, and what is known of whose it is.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OwnableAccount {
    pub account: IdentityAccount,
    /// Also one that is gone.
    pub identity: Option<IdentityId>,
    pub proposal: Option<Proposal>,
    /// Of the mapping; 1 where nothing is stored.
    pub version: i64,
    /// Whether its integration lets people map their own accounts. Accounts of lists are read-only.
    pub is_editable: bool,
    pub object: Object,
}

impl OwnableAccount {
    /// Whose it is.
    pub fn held(&self) -> Held<'_> {
        let (identity, proposal) = (self.identity.as_ref(), self.proposal.as_ref());
        Held { identity, origin: self.account.origin, proposal }
    }
}

macro_rules! ownable {
    () => {
        "SELECT o.id, n.id, p.id, n.name, p.name, o.kind, o.native_id, o.name, o.display, o.status, COALESCE(m.origin, 'rule'), m.identity_id, m.proposed_id, m.proposal, COALESCE(m.version, 1), n.settings, o.details "
    };
}

statements! {
    MAPPED = concat!(ownable!(), "FROM mappings m JOIN objects o ON o.id = m.account_id LEFT JOIN integrations n ON n.id = m.integration_id JOIN apps p ON p.id = COALESCE(n.app_id, m.integration_id) \
        WHERE m.identity_id IN (", own_identities!(), ") AND m.account_id > $2 AND o.removed_ms IS NULL ORDER BY m.account_id LIMIT $3");
    /// Nobody's accounts that somebody may claim; whom the rules find is not asked here.
    UNHELD = concat!(ownable!(), "FROM mappings m JOIN objects o ON o.id = m.account_id JOIN integrations n ON n.id = m.integration_id JOIN apps p ON p.id = n.app_id \
        WHERE m.identity_id IS NULL AND m.origin <> 'hand' AND m.reason <> 'no_match' AND m.account_id > $1 AND o.removed_ms IS NULL ORDER BY m.account_id LIMIT $2");
    ONE = concat!(ownable!(), "FROM objects o LEFT JOIN integrations n ON n.id = o.integration_id JOIN apps p ON p.id = COALESCE(n.app_id, o.integration_id) LEFT JOIN mappings m ON m.account_id = o.id \
        WHERE o.id = $1 AND o.class = 'account' AND o.removed_ms IS NULL");
    OWN_IDS = own_identities!();
    CLAIM = "INSERT INTO mappings (account_id, integration_id, origin, reason, proposed_id, proposal, changed_ms, version) VALUES ($1, $2, 'rule', 'ambiguous', $3, 'claimed', $4, 2) \
        ON CONFLICT (account_id) DO UPDATE SET reason = CASE mappings.origin WHEN 'rule' THEN excluded.reason ELSE mappings.reason END, proposed_id = excluded.proposed_id, proposal = excluded.proposal, changed_ms = excluded.changed_ms, version = mappings.version + 1 \
        WHERE mappings.version = $5 AND mappings.identity_id IS NULL";
    TAKE_BACK = "UPDATE mappings SET proposed_id = NULL, proposal = NULL, changed_ms = $3, version = version + 1 WHERE account_id = $1 AND version = $2 AND proposal = 'claimed'";
}

fn ownable(row: &Row) -> Result<OwnableAccount> {
    let account = account(row)?;
    let is_listed = account.source.integration().is_none();
    Ok(OwnableAccount {
        identity: identity(row, 11)?,
        proposal: proposal(row, 12)?,
        version: row.int(14)?,
        is_editable: !is_listed
            && row.json::<Settings>(15, "settings")?.allows_users_to_edit_accounts,
        object: object(row, 16, is_listed)?,
        account,
    })
}

fn ids(rows: &[Row]) -> Result<BTreeSet<IdentityId>> {
    rows.iter().map(|row| row.parsed(0, "identity id", |id| IdentityId::parse(id).ok())).collect()
}

const CONFLICT: StoreError = StoreError::VersionConflict { what: "mapping" };

impl Db {
    /// Accounts after the given id of somebody who signed in.
    pub async fn own_accounts(
        &self,
        person: &PrincipalId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<OwnableAccount>> {
        let rows = self.fetch(MAPPED, args![person.as_str(), after, limit]).await?;
        rows.iter().map(ownable).collect()
    }

    /// Nobody's accounts after the given id, of all integrations, that somebody may claim.
    pub async fn unheld_accounts(&self, after: &str, limit: u32) -> Result<Vec<OwnableAccount>> {
        self.fetch(UNHELD, args![after, limit]).await?.iter().map(ownable).collect()
    }

    /// A living account of an integration.
    pub async fn ownable_account(&self, id: &AccountId) -> Result<Option<OwnableAccount>> {
        self.fetch_one(ONE, args![id.as_str()]).await?.as_ref().map(ownable).transpose()
    }
}

impl Tx {
    /// As [`Db::ownable_account`], as this transaction sees it.
    pub async fn ownable_account(&mut self, id: &AccountId) -> Result<Option<OwnableAccount>> {
        self.fetch_one(ONE, args![id.as_str()]).await?.as_ref().map(ownable).transpose()
    }

    /// The identities that whoever acts is.
    pub async fn own_identity_ids(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
    ) -> Result<BTreeSet<IdentityId>> {
        ids(&self.fetch(OWN_IDS, args![permit.provenance().principal_id.as_str()]).await?)
    }

    /// Notes that somebody claims an account that is nobody's, if its mapping is still at that version.
    pub async fn claim_mapping(
        &mut self,
        _: &Permit<actions::OwnAccount>,
        claimed: &OwnableAccount,
        identity: &IdentityId,
    ) -> Result<()> {
        let (now, of) = (self.now(), &claimed.account);
        let (account, source) = (of.account.as_str(), of.source.id());
        let args = args![account, source.as_str(), identity.as_str(), now, claimed.version];
        if self.execute(CLAIM, args).await? == 1 { Ok(()) } else { Err(CONFLICT) }
    }

    /// Forgets the claim to an account, if its mapping is still at that version.
    pub async fn take_back_claim(
        &mut self,
        _: &Permit<actions::OwnAccount>,
        claimed: &OwnableAccount,
    ) -> Result<()> {
        let now = self.now();
        let args = args![claimed.account.account.as_str(), claimed.version, now];
        if self.execute(TAKE_BACK, args).await? == 1 { Ok(()) } else { Err(CONFLICT) }
    }
}
