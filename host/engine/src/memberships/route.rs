//! What follows a change of a membership: a job or a person, decided in one place for whoever changes
//! it (API and plugins, approved requests, expiry).

use grantry_model::ids::{AppId, IntegrationId, JobId, MembershipId, PrincipalId};
use grantry_model::job::Work;
use grantry_model::membership::{Effect, Membership};
use grantry_model::method::{Facts, Method, Way, way};
use grantry_model::package::Interface;
use grantry_model::settings::Settings;
use grantry_store::{Db, Integration, NewJob, Tx};

use super::{NO_APP, Write, manual};
use crate::{Engine, EngineError, Result};

/// What the memberships of an app are made true through.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Under which id the catalogue keeps the app's accounts.
    pub source: IntegrationId,
    /// The integration that feeds it; `None` where lists do.
    pub integration: Option<Integration>,
    /// Whether the integration's plugin grants and revokes.
    can_provision: bool,
}

impl Feed {
    /// Those of the integration; lists have those that every integration begins with.
    pub(crate) fn settings(&self) -> Settings {
        self.integration.as_ref().map_or_else(Settings::default, |it| it.settings.clone())
    }

    /// Where a change goes that is made to the access to an entitlement with this method of its own.
    pub(crate) fn route(&self, own: Option<Method>) -> Route {
        let settings = self.integration.as_ref().map(|integration| &integration.settings);
        let integration = self.integration.as_ref().map(|integration| integration.id.clone());
        Route { way: way(&Facts { settings, own, can_provision: self.can_provision }), integration }
    }
}

/// Where a change of a membership goes.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Who makes it true.
    pub way: Way,
    /// The integration whose target shows it.
    pub integration: Option<IntegrationId>,
}

impl Engine {
    /// What the memberships of an app are made true through.
    pub(crate) async fn feed(&self, app: &AppId) -> Result<Feed> {
        let db = self.db();
        let source = db.app(app).await?.ok_or(NO_APP)?.source();
        let Some(integration) = db.integration_of_app(app).await? else {
            return Ok(Feed { source, integration: None, can_provision: false });
        };
        let plugin = db.plugin(&integration.plugin_id).await?;
        let plugin = plugin.ok_or(EngineError::NotFound { what: "plugin" })?;
        let can_provision = plugin.interfaces.contains(&Interface::Provision);
        Ok(Feed { source: integration.id.clone(), integration: Some(integration), can_provision })
    }
}

/// Has a change made true. Where there is a target, a job asks it or looks at it, whoever does it; else
/// a person's word or a list settles it. Returns the membership if this changed it.
pub(crate) async fn follow(
    db: &Db,
    tx: &mut Tx,
    permit: &Write,
    route: &Route,
    (membership, effect): (&MembershipId, Effect),
) -> Result<Option<Membership>> {
    match (&route.integration, effect) {
        (None, _) => Ok(Some(manual::await_person(db, tx, permit, membership, effect).await?)),
        (Some(_), Effect::None) => Ok(None),
        (Some(integration), Effect::Grant | Effect::Revoke) => {
            let by = &permit.provenance().principal_id;
            order_provisioning(db, tx, integration, membership, by).await?;
            if route.way == Way::Ticket {
                tx.will_speak(&format!("provision/{membership}"), integration).await?;
            }
            Ok(None)
        }
    }
}

/// Orders the job that brings a membership's access in line with its status.
async fn order_provisioning(
    db: &Db,
    tx: &mut Tx,
    integration: &IntegrationId,
    membership: &MembershipId,
    ordered_by: &PrincipalId,
) -> Result<()> {
    let job = NewJob {
        id: JobId::fresh(db.clock(), db.random()),
        queue: format!("provision/{membership}"),
        work: Work::Provision { integration: integration.clone(), membership: membership.clone() },
        ordered_by: ordered_by.clone(),
    };
    // A living job of the same membership looks at the new status when it is through.
    tx.enqueue(&job).await?;
    Ok(())
}
