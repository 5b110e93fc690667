//! Entitlement types as people see them: made, edited, deleted, and known by another attribute
//! (CAT-1 to CAT-3).
//!
//! What they say of rows is in `reconcile::rules`. None is changed while a run of its integration is
//! under way: a page would be held against one schema and remembered under another.

use grantry_authz::{Permit, actions};
use grantry_model::catalogue::Entitlement;
use grantry_model::entitlement_types::{
    OwnType, ReKey, ReKeyed, ReadAttributes, TYPES_MAX, TypeChange, re_key, value_of,
};
use grantry_model::ids::{EntitlementTypeId, IntegrationId};
use grantry_store::{AuditEntry, EntitlementDetails, StoreError, StoredType, Tx, TypeOrigin};
use serde_json::{Value, json};

use crate::error::check_name;
use crate::idempotency::Turn;
use crate::reconcile::rules::attributes_of;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result, runs};

/// A type to be made, or to be made again.
#[derive(Debug, Clone, Default)]
pub struct TypeInput {
    /// Exactly the target's native object type.
    pub name: String,
    /// What an admin says of it.
    pub change: TypeChange,
}

/// Another attribute as the id of a type's entitlements, and what it would change.
#[derive(Debug, Clone)]
pub struct ReKeyView {
    /// The attribute; `None` for the connector's own id.
    pub attribute: Option<String>,
    /// What it would change.
    pub change: ReKey,
}

const NO_TYPE: EngineError = EngineError::NotFound { what: "entitlement type" };

fn described(stored: &StoredType) -> Value {
    json!({ "name": stored.name, "own": stored.own, "deleted_ms": stored.deleted })
}

/// Names of the types that attributes may refer to.
fn living_names(types: &[StoredType]) -> Vec<String> {
    types.iter().filter(|of| of.deleted.is_none()).map(|of| of.name.clone()).collect()
}

fn found(types: Vec<StoredType>, id: &EntitlementTypeId) -> Result<StoredType> {
    types.into_iter().find(|of| of.id == *id).ok_or(NO_TYPE)
}

impl Ctx {
    /// An integration's types in order of creation, deleted ones too.
    pub async fn list_entitlement_types(
        &self,
        integration: &IntegrationId,
        query: &PageQuery,
    ) -> Result<Page<StoredType>> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        self.load_integration(integration).await?;
        let list = format!("entitlement_types/{integration}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let types = self.db().entitlement_types(integration).await?;
        let rows = types.into_iter().filter(|of| of.id.as_str() > after.as_str());
        let rows = rows.take(query.limit as usize + 1).collect();
        Ok(self.engine.page(&list, rows, query.limit, |of| of.id.to_string()))
    }

    /// One type; a deleted one too.
    pub async fn entitlement_type(
        &self,
        integration: &IntegrationId,
        id: &EntitlementTypeId,
    ) -> Result<StoredType> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        found(self.db().entitlement_types(integration).await?, id)
    }

    /// Makes a type, or makes a deleted one again with what was said of it and what is said now.
    pub async fn create_entitlement_type(
        &self,
        integration: &IntegrationId,
        input: &TypeInput,
        request: &Idempotent<'_, StoredType>,
    ) -> Result<Answer> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        self.load_integration(integration).await?;
        check_name("/name", &input.name)?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let mut tx = self.db().begin(permit.provenance()).await?;
            refuse_while_running(&mut tx, integration).await?;
            let made = make(&mut tx, &permit, integration, input).await?;
            let answer = claimed.finish(&mut tx, &made).await?;
            let detail = json!({ "integration": integration, "after": described(&made) });
            let (event, id) = ("entitlement_type.created", made.id.as_str());
            tx.commit(AuditEntry::about(event, "entitlement_type", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Changes what an admin says of a type that is still at that version.
    pub async fn update_entitlement_type(
        &self,
        integration: &IntegrationId,
        id: &EntitlementTypeId,
        version: i64,
        change: &TypeChange,
    ) -> Result<StoredType> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        refuse_while_running(&mut tx, integration).await?;
        let types = tx.entitlement_types(integration).await?;
        let names = living_names(&types);
        let before = found(types, id).and_then(living)?;
        let own = before.own.changed(before.declared.as_ref(), change, &names);
        let own = own.map_err(EngineError::Invalid)?;
        let after = StoredType { own, version, ..before.clone() };
        tx.say_of_type(&permit, &after).await?;
        let detail = json!({
            "integration": integration, "before": described(&before), "after": described(&after),
        });
        let event = "entitlement_type.updated";
        tx.commit(AuditEntry::about(event, "entitlement_type", id.as_str(), detail)).await?;
        found(self.db().entitlement_types(integration).await?, id)
    }

    /// Deletes a type that is still at that version. Its entitlements stay, frozen, until a type of
    /// that name is made again.
    pub async fn delete_entitlement_type(
        &self,
        integration: &IntegrationId,
        id: &EntitlementTypeId,
        version: i64,
    ) -> Result<()> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        refuse_while_running(&mut tx, integration).await?;
        let before = found(tx.entitlement_types(integration).await?, id).and_then(living)?;
        let entitlements = before.entitlements;
        tx.delete_type(&permit, &StoredType { version, ..before.clone() }).await?;
        let detail = json!({
            "integration": integration, "before": described(&before), "frozen": entitlements,
        });
        let event = "entitlement_type.deleted";
        tx.commit(AuditEntry::about(event, "entitlement_type", id.as_str(), detail)).await?;
        Ok(())
    }

    /// What another attribute as the id would change; `None` for the connector's own id.
    pub async fn preview_re_key(
        &self,
        integration: &IntegrationId,
        id: &EntitlementTypeId,
        attribute: Option<&str>,
    ) -> Result<ReKeyView> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        // Dropped without a commit: a view in one piece.
        let mut tx = self.db().begin(permit.provenance()).await?;
        let of = found(tx.entitlement_types(integration).await?, id).and_then(living)?;
        let (_, change) = plan(&mut tx, &of, attribute).await?;
        Ok(ReKeyView { attribute: attribute.map(str::to_owned), change })
    }

    /// Makes another attribute the id, if that changes exactly what the hash of a preview stands for.
    pub async fn re_key_type(
        &self,
        integration: &IntegrationId,
        id: &EntitlementTypeId,
        (attribute, hash): (Option<&str>, &str),
        request: &Idempotent<'_, StoredType>,
    ) -> Result<Answer> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let mut tx = self.db().begin(permit.provenance()).await?;
            refuse_while_running(&mut tx, integration).await?;
            let before = found(tx.entitlement_types(integration).await?, id).and_then(living)?;
            let (rows, change) = plan(&mut tx, &before, attribute).await?;
            if change.hash != hash {
                return Err(EngineError::DiffChanged);
            }
            for row in rows.iter().filter(|row| row.before != row.id()) {
                let known_as = Some(row.id()).filter(|id| *id != row.native);
                tx.re_key_entitlement(&permit, integration, &row.key, known_as).await?;
            }
            let declared = before.declared.as_ref();
            let own = before.own.re_keyed(declared, attribute).map_err(EngineError::Invalid)?;
            let changed = StoredType { own, ..before.clone() };
            tx.say_of_type(&permit, &changed).await?;
            let after = found(tx.entitlement_types(integration).await?, id)?;
            let answer = claimed.finish(&mut tx, &after).await?;
            let detail = json!({
                "integration": integration,
                "before": { "id_attribute": before.in_force().id_attribute },
                "after": { "id_attribute": after.in_force().id_attribute },
                "hash": hash, "changed": change.changed, "colliding": change.colliding.len(),
                "without": change.without.len(),
            });
            let event = "entitlement_type.re_keyed";
            tx.commit(AuditEntry::about(event, "entitlement_type", id.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }
}

