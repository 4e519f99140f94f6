//! A point in time, and the civil days and months that budgets and totals are kept by (UTC).

use serde::{Deserialize, Serialize};

const DAY_US: u64 = 86_400_000_000;

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds (Unix time).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The time so many microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as the APIs' `created` fields have them.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This time and so many microseconds; stays at the end of time on overflow.
    #[must_use]
    pub const fn plus_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds since `earlier`; 0 if that lies ahead.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole days since the epoch (UTC).
    pub const fn day(self) -> u32 {
        (self.0 / DAY_US) as u32
    }

    /// The first day (as [`Self::day`] counts) of this time's calendar month, UTC.
    pub const fn month_start_day(self) -> u32 {
        let (year, month, _) = civil(self.day());
        days_from_civil(year, month, 1)
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ` (RFC 3339).
    pub fn rfc3339(self) -> String {
        let (year, month, day) = civil(self.day());
        let rest = self.0 % DAY_US;
        let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }

    /// Reads RFC 3339, with any offset and any fraction of a second (kept to the microsecond); a
    /// space may stand for the `T`. A leap second is the first of the next minute. `None` for
    /// anything else, and for times before 1970.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date, rest) = (bytes.get(..10)?, bytes.get(11..)?);
        if !matches!(bytes.get(10)?, b'T' | b't' | b' ') || date[4] != b'-' || date[7] != b'-' {
            return None;
        }
        let (year, month, day) = (
            digits(&date[..4])?,
            digits(&date[5..7])?,
            digits(&date[8..10])?,
        );
        let clock = rest.get(..8)?;
        if clock[2] != b':' || clock[5] != b':' {
            return None;
        }
        let (fraction, zone) = fraction(&rest[8..])?;
        Self::from_civil(
            [year, month, day],
            [
                digits(&clock[..2])?,
                digits(&clock[3..5])?,
                digits(&clock[6..])?,
            ],
            zone_seconds(zone)?,
        )
        .map(|time| time.plus_micros(fraction))
    }

    /// The time of a date (year, month, day) and a clock (hours, minutes, seconds) that stands so
    /// many seconds ahead of UTC; `None` where there is no such, and before 1970.
    pub fn from_civil(date: [u32; 3], clock: [u32; 3], ahead: i64) -> Option<Self> {
        let ([year, month, day], [hour, minute, second]) = (date, clock);
        let known = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && day >= 1
            && hour < 24
            && minute < 60
            && second <= 60;
        if !known || day > days_of_month(year, month) {
            return None;
        }
        // A day before the epoch may still be after it in UTC; such a time is not worth the care.
        let days = if year < 1970 {
            return None;
        } else {
            days_from_civil(year, month, day)
        };
        let seconds =
            i64::from(days) * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - ahead;
        u64::try_from(seconds)
            .ok()
            .map(|seconds| Self(seconds * 1_000_000))
    }
}

const fn days_of_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// A number of decimal digits only.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0_u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Microseconds of a fraction, where there is one, and what follows it.
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (kept, rest) = text.split_at(end);
    if kept.is_empty() {
        return None;
    }
    let kept = &kept[..kept.len().min(6)];
    let micros = u64::from(digits(kept)?) * 10_u64.pow(6 - kept.len() as u32);
    Some((micros, rest))
}

/// Seconds that `Z` or an offset such as `+05:30` stands ahead of UTC.
fn zone_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h0, b':', m1, m0] => {
            let (hours, minutes) = (digits(&[*h1, *h0])?, digits(&[*m1, *m0])?);
            let ahead = i64::from(hours * 3600 + minutes * 60);
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -ahead } else { ahead })
        }
        _ => None,
    }
}

/// The calendar month of a day (both counted from the epoch, UTC).
pub const fn month_of(day: u32) -> u32 {
    let (year, month, _) = civil(day);
    (year - 1970) * 12 + month - 1
}

/// The first day of a calendar month, both counted from the epoch (UTC); stays at the end of the
/// range.
pub const fn first_day(month: u32) -> u32 {
    days_from_civil(1970 + month / 12, month % 12 + 1, 1)
}

/// `YYYY-MM-DD` of a day counted from the epoch.
pub fn day_text(day: u32) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a day counted from the epoch (Gregorian; H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms").
const fn civil(day: u32) -> (u32, u32, u32) {
    let z = day as u64 + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + if m <= 2 { 1 } else { 0 };
    (y as u32, m as u32, d as u32)
}

const fn days_from_civil(year: u32, month: u32, day: u32) -> u32 {
    let y = year as u64 - if month <= 2 { 1 } else { 0 };
    let era = y / 400;
    let yoe = y % 400;
    let mp = (month as u64 + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day as u64 - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let day = era * 146_097 + doe - 719_468;
    if day > u32::MAX as u64 {
        u32::MAX
    } else {
        day as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        let time = Time::from_micros(1_764_081_127_000_001);
        assert_eq!(time.rfc3339(), "2025-11-25T14:32:07.000001Z");
        assert_eq!(day_text(time.month_start_day()), "2025-11-01");
        assert_eq!(Time::default().rfc3339(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(day_text(19_782), "2024-02-29");
    }

    #[test]
    fn times_are_read_in_every_form_of_the_standard() {
        let read = |text| Time::from_rfc3339(text).map(Time::micros);
        for (text, micros) in [
            ("2025-11-25T14:32:07.000001Z", 1_764_081_127_000_001),
            ("2025-11-25t14:32:07.5z", 1_764_081_127_500_000),
            ("2025-11-25 20:02:07+05:30", 1_764_081_127_000_000),
            ("2025-11-25T13:32:07.123456789-01:00", 1_764_081_127_123_456),
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:60Z", 1_709_251_200_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
        ] {
            assert_eq!(read(text), Some(micros), "{text}");
        }
        for wrong in [
            "",
            "2025-11-25",
            "2025-11-25T14:32:07",
            "2025-11-25T14:32:07.Z",
            "2025-13-25T14:32:07Z",
            "2025-02-29T14:32:07Z",
            "2025-11-25T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2025-11-25T14:32:07+0530",
            "+025-11-25T14:32:07Z",
            "2025-11-25T14:32:07.1",
            "2025-11-25T14:32:07ZZ",
            "2025-11-2\u{e9}T14:32:07Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        for day in (0..60_000_u32).step_by(37) {
            let time = Time::from_micros(u64::from(day) * DAY_US + 12_345_678_901);
            assert_eq!(Time::from_rfc3339(&time.rfc3339()), Some(time));
        }
    }

    #[test]
    fn every_day_of_three_centuries_goes_there_and_back() {
        for day in 0..110_000 {
            let (y, m, d) = civil(day);
            assert_eq!(days_from_civil(y, m, d), day);
        }
    }

    #[test]
    fn every_day_is_in_its_month() {
        for day in 0..110_000 {
            let month = month_of(day);
            assert!(first_day(month) <= day && day < first_day(month + 1));
            assert_eq!(month_of(first_day(month)), month);
        }
        assert_eq!((month_of(30), month_of(31), first_day(1)), (0, 1, 31));
        assert_eq!(first_day(month_of(u32::MAX) + 1), u32::MAX);
    }
}
