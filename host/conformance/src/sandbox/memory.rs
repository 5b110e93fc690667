//! The host's services, held in memory: one component, secrets, a key-value store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use grantry_model::ids::IntegrationId;
use grantry_model::package::ComponentSource;
use grantry_model::plugin::Digest;
use grantry_model::runner::{AuditSink, Denial, KeyValue, KeyValueUnavailable, KvUsage, KvWrite};
use grantry_model::secret::{Secret, SecretSource, SecretUnavailable};

use super::Journal;

/// The component under the hand.
pub(super) struct OneComponent(pub(super) Arc<[u8]>);

#[async_trait]
impl ComponentSource for OneComponent {
    async fn component(&self, _: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(Some(self.0.to_vec()))
    }
}

/// The connection's secrets, by their place.
pub(super) struct Secrets(pub(super) Vec<(String, Secret)>);

impl Secrets {
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, secret)| secret.expose())
    }
}

#[async_trait]
impl SecretSource for Secrets {
    async fn secret(&self, pointer: &str) -> Result<Option<Secret>, SecretUnavailable> {
        let found = self.0.iter().find(|(place, _)| place == pointer);
        Ok(found.map(|(_, secret)| Secret::new(secret.expose().to_owned())))
    }
}

/// A key-value store that ends with the session.
#[derive(Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the writes of a call that succeeded.
    pub(super) fn commit(&self, writes: Vec<KvWrite>) {
        let mut all = self.all();
        for KvWrite { key, value } in writes {
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(&key),
            };
        }
    }
}

#[async_trait]
impl KeyValue for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueUnavailable> {
        Ok(self.all().get(key).cloned())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, KeyValueUnavailable> {
        Ok(self.all().keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn usage(&self) -> Result<KvUsage, KeyValueUnavailable> {
        let all = self.all();
        let bytes = all.iter().map(|(key, value)| key.len() + value.len()).sum();
        Ok(KvUsage { keys: all.len(), bytes })
    }
}

/// Writes refusals into the journal.
pub(super) struct Recorder(pub(super) Arc<Mutex<Journal>>);

#[async_trait]
impl AuditSink for Recorder {
    async fn denied(&self, _: &IntegrationId, denial: Denial) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refuse(denial);
    }
}
