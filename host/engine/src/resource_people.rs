//! Resources with their people: who owns and maintains them, and what these may do (PRM-6, INT-9).
//!
//! One table says what (`authz`, `Relation::allows_resource`), and every use case here asks it for a
//! permit. Whom a sync recommends is followed by [`follow`], in the last transaction of a run.

use grantry_authz::{Permit, Relation, actions};
use grantry_model::ids::{AppId, IdentityId, IntegrationId, MembershipId};
use grantry_model::membership::Membership;
use grantry_store::{
    AuditEntry, MembershipQuery, ResourcePerson, RowQuery, Run, StoreError, StoredEntitlement,
    StoredObject, Tx,
};
use serde_json::json;

use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// Most people of one resource in one relation that somebody names.
const PEOPLE_MAX: usize = 50;
/// Most resources whose people follow a recommendation in one run; the next run goes on.
const FOLLOWED_MAX: u32 = 1_000;
/// Resources of one run with an audit entry of their own; the others are counted.
const AUDITED_MAX: usize = 200;

const NO_RESOURCE: EngineError = EngineError::NotFound { what: "resource" };

/// Where a resource belongs.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Under which id the catalogue keeps it.
    pub(crate) source: IntegrationId,
    /// The app.
    pub(crate) app: AppId,
    /// What feeds the app; `None` for lists.
    pub(crate) integration: Option<IntegrationId>,
    object: StoredObject,
}

/// A resource with its people.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ResourceView {
    pub object: StoredObject,
    pub app: AppId,
    /// `None` where lists feed the app.
    pub integration: Option<IntegrationId>,
    pub people: Vec<ResourcePerson>,
    /// Whom the target recommends now.
    pub recommended: Vec<ResourcePerson>,
    /// Of the people.
    pub version: i64,
}

/// People of a resource to be set; what is `None` stays.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PeopleChange {
    pub owners: Option<Vec<IdentityId>>,
    pub maintainers: Option<Vec<IdentityId>>,
}

/// Makes the recommended people those of their resources, where the settings say so and somebody is
/// recommended (INT-9). For the end of a run that read everything: nothing less may change people.
/// Returns what to audit.
pub(crate) async fn follow(
    tx: &mut Tx,
    permit: &Permit<actions::AggregationRun>,
    run: &Run,
) -> Result<()> {
    let settings = tx.settings(&run.integration_id).await?;
    let wanted = [
        (Relation::ResourceOwner, settings.assigns_recommended_owners),
        (Relation::Maintainer, settings.assigns_recommended_maintainers),
    ];
    let (source, mut entries, mut more) = (&run.integration_id, Vec::new(), 0_u64);
    for (relation, _) in wanted.into_iter().filter(|(_, is_on)| *is_on) {
        for resource in tx.differing_people(source, relation, FOLLOWED_MAX).await? {
            let place = (source, resource.as_str());
            let (before, after) = match tx.follow_recommendation(permit, place, relation).await {
                // Somebody names people of it at this moment; the next run looks again.
                Err(StoreError::VersionConflict { .. }) => continue,
                followed => followed?,
            };
            if before == after {
                continue;
            }
            if entries.len() >= AUDITED_MAX {
                more += 1;
                continue;
            }
            let detail = json!({
                "run": run.id, "relation": relation.name(), "because": "recommended",
                "before": before, "after": after,
            });
            entries.push(AuditEntry::about("resource.people_set", "resource", &resource, detail));
        }
    }
    if more > 0 {
        let detail = json!({ "run": run.id, "because": "recommended", "more": more });
        let id = source.as_str();
        entries.push(AuditEntry::about("resource.people_set", "integration", id, detail));
    }
    for entry in entries {
        tx.record(entry);
    }
    Ok(())
}

impl Ctx {
    /// Where the resource belongs, if there is one.
    pub(crate) async fn place_of(&self, resource: &str) -> Result<Option<Place>> {
        let found = self.db().resource_with_source(resource).await?;
        let Some((object, source)) = found else { return Ok(None) };
        if let Some(integration) = self.db().integration(&source).await? {
            let (app, integration) = (integration.app_id, Some(integration.id));
            return Ok(Some(Place { source, app, integration, object }));
        }
        // Rows of a deleted integration may be there for a while: they are no app's.
        let app = AppId::parse(source.as_str()).map_err(|_| NO_RESOURCE)?;
        let app = self.db().app(&app).await?.filter(|app| app.integration_id.is_none());
        Ok(app.map(|app| Place { source, app: app.id, integration: None, object }))
    }

    /// An action on a resource; a refusal is audited.
    pub(crate) async fn permit_resource<A: actions::OnResource>(
        &self,
        place: &Place,
        resource: &str,
    ) -> Result<Permit<A>> {
        let integration = place.integration.as_ref();
        let decided = self.actor.permit_resource::<A>(&place.app, integration, resource);
        let about = Some(("resource", resource));
        self.audit_refusal(decided, A::ACTION.name(), about).await
    }

    /// The same for a resource that is not there: it is decided by what the caller may do on the
    /// integration, or everywhere, so that nobody else learns that it is not there.
    pub(crate) async fn permit_missing_resource<A: actions::OnResource>(
        &self,
        integration: Option<&IntegrationId>,
        resource: &str,
    ) -> Result<Permit<A>> {
        let nowhere = AppId::parse("none").map_err(|_| NO_RESOURCE)?;
        let decided = self.actor.permit_resource::<A>(&nowhere, integration, "");
        let about = Some(("resource", resource));
        self.audit_refusal(decided, A::ACTION.name(), about).await
    }

