//! `run`: the call's connection, time and randomness.

use crate::bindings::grantry::plugin::run::Host;
use crate::call::CallState;
use crate::verdict::Stop;

/// Most random bytes of one call.
const RANDOM_BYTES_MAX: u32 = 4_096;
/// Time is as coarse as this, in milliseconds.
const TIME_STEP_MS: i64 = 10;

impl Host for CallState {
    /// Empty JSON where the call has no connection (`describe`, `validate-config`).
    fn connection(&mut self) -> wasmtime::Result<String> {
        self.enter()?;
        let connection = self.capabilities.as_ref().map(|own| own.scope.connection.to_string());
        Ok(connection.unwrap_or_else(|| "{}".to_owned()))
    }

    fn scope_validator(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.enter()?;
        let validators = self.capabilities.as_ref().map(|own| &own.scope.validators);
        Ok(validators.and_then(|validators| validators.get(&key).cloned()))
    }

    /// Nobody listens yet: a page is progress enough.
    fn progress(&mut self, _done: u64, _total: Option<u64>) -> wasmtime::Result<()> {
        self.enter()
    }

    fn now_ms(&mut self) -> wasmtime::Result<i64> {
        self.enter()?;
        let now = self.services.clock.now().0;
        Ok(now.saturating_sub(now.rem_euclid(TIME_STEP_MS)))
    }

    fn random_bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.enter()?;
        if count > RANDOM_BYTES_MAX {
            return Err(Stop::Quota("random bytes").into());
        }
        let mut bytes = vec![0_u8; usize::try_from(count).unwrap_or(0)];
        self.services.random.fill(&mut bytes);
        Ok(bytes)
    }
}
