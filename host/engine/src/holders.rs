//! Who holds an entitlement in the end: directly, or through groups that hold it (CAT-4).

use grantry_authz::actions;
use grantry_model::effective::{EffectiveHolder, Walk};
use grantry_model::fingerprint::{Key, Keys};
use grantry_model::ids::{EntitlementId, IntegrationId};

use crate::{Ctx, EngineError, Page, PageQuery, Result};

/// Holders that are read at once.
const HOLDINGS_ROWS: u32 = 1_000;

/// Some of those who hold an entitlement.
#[derive(Debug, Clone, PartialEq)]
pub struct HoldersView {
    /// By id.
    pub page: Page<EffectiveHolder>,
    /// Whether all of them were found: a walk that would never end is cut.
    pub is_complete: bool,
}

impl Ctx {
    /// Who holds an entitlement, with the way to each.
    pub async fn list_holders(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
        query: &PageQuery,
    ) -> Result<HoldersView> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        self.load_entitlement(integration, id).await?;
        let list = format!("holders/{integration}/{id}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let start = Key::parse(id.as_str());
        let start = start.ok_or(EngineError::NotFound { what: "entitlement" })?;
        let (mut walk, mut keys) = (Walk::from(start), Keys::of(integration));
        while let Some(wanted) = walk.wants() {
            let mut last = None;
            loop {
                let holdings = self.db().holdings(wanted, last, HOLDINGS_ROWS).await?;
                walk.take(&holdings, |native| keys.entitlement(native));
                last = holdings.last().map(|holding| holding.holder);
                if holdings.len() < HOLDINGS_ROWS as usize || walk.is_full() {
                    break;
                }
            }
            walk.done();
        }
        let (found, is_complete) = walk.end();
        let rows = found.into_iter().filter(|holder| holder.holder.text() > after);
        let rows = rows.take(query.limit as usize + 1).collect();
        let page = self.engine.page(&list, rows, query.limit, |holder| holder.holder.text());
        Ok(HoldersView { page, is_complete })
    }
}
