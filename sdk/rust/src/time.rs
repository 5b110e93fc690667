//! Times as targets write them: RFC 3339, and what strays from it.

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Unix milliseconds of `2026-01-02T03:04:05.678Z` (any offset, also without its colon), or nothing.
pub fn parse_ms(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, offset) = time.split_at(zone);
    Some(day_ms(date)? + clock_ms(clock)? - offset_ms(offset)?)
}

/// Unix milliseconds of the moment at which `2026-01-02` is over, in UTC, or nothing.
pub fn end_of_day_ms(date: &str) -> Option<i64> {
    Some(day_ms(date.trim())? + DAY_MS)
}

/// Unix milliseconds of the moment at which a date begins, in UTC.
fn day_ms(date: &str) -> Option<i64> {
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if parts.next().is_some() {
        return None;
    }
    Some(days_from_civil(year, month, day) * DAY_MS)
}

fn clock_ms(clock: &str) -> Option<i64> {
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().flatten().unwrap_or(0);
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis: i64 = digits.parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

fn offset_ms(offset: &str) -> Option<i64> {
    let sign = match offset.bytes().next() {
        None | Some(b'Z' | b'z') => return Some(0),
        Some(b'-') => -1,
        Some(_) => 1,
    };
    let digits = offset.get(1..)?;
    let (hours, minutes) = digits.split_once(':').or_else(|| digits.split_at_checked(2))?;
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?) * 60_000)
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_offset_are_read() {
        assert_eq!(parse_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_ms("2024-02-29T12:30:00.25+02:00"), Some(1_709_202_600_250));
        assert_eq!(parse_ms("2010-01-23T04:56:22Z"), Some(1_264_222_582_000));
        assert_eq!(parse_ms("2010-01-23T06:56:22.000+0200"), Some(1_264_222_582_000));
    }

    #[test]
    fn a_day_ends_when_the_next_one_begins() {
        assert_eq!(end_of_day_ms("2024-02-28"), parse_ms("2024-02-29T00:00:00Z"));
        for text in ["", "2024-02", "2024-02-28-1", "2024-02-28T00:00:00Z"] {
            assert_eq!(end_of_day_ms(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }
}
