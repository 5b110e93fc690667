//! How fast the host talks to one target: a token bucket per integration and host, and the pauses
//! that the target asks for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grantry_model::ids::IntegrationId;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

/// Shortest and longest pause that is believed (security notes, row 59).
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Places that are remembered.
const PLACES_MAX: usize = 10_000;
/// Places of one integration: one that asks for ever new names pushes out its own.
const PLACES_OF_ONE_MAX: usize = 200;

/// The buckets of all integrations.
#[derive(Debug)]
pub(crate) struct Rates {
    per_second: f64,
    burst: f64,
    places: Mutex<HashMap<(IntegrationId, String), Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    tokens: f64,
    at: Instant,
    paused_until: Option<Instant>,
}

impl Rates {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            burst: f64::from(burst.max(1)),
            places: Mutex::new(HashMap::new()),
        }
    }

    /// Takes a token; says how long to wait before the request.
    pub(crate) fn take(&self, integration: &IntegrationId, host: &str) -> Duration {
        let now = Instant::now();
        self.at(integration, host, now, |place| {
            let since = now.saturating_duration_since(place.at).as_secs_f64();
            place.tokens = (place.tokens + since * self.per_second).min(self.burst) - 1.0;
            place.at = now;
            let refill = (-place.tokens / self.per_second).max(0.0);
            let pause = place.paused_until.map(|until| until.saturating_duration_since(now));
            Duration::from_secs_f64(refill).max(pause.unwrap_or_default())
        })
    }

    /// Gives back a token that was not used.
    pub(crate) fn give_back(&self, integration: &IntegrationId, host: &str) {
        self.at(integration, host, Instant::now(), |place| place.tokens += 1.0);
    }

    /// Learns from an answer; returns the pause that it asks for.
    pub(crate) fn learn(
        &self,
        integration: &IntegrationId,
        host: &str,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Duration> {
        let pause = asked_pause(status, headers, SystemTime::now())?;
        let now = Instant::now();
        let until = now.checked_add(pause)?;
        self.at(integration, host, now, |place| {
            place.paused_until = Some(place.paused_until.map_or(until, |old| old.max(until)));
        });
        Some(pause)
    }

    fn at<T>(
        &self,
        integration: &IntegrationId,
        host: &str,
        now: Instant,
        change: impl FnOnce(&mut Place) -> T,
    ) -> T {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Place { tokens: self.burst, at: now, paused_until: None };
        let key = (integration.clone(), host.to_owned());
        if !places.contains_key(&key) {
            let own = || places.iter().filter(|((of, _), _)| of == integration);
            // Counted only where there are many at all: a new place is rare.
            if places.len() >= PLACES_OF_ONE_MAX && own().count() >= PLACES_OF_ONE_MAX {
                let oldest = own().min_by_key(|(_, place)| place.at).map(|(key, _)| key.clone());
                oldest.and_then(|key| places.remove(&key));
            }
            if places.len() >= PLACES_MAX {
                let oldest = places.iter().min_by_key(|(_, place)| place.at);
                let oldest = oldest.map(|(key, _)| key.clone());
                oldest.and_then(|key| places.remove(&key));
            }
        }
        change(places.entry(key).or_insert(fresh))
    }
}

/// The pause after 429 (RFC 6585), 503 with Retry-After, or an exhausted X-RateLimit window.
fn asked_pause(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let retry_after = text(headers, "retry-after").and_then(|text| after(text, now));
    let pause = match status {
        StatusCode::TOO_MANY_REQUESTS => {
            retry_after.or_else(|| window_reset(headers, now)).unwrap_or(PAUSE_MIN)
        }
        StatusCode::SERVICE_UNAVAILABLE => retry_after?,
        _ if text(headers, "x-ratelimit-remaining") == Some("0") => window_reset(headers, now)?,
        _ => return None,
    };
    Some(pause.clamp(PAUSE_MIN, PAUSE_MAX))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Seconds or an HTTP date (RFC 9110 section 10.2.3). A number too large to hold is a long pause.
fn after(text: &str, now: SystemTime) -> Option<Duration> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Some(text.parse().map_or(PAUSE_MAX, Duration::from_secs));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Seconds from now, or Unix seconds: targets use both.
fn window_reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    const FIRST_UNIX_SECONDS: u64 = 1_000_000_000;
    let seconds: u64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
    if seconds < FIRST_UNIX_SECONDS {
        return Some(Duration::from_secs(seconds));
    }
    let unix = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(seconds.saturating_sub(unix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(status: u16, headers: &[(&'static str, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let status = StatusCode::from_u16(status).unwrap();
        asked_pause(status, &map, now).map(|pause| pause.as_secs())
    }

    #[test]
    fn pauses_are_learned_and_clamped() {
        assert_eq!(pause(429, &[("retry-after", "7")]), Some(7));
        assert_eq!(pause(429, &[("retry-after", "0")]), Some(1));
        assert_eq!(pause(429, &[("retry-after", "1000000000000000000")]), Some(86_400));
        assert_eq!(pause(429, &[("retry-after", "99999999999999999999999")]), Some(86_400));
        assert_eq!(pause(429, &[("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT")]), Some(30));
        assert_eq!(pause(429, &[]), Some(1));
        assert_eq!(pause(503, &[("retry-after", "3")]), Some(3));
        assert_eq!(pause(503, &[]), None);
        assert_eq!(pause(429, &[("x-ratelimit-reset", "1800000009")]), Some(9));
        let exhausted = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")];
        assert_eq!(pause(200, &exhausted), Some(5));
        assert_eq!(pause(200, &[]), None);
    }
}
