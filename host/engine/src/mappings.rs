//! Whose an account is: rules, previews, and what people say by hand (INT-13).
//!
//! The rules are applied where what they look at changes: at the end of a complete aggregation, when a
//! list of users is applied, when the rules change, and on demand. A preview is the real thing in a
//! transaction that is never committed.

use grantry_authz::{Permit, actions};
use grantry_model::ids::{AccountId, DataSourceId, IdentityId, IntegrationId};
use grantry_model::mapping::{Rule, issues};
use grantry_model::permission::{Action, Entity};
use grantry_store::{
    AuditEntry, IdentityAccount, MappingChange, MappingCounts, StoredMapping, StoredObject, Tx,
};
use serde_json::{Value, json};

use crate::{Ctx, EngineError, Page, PageQuery, Result};

/// Changes that a preview, or an application of the rules, names.
const NAMED_MAX: u32 = 100;
/// Changes that an audit entry names.
const AUDITED_MAX: u32 = 20;

const NO_ACCOUNT: EngineError = EngineError::NotFound { what: "account" };

/// What the rules change, or would change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappingOutcome {
    /// How much of what.
    pub counts: MappingCounts,
    /// The first of the changes.
    pub changes: Vec<MappingChange>,
}

/// Applies the rules in the caller's transaction: of one integration, or of all. What changed is
/// audited there, once; nothing is written where nothing changes.
pub(crate) async fn apply(
    tx: &mut Tx,
    integration: Option<&IntegrationId>,
    because: &'static str,
    named: u32,
) -> Result<MappingOutcome> {
    tx.lock_mappings().await?;
    let forgotten = tx.forget_gone_identities().await?;
    let (counts, changes) = tx.mapping_changes(integration, named.max(AUDITED_MAX)).await?;
    if counts.is_none() && forgotten == 0 {
        return Ok(MappingOutcome::default());
    }
    tx.apply_mappings(integration).await?;
    let first: Vec<Value> = changes.iter().take(AUDITED_MAX as usize).map(audited).collect();
    let detail = json!({
        "because": because, "mapped": counts.mapped, "remapped": counts.remapped,
        "unmapped": counts.unmapped, "explained": counts.explained,
        "identities_gone": forgotten, "first": first,
    });
    let (kind, id) = match integration {
        Some(integration) => ("integration", integration.as_str()),
        None => ("integration", "all"),
    };
    tx.record(AuditEntry::about("mapping.applied", kind, id, detail));
    Ok(MappingOutcome { counts, changes: changes.into_iter().take(named as usize).collect() })
}

fn audited(change: &MappingChange) -> Value {
    let id = |named: &Option<(String, String)>| named.as_ref().map(|(id, _)| id.clone());
    json!({
        "account": change.account, "before": id(&change.before), "after": id(&change.after),
        "reason": change.reason,
    })
}

fn said(mapping: &StoredMapping) -> Value {
    json!({ "identity": mapping.identity, "origin": mapping.origin, "reason": mapping.reason })
}

