//! People's own accounts: those of the identities that they are, and those that they may claim where
//! the integration lets them (INT-7).
//!
//! [`judge_own`] decides what comes of somebody's word. What it looks at is read without a lock, and
//! looked at again in the transaction that writes.

use std::collections::{BTreeMap, BTreeSet};

use grantry_authz::{Permit, actions};
use grantry_model::ids::{AccountId, IdentityId};
use grantry_model::mapping::{Found, Origin, OwnOutcome, OwnRefusal, OwnWord, Proposal, judge_own};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_store::{
    CatalogueSource, IdentityAccount, MappingState, OwnableAccount, StoreError, Tx,
};

use super::NO_ACCOUNT;
use super::apply::{How, apply, find};
use crate::{Ctx, EngineError, Page, PageQuery, Result};

/// How often a word is repeated that met another change of what it was judged by.
const CONFLICTS_MAX: u32 = 5;

/// An account of the caller's, or one that could be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OwnAccount {
    pub account: IdentityAccount,
    /// The caller's identity that has it, or claims it.
    pub identity: Option<IdentityId>,
    pub is_mapped: bool,
    /// Whether the claim waits for the word of somebody who administers.
    pub is_waiting: bool,
    /// Whether the caller may claim it, or give it up.
    pub is_editable: bool,
}

/// The own identities, and what of an account a word is judged by.
struct Sight {
    state: MappingState,
    account: OwnableAccount,
    own: BTreeSet<IdentityId>,
    found: Option<Found>,
}

fn shown(account: OwnableAccount, own: &BTreeSet<IdentityId>) -> OwnAccount {
    let is_mapped = account.identity.is_some();
    let claimant = match &account.proposal {
        Some(Proposal::Claimed(by) | Proposal::SecondAccount(by)) => {
            Some(by).filter(|by| own.contains(by)).cloned()
        }
        _ => None,
    };
    let is_waiting = !is_mapped && claimant.is_some();
    OwnAccount {
        is_editable: account.is_editable && account.account.origin != Origin::Hand,
        identity: account.identity.or(claimant),
        account: account.account,
        is_mapped,
        is_waiting,
    }
}

impl Ctx {
    async fn own_identity_ids(&self) -> Result<BTreeSet<IdentityId>> {
        let own = self.db().own_identities(&self.actor.principal.id).await?;
        Ok(own.into_iter().map(|own| own.identity.id).collect())
    }

