//! Signed checkpoints of the audit log: up to this row, the chain had this hash.

use grantry_model::clock::UnixMs;
use serde_json::json;

use crate::db::{Db, Row, args};
use crate::{Result, statements};

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The row.
    pub sequence: i64,
    /// Its hash.
    pub hash: String,
    /// When it was signed.
    pub at: UnixMs,
    /// Which key signed it.
    pub key_id: String,
    /// Ed25519, in hex.
    pub signature: String,
}

impl Checkpoint {
    /// What is signed: four lines.
    pub fn signed_text(sequence: i64, hash: &str, at: UnixMs) -> String {
        format!("grantry audit checkpoint 1\n{sequence}\n{hash}\n{}\n", at.0)
    }

    /// The checkpoint as one line of JSON, as receivers get it among the log's rows.
    pub fn json_line(&self) -> String {
        json!({
            "checkpoint": {
                "sequence": self.sequence,
                "hash": self.hash,
                "at_ms": self.at,
                "key_id": self.key_id,
                "signature": self.signature,
            },
        })
        .to_string()
    }
}

statements! {
    INSERT = "INSERT INTO audit_checkpoints (sequence, hash, at_ms, key_id, signature) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sequence) DO NOTHING";
    NEWEST = "SELECT sequence, hash, at_ms, key_id, signature FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1";
    LIST = "SELECT sequence, hash, at_ms, key_id, signature FROM audit_checkpoints WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2";
    BETWEEN = "SELECT sequence, hash, at_ms, key_id, signature FROM audit_checkpoints WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3";
}

fn checkpoint(row: &Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        sequence: row.int(0)?,
        hash: row.text(1)?,
        at: row.time(2)?,
        key_id: row.text(3)?,
        signature: row.text(4)?,
    })
}

impl Db {
    /// Keeps a checkpoint. Another process may have made the same.
    pub async fn add_checkpoint(&self, new: &Checkpoint) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        let args = args![new.sequence, &new.hash, new.at, &new.key_id, &new.signature];
        tx.execute(INSERT, args).await?;
        tx.commit().await
    }

    /// The newest checkpoint.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.fetch_one(NEWEST, &[]).await?.as_ref().map(checkpoint).transpose()
    }

    /// Checkpoints before the given row, newest first.
    pub async fn list_checkpoints(&self, before: i64, limit: u32) -> Result<Vec<Checkpoint>> {
        self.fetch(LIST, args![before, limit]).await?.iter().map(checkpoint).collect()
    }

    /// Checkpoints after one row and up to another, oldest first.
    pub async fn checkpoints_between(
        &self,
        after: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<Checkpoint>> {
        self.fetch(BETWEEN, args![after, to, limit]).await?.iter().map(checkpoint).collect()
    }
}
