//! Sealed secrets of channels and sinks: passwords, secret URLs, signing keys.
//!
//! The newest version counts; an older one counts beside it until its end (rotation with overlap).

use grantry_authz::Permit;
use grantry_model::clock::UnixMs;

use crate::db::{Db, Row, Tx, args};
use crate::{Result, statements};

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Such as `password`, `url` or `signing`.
    pub name: String,
    /// Grows with every rotation.
    pub version: i64,
    /// See [`crate::seal`]; its place is [`place`].
    pub sealed: Vec<u8>,
    /// Until when it counts; `None` for the newest one.
    pub ends: Option<UnixMs>,
}

/// The place that a secret is sealed to.
pub fn place(owner: &str, name: &str, version: i64) -> String {
    format!("delivery_secrets|{owner}|{name}|{version}")
}

statements! {
    SET = "INSERT INTO delivery_secrets (owner_id, name, version, sealed, ends_ms) VALUES ($1, $2, $3, $4, NULL)";
    END = "UPDATE delivery_secrets SET ends_ms = $3 WHERE owner_id = $1 AND name = $2 AND ends_ms IS NULL";
    FORGET_ENDED = "DELETE FROM delivery_secrets WHERE owner_id = $1 AND ends_ms <= $2";
    DELETE_ALL = "DELETE FROM delivery_secrets WHERE owner_id = $1";
    NEWEST_VERSION = "SELECT COALESCE(MAX(version), 0) FROM delivery_secrets WHERE owner_id = $1 AND name = $2";
    LIST = "SELECT name, version, sealed, ends_ms FROM delivery_secrets WHERE owner_id = $1 AND (ends_ms IS NULL OR ends_ms > $2) ORDER BY version DESC";
}

fn secret(row: &Row) -> Result<SealedSecret> {
    Ok(SealedSecret {
        name: row.text(0)?,
        version: row.int(1)?,
        sealed: row.blob(2)?,
        ends: row.time_or_null(3)?,
    })
}

impl Db {
    /// The secrets of a channel or sink that count now, the newest first.
    pub async fn delivery_secrets(&self, owner: &str) -> Result<Vec<SealedSecret>> {
        self.fetch(LIST, args![owner, self.now()]).await?.iter().map(secret).collect()
    }

    /// The version of the newest secret of that name; 0 if there is none.
    pub async fn delivery_secret_version(&self, owner: &str, name: &str) -> Result<i64> {
        let row = self.fetch_one(NEWEST_VERSION, args![owner, name]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }
}

impl Tx {
    /// Sets a secret's next version. The one before counts until `overlap_ends`.
    pub async fn set_delivery_secret<A>(
        &mut self,
        _: &Permit<A>,
        owner: &str,
        (name, version): (&str, i64),
        sealed: &[u8],
        overlap_ends: UnixMs,
    ) -> Result<()> {
        let now = self.now();
        self.execute(END, args![owner, name, overlap_ends]).await?;
        self.execute(SET, args![owner, name, version, sealed]).await?;
        self.execute(FORGET_ENDED, args![owner, now]).await.map(drop)
    }

    /// Forgets all secrets of a channel or sink.
    pub async fn delete_delivery_secrets<A>(&mut self, _: &Permit<A>, owner: &str) -> Result<()> {
        self.execute(DELETE_ALL, args![owner]).await.map(drop)
    }
}