    /// The resource with its place, if the caller may do that to it.
    async fn permitted<A: actions::OnResource>(&self, id: &str) -> Result<(Place, Permit<A>)> {
        match self.place_of(id).await? {
            Some(place) => {
                let permit = self.permit_resource(&place, id).await?;
                Ok((place, permit))
            }
            None => {
                self.permit_missing_resource::<A>(None, id).await?;
                Err(NO_RESOURCE)
            }
        }
    }

    /// One resource with its people.
    pub async fn resource(&self, id: &str) -> Result<ResourceView> {
        let (place, _) = self.permitted::<actions::ResourceRead>(id).await?;
        self.with_people(place).await
    }

    async fn with_people(&self, place: Place) -> Result<ResourceView> {
        let (people, version) = self.db().resource_people(&place.object.id).await?;
        let recommended = self.db().recommended_people(&place.source, &place.object.id).await?;
        let Place { app, integration, object, .. } = place;
        Ok(ResourceView { object, app, integration, people, recommended, version })
    }

    /// Names the people of a resource, which are still at that version.
    pub async fn set_resource_people(
        &self,
        id: &str,
        version: i64,
        change: &PeopleChange,
    ) -> Result<ResourceView> {
        let (place, permit) = self.permitted::<actions::ResourceWrite>(id).await?;
        let named = [
            (Relation::ResourceOwner, "/owners", &change.owners),
            (Relation::Maintainer, "/maintainers", &change.maintainers),
        ];
        let mut people = Vec::new();
        for (relation, path, identities) in named {
            if let Some(identities) = identities {
                people.push((relation, self.check_people(path, identities).await?));
            }
        }
        let before = self.db().resource_people(id).await?.0;
        let mut tx = self.db().begin(permit.provenance()).await?;
        // As at the end of a run: a recommendation is followed behind this lock.
        tx.lock_mappings().await?;
        tx.set_resource_people(&permit, (&place.source, id), version, &people).await?;
        let of = |relation: Relation| -> Vec<&IdentityId> {
            let of = before.iter().filter(|person| person.relation == relation);
            of.map(|person| &person.identity).collect()
        };
        let mut detail = json!({ "app": place.app, "before": {}, "after": {} });
        for (relation, identities) in &people {
            detail["before"][relation.name()] = json!(of(*relation));
            detail["after"][relation.name()] = json!(identities);
        }
        tx.commit(AuditEntry::about("resource.people_set", "resource", id, detail)).await?;
        self.with_people(place).await
    }

    /// Identities that are there, each once.
    async fn check_people(&self, path: &str, identities: &[IdentityId]) -> Result<Vec<IdentityId>> {
        if identities.len() > PEOPLE_MAX {
            let message = format!("must have at most {PEOPLE_MAX} identities");
            return Err(EngineError::field(path, "too_many", message));
        }
        let mut checked: Vec<IdentityId> = Vec::new();
        for (position, id) in identities.iter().enumerate() {
            let found = self.db().identity(id).await?;
            if found.is_none_or(|found| found.removed.is_some()) {
                let message = "there is no identity with this id, or it is gone";
                let path = format!("{path}/{position}");
                return Err(EngineError::field(&path, "unknown_identity", message));
            }
            if !checked.contains(id) {
                checked.push(id.clone());
            }
        }
        Ok(checked)
    }

    /// The roles on a resource.
    pub async fn list_resource_roles(
        &self,
        id: &str,
        query: &PageQuery,
    ) -> Result<Page<StoredEntitlement>> {
        let (place, _) = self.permitted::<actions::ResourceRead>(id).await?;
        let list = format!("resource-roles/{id}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let wanted = RowQuery { resource: id.to_owned(), ..query.rows(after) };
        let rows = self.db().list_roles(&place.app, &wanted).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// The memberships of the roles on a resource.
    pub async fn list_resource_memberships(
        &self,
        id: &str,
        is_waiting: Option<bool>,
        query: &PageQuery,
    ) -> Result<Page<Membership>> {
        let (place, _) = self.permitted::<actions::ResourceRead>(id).await?;
        let wanted =
            MembershipQuery { resource: id.to_owned(), is_waiting, ..MembershipQuery::default() };
        let list = format!("resource-memberships/{id}");
        self.page_of_memberships(list, &place.app, wanted, query).await
    }

    /// Says that what a membership of a role on a resource waits for has been done; see
    /// [`Ctx::settle_membership`].
    pub async fn settle_resource_membership(
        &self,
        id: &str,
        membership: &MembershipId,
        request: &Idempotent<'_, Membership>,
    ) -> Result<Answer> {
        let (place, permit) = self.permitted::<actions::ResourceSettle>(id).await?;
        self.settle_by(&permit, &place.app, (membership, Some(id)), request).await
    }

    /// What the caller, who signed in, is to resources.
    pub async fn own_resources(&self) -> Result<Vec<(String, Relation)>> {
        self.permit_own().await?;
        let mut resources: Vec<_> = self.actor.permissions.resources.iter().cloned().collect();
        resources.sort_by(|(one, a), (two, b)| (one, a.name()).cmp(&(two, b.name())));
        Ok(resources)
    }
}
