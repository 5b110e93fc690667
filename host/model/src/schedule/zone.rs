//! Time zones by their IANA names, from the database that the program carries: the system's may be
//! missing, and two nodes of one installation must agree.

use std::fmt;
use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Eq for Zone {}

/// The name is not in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a time zone, such as `Europe/Berlin` or `UTC`")]
pub struct UnknownZone;

impl Zone {
    /// The zone of that name.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let rules = DATABASE.get(name).map_err(|_| UnknownZone)?;
        let name = rules.iana_name().ok_or(UnknownZone)?.to_owned();
        Ok(Self { name, rules })
    }

    /// What its clocks show at that moment.
    pub(super) fn shown_at(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// The moment at which its clocks show this. A time that they skip is the first moment after the
    /// gap; one that they show twice is the first of both.
    pub(super) fn moment(&self, shown: DateTime) -> Option<Timestamp> {
        match self.rules.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).ok(),
            AmbiguousOffset::Gap { after, .. } => {
                // By the offset after it, a time in the gap lies before the change of clocks.
                let before = after.to_timestamp(shown).ok()?;
                self.rules.following(before).next().map(|change| change.timestamp())
            }
        }
    }

    /// The last moment at which its clocks show this.
    pub(super) fn last_moment(&self, shown: DateTime) -> Option<Timestamp> {
        match self.rules.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Fold { after, .. } => after.to_timestamp(shown).ok(),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => self.moment(shown),
        }
    }
}

/// The first moment of a day, some days later.
pub(super) fn days_later(day: jiff::civil::Date, days: i32) -> Option<jiff::civil::Date> {
    day.checked_add(days.days()).ok()
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}
