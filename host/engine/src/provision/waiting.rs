//! What becomes of a membership where a setting closes the gate: it waits for a person, and the target
//! is looked at from time to time.

use grantry_model::gate::Closed;
use grantry_model::provision::Operation;
use serde_json::json;

use super::{Known, Provisioning};
use crate::worker::Verdict;
use crate::{Result, gate};

/// How often the target is looked at while a membership waits for a person, in milliseconds.
const WAITING_LOOK_MS: u64 = 15 * 60_000;

impl Provisioning<'_> {
    /// The gate is closed: looks whether a person has done it meanwhile. Only reads.
    pub(super) async fn look(&self, closed: Closed, attempt: u32) -> Result<Known> {
        if self.plugin.manifest.can_read_back {
            return Ok(match self.read_back(attempt).await? {
                Known::Confirmed(outcome) => Known::Confirmed(outcome),
                _ => Known::Waits(closed),
            });
        }
        // The last aggregation's word is all there is, if it read the target after it was asked last:
        // an earlier one knows nothing of what became of that.
        let db = self.engine.db();
        let operations = db.list_operations(&self.membership.id).await?;
        let asked = operations.iter().filter(|operation| operation.attempts > 0);
        let asked = asked.map(|operation| operation.attempted.unwrap_or(operation.started)).max();
        if let Some(asked) = asked
            && !db.is_read_since(&self.integration.id, asked).await?
        {
            return Ok(Known::Waits(closed));
        }
        let is_held = db.has_assignment(&self.role.id, &self.membership.account).await?;
        let is_wanted = matches!(self.operation, Operation::Grant(_));
        Ok(if is_held == is_wanted {
            Known::Confirmed("seen by an aggregation".to_owned())
        } else {
            Known::Waits(closed)
        })
    }

    /// Leaves the job until a person has done it, or the setting allows it again. Said once, not at
    /// every look.
    pub(super) async fn wait(&self, closed: Closed) -> Result<Verdict> {
        self.check_unchanged().await?;
        if self.membership.waiting != Some(closed) {
            let detail = closed.to_string();
            let mut tx = self.begin().await?;
            if gate::licence(&mut tx, &self.integration.id, &self.operation).await?.is_ok() {
                // The setting was changed while the target was looked at: nobody would tell this job.
                let (code, detail) = (closed.code().to_owned(), closed.to_string());
                let asked_ms = Some(0);
                return Ok(Verdict::Later { asked_ms, code, detail, has_progressed: true });
            }
            tx.set_waiting(&self.permit, &self.membership, Some(closed)).await?;
            tx.note_operation(&self.operation_id, &detail).await?;
            let detail = json!({ "code": closed.code(), "detail": detail });
            tx.commit(self.audit("membership.waits", detail)).await?;
        }
        // It is not the target's fault: looking does not use up attempts.
        Ok(Verdict::Later {
            asked_ms: Some(WAITING_LOOK_MS),
            code: closed.code().to_owned(),
            detail: closed.to_string(),
            has_progressed: true,
        })
    }
}