    /// The caller's accounts.
    pub async fn list_own_accounts(&self, query: &PageQuery) -> Result<Page<OwnAccount>> {
        let permit = self.permit_own().await?;
        let person = &permit.provenance().principal_id;
        let list = format!("own-accounts/{person}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().own_accounts(person, &after, query.limit + 1).await?;
        let page =
            self.engine.page(&list, rows, query.limit, |row| row.account.account.to_string());
        let own = self.own_identity_ids().await?;
        let items = page.items.into_iter().map(|row| shown(row, &own)).collect();
        Ok(Page { items, next: page.next })
    }

    /// Nobody's accounts that the caller may claim now. A page may have fewer than there is room for.
    pub async fn list_claimable_accounts(&self, query: &PageQuery) -> Result<Page<OwnAccount>> {
        self.permit_own().await?;
        let own = self.own_identity_ids().await?;
        let list = format!("claimable-accounts/{}", self.actor.principal.id);
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        if own.is_empty() {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let rows = self.db().unheld_accounts(&after, query.limit + 1).await?;
        let page =
            self.engine.page(&list, rows, query.limit, |row| row.account.account.to_string());
        let mut by_source: BTreeMap<&CatalogueSource, Vec<&OwnableAccount>> = BTreeMap::new();
        for row in page.items.iter().filter(|row| row.is_editable) {
            by_source.entry(&row.account.source).or_default().push(row);
        }
        let mut items = Vec::new();
        for (source, rows) in by_source {
            let (rules, _) = self.db().mapping_rules(&source.id()).await?;
            let accounts: Vec<_> =
                rows.iter().map(|row| (&row.account.account, &row.object)).collect();
            let found = find(self.db(), &rules, &accounts).await?;
            let is_open = |row: &&&OwnableAccount| {
                let found = found.get(&row.account.account);
                // One that several of the own identities could have is open, too.
                let judged = judge_own(OwnWord::Claim, row.held(), found, &own, None);
                judged.is_ok() || judged == Err(OwnRefusal::WhichIdentity)
            };
            items.extend(rows.iter().filter(is_open).map(|row| shown((*row).clone(), &own)));
        }
        items.sort_by(|a, b| a.account.account.as_str().cmp(b.account.account.as_str()));
        Ok(Page { items, next: page.next })
    }

    /// Leaves an account that somebody gave up to the rules again, if they find nobody but the caller
    /// for it; if they find several, the claim waits for somebody who administers. Claiming the own
    /// account changes nothing. Which identity is to be told where several of the own ones fit.
    pub async fn claim_account(
        &self,
        id: &AccountId,
        identity: Option<&IdentityId>,
    ) -> Result<OwnAccount> {
        self.say_of_own(id, OwnWord::Claim, identity).await
    }

    /// Says of an own account that it is nobody's, also for the rules, or takes a claim back that waits.
    /// Saying it twice changes nothing.
    pub async fn give_up_account(&self, id: &AccountId) -> Result<OwnAccount> {
        self.say_of_own(id, OwnWord::GiveUp, None).await
    }

    async fn say_of_own(
        &self,
        id: &AccountId,
        word: OwnWord,
        named: Option<&IdentityId>,
    ) -> Result<OwnAccount> {
        let permit = self.permit_own().await?;
        for _ in 0..CONFLICTS_MAX {
            let sight = self.sight(id).await?;
            let (held, found) = (sight.account.held(), sight.found.as_ref());
            let outcome = judge_own(word, held, found, &sight.own, named);
            // What nothing connects with the caller does not exist for the caller.
            if outcome == Err(OwnRefusal::Unknown) {
                return Err(NO_ACCOUNT);
            }
            if !sight.account.is_editable {
                return Err(EngineError::AccountsReadOnly);
            }
            let outcome = outcome.map_err(|refusal| match refusal {
                OwnRefusal::Unknown => NO_ACCOUNT,
                OwnRefusal::Taken => EngineError::AccountTaken,
                OwnRefusal::WhichIdentity => {
                    let message = "must be one of yours that the rules find for this account";
                    EngineError::field("/identity_id", "unknown_identity", message)
                }
            })?;
            match self.write_word(&permit, &sight, &outcome).await {
                Err(EngineError::Store(StoreError::VersionConflict { .. })) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let own = self.own_identity_ids().await?;
                    let now = self.db().ownable_account(id).await?.ok_or(NO_ACCOUNT)?;
                    // Somebody who administers may have said otherwise meanwhile.
                    let is_others = now.identity.as_ref().is_some_and(|held| !own.contains(held));
                    return if is_others { Err(NO_ACCOUNT) } else { Ok(shown(now, &own)) };
                }
            }
        }
        Err(EngineError::Store(StoreError::VersionConflict { what: "mapping" }))
    }

    async fn sight(&self, id: &AccountId) -> Result<Sight> {
        let db = self.db();
        let account = db.ownable_account(id).await?.ok_or(NO_ACCOUNT)?;
        // Before anything that it is about: what changes meanwhile is noticed when it is written.
        let identities = db.identities_revision().await?;
        let (rules, version) = db.mapping_rules(&account.account.source.id()).await?;
        let own = self.own_identity_ids().await?;
        let mut found = find(db, &rules, &[(id, &account.object)]).await?;
        let found = found.remove(id);
        Ok(Sight { state: MappingState { identities, rules: version }, account, own, found })
    }

    async fn write_word(
        &self,
        permit: &Permit<actions::OwnAccount>,
        sight: &Sight,
        outcome: &OwnOutcome,
    ) -> Result<()> {
        let of = &sight.account.account;
        let (id, source, version) = (&of.account, &of.source.id(), sight.account.version);
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.lock_mappings().await?;
        let is_same = tx.mapping_state_now(source).await? == sight.state
            && tx.own_identity_ids(permit).await? == sight.own
            && tx.ownable_account(id).await?.as_ref() == Some(&sight.account);
        if !is_same {
            return Err(StoreError::VersionConflict { what: "mapping" }.into());
        }
        let before = tx.mapping(id).await?;
        let (event, told) = match outcome {
            OwnOutcome::Same => return Ok(()),
            OwnOutcome::Released => {
                tx.release_mapping(id, version).await?;
                ("mapping.claimed", "is claimed again, and nobody else fits")
            }
            OwnOutcome::Waits(identity) => {
                tx.claim_mapping(permit, &sight.account, identity).await?;
                ("mapping.claim_waits", "is claimed, but others fit too: say whose it is")
            }
            OwnOutcome::GivenUp => {
                tx.set_mapping(source, id, version, None, Origin::Own).await?;
                ("mapping.given_up", "is given up")
            }
            OwnOutcome::TakenBack => {
                tx.take_back_claim(permit, &sight.account).await?;
                ("mapping.claim_taken_back", "is claimed no more")
            }
        };
        self.tell_of_word(&mut tx, of, told).await?;
        self.commit_said(tx, event, id, &before).await?;
        if *outcome == OwnOutcome::Released {
            apply(self.db(), permit.provenance(), &of.source, How::because("claim")).await?;
        }
        Ok(())
    }

    async fn tell_of_word(&self, tx: &mut Tx, of: &IdentityAccount, told: &str) -> Result<()> {
        let name = of.integration_name.as_ref().unwrap_or(&of.app_name);
        let notice = Notice::new(NoticeKind::AccountClaimed, of.source.integration())
            .with("integration", name)
            .with("account", &of.display)
            .with("person", &self.actor.principal.name)
            .with("change", told);
        tx.queue_notice(&notice).await?;
        Ok(())
    }
}
