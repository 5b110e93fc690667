//! Time and randomness as parameters: nothing in Grantry reads them from the air.

use serde::{Deserialize, Serialize};

/// A moment, in Unix milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// The moment `ms` milliseconds later; stops at the end of time instead of wrapping.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The current moment.
    fn now(&self) -> UnixMs;
}

/// Where unpredictable bytes come from.
pub trait Random: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}
