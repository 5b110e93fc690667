//! The clock and the randomness of the machine. Everything else gets them as parameters.

use std::time::{SystemTime, UNIX_EPOCH};

use grantry_model::clock::{Clock, Random, UnixMs};

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The operating system's randomness.
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        // Going on without randomness would make guessable tokens and keys.
        getrandom::fill(buffer).expect("the operating system has randomness");
    }
}
