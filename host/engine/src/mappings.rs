//! Whose an account is: rules, previews, and what people say by hand (INT-13), of integrations and of
//! apps that lists feed.
//!
//! The rules are applied where what they look at changes: at the end of a run that reads everything,
//! when a list is applied, when the rules change, and on demand. How is in [`apply`].

mod apply;
mod own;

use grantry_authz::{Permit, actions};
use grantry_model::ids::{AccountId, DataSourceId, IdentityId, IntegrationId};
use grantry_model::mapping::{Origin, Proposal, Rule, Unmapped, issues};
use grantry_model::permission::{Action, Entity};
use grantry_store::{
    AuditEntry, CatalogueSource, IdentityAccount, StoredIdentity, StoredMapping, StoredObject, Tx,
};
use serde_json::{Value, json};

use crate::{Ctx, EngineError, Page, PageQuery, Result};

pub(crate) use apply::{How, apply, apply_all, apply_or_tell, apply_to_lists};
pub use own::OwnAccount;

/// Accounts of one identity that a refusal names.
const NAMED_ACCOUNTS_MAX: u32 = 10;
/// Changes that a preview, or an application of the rules, names.
const NAMED_MAX: usize = 100;

const NO_ACCOUNT: EngineError = EngineError::NotFound { what: "account" };

/// How many mappings the rules would change, or have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MappingCounts {
    /// Accounts that get an identity.
    pub mapped: u64,
    /// Accounts that get another identity.
    pub remapped: u64,
    /// Accounts that lose theirs.
    pub unmapped: u64,
    /// Accounts of which the rules say what takes a person's word.
    pub held: u64,
    /// Accounts of which only the reason, or the rule, is another.
    pub explained: u64,
}

impl MappingCounts {
    /// Whether anything differs.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// An identity, with its name for those who may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NamedIdentity {
    pub id: IdentityId,
    pub display: Option<String>,
}

impl NamedIdentity {
    fn nameless(id: &IdentityId) -> Self {
        Self { id: id.clone(), display: None }
    }
}

/// What the rules change about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MappingChange {
    pub account: String,
    pub account_display: String,
    pub before: Option<NamedIdentity>,
    pub after: Option<NamedIdentity>,
    pub rule: Option<u32>,
    pub reason: Option<Unmapped>,
    pub proposal: Option<Proposal>,
}

/// What the rules change, or would change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappingOutcome {
    /// How much of what.
    pub counts: MappingCounts,
    /// The first of the changes.
    pub changes: Vec<MappingChange>,
}

fn said(mapping: &StoredMapping) -> Value {
    let claimed = match &mapping.proposal {
        Some(Proposal::Claimed(identity)) => Some(identity),
        _ => None,
    };
    json!({
        "identity": mapping.identity, "origin": mapping.origin, "reason": mapping.reason,
        "claimed_by": claimed,
    })
}

impl Ctx {
    /// The rules with their version.
    pub async fn mapping_rules(&self, of: &CatalogueSource) -> Result<(Vec<Rule>, i64)> {
        self.permit_source::<actions::IntegrationRead>(of).await?;
        self.load_source(of).await?;
        Ok(self.db().mapping_rules(&of.id()).await?)
    }

    /// What the rules, or these instead of them, would change now.
    pub async fn preview_mapping(
        &self,
        of: &CatalogueSource,
        proposed: Option<&[Rule]>,
    ) -> Result<MappingOutcome> {
        self.permit_source::<actions::IntegrationWrite>(of).await?;
        self.load_source(of).await?;
        let outcome = match proposed {
            Some(rules) => {
                self.check_rules(rules).await?;
                apply::preview(self.db(), of, rules, NAMED_MAX).await?
            }
            None => {
                let (rules, _) = self.db().mapping_rules(&of.id()).await?;
                apply::preview(self.db(), of, &rules, NAMED_MAX).await?
            }
        };
        self.named(outcome).await
    }

    /// With the names of the people whom the caller may see.
    async fn named(&self, mut outcome: MappingOutcome) -> Result<MappingOutcome> {
        for change in &mut outcome.changes {
            for identity in [&mut change.before, &mut change.after].into_iter().flatten() {
                let found = self.db().identity(&identity.id).await?;
                let found = found.filter(|found| self.may_see_source(&found.identity.data_source));
                identity.display = found.map(|found| found.identity.display_name);
            }
        }
        Ok(outcome)
    }

