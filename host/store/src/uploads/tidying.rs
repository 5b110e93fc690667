//! Frees what was staged by readings and uploads that are over, in small transactions.
//!
//! An upload whose time is over is given up first, under the lock that staging and applying take:
//! nothing is freed that somebody still compares, stages or applies.

use grantry_model::ids::UploadId;

use crate::db::{Arg, Db, args};
use crate::{Result, statements};

statements! {
    GIVE_UP = "UPDATE uploads SET status = 'discarded' WHERE status IN ('receiving', 'ready') AND expires_ms <= $1";
    USELESS_READING = "SELECT r.id FROM upload_readings r WHERE ($1 = '' OR r.upload_id = $1) AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.reading_id = r.id AND u.status IN ('receiving', 'ready')) LIMIT 1";
    DELETE_PEOPLE = "DELETE FROM upload_people WHERE reading_id = $1 AND id IN (SELECT id FROM upload_people WHERE reading_id = $1 LIMIT 5000)";
    DELETE_GRANTS = "DELETE FROM upload_grants WHERE reading_id = $1 AND (role_id, account_id) IN (SELECT role_id, account_id FROM upload_grants WHERE reading_id = $1 LIMIT 5000)";
    DELETE_ROLES = "DELETE FROM upload_roles WHERE reading_id = $1";
    DELETE_READING = "DELETE FROM upload_readings WHERE id = $1";
    WITH_USELESS_PIECES = "SELECT id FROM uploads WHERE has_rows = 1 AND status IN ('applied', 'discarded') LIMIT 1";
    DELETE_PIECES = "DELETE FROM upload_pieces WHERE upload_id = $1 AND begins IN (SELECT begins FROM upload_pieces WHERE upload_id = $1 LIMIT 8)";
    SET_WITHOUT_PIECES = "UPDATE uploads SET has_rows = 0 WHERE id = $1";
    /// What was applied is kept for as long as it counts against the lists that follow.
    FORGET = "DELETE FROM uploads WHERE has_rows = 0 AND expires_ms <= $1 AND COALESCE(applied_ms, 0) <= $2";
}

impl Db {
    /// Frees a part of what is useless; false if nothing is left to free. What was applied is
    /// remembered for `counts_ms`.
    pub async fn tidy_uploads(&self, counts_ms: i64) -> Result<bool> {
        let now = self.now();
        self.once(GIVE_UP, args![now]).await?;
        if self.free_reading("").await? || self.free_pieces().await? {
            return Ok(true);
        }
        self.once(FORGET, args![now, now.plus_ms(-counts_ms)]).await?;
        Ok(false)
    }

    /// Frees what earlier readings of an upload staged.
    pub async fn free_readings(&self, upload: &UploadId) -> Result<()> {
        while self.free_reading(upload.as_str()).await? {}
        Ok(())
    }

    /// Frees a part of a useless reading of an upload, or of any. False if there is none.
    async fn free_reading(&self, upload: &str) -> Result<bool> {
        let Some(row) = self.fetch_one(USELESS_READING, args![upload]).await? else {
            return Ok(false);
        };
        let id = row.text(0)?;
        for sql in [DELETE_PEOPLE, DELETE_GRANTS, DELETE_ROLES, DELETE_READING] {
            if self.once(sql, args![&id]).await? > 0 {
                break;
            }
        }
        Ok(true)
    }

    async fn free_pieces(&self) -> Result<bool> {
        let Some(row) = self.fetch_one(WITH_USELESS_PIECES, &[]).await? else { return Ok(false) };
        let id = row.text(0)?;
        if self.once(DELETE_PIECES, args![&id]).await? == 0 {
            self.once(SET_WITHOUT_PIECES, args![&id]).await?;
        }
        Ok(true)
    }

    async fn once(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        let mut tx = self.begin_housekeeping().await?;
        let changed = tx.execute(sql, args).await?;
        tx.commit().await?;
        Ok(changed)
    }
}
