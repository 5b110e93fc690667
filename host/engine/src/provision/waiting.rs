//! What becomes of a membership where a setting closes the gate: it waits for a person, and the target
//! is looked at from time to time.

use grantry_model::gate::Closed;
use serde_json::json;

use super::{Known, Provisioning};
use crate::worker::Verdict;
use crate::{Result, gate};

/// How often the target is looked at while a membership waits for a person, in milliseconds.
const WAITING_LOOK_MS: u64 = 15 * 60_000;

impl Provisioning<'_> {
    /// The gate is closed: looks whether a person has done it meanwhile. Only reads.
    pub(super) async fn look(&self, closed: Closed, attempt: u32) -> Result<Known> {
        Ok(match self.read_back(attempt).await? {
            Known::Confirmed(outcome) => Known::Confirmed(outcome),
            _ => Known::Waits(closed),
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
