//! Access profiles: admins put entitlements of several apps together under a name (CAT-9). Asking for
//! one comes later; nobody gets access by being named here.

use std::collections::{BTreeMap, BTreeSet};

use grantry_authz::{Permit, actions};
use grantry_model::ids::{AccessProfileId, EntitlementId};
use grantry_store::{
    AccessProfile, AuditEntry, NewAccessProfile, ProfileEntitlement, Tx, search_pattern,
};
use serde_json::json;

use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// Most entitlements of one access profile.
const ENTITLEMENTS_MAX: usize = 500;

const NO_PROFILE: EngineError = EngineError::NotFound { what: "access profile" };

/// An access profile to be created.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AccessProfileInput {
    pub name: String,
    pub description: String,
    pub entitlement_ids: Vec<String>,
}

/// A change of an access profile. What is `None` stays; entitlements are given as a whole.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AccessProfileChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub entitlement_ids: Option<Vec<String>>,
}

/// The access profiles of entitlements: id and name, by the entitlement's id.
pub type ProfilesOf = BTreeMap<String, Vec<(AccessProfileId, String)>>;

/// Distinct entitlements, each with where it was named.
fn read(ids: &[String]) -> Result<BTreeMap<EntitlementId, usize>> {
    if ids.len() > ENTITLEMENTS_MAX {
        let message = format!("must have at most {ENTITLEMENTS_MAX} ids");
        return Err(EngineError::field("/entitlement_ids", "too_many", message));
    }
    let mut read = BTreeMap::new();
    for (position, id) in ids.iter().enumerate() {
        let id = EntitlementId::parse(id).map_err(|error| {
            let path = format!("/entitlement_ids/{position}");
            EngineError::field(&path, "invalid_id", error.to_string())
        })?;
        read.entry(id).or_insert(position);
    }
    Ok(read)
}

async fn add(
    tx: &mut Tx,
    permit: &Permit<actions::AccessProfileWrite>,
    profile: &AccessProfileId,
    ids: &BTreeMap<EntitlementId, usize>,
) -> Result<()> {
    for (id, position) in ids {
        if !tx.add_to_access_profile(permit, profile, id).await? {
            let path = format!("/entitlement_ids/{position}");
            let message = "there is no such entitlement";
            return Err(EngineError::field(&path, "unknown_entitlement", message));
        }
    }
    Ok(())
}

