//! What time does to requests: reminders, escalations, expiry, and access that could not be given at
//! once. Also looks again who is asked, since owners and delegates change.

use grantry_model::ids::RequestId;
use grantry_model::request::{Event, next};
use grantry_store::StoreError;

use super::change::Change;
use super::grant;
use crate::jobs::machine_provenance;
use crate::{Engine, EngineError, Result};

/// How often a pending request is looked at at least, in milliseconds: an hour.
pub(super) const LOOK_MS: i64 = 3_600_000;
/// Requests that are looked at in one sweep.
const DUE_MAX: u32 = 200;

impl Engine {
    /// Does what is due about requests now.
    pub(crate) async fn follow_requests(&self) -> Result<()> {
        for id in self.db().due_requests(DUE_MAX).await? {
            match self.follow_request(&id).await {
                // Somebody decided meanwhile; the next sweep looks again.
                Ok(())
                | Err(EngineError::Store(
                    StoreError::VersionConflict { .. } | StoreError::AlreadyExists { .. },
                )) => {}
                // One that cannot be followed must not keep the others.
                Err(error) => tracing::error!(request.id = %id, "cannot follow a request: {error}"),
            }
        }
        Ok(())
    }

    async fn follow_request(&self, id: &RequestId) -> Result<()> {
        let (db, now) = (self.db(), self.db().now());
        let Some(request) = db.request(id).await? else { return Ok(()) };
        let mut change = Change::of(&request, db.request_items(id).await?, "");
        for place in change.positions() {
            let item = change.item(place);
            let to = next(&item.workflow, &item.facts, &item.approval, Event::Tick, now)?;
            if to.0 != item.approval || !to.1.is_empty() {
                change.move_item(place, to, None);
            } else if grant::is_due(item) {
                change.look_at(place);
            }
        }
        self.write_change(change, &machine_provenance(id.as_str()), now).await
    }
}
