//! Idempotency keys of requests: the first one works, the others get its answer (rows 17 to 19).

use grantry_model::clock::UnixMs;
use grantry_model::ids::PrincipalId;

use crate::db::{Db, Tx, args};
use crate::{Result, StoreError, statements};

/// How long an answer is kept, in milliseconds: a day.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// After how long a request without an answer counts as crashed, in milliseconds.
const ABANDONED_MS: i64 = 60_000;

/// What a key says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is new (or its first attempt crashed): go on, and finish it in the change's transaction.
    Yours {
        /// When it was claimed: names the claim.
        claimed: UnixMs,
    },
    /// It was answered before: the same answer again.
    Answered {
        /// HTTP status.
        status: u16,
        /// JSON body.
        body: String,
    },
    /// The first request is still under way.
    InProgress,
    /// The key was used for another request.
    Reused,
}

statements! {
    CLAIM = "INSERT INTO idempotency (principal_id, idempotency_key, request_hash, status, body, created_ms) VALUES ($1, $2, $3, NULL, NULL, $4) ON CONFLICT (principal_id, idempotency_key) DO NOTHING";
    GET = "SELECT request_hash, status, body, created_ms FROM idempotency WHERE principal_id = $1 AND idempotency_key = $2";
    RECLAIM = "UPDATE idempotency SET created_ms = $4 WHERE principal_id = $1 AND idempotency_key = $2 AND created_ms = $3 AND status IS NULL";
    FINISH = "UPDATE idempotency SET status = $3, body = $4 WHERE principal_id = $1 AND idempotency_key = $2 AND status IS NULL AND created_ms = $5";
    RELEASE = "DELETE FROM idempotency WHERE principal_id = $1 AND idempotency_key = $2 AND status IS NULL AND created_ms = $3";
    EXPIRE = "DELETE FROM idempotency WHERE created_ms < $1";
}

impl Db {
    /// Claims a key for a request (by the hash of its method, path and body).
    pub async fn claim_idempotency(
        &self,
        principal: &PrincipalId,
        key: &str,
        request_hash: &str,
    ) -> Result<Claim> {
        let mut tx = self.begin_housekeeping().await?;
        let now = self.now();
        let id = principal.as_str();
        if tx.execute(CLAIM, args![id, key, request_hash, now]).await? == 1 {
            tx.commit().await?;
            return Ok(Claim::Yours { claimed: now });
        }
        let Some(row) = tx.fetch_one(GET, args![id, key]).await? else {
            return Ok(Claim::InProgress);
        };
        if row.text(0)? != request_hash {
            return Ok(Claim::Reused);
        }
        if let (Some(status), Some(body)) = (row.int_or_null(1)?, row.text_or_null(2)?) {
            return Ok(Claim::Answered { status: u16::try_from(status).unwrap_or(200), body });
        }
        let created = row.time(3)?;
        if created.plus_ms(ABANDONED_MS) > now {
            return Ok(Claim::InProgress);
        }
        let reclaimed = tx.execute(RECLAIM, args![id, key, created, now]).await? == 1;
        tx.commit().await?;
        Ok(if reclaimed { Claim::Yours { claimed: now } } else { Claim::InProgress })
    }

    /// Frees a claimed key of a request that failed without a change.
    pub async fn release_idempotency(
        &self,
        principal: &PrincipalId,
        key: &str,
        claimed: UnixMs,
    ) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(RELEASE, args![principal.as_str(), key, claimed]).await?;
        tx.commit().await
    }

    /// Forgets answers that are older than [`KEPT_MS`].
    pub async fn expire_idempotency(&self) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let oldest = UnixMs(self.now().0.saturating_sub(KEPT_MS));
        tx.execute(EXPIRE, args![oldest]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Keeps the answer of a request, in the transaction of its change. Refused if the claim was
    /// taken over meanwhile: then the change must not happen here.
    pub async fn finish_idempotency(
        &mut self,
        principal: &PrincipalId,
        key: &str,
        claimed: UnixMs,
        (status, body): (u16, &str),
    ) -> Result<()> {
        let status = i64::from(status);
        let args = args![principal.as_str(), key, status, body, claimed];
        match self.execute(FINISH, args).await? {
            0 => Err(StoreError::VersionConflict { what: "request" }),
            _ => Ok(()),
        }
    }
}
