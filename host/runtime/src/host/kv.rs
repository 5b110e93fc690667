//! `kv`: the integration's own small store. Writes stay in the call until its result is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use grantry_model::runner::{KeyValue, KeyValueUnavailable, KvUsage, KvWrite};

use crate::bindings::grantry::plugin::kv::{Host, KvError};
use crate::call::{CallState, Capabilities};

const KEY_BYTES_MAX: usize = 512;
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Keys of one integration. A call sees what was committed before it and its own writes: calls that
/// run at once may exceed this and the next limit by what one call may write.
const KEYS_MAX: usize = 10_000;
/// Bytes of keys and values of one integration.
const STORE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The writes of one call, over the committed content.
pub(crate) struct Overlay {
    writes: BTreeMap<String, Option<Vec<u8>>>,
    writes_left: usize,
    bytes_left: usize,
    /// What the store will hold once the writes are committed; unknown until the first of them.
    usage: Option<KvUsage>,
}

impl Overlay {
    pub(crate) fn new(writes_max: usize, bytes_max: usize) -> Self {
        Self {
            writes: BTreeMap::new(),
            writes_left: writes_max,
            bytes_left: bytes_max,
            usage: None,
        }
    }

    /// Counts a write as work, also one that replaces another.
    fn count(&mut self, key: &str, value: Option<&Vec<u8>>) -> Result<(), KvError> {
        let bytes = key.len() + value.map_or(0, Vec::len);
        let writes_left = self.writes_left.checked_sub(1).ok_or(KvError::Quota)?;
        let bytes_left = self.bytes_left.checked_sub(bytes).ok_or(KvError::Quota)?;
        (self.writes_left, self.bytes_left) = (writes_left, bytes_left);
        Ok(())
    }

    /// Replaces what the key had, if the store has room for it. Deleting is always possible.
    fn replace(
        &mut self,
        usage: KvUsage,
        key: String,
        old: Option<usize>,
        value: Option<Vec<u8>>,
    ) -> Result<(), KvError> {
        let entry = |length: Option<usize>| length.map_or(0, |length| key.len() + length);
        let new = value.as_ref().map(Vec::len);
        let after = KvUsage {
            keys: (usage.keys + usize::from(new.is_some()))
                .saturating_sub(usize::from(old.is_some())),
            bytes: (usage.bytes + entry(new)).saturating_sub(entry(old)),
        };
        let is_full = after.keys > KEYS_MAX || after.bytes > STORE_BYTES_MAX;
        if is_full && new > old {
            return Err(KvError::Quota);
        }
        self.usage = Some(after);
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
        if let Err(error) = self.kv.count(&key, value.as_ref()) {
            return Ok(Err(error));
        }
        let usage = match self.kv.usage {
            Some(usage) => usage,
            None => match self.read_kv(|kv| async move { kv.usage().await }).await? {
                Ok(usage) => usage,
                Err(error) => return Ok(Err(error)),
            },
        };
        let old = match self.read_value(&key).await? {
            Ok(old) => old.map(|old| old.len()),
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.kv.replace(usage, key, old, value))
    }

    /// Asks the committed store.
    async fn read_kv<T: Send + 'static, F>(
        &mut self,
        read: impl FnOnce(Arc<dyn KeyValue>) -> F,
    ) -> wasmtime::Result<Result<T, KvError>>
    where
        F: Future<Output = Result<T, KeyValueUnavailable>> + Send + 'static,
    {
        let Some(own) = granted(self.capabilities.as_ref()) else {
            return Ok(Err(KvError::Denied));
        };
        let answer = Self::on_io(&self.services.io, read(own.scope.kv.clone())).await?;
        Ok(answer.map_err(|_| KvError::Unavailable))
    }

    /// The value as this call sees it.
    async fn read_value(
        &mut self,
        key: &str,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, KvError>> {
        if let Some(written) = self.kv.writes.get(key) {
            return Ok(Ok(written.clone()));
        }
        let key = key.to_owned();
        self.read_kv(|kv| async move { kv.get(&key).await }).await
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
        self.read_value(&key).await
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
        let asked = prefix.clone();
        let keys = self.read_kv(|kv| async move { kv.keys(&asked).await }).await?;
        Ok(keys.map(|keys| self.kv.merged(&prefix, keys)))
    }
}
