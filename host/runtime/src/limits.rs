//! Memory and tables of one call, counted over all its instances.
//!
//! wasmtime's own limiter counts each memory by itself; four memories would get four times the
//! limit. A refused growth answers -1 to the guest, as the Wasm specification wants.

use wasmtime::ResourceLimiter;

use crate::settings::Limits;

/// Grants growth up to the call's limits and remembers the peak.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    instances_max: usize,
    memories_max: usize,
    tables_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    /// What was refused first, for the message of the trap that often follows.
    pub(crate) refused: Option<&'static str>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
            instances_max: limits.instances_max,
            memories_max: limits.memories_max,
            tables_max: limits.tables_max,
            memory_bytes: 0,
            table_elements: 0,
            refused: None,
        }
    }

    /// Memory in use. Memories never shrink, so this is the peak too.
    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::try_from(self.memory_bytes).unwrap_or(u64::MAX)
    }
}

/// The new total if it stays within the limit and the maximum that the guest declared.
fn grown(
    total: usize,
    current: usize,
    desired: usize,
    declared: Option<usize>,
    max: usize,
) -> Option<usize> {
    if declared.is_some_and(|declared| desired > declared) {
        return None;
    }
    let total = total.checked_add(desired.checked_sub(current)?)?;
    (total <= max).then_some(total)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        match grown(self.memory_bytes, current, desired, maximum, self.memory_bytes_max) {
            Some(total) => {
                self.memory_bytes = total;
                Ok(true)
            }
            None => {
                self.refused.get_or_insert("its memory limit was reached");
                Ok(false)
            }
        }
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        match grown(self.table_elements, current, desired, maximum, self.table_elements_max) {
            Some(total) => {
                self.table_elements = total;
                Ok(true)
            }
            None => {
                self.refused.get_or_insert("its table limit was reached");
                Ok(false)
            }
        }
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.tables_max
    }

    fn memories(&self) -> usize {
        self.memories_max
    }
}