impl Ctx {
    /// An integration's rules with their version.
    pub async fn mapping_rules(&self, id: &IntegrationId) -> Result<(Vec<Rule>, i64)> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        self.load_integration(id).await?;
        Ok(self.db().mapping_rules(id).await?)
    }

    /// What an integration's rules, or these instead of them, would change now.
    pub async fn preview_mapping(
        &self,
        id: &IntegrationId,
        proposed: Option<&[Rule]>,
    ) -> Result<MappingOutcome> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        self.load_integration(id).await?;
        if let Some(rules) = proposed {
            self.check_rules(rules).await?;
        }
        let mut tx = self.begin_mapping(&permit).await?;
        if let Some(rules) = proposed {
            let (_, version) = tx.mapping_rules(id).await?;
            tx.set_mapping_rules(&permit, id, version, rules).await?;
        }
        tx.read_accounts(id).await?;
        let (counts, changes) = tx.mapping_changes(Some(id), NAMED_MAX).await?;
        // Never committed.
        drop(tx);
        Ok(MappingOutcome { counts, changes })
    }

    /// Changes the rules of an integration that are still at that version, and applies them.
    pub async fn update_mapping_rules(
        &self,
        id: &IntegrationId,
        version: i64,
        rules: &[Rule],
    ) -> Result<(Vec<Rule>, i64, MappingOutcome)> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        self.load_integration(id).await?;
        self.check_rules(rules).await?;
        let (before, _) = self.db().mapping_rules(id).await?;
        let mut tx = self.begin_mapping(&permit).await?;
        tx.set_mapping_rules(&permit, id, version, rules).await?;
        tx.read_accounts(id).await?;
        let outcome = apply(&mut tx, Some(id), "rules", NAMED_MAX).await?;
        let detail = json!({ "before": before, "after": rules });
        let event = "integration.mapping_rules_changed";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        Ok((rules.to_vec(), version + 1, outcome))
    }

    /// Applies an integration's rules now. Doing it twice changes nothing more.
    pub async fn apply_mapping(&self, id: &IntegrationId) -> Result<MappingOutcome> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        self.load_integration(id).await?;
        let mut tx = self.begin_mapping(&permit).await?;
        tx.read_accounts(id).await?;
        let outcome = apply(&mut tx, Some(id), "demand", NAMED_MAX).await?;
        let event = "mapping.ordered";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), json!({}))).await?;
        Ok(outcome)
    }

    async fn begin_mapping(&self, permit: &Permit<actions::IntegrationWrite>) -> Result<Tx> {
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.lock_mappings().await?;
        Ok(tx)
    }

    async fn check_rules(&self, rules: &[Rule]) -> Result<()> {
        let issues = issues(rules);
        if !issues.is_empty() {
            return Err(EngineError::Invalid(issues));
        }
        for (position, rule) in rules.iter().enumerate() {
            let Some(source) = &rule.data_source else { continue };
            if self.db().data_source(source).await?.is_none() {
                let path = format!("/rules/{position}/data_source_id");
                let message = "there is no data source with this id";
                return Err(EngineError::field(&path, "unknown_data_source", message));
            }
        }
        Ok(())
    }

    /// Whose an account is.
    pub async fn mapping(&self, id: &IntegrationId, account: &AccountId) -> Result<StoredMapping> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        Ok(self.load_account(id, account).await?.mapping)
    }

    async fn load_account(&self, id: &IntegrationId, account: &AccountId) -> Result<StoredObject> {
        self.load_integration(id).await?;
        self.db().account(id, account).await?.ok_or(NO_ACCOUNT)
    }

    /// Says by hand whose an account is, if its mapping is still at that version: that of an
    /// identity, or nobody's. Rules and syncs leave it so.
    pub async fn set_mapping(
        &self,
        id: &IntegrationId,
        account: &AccountId,
        version: i64,
        identity: Option<&IdentityId>,
    ) -> Result<StoredMapping> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        self.load_account(id, account).await?;
        if let Some(identity) = identity {
            let found = self.db().identity(identity).await?;
            if found.is_none_or(|found| found.removed.is_some()) {
                let message = "there is no identity with this id, or it is gone";
                return Err(EngineError::field("/identity_id", "unknown_identity", message));
            }
        }
        let mut tx = self.begin_mapping(&permit).await?;
        let before = tx.mapping(account).await?;
        if before.version != version {
            return Err(grantry_store::StoreError::VersionConflict { what: "mapping" }.into());
        }
        tx.set_mapping(id, account, version, identity).await?;
        self.commit_said(tx, "mapping.set", account, &before).await
    }

    /// Leaves it to the rules again whose an account is, and applies them.
    pub async fn release_mapping(
        &self,
        id: &IntegrationId,
        account: &AccountId,
        version: i64,
    ) -> Result<StoredMapping> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        self.load_account(id, account).await?;
        let mut tx = self.begin_mapping(&permit).await?;
        tx.read_accounts(id).await?;
        let before = tx.mapping(account).await?;
        tx.release_mapping(account, version).await?;
        apply(&mut tx, Some(id), "release", 0).await?;
        self.commit_said(tx, "mapping.released", account, &before).await
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
        Ok(after)
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
        let own = self.actor.permit_integration::<actions::IntegrationRead>(&account.integration);
        matches!(read, grantry_authz::Decision::Allowed(_)) || own.is_ok()
    }

    /// The account of an identity that access to an integration's app is given to.
    pub(crate) async fn account_of_identity(
        &self,
        integration: &IntegrationId,
        identity: &IdentityId,
    ) -> Result<AccountId> {
        // More than one is refused, so two tell enough; a few more are named.
        let accounts = self.db().accounts_of_identity(identity, Some(integration), "", 10).await?;
        match &accounts[..] {
            [] => Err(EngineError::AccountUnmapped),
            [one] => Ok(one.account.clone()),
            several => {
                let ids = several.iter().map(|account| account.account.to_string()).collect();
                Err(EngineError::SeveralAccounts(ids))
            }
        }
    }
}
