//! The key-value stores of integrations. Writes come with the result that they belong to.

use async_trait::async_trait;
use grantry_model::ids::IntegrationId;
use grantry_model::runner::{KeyValue, KeyValueUnavailable, KvUsage, KvWrite};

use crate::db::{Db, HousekeepingTx, Row, args};
use crate::{Result, statements};

statements! {
    GET = "SELECT content FROM kv WHERE integration_id = $1 AND name = $2";
    KEYS = "SELECT name FROM kv WHERE integration_id = $1 AND name LIKE $2 ESCAPE '\\' ORDER BY name";
    USAGE = "SELECT COUNT(*), CAST(COALESCE(SUM(OCTET_LENGTH(name) + OCTET_LENGTH(content)), 0) AS BIGINT) FROM kv WHERE integration_id = $1";
    SET = "INSERT INTO kv (integration_id, name, content) VALUES ($1, $2, $3) ON CONFLICT (integration_id, name) DO UPDATE SET content = excluded.content";
    DELETE = "DELETE FROM kv WHERE integration_id = $1 AND name = $2";
}

/// One integration's store.
pub struct IntegrationKv {
    pub(crate) db: Db,
    pub(crate) integration: IntegrationId,
}

impl Db {
    /// The key-value store of an integration.
    pub fn kv(&self, integration: &IntegrationId) -> IntegrationKv {
        IntegrationKv { db: self.clone(), integration: integration.clone() }
    }

    /// Commits the writes of a call that has no other result to store.
    pub async fn commit_kv(&self, integration: &IntegrationId, writes: &[KvWrite]) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin_housekeeping().await?;
        tx.write_kv(integration, writes).await?;
        tx.commit().await
    }
}

impl HousekeepingTx {
    /// Stores the writes of a call with its result.
    pub async fn write_kv(
        &mut self,
        integration: &IntegrationId,
        writes: &[KvWrite],
    ) -> Result<()> {
        for write in writes {
            let (id, key) = (integration.as_str(), write.key.as_str());
            match &write.value {
                Some(value) => self.execute(SET, args![id, key, value.as_slice()]).await?,
                None => self.execute(DELETE, args![id, key]).await?,
            };
        }
        Ok(())
    }
}

#[async_trait]
impl KeyValue for IntegrationKv {
    async fn get(&self, key: &str) -> std::result::Result<Option<Vec<u8>>, KeyValueUnavailable> {
        let row = self.db.fetch_one(GET, args![self.integration.as_str(), key]).await;
        row.and_then(|row| row.map(|row| row.blob(0)).transpose()).map_err(|_| KeyValueUnavailable)
    }

    async fn keys(&self, prefix: &str) -> std::result::Result<Vec<String>, KeyValueUnavailable> {
        let pattern = format!("{}%", crate::catalogue::escape_like(prefix));
        let rows = self.db.fetch(KEYS, args![self.integration.as_str(), &pattern]).await;
        let keys = rows.and_then(|rows| rows.iter().map(|row| row.text(0)).collect());
        // SQLite's LIKE ignores the case of ASCII letters; the contract does not.
        keys.map(|keys: Vec<String>| keys.into_iter().filter(|k| k.starts_with(prefix)).collect())
            .map_err(|_| KeyValueUnavailable)
    }

    async fn usage(&self) -> std::result::Result<KvUsage, KeyValueUnavailable> {
        let row = self.db.fetch_one(USAGE, args![self.integration.as_str()]).await;
        let count = |value: i64| usize::try_from(value).unwrap_or(usize::MAX);
        let usage = |row: Row| Ok(KvUsage { keys: count(row.int(0)?), bytes: count(row.int(1)?) });
        let usage = row.and_then(|row| row.map(usage).transpose());
        usage.map(Option::unwrap_or_default).map_err(|_| KeyValueUnavailable)
    }
}
