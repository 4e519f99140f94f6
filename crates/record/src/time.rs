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
