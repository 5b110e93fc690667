//! A time of the day as a wall clock shows it: `HH:MM`, and `24:00` for the end of the day.

use std::fmt;

use serde::{Deserialize, Serialize};

const HOUR_MINUTES: u16 = 60;
const DAY_MINUTES: u16 = 24 * HOUR_MINUTES;

/// A time of the day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime {
    /// Minutes since the day began: 0 to 1440.
    minutes: u16,
}

/// The text is no time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time such as `17:00`, from `00:00` to `24:00`")]
pub struct InvalidClockTime;

impl ClockTime {
    /// The moment at which the next day begins.
    pub const END_OF_DAY: Self = Self { minutes: DAY_MINUTES };

    /// The time of that text.
    pub fn parse(text: &str) -> Result<Self, InvalidClockTime> {
        let (hours, minutes) = text.split_once(':').ok_or(InvalidClockTime)?;
        let number = |digits: &str| -> Result<u16, InvalidClockTime> {
            let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| digits.parse().ok()).flatten().ok_or(InvalidClockTime)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let all = hours * HOUR_MINUTES + minutes;
        if minutes >= HOUR_MINUTES || all > DAY_MINUTES {
            return Err(InvalidClockTime);
        }
        Ok(Self { minutes: all })
    }

    /// Minutes since the day began: 0 to 1440.
    pub fn minutes(self) -> u16 {
        self.minutes
    }

    /// This time and then every so many hours, until the day ends.
    pub(super) fn every_hours(self, hours: u8) -> impl Iterator<Item = Self> {
        let step = usize::from(hours.max(1)) * usize::from(HOUR_MINUTES);
        (self.minutes..DAY_MINUTES).step_by(step).map(|minutes| Self { minutes })
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / HOUR_MINUTES, self.minutes % HOUR_MINUTES)
    }
}

impl TryFrom<String> for ClockTime {
    type Error = InvalidClockTime;
    fn try_from(text: String) -> Result<Self, InvalidClockTime> {
        Self::parse(&text)
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}
