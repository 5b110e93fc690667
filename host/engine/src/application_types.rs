//! The application picker: what installed plugins connect to (INT-2).

use grantry_authz::actions;
use grantry_model::connection;
use grantry_model::package::Interface;

use crate::{Ctx, Installed, Page, Result};

/// Installed plugin versions that are looked at.
const PLUGINS_MAX: u32 = 5_000;

/// What a plugin connects to, with the versions that are installed of it.
#[derive(Debug, Clone)]
pub struct ApplicationType {
    /// The newest installed version.
    pub newest: Installed,
    /// All installed versions, newest first.
    pub versions: Vec<Installed>,
    /// The places of the connection's secret fields (JSON pointers).
    pub secrets: Vec<String>,
}

impl Ctx {
    /// The application types of the installed plugins, by name.
    pub async fn list_application_types(&self) -> Result<Page<ApplicationType>> {
        self.permit_admin::<actions::PluginRead>().await?;
        let mut plugins = self.db().list_plugins("", PLUGINS_MAX).await?;
        plugins.retain(connects);
        let by = |plugin: &Installed| {
            let manifest = &plugin.manifest;
            (manifest.application_type.clone(), manifest.name.clone(), manifest.publisher.clone())
        };
        // Ids are in order of installation.
        plugins.sort_by(|one, other| by(one).cmp(&by(other)).then(other.id.cmp(&one.id)));
        let types = plugins.chunk_by(|one, other| by(one) == by(other)).map(|versions| {
            let newest = versions[0].clone();
            let secrets = connection::secret_places(&newest.manifest.connection_schema);
            ApplicationType { newest, versions: versions.to_vec(), secrets }
        });
        Ok(Page { items: types.collect(), next: None })
    }
}

/// Whether a plugin connects an application, rather than being a step or a webhook's logic.
fn connects(plugin: &Installed) -> bool {
    let offers = |interface| plugin.interfaces.contains(&interface);
    offers(Interface::Aggregate) || offers(Interface::Provision) || offers(Interface::Tickets)
}
