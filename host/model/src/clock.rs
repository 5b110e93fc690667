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

    /// The latest moment that it may be, where sources disagree: whoever asks whether something is
    /// still his asks this.
    fn latest(&self) -> UnixMs {
        self.now()
    }

    /// How far another clock is ahead, in milliseconds. A clock that follows none is never off.
    fn drift_ms(&self, _: UnixMs) -> i64 {
        0
    }

    /// Goes on from what another clock says.
    fn follow(&self, _: UnixMs) {}
}

/// Where unpredictable bytes come from.
pub trait Random: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}
