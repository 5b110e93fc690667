//! Whose signatures on plugins are believed.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::PublisherId;
use grantry_model::signature::{KeyId, PublicKey};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A publisher's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Its id.
    pub id: PublisherId,
    /// What an admin calls the publisher.
    pub name: String,
    /// The key.
    pub public_key: PublicKey,
    /// Since when it is trusted.
    pub created: UnixMs,
    /// Since when it is not any more.
    pub revoked: Option<UnixMs>,
    /// Why not.
    pub revoked_reason: Option<String>,
}

statements! {
    INSERT = "INSERT INTO publishers (id, name, key_id, public_key, created_ms) VALUES ($1, $2, $3, $4, $5)";
    GET = "SELECT id, name, public_key, created_ms, revoked_ms, revoked_reason FROM publishers WHERE id = $1";
    BY_KEY = "SELECT id, name, public_key, created_ms, revoked_ms, revoked_reason FROM publishers WHERE key_id = $1";
    LIST = "SELECT id, name, public_key, created_ms, revoked_ms, revoked_reason FROM publishers WHERE id > $1 ORDER BY id LIMIT $2";
    REVOKE = "UPDATE publishers SET revoked_ms = $2, revoked_reason = $3 WHERE id = $1 AND revoked_ms IS NULL";
    LOCK = "UPDATE publishers SET name = name WHERE id = $1 AND revoked_ms IS NULL";
}

fn publisher(row: &Row) -> Result<Publisher> {
    Ok(Publisher {
        id: row.parsed(0, "publisher id", |id| PublisherId::parse(id).ok())?,
        name: row.text(1)?,
        public_key: row.parsed(2, "public key", |text| PublicKey::parse(text).ok())?,
        created: row.time(3)?,
        revoked: row.time_or_null(4)?,
        revoked_reason: row.text_or_null(5)?,
    })
}

impl Db {
    /// The publisher with that id.
    pub async fn publisher(&self, id: &PublisherId) -> Result<Option<Publisher>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(publisher).transpose()
    }

    /// The publisher with the key of that number, trusted or revoked.
    pub async fn publisher_by_key(&self, key: &KeyId) -> Result<Option<Publisher>> {
        self.fetch_one(BY_KEY, args![key.as_str()]).await?.as_ref().map(publisher).transpose()
    }

    /// Publishers after the given id.
    pub async fn list_publishers(&self, after: &str, limit: u32) -> Result<Vec<Publisher>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(publisher).collect()
    }
}

impl Tx {
    /// Believes a key from now on.
    ///
    /// # Errors
    /// When there is one with its number, trusted or revoked.
    pub async fn create_publisher(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        new: &Publisher,
    ) -> Result<()> {
        let (key_id, now) = (new.public_key.key_id(), self.now());
        let args = args![new.id.as_str(), &new.name, key_id.as_str(), new.public_key.as_str(), now];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error: StoreError| error.or_already_exists("publisher's key"))
    }

    /// Believes a key no more. False if that is so already.
    pub async fn revoke_publisher(
        &mut self,
        _: &Permit<actions::PluginInstall>,
        id: &PublisherId,
        reason: &str,
    ) -> Result<bool> {
        let now = self.now();
        Ok(self.execute(REVOKE, args![id.as_str(), now, reason]).await? == 1)
    }

    /// Keeps a publisher trusted until the transaction ends; false if it is not.
    pub async fn lock_trusted_publisher(&mut self, id: &PublisherId) -> Result<bool> {
        Ok(self.execute(LOCK, args![id.as_str()]).await? == 1)
    }
}
