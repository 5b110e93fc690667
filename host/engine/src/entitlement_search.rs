//! All entitlements that the caller may see, over all apps, found by words and filters (CAT-8).
//!
//! What may be seen is what *app & role read* shows (PRM-2). A filter by something that is not there, or
//! not to be seen, finds nothing: it does not tell which.

use grantry_authz::Visible;
use grantry_model::entitlement_search::{Order, State};
use grantry_model::ids::{AppId, IntegrationId};
use grantry_store::{EntitlementSearch, FoundEntitlement, Position};

use crate::{Ctx, EngineError, Page, PageQuery, Result};

/// What is looked for. Empty texts mean "any".
#[derive(Debug, Clone, Default)]
pub struct SearchQuery {
    /// Words, kind, privileged, and which part of the list.
    pub page: PageQuery,
    /// Only what this integration found.
    pub integration: String,
    /// Only of this app.
    pub app: String,
    /// Only on this resource.
    pub resource: String,
    /// Only what this account holds.
    pub account: String,
    /// Only what the accounts of this identity hold.
    pub identity: String,
    /// Only those that can be requested, or not.
    pub requestable: Option<bool>,
    /// Whether they are in the target.
    pub state: State,
    /// The order.
    pub order: Order,
}

/// What remains of what is visible.
fn narrowed(visible: Visible, to: &[AppId]) -> Visible {
    Visible::Only(match visible {
        Visible::All => to.to_vec(),
        Visible::Only(apps) => apps.into_iter().filter(|app| to.contains(app)).collect(),
    })
}

impl Ctx {
    /// Entitlements of all apps on which the caller holds *app & role read*.
    pub async fn search_entitlements(&self, query: &SearchQuery) -> Result<Page<FoundEntitlement>> {
        let list = format!("all-entitlements/{}", query.order.name());
        let position = self.engine.position(&list, query.page.cursor.as_deref())?;
        let after = match position.as_str() {
            "" => None,
            text => serde_json::from_str(text).ok().map(Position),
        };
        if after.as_ref().map_or(!position.is_empty(), |after| !after.fits(query.order)) {
            return Err(EngineError::InvalidCursor);
        }
        let (apps, holders) = self.searched(query).await?;
        let search = EntitlementSearch {
            search: query.page.search.clone(),
            apps,
            kind: query.page.kind.clone(),
            resource: query.resource.clone(),
            privileged: query.page.privileged,
            requestable: query.requestable,
            holders,
            state: query.state,
            order: query.order,
            after,
            limit: query.page.limit + 1,
        };
        let rows = self.db().search_entitlements(&search).await?;
        Ok(self.engine.page(&list, rows, query.page.limit, |row| {
            serde_json::to_string(&row.position.0).expect("texts become JSON")
        }))
    }

    /// In which apps, and as held by which accounts.
    async fn searched(&self, query: &SearchQuery) -> Result<(Visible, Option<Vec<String>>)> {
        let mut apps = self.actor.permissions.visible_apps();
        if !query.app.is_empty() {
            apps = narrowed(apps, AppId::parse(&query.app).ok().as_slice());
        }
        if !query.integration.is_empty() {
            let found = match IntegrationId::parse(&query.integration) {
                Ok(id) => self.db().integration(&id).await?.map(|found| found.app_id),
                Err(_) => None,
            };
            apps = narrowed(apps, found.as_slice());
        }
        let mut holders: Option<Vec<String>> = None;
        for (id, is_identity) in [(&query.account, false), (&query.identity, true)] {
            if id.is_empty() {
                continue;
            }
            let found = if is_identity {
                self.db().identity_in_apps(id).await?
            } else {
                self.db().account_in_app(id).await?
            };
            let (accounts, of): (Vec<String>, Vec<AppId>) = found.into_iter().unzip();
            apps = narrowed(apps, &of);
            let both = |known: Vec<String>| known.into_iter().filter(|id| accounts.contains(id));
            holders = Some(holders.map_or_else(|| accounts.clone(), |known| both(known).collect()));
        }
        Ok((apps, holders))
    }
}
