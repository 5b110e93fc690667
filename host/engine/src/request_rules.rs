//! How single resources and entitlements are requested: an admin's word, and the rules in force
//! (INT-8, INT-12). What requests follow is decided here.

use grantry_authz::{Permit, actions};
use grantry_model::csv::ListKind;
use grantry_model::entitlement_types::OwnType;
use grantry_model::ids::{AppId, EntitlementId};
use grantry_model::request_rules::{OwnRules, RequestRules, RulesChange, in_force};
use grantry_model::settings::Settings;
use grantry_store::{AuditEntry, CatalogueSource, StoredEntitlement};
use serde_json::json;

use crate::{Ctx, EngineError, Result};

const NO_ENTITLEMENT: EngineError = EngineError::NotFound { what: "entitlement" };

/// What rules are about.
#[derive(Debug, Clone)]
pub enum Requested {
    /// A resource, by its id.
    Resource(String),
    /// An entitlement; of a list, a role.
    Entitlement(EntitlementId),
}

/// An admin's word, and what follows from it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RulesView {
    pub own: OwnRules,
    pub in_force: RequestRules,
    pub version: i64,
}

impl Requested {
    fn id(&self) -> &str {
        match self {
            Self::Resource(id) => id,
            Self::Entitlement(id) => id.as_str(),
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Resource(_) => "resource",
            Self::Entitlement(_) => "entitlement",
        }
    }
}

impl Ctx {
    /// How something is requested.
    pub async fn request_rules(
        &self,
        source: &CatalogueSource,
        requested: &Requested,
    ) -> Result<RulesView> {
        self.permit_rules::<actions::ResourceRead>(source, requested).await?;
        self.load_rules(source, requested).await
    }

    /// Changes an admin's word that is still at that version.
    pub async fn update_request_rules(
        &self,
        source: &CatalogueSource,
        requested: &Requested,
        version: i64,
        change: &RulesChange,
    ) -> Result<RulesView> {
        let permit = self.permit_rules::<actions::ResourceWrite>(source, requested).await?;
        let before = self.load_rules(source, requested).await?.own;
        if matches!(requested, Requested::Entitlement(_)) && change.is_requestable.is_some() {
            let message = "is said of the resource, for all entitlements on it";
            return Err(EngineError::field("/is_requestable", "not_of_entitlements", message));
        }
        let own = before.changed(change).map_err(EngineError::Invalid)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_request_rules(&permit, &source.id(), requested.id(), version, &own).await?;
        let detail = json!({ (source.what()): source.as_str(), "before": before, "after": own });
        let event = "request_rules.updated";
        tx.commit(AuditEntry::about(event, requested.what(), requested.id(), detail)).await?;
        self.load_rules(source, requested).await
    }

    /// Decides about the resource, or that which the entitlement is on.
    async fn permit_rules<A: actions::OnResource>(
        &self,
        source: &CatalogueSource,
        requested: &Requested,
    ) -> Result<Permit<A>> {
        let resource = match requested {
            Requested::Resource(id) => id.clone(),
            Requested::Entitlement(id) => {
                let found = match self.app_of(source).await? {
                    Some(app) => self.db().role(&app, id).await?,
                    None => None,
                };
                // Of what is not there nobody is an owner; who may learn that, does so later.
                found.map_or_else(String::new, |found| found.resource_id)
            }
        };
        let place = self.place_of(&resource).await?;
        let place = place.filter(|place| place.source == source.id());
        match place {
            Some(place) => self.permit_resource(&place, &resource).await,
            None => self.permit_missing_resource(source.integration(), &resource).await,
        }
    }

    async fn load_rules(
        &self,
        source: &CatalogueSource,
        requested: &Requested,
    ) -> Result<RulesView> {
        let settings = self.load_source(source).await?;
        let (own, version) = self.db().request_rules(&source.id(), requested.id()).await?;
        let in_force = match requested {
            Requested::Resource(id) => {
                let found = self.db().resource(&source.id(), id).await?;
                found.ok_or(EngineError::NotFound { what: "resource" })?;
                in_force(&settings, &own, None)
            }
            Requested::Entitlement(id) => {
                let app = self.app_of(source).await?.ok_or(NO_ENTITLEMENT)?;
                let found = self.db().role(&app, id).await?.ok_or(NO_ENTITLEMENT)?;
                self.rules_of(&settings, &found, &own).await?
            }
        };
        Ok(RulesView { own, in_force, version })
    }

    async fn app_of(&self, source: &CatalogueSource) -> Result<Option<AppId>> {
        Ok(match source {
            CatalogueSource::Integration(id) => {
                self.db().integration(id).await?.map(|found| found.app_id)
            }
            CatalogueSource::List(app) => Some(app.clone()),
        })
    }

    /// Whether a role of an app can be requested. One of a flat file source cannot: nobody has an
    /// account there.
    pub(crate) async fn is_requestable(&self, role: &StoredEntitlement) -> Result<bool> {
        let settings = match self.db().integration(&role.integration_id).await? {
            Some(integration) => integration.settings,
            None if self.db().list_kind(&role.app_id).await? == Some(ListKind::Members) => {
                Settings::default()
            }
            None => return Ok(false),
        };
        let rules = self.rules_of(&settings, role, &OwnRules::default()).await?;
        Ok(rules.is_requestable)
    }

    /// The rules in force for a role where these settings hold, of which that is said.
    pub(crate) async fn rules_of(
        &self,
        settings: &Settings,
        role: &StoredEntitlement,
        own: &OwnRules,
    ) -> Result<RequestRules> {
        let source = &role.integration_id;
        let of_resource = self.db().request_rules(source, &role.resource_id).await?.0;
        let of_type = self.db().type_words(source, &role.kind).await?;
        Ok(for_entitlement(in_force(settings, &of_resource, Some(own)), role, &of_type))
    }
}

/// What nobody can grant cannot be requested, nor what is of a type that people are not offered.
fn for_entitlement(
    rules: RequestRules,
    entitlement: &StoredEntitlement,
    of_type: &OwnType,
) -> RequestRules {
    let is_offered = of_type.is_cloud_enabled.unwrap_or(true);
    let can_be_granted = !entitlement.is_immutable && !entitlement.is_frozen;
    RequestRules { is_requestable: rules.is_requestable && can_be_granted && is_offered, ..rules }
}
