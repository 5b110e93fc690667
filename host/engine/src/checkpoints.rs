//! Signed checkpoints of the audit log: made hourly and every so many rows, kept, and sent to every
//! receiver of the log. A log that was cut short contradicts a checkpoint that is held elsewhere.
//!
//! The key is derived from the key file, so that it is never in the database and every process on
//! one database signs with the same.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use grantry_authz::actions;
use grantry_store::Checkpoint;
use grantry_store::seal::KeyRing;
use sha2::Digest as _;

use crate::{Ctx, Engine, EngineError, Page, PageQuery, Result};

/// Rows after which a checkpoint is made, whatever the time.
const ROWS_MAX: i64 = 10_000;
/// How long rows wait for a checkpoint, in milliseconds: an hour.
const PAUSE_MS: i64 = 3_600_000;
/// What the key is derived for. Changing it changes every installation's public key.
const PURPOSE: &str = "audit checkpoints, ed25519";

/// The key that checkpoints can be checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditKey {
    /// Names the key in checkpoints.
    pub id: String,
    /// Ed25519, 32 bytes in hex.
    pub public: String,
}

fn signing_key(keys: &KeyRing) -> Result<Ed25519KeyPair> {
    let seed = keys.derive(PURPOSE);
    Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| EngineError::Interrupted)
}

impl AuditKey {
    /// The public half of the key that belongs to a key file.
    pub fn of(keys: &KeyRing) -> Result<Self> {
        let key = signing_key(keys)?;
        let public = key.public_key().as_ref();
        let id = hex::encode(&sha2::Sha256::digest(public)[..8]);
        Ok(Self { id, public: hex::encode(public) })
    }
}

impl Engine {
    /// The key that checkpoints can be checked with.
    pub fn audit_key(&self) -> Result<AuditKey> {
        AuditKey::of(&self.parts.keys)
    }

    /// Signs the log as it is now. `None` for an empty log.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let db = self.db();
        let (sequence, hash) = db.audit_head().await?;
        if sequence == 0 {
            return Ok(None);
        }
        let last = db.newest_checkpoint().await?;
        if let Some(last) = &last {
            if last.sequence == sequence && last.hash == hash {
                return Ok(Some(last.clone()));
            }
            let row = db.audit_after(last.sequence - 1, last.sequence, 1).await?;
            if row.first().is_none_or(|row| row.hash != last.hash) {
                tracing::error!(
                    sequence = last.sequence,
                    "the audit log contradicts its last checkpoint and is not signed any more: run `grantry audit verify`"
                );
                return Err(EngineError::AuditBroken);
            }
        }
        let (key, at) = (signing_key(&self.parts.keys)?, db.now());
        let signature = key.sign(Checkpoint::signed_text(sequence, &hash, at).as_bytes());
        let signature = hex::encode(signature.as_ref());
        let key_id = self.audit_key()?.id;
        let made = Checkpoint { sequence, hash, at, key_id, signature };
        db.add_checkpoint(&made).await?;
        Ok(Some(made))
    }

    /// Makes a checkpoint if one is due.
    pub(crate) async fn checkpoint_if_due(&self) -> Result<()> {
        let db = self.db();
        let (sequence, _) = db.audit_head().await?;
        let last = db.newest_checkpoint().await?;
        let (covered, at) = last.map_or((0, 0), |last| (last.sequence, last.at.0));
        let is_due = sequence - covered >= ROWS_MAX || db.now().0 - at >= PAUSE_MS;
        if sequence > covered && is_due {
            self.checkpoint().await?;
        }
        Ok(())
    }
}

impl Ctx {
    /// The key that checkpoints can be checked with.
    pub async fn show_audit_key(&self) -> Result<AuditKey> {
        self.permit_admin::<actions::AuditRead>().await?;
        self.engine.audit_key()
    }

    /// Checkpoints, newest first.
    pub async fn list_checkpoints(&self, query: &PageQuery) -> Result<Page<Checkpoint>> {
        self.permit_admin::<actions::AuditRead>().await?;
        let position = self.engine.position("checkpoints", query.cursor.as_deref())?;
        let before = match position.as_str() {
            "" => i64::MAX,
            position => position.parse().map_err(|_| EngineError::InvalidCursor)?,
        };
        let rows = self.db().list_checkpoints(before, query.limit + 1).await?;
        Ok(self.engine.page("checkpoints", rows, query.limit, |row| row.sequence.to_string()))
    }
}