/// Nothing is known of a deleted type but that it can be made again.
fn living(of: StoredType) -> Result<StoredType> {
    match of.deleted {
        None => Ok(of),
        Some(_) => Err(EngineError::TypeDeleted(of.name)),
    }
}

async fn refuse_while_running(tx: &mut Tx, integration: &IntegrationId) -> Result<()> {
    match tx.has_living_job(&runs::queue(integration)).await? {
        true => Err(EngineError::SyncRunning),
        false => Ok(()),
    }
}

async fn make(
    tx: &mut Tx,
    permit: &Permit<actions::IntegrationWrite>,
    integration: &IntegrationId,
    input: &TypeInput,
) -> Result<StoredType> {
    let types = tx.entitlement_types(integration).await?;
    let mut names = living_names(&types);
    names.push(input.name.clone());
    let there = types.iter().find(|of| of.name == input.name);
    match there {
        Some(there) if there.deleted.is_none() => {
            return Err(EngineError::Store(StoreError::AlreadyExists { what: "entitlement type" }));
        }
        Some(there) => {
            let own = there.own.changed(there.declared.as_ref(), &input.change, &names);
            let own = own.map_err(EngineError::Invalid)?;
            tx.restore_type(permit, &StoredType { own, ..there.clone() }).await?;
        }
        None if types.len() >= TYPES_MAX => {
            let message = format!("there are {TYPES_MAX} already: delete does not make room");
            return Err(EngineError::field("/name", "too_many", message));
        }
        None => {
            let own = OwnType::default().changed(None, &input.change, &names);
            let mut own = own.map_err(EngineError::Invalid)?;
            // What is there already is known by its native id until somebody looks at a preview.
            if tx.details_of_type(integration, &input.name, "").await?.is_empty() {
                own = own.with_first_attribute(None);
            }
            let origin = TypeOrigin::Admin;
            tx.make_type(integration, &input.name, origin, None, &own).await?;
        }
    }
    let types = tx.entitlement_types(integration).await?;
    types.into_iter().find(|of| of.name == input.name).ok_or(NO_TYPE)
}

/// The entitlements of a type with the ids that an attribute gives them.
async fn plan(
    tx: &mut Tx,
    of: &StoredType,
    attribute: Option<&str>,
) -> Result<(Vec<ReKeyed>, ReKey)> {
    let own = of.own.re_keyed(of.declared.as_ref(), attribute).map_err(EngineError::Invalid)?;
    let read = StoredType { own, ..of.clone() }.in_force().read;
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let found = tx.details_of_type(&of.integration_id, &of.name, &after).await?;
        let Some(last) = found.last() else { break };
        after.clone_from(&last.key);
        rows.extend(found.iter().map(|details| re_keyed(details, &read)));
    }
    let named = format!("{} {} {}", of.id, of.version, attribute.unwrap_or(""));
    let change = re_key(&named, &rows);
    Ok((rows, change))
}

fn re_keyed(details: &EntitlementDetails, read: &ReadAttributes) -> ReKeyed {
    let after = match &read.id {
        None => Some(details.native_id.clone()),
        Some(name) => {
            let own = serde_json::from_str::<Entitlement>(&details.details);
            let own = own.map(|entitlement| entitlement.attributes).unwrap_or_default();
            let resource = details.resource_details.as_deref().map(attributes_of);
            value_of(name, &own, &resource.unwrap_or_default())
        }
    };
    ReKeyed {
        key: details.key.clone(),
        display: details.display.clone(),
        before: details.known_as.clone().unwrap_or_else(|| details.native_id.clone()),
        after,
        native: details.native_id.clone(),
    }
}