impl Ctx {
    /// Creates an access profile with its entitlements.
    pub async fn create_access_profile(
        &self,
        input: &AccessProfileInput,
        request: &Idempotent<'_, AccessProfile>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::AccessProfileWrite>().await?;
        check_name("/name", &input.name)?;
        check_description("/description", &input.description)?;
        let ids = read(&input.entitlement_ids)?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let new = NewAccessProfile {
            id: AccessProfileId::fresh(db.clock(), db.random()),
            name: input.name.trim().to_owned(),
            description: input.description.clone(),
        };
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_access_profile(&permit, &new).await?;
            add(&mut tx, &permit, &new.id, &ids).await?;
            let profile = tx.access_profile_within(&new.id).await?.ok_or(NO_PROFILE)?;
            let answer = claimed.finish(&mut tx, &profile).await?;
            let entitlements: Vec<_> = ids.keys().collect();
            let detail = json!({ "name": new.name, "entitlements": entitlements });
            let (event, id) = ("access_profile.created", new.id.as_str());
            tx.commit(AuditEntry::about(event, "access_profile", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Access profiles; `entitlement` names one that they must hold, if it is not empty.
    pub async fn list_access_profiles(
        &self,
        entitlement: &str,
        query: &PageQuery,
    ) -> Result<Page<AccessProfile>> {
        self.permit_admin::<actions::AccessProfileRead>().await?;
        let after = self.engine.position("access_profiles", query.cursor.as_deref())?;
        let (pattern, limit) = (search_pattern(&query.search), query.limit + 1);
        let rows = self.db().list_access_profiles(&after, &pattern, entitlement, limit).await?;
        Ok(self.engine.page("access_profiles", rows, query.limit, |row| row.id.to_string()))
    }

    /// One access profile.
    pub async fn access_profile(&self, id: &AccessProfileId) -> Result<AccessProfile> {
        self.permit_admin::<actions::AccessProfileRead>().await?;
        self.db().access_profile(id).await?.ok_or(NO_PROFILE)
    }

    /// The entitlements of an access profile, also those that are gone.
    pub async fn list_profile_entitlements(
        &self,
        id: &AccessProfileId,
        query: &PageQuery,
    ) -> Result<Page<ProfileEntitlement>> {
        self.access_profile(id).await?;
        let list = format!("access_profile/{id}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_profile_entitlements(id, &after, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// In which access profiles entitlements are; nothing for whoever may not see profiles.
    pub async fn profiles_of(&self, entitlements: &[&str]) -> Result<ProfilesOf> {
        let mut profiles = ProfilesOf::new();
        if self.actor.permit_admin::<actions::AccessProfileRead>().is_ok() {
            for (entitlement, id, name) in self.db().profiles_of(entitlements).await? {
                profiles.entry(entitlement).or_default().push((id, name));
            }
        }
        Ok(profiles)
    }

    /// Changes an access profile that is still at that version.
    pub async fn update_access_profile(
        &self,
        id: &AccessProfileId,
        version: i64,
        change: &AccessProfileChange,
    ) -> Result<AccessProfile> {
        let permit = self.permit_admin::<actions::AccessProfileWrite>().await?;
        let before = self.db().access_profile(id).await?.ok_or(NO_PROFILE)?;
        let mut changed = NewAccessProfile {
            id: id.clone(),
            name: before.name.clone(),
            description: before.description.clone(),
        };
        if let Some(name) = &change.name {
            check_name("/name", name)?;
            changed.name = name.trim().to_owned();
        }
        if let Some(description) = &change.description {
            check_description("/description", description)?;
            changed.description = description.clone();
        }
        let held = self.db().profile_entitlement_ids(id).await?;
        let held: BTreeSet<EntitlementId> = held.into_iter().collect();
        let wanted = change.entitlement_ids.as_deref().map(read).transpose()?;
        let (mut taken, mut added) = (Vec::new(), BTreeMap::new());
        if let Some(wanted) = wanted {
            taken.extend(held.iter().filter(|id| !wanted.contains_key(*id)).cloned());
            added.extend(wanted.into_iter().filter(|(id, _)| !held.contains(id)));
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        // First: it holds the version, so that nobody else changes what is held meanwhile.
        tx.update_access_profile(&permit, &changed, version).await?;
        for entitlement in &taken {
            tx.take_from_access_profile(&permit, id, entitlement).await?;
        }
        add(&mut tx, &permit, id, &added).await?;
        let detail = json!({
            "before": { "name": before.name, "description": before.description },
            "after": { "name": changed.name, "description": changed.description },
            "added": added.keys().collect::<Vec<_>>(), "taken": taken,
        });
        let event = "access_profile.updated";
        tx.commit(AuditEntry::about(event, "access_profile", id.as_str(), detail)).await?;
        self.db().access_profile(id).await?.ok_or(NO_PROFILE)
    }

    /// Removes an access profile that is still at that version. Access stays as it is.
    pub async fn delete_access_profile(&self, id: &AccessProfileId, version: i64) -> Result<()> {
        let permit = self.permit_admin::<actions::AccessProfileWrite>().await?;
        let before = self.db().access_profile(id).await?.ok_or(NO_PROFILE)?;
        let held = self.db().profile_entitlement_ids(id).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_access_profile(&permit, id, version).await?;
        let before = json!({
            "name": before.name, "description": before.description, "entitlements": held,
        });
        let event = "access_profile.deleted";
        let detail = json!({ "before": before });
        tx.commit(AuditEntry::about(event, "access_profile", id.as_str(), detail)).await?;
        Ok(())
    }
}
