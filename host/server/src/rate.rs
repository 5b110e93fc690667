//! Rate limits: one token bucket a key, in a table that cannot grow without bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Rate;

/// Most keys that are remembered. Beyond it the idle ones are forgotten.
const KEYS_MAX: usize = 20_000;

/// Counts requests by key.
pub(crate) struct RateLimiter<K> {
    burst: u32,
    /// How long one takes to come back.
    one: Duration,
    /// When the bucket of a key will be full again: all that a bucket needs to remember.
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> RateLimiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self::every(rate.burst, Duration::from_secs(1) / rate.per_second.max(1))
    }

    /// So many at once, and one more after each such time.
    pub(crate) fn every(burst: u32, one: Duration) -> Self {
        Self { burst: burst.max(1), one, full_at: Mutex::new(HashMap::new()) }
    }

    /// Whether one could be taken from the key's bucket, or how long to wait.
    pub(crate) fn look(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(key).copied().unwrap_or(now).max(now);
        match (full_at + self.one).duration_since(now).checked_sub(self.one * self.burst) {
            Some(over) if !over.is_zero() => Err(over),
            _ => Ok(()),
        }
    }

    /// Takes one from the key's bucket, or says how long to wait for the next.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let one = self.one;
        let capacity = one * self.burst;
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEYS_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, full_at| *full_at > now);
            if buckets.len() >= KEYS_MAX {
                // A flood of new keys forgets those that have used little, never one that is at its
                // limit; only where all are, the new ones wait.
                buckets.retain(|_, full_at| *full_at > now + capacity / 2);
            }
            if buckets.len() >= KEYS_MAX {
                return Err(one);
            }
        }
        let full_at = buckets.entry(key).or_insert(now);
        let next = (*full_at).max(now) + one;
        match next.duration_since(now).checked_sub(capacity) {
            Some(over) if !over.is_zero() => Err(over),
            _ => {
                *full_at = next;
                Ok(())
            }
        }
    }

    /// Gives back one that was taken.
    pub(crate) fn give_back(&self, key: &K, now: Instant) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = buckets.get_mut(key) {
            *full_at = full_at.checked_sub(self.one).map_or(now, |before| before.max(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_next_one_waits() {
        let limiter = RateLimiter::new(Rate { burst: 10, per_second: 5 });
        let now = Instant::now();
        assert!((0..10).all(|_| limiter.take("a", now).is_ok()));
        assert_eq!(limiter.take("a", now), Err(Duration::from_millis(200)));
        assert_eq!(limiter.take("b", now), Ok(()));
        assert_eq!(limiter.take("a", now + Duration::from_millis(200)), Ok(()));
    }

    #[test]
    fn looking_takes_nothing_and_tells_what_taking_would() {
        let limiter = RateLimiter::every(2, Duration::from_secs(60));
        let now = Instant::now();
        for _ in 0..2 {
            assert_eq!(limiter.look(&"a", now), Ok(()));
            assert_eq!(limiter.take("a", now), Ok(()));
        }
        assert_eq!(limiter.look(&"a", now), Err(Duration::from_secs(60)));
        assert_eq!(limiter.look(&"a", now + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn what_was_given_back_can_be_taken_again_and_no_more() {
        let limiter = RateLimiter::every(2, Duration::from_secs(60));
        let now = Instant::now();
        assert!((0..2).all(|_| limiter.take("a", now).is_ok()));
        limiter.give_back(&"a", now);
        assert_eq!(limiter.take("a", now), Ok(()));
        assert!(limiter.take("a", now).is_err());
        for _ in 0..5 {
            limiter.give_back(&"a", now);
        }
        assert!((0..2).all(|_| limiter.take("a", now).is_ok()));
        assert!(limiter.take("a", now).is_err());
    }

    #[test]
    fn a_flood_of_keys_does_not_fill_the_memory() {
        let limiter = RateLimiter::new(Rate { burst: 1, per_second: 1 });
        let now = Instant::now();
        assert!((0..KEYS_MAX).all(|key| limiter.take(key, now).is_ok()));
        assert!(limiter.take(KEYS_MAX, now).is_err());
        assert!(limiter.take(KEYS_MAX, now + Duration::from_secs(2)).is_ok());
    }
}