    /// Changes rules that are still at that version, and applies them.
    pub async fn update_mapping_rules(
        &self,
        of: &CatalogueSource,
        version: i64,
        rules: &[Rule],
    ) -> Result<(Vec<Rule>, i64, MappingOutcome)> {
        let permit = self.permit_source::<actions::IntegrationWrite>(of).await?;
        self.load_source(of).await?;
        self.check_rules(rules).await?;
        let (before, _) = self.db().mapping_rules(&of.id()).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_mapping_rules(&permit, &of.id(), version, rules).await?;
        let detail = json!({ "before": before, "after": rules });
        let event = "integration.mapping_rules_changed";
        tx.commit(AuditEntry::about(event, of.what(), of.as_str(), detail)).await?;
        let how = How { named: NAMED_MAX, ..How::because("rules") };
        let outcome = apply(self.db(), permit.provenance(), of, how).await?;
        Ok((rules.to_vec(), version + 1, self.named(outcome).await?))
    }

    /// Applies the rules now. Doing it twice changes nothing more. Where the caller
    /// `accepts` it, accounts get another owner, and identities a second account.
    pub async fn apply_mapping(
        &self,
        of: &CatalogueSource,
        accepts: bool,
    ) -> Result<MappingOutcome> {
        let permit = self.permit_source::<actions::IntegrationWrite>(of).await?;
        self.load_source(of).await?;
        let tx = self.db().begin(permit.provenance()).await?;
        let detail = json!({ "accepts_proposals": accepts });
        let event = "mapping.ordered";
        tx.commit(AuditEntry::about(event, of.what(), of.as_str(), detail)).await?;
        let how = How { because: "demand", named: NAMED_MAX, accepts };
        let outcome = apply(self.db(), permit.provenance(), of, how).await?;
        self.named(outcome).await
    }

    async fn begin_mapping(&self, permit: &Permit<actions::IntegrationWrite>) -> Result<Tx> {
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.lock_mappings().await?;
        Ok(tx)
    }

    /// A data source that the caller may not see is an unknown one.
    async fn check_rules(&self, rules: &[Rule]) -> Result<()> {
        let issues = issues(rules);
        if !issues.is_empty() {
            return Err(EngineError::Invalid(issues));
        }
        for (position, rule) in rules.iter().enumerate() {
            let Some(source) = &rule.data_source else { continue };
            if !self.may_see_source(source) || self.db().data_source(source).await?.is_none() {
                let path = format!("/rules/{position}/data_source_id");
                let message = "there is no data source with this id";
                return Err(EngineError::field(&path, "unknown_data_source", message));
            }
        }
        Ok(())
    }

    fn may_see_source(&self, source: &DataSourceId) -> bool {
        self.actor.permit_data_source_read(source).is_ok()
    }

    /// What the caller may see of a mapping: the names of people take more than the integration.
    pub(crate) fn shown(&self, mapping: StoredMapping) -> StoredMapping {
        let is_seen = mapping.identity_source.as_ref().is_some_and(|it| self.may_see_source(it));
        let identity_display = mapping.identity_display.filter(|_| is_seen);
        StoredMapping { identity_display, ..mapping }
    }

    /// An identity that is there, and that the caller may see.
    async fn seen_identity(&self, id: &IdentityId) -> Result<Option<StoredIdentity>> {
        let found = self.db().identity(id).await?.filter(|found| found.removed.is_none());
        Ok(found.filter(|found| self.may_see_source(&found.identity.data_source)))
    }

    /// Whose an account is.
    pub async fn mapping(
        &self,
        of: &CatalogueSource,
        account: &AccountId,
    ) -> Result<StoredMapping> {
        self.permit_source::<actions::IntegrationRead>(of).await?;
        Ok(self.shown(self.load_account(of, account).await?.mapping))
    }

    async fn load_account(
        &self,
        of: &CatalogueSource,
        account: &AccountId,
    ) -> Result<StoredObject> {
        self.load_source(of).await?;
        self.db().account(&of.id(), account).await?.ok_or(NO_ACCOUNT)
    }

