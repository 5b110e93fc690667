//! `kv`: the integration's own small store. Writes stay in the call until its result is committed.

use std::collections::BTreeMap;

use grantry_model::runner::KvWrite;

use crate::bindings::grantry::plugin::kv::{Host, KvError};
use crate::call::{CallState, Capabilities};

const KEY_BYTES_MAX: usize = 512;
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Keys that one call of `list-keys` returns at most.
const KEYS_MAX: usize = 10_000;

/// The writes of one call, over the committed content.
pub(crate) struct Overlay {
    writes: BTreeMap<String, Option<Vec<u8>>>,
    writes_left: usize,
    bytes_left: usize,
}

impl Overlay {
    pub(crate) fn new(writes_max: usize, bytes_max: usize) -> Self {
        Self { writes: BTreeMap::new(), writes_left: writes_max, bytes_left: bytes_max }
    }

    /// Every write counts, also one that replaces another: what is counted is work.
    fn write(&mut self, key: String, value: Option<Vec<u8>>) -> Result<(), KvError> {
        let bytes = key.len() + value.as_ref().map_or(0, Vec::len);
        let writes_left = self.writes_left.checked_sub(1).ok_or(KvError::Quota)?;
        let bytes_left = self.bytes_left.checked_sub(bytes).ok_or(KvError::Quota)?;
        (self.writes_left, self.bytes_left) = (writes_left, bytes_left);
        self.writes.insert(key, value);
        Ok(())
    }

    fn merged(&self, prefix: &str, committed: Vec<String>) -> Vec<String> {
        let is_own = |key: &String| key.starts_with(prefix);
        let mut keys: std::collections::BTreeSet<String> =
            committed.into_iter().filter(is_own).collect();
        for (key, value) in self.writes.iter().filter(|(key, _)| is_own(key)) {
            match value {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        keys.into_iter().take(KEYS_MAX).collect()
    }

    pub(crate) fn take_writes(&mut self) -> Vec<KvWrite> {
        let writes = std::mem::take(&mut self.writes);
        writes.into_iter().map(|(key, value)| KvWrite { key, value }).collect()
    }
}

fn check_key(key: &str) -> Result<(), KvError> {
    let is_valid = !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.contains('\0');
    is_valid.then_some(()).ok_or(KvError::KeyInvalid)
}

fn granted(capabilities: Option<&Capabilities>) -> Option<&Capabilities> {
    capabilities.filter(|capabilities| capabilities.scope.granted.kv)
}

impl CallState {
    /// Enters, and tells whether the call has a store.
    async fn enter_kv(&mut self) -> wasmtime::Result<Result<(), KvError>> {
        self.enter()?;
        if granted(self.capabilities.as_ref()).is_some() {
            return Ok(Ok(()));
        }
        self.deny("kv_denied", "the key-value store is not approved".to_owned()).await?;
        Ok(Err(KvError::Denied))
    }

    async fn write_kv(
        &mut self,
        key: String,
        value: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<(), KvError>> {
        if let Err(error) = self.enter_kv().await? {
            return Ok(Err(error));
        }
        if let Err(error) = check_key(&key) {
            return Ok(Err(error));
        }
        if value.as_ref().is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
            return Ok(Err(KvError::Quota));
        }
        Ok(self.kv.write(key, value))
    }
}

impl Host for CallState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, KvError>> {
        if let Err(error) = self.enter_kv().await? {
            return Ok(Err(error));
        }
        if let Err(error) = check_key(&key) {
            return Ok(Err(error));
        }
        if let Some(written) = self.kv.writes.get(&key) {
            return Ok(Ok(written.clone()));
        }
        let Some(own) = granted(self.capabilities.as_ref()) else {
            return Ok(Err(KvError::Denied));
        };
        let committed = own.scope.kv.clone();
        let read = async move { committed.get(&key).await };
        let value = Self::on_io(&self.services.io, read).await?;
        Ok(value.map_err(|_| KvError::Unavailable))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), KvError>> {
        self.write_kv(key, Some(value)).await
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), KvError>> {
        self.write_kv(key, None).await
    }

    async fn list_keys(
        &mut self,
        prefix: String,
    ) -> wasmtime::Result<Result<Vec<String>, KvError>> {
        if let Err(error) = self.enter_kv().await? {
            return Ok(Err(error));
        }
        if prefix.len() > KEY_BYTES_MAX || prefix.contains('\0') {
            return Ok(Err(KvError::KeyInvalid));
        }
        let Some(own) = granted(self.capabilities.as_ref()) else {
            return Ok(Err(KvError::Denied));
        };
        let (committed, asked) = (own.scope.kv.clone(), prefix.clone());
        let read = async move { committed.keys(&asked).await };
        let Ok(keys) = Self::on_io(&self.services.io, read).await? else {
            return Ok(Err(KvError::Unavailable));
        };
        Ok(Ok(self.kv.merged(&prefix, keys)))
    }
}