    /// Says by hand whose an account is, if its mapping is still at that version: that of an
    /// identity, or nobody's. Rules and syncs leave it so.
    pub async fn set_mapping(
        &self,
        of: &CatalogueSource,
        account: &AccountId,
        version: i64,
        identity: Option<&IdentityId>,
    ) -> Result<StoredMapping> {
        let permit = self.permit_source::<actions::IntegrationWrite>(of).await?;
        self.load_account(of, account).await?;
        if let Some(identity) = identity
            && self.seen_identity(identity).await?.is_none()
        {
            let message = "there is no identity with this id, or it is gone";
            return Err(EngineError::field("/identity_id", "unknown_identity", message));
        }
        let mut tx = self.begin_mapping(&permit).await?;
        let before = tx.mapping(account).await?;
        if before.version != version {
            return Err(grantry_store::StoreError::VersionConflict { what: "mapping" }.into());
        }
        tx.set_mapping(&of.id(), account, version, identity, Origin::Hand).await?;
        self.commit_said(tx, "mapping.set", account, &before).await
    }

    /// Leaves it to the rules again whose an account is, and applies them.
    pub async fn release_mapping(
        &self,
        of: &CatalogueSource,
        account: &AccountId,
        version: i64,
    ) -> Result<StoredMapping> {
        let permit = self.permit_source::<actions::IntegrationWrite>(of).await?;
        self.load_account(of, account).await?;
        let mut tx = self.begin_mapping(&permit).await?;
        let before = tx.mapping(account).await?;
        tx.release_mapping(account, version).await?;
        self.commit_said(tx, "mapping.released", account, &before).await?;
        apply(self.db(), permit.provenance(), of, How::because("release")).await?;
        Ok(self.shown(self.db().mapping(account).await?))
    }

    pub(crate) async fn commit_said(
        &self,
        mut tx: Tx,
        event: &'static str,
        account: &AccountId,
        before: &StoredMapping,
    ) -> Result<StoredMapping> {
        let after = tx.mapping(account).await?;
        let detail = json!({ "before": said(before), "after": said(&after) });
        tx.commit(AuditEntry::about(event, "account", account.as_str(), detail)).await?;
        Ok(self.shown(after))
    }

    /// The accounts of an identity, as far as the caller may read their apps or integrations.
    pub async fn list_identity_accounts(
        &self,
        source: &DataSourceId,
        identity: &IdentityId,
        query: &PageQuery,
    ) -> Result<Page<IdentityAccount>> {
        self.identity(source, identity).await?;
        let list = format!("identity-accounts/{identity}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let limit = query.limit + 1;
        let rows = self.db().accounts_of_identity(identity, None, &after, limit).await?;
        let page = self.engine.page(&list, rows, query.limit, |row| row.account.to_string());
        let items = page.items.into_iter().filter(|row| self.may_see(row)).collect();
        Ok(Page { items, next: page.next })
    }

    fn may_see(&self, account: &IdentityAccount) -> bool {
        let app = Entity::App(account.app.clone());
        let read = grantry_authz::decide(&self.actor.permissions, Action::AppAndRoleRead, &app);
        let own =
            self.actor.permit_source::<actions::IntegrationRead>(account.source.integration());
        matches!(read, grantry_authz::Decision::Allowed(_)) || own.is_ok()
    }

    /// The account of an identity that access to an app is given to, whose accounts the catalogue keeps
    /// under that id. An identity that the caller may not see is answered as one without an account.
    pub(crate) async fn account_of_identity(
        &self,
        source: &IntegrationId,
        identity: &IdentityId,
    ) -> Result<AccountId> {
        if self.seen_identity(identity).await?.is_none() {
            return Err(EngineError::AccountUnmapped);
        }
        match &self.accounts_there(source, identity).await?[..] {
            [] => Err(EngineError::AccountUnmapped),
            [one] => Ok(one.clone()),
            several => Err(EngineError::SeveralAccounts(
                several.iter().map(AccountId::to_string).collect(),
            )),
        }
    }

    /// The accounts of an identity that the catalogue keeps under that id; a single one only if it is
    /// surely theirs. More than one is refused, so two tell enough; a few more are named.
    pub(crate) async fn accounts_there(
        &self,
        source: &IntegrationId,
        identity: &IdentityId,
    ) -> Result<Vec<AccountId>> {
        let found = self.db().accounts_of_identity(identity, Some(source), "", NAMED_ACCOUNTS_MAX);
        let mut ids: Vec<AccountId> = found.await?.into_iter().map(|one| one.account).collect();
        if let [one] = &ids[..]
            && !self.db().mapping(one).await?.is_surely_of(identity)
        {
            ids.clear();
        }
        Ok(ids)
    }
}
