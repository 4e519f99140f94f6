//! Counts of the last days and of the first ones. A window's edge only ever moves one way, so what
//! one order of merging drops every other order drops too.

use super::code::{Reader, put};
use super::parts::Part;

/// Days that are looked back on.
pub const DAYS: usize = 28;
/// Hours of these days.
pub const HOURS: usize = 24 * DAYS;
/// First days that are kept.
pub const FIRST_DAYS: usize = 7;

/// Exchanges of each of the [`DAYS`] days up to the newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recent {
    newest: u32,
    /// By day modulo `DAYS`.
    counts: [u32; DAYS],
}

impl Recent {
    /// The newest day, counted from the epoch; 0 without any.
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    /// Exchanges of the day so many days before the newest.
    pub const fn back(&self, days: u32) -> u32 {
        if days as usize >= DAYS || days > self.newest {
            return 0;
        }
        self.counts[(self.newest - days) as usize % DAYS]
    }

    pub(super) fn add(&mut self, day: u32) {
        self.reach(day);
        if self.newest - day < DAYS as u32 {
            let count = &mut self.counts[day as usize % DAYS];
            *count = count.saturating_add(1);
        }
    }

    /// Moves the window so that it reaches to this day.
    fn reach(&mut self, day: u32) {
        if day <= self.newest {
            return;
        }
        for gone in (self.newest + 1..=day).rev().take(DAYS) {
            self.counts[gone as usize % DAYS] = 0;
        }
        self.newest = day;
    }

    pub(super) fn cool(&self) -> ActiveDays {
        let days = self.counts.iter().enumerate();
        let bits = days.fold(0, |bits, (place, count)| {
            bits | u32::from(*count > 0) << place
        });
        ActiveDays {
            newest: self.newest,
            bits,
        }
    }
}

impl Part for Recent {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        self.reach(other.newest);
        other.reach(self.newest);
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.newest));
        self.counts
            .iter()
            .for_each(|count| put(out, u64::from(*count)));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            newest: from.small()?,
            counts: from.array()?,
        })
    }
}

/// Which of the [`DAYS`] days up to the newest had exchanges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActiveDays {
    newest: u32,
    /// By day modulo `DAYS`.
    bits: u32,
}

impl ActiveDays {
    /// How many.
    pub const fn count(&self) -> u32 {
        self.bits.count_ones()
    }

    fn reach(&mut self, day: u32) {
        if day <= self.newest {
            return;
        }
        for gone in (self.newest + 1..=day).rev().take(DAYS) {
            self.bits &= !(1 << (gone as usize % DAYS));
        }
        self.newest = day;
    }
}

impl Part for ActiveDays {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        self.reach(other.newest);
        other.reach(self.newest);
        self.bits |= other.bits;
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.newest));
        put(out, u64::from(self.bits));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let newest = from.small()?;
        let bits: u32 = from.small()?;
        (bits >> DAYS == 0).then_some(Self { newest, bits })
    }
}

/// Which of the [`HOURS`] hours up to the newest had exchanges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActiveHours {
    newest: u32,
    /// By hour modulo `HOURS`.
    bits: [u32; HOURS / 32],
}

impl ActiveHours {
    /// How many.
    pub fn count(&self) -> u32 {
        self.bits.iter().map(|word| word.count_ones()).sum()
    }

    /// The most hours in a row without an exchange between the first and the last active one.
    pub fn longest_idle(&self) -> u32 {
        let (mut longest, mut idle, mut begun) = (0, 0, false);
        for back in 0..HOURS as u32 {
            let place = self.newest.wrapping_sub(back) as usize % HOURS;
            if back <= self.newest && self.bits[place / 32] >> (place % 32) & 1 == 1 {
                if begun {
                    longest = longest.max(idle);
                }
                (begun, idle) = (true, 0);
            } else {
                idle += 1;
            }
        }
        longest
    }

    pub(super) fn add(&mut self, hour: u32) {
        self.reach(hour);
        if self.newest - hour < HOURS as u32 {
            let place = hour as usize % HOURS;
            self.bits[place / 32] |= 1 << (place % 32);
        }
    }

    fn reach(&mut self, hour: u32) {
        if hour <= self.newest {
            return;
        }
        for gone in (self.newest + 1..=hour).rev().take(HOURS) {
            let place = gone as usize % HOURS;
            self.bits[place / 32] &= !(1 << (place % 32));
        }
        self.newest = hour;
    }
}

impl Part for ActiveHours {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        self.reach(other.newest);
        other.reach(self.newest);
        for (mine, theirs) in self.bits.iter_mut().zip(other.bits) {
            *mine |= theirs;
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.newest));
        self.bits.iter().for_each(|word| put(out, u64::from(*word)));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            newest: from.small()?,
            bits: from.array()?,
        })
    }
}

/// Exchanges of each of the first [`FIRST_DAYS`] days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Early {
    oldest: u32,
    /// By day modulo `FIRST_DAYS`.
    counts: [u32; FIRST_DAYS],
}

impl Default for Early {
    fn default() -> Self {
        Self {
            oldest: u32::MAX,
            counts: [0; FIRST_DAYS],
        }
    }
}

impl Early {
    /// The first day, counted from the epoch; `u32::MAX` without any.
    pub const fn oldest(&self) -> u32 {
        self.oldest
    }

    /// Exchanges of the day so many days after the first.
    pub const fn after(&self, days: u32) -> u32 {
        if days as usize >= FIRST_DAYS || self.oldest == u32::MAX {
            return 0;
        }
        self.counts[(self.oldest as usize + days as usize) % FIRST_DAYS]
    }

    pub(super) fn add(&mut self, day: u32) {
        self.reach(day);
        if day - self.oldest < FIRST_DAYS as u32 {
            let count = &mut self.counts[day as usize % FIRST_DAYS];
            *count = count.saturating_add(1);
        }
    }

    /// Moves the window back so that it begins at this day.
    fn reach(&mut self, day: u32) {
        if day >= self.oldest {
            return;
        }
        for new in (day..self.oldest).take(FIRST_DAYS) {
            self.counts[new as usize % FIRST_DAYS] = 0;
        }
        self.oldest = day;
    }
}

impl Part for Early {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        self.reach(other.oldest);
        other.reach(self.oldest);
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, u64::from(!self.oldest));
        self.counts
            .iter()
            .for_each(|count| put(out, u64::from(*count)));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let coded: u32 = from.small()?;
        Some(Self {
            oldest: !coded,
            counts: from.array()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_count_what_lies_in_them() {
        let mut recent = Recent::default();
        let mut early = Early::default();
        for day in [100, 101, 101, 90, 127, 99, 128, 60] {
            recent.add(day);
            early.add(day);
        }
        assert_eq!(
            (recent.newest(), recent.back(0), recent.back(1)),
            (128, 1, 1)
        );
        assert_eq!((recent.back(27), recent.back(28)), (2, 0));
        assert_eq!(recent.cool().count(), 3);
        assert_eq!((early.oldest(), early.after(0), early.after(1)), (60, 1, 0));
    }

    #[test]
    fn idle_hours_are_those_between() {
        let mut hours = ActiveHours::default();
        assert_eq!((hours.count(), hours.longest_idle()), (0, 0));
        for hour in [1000, 1001, 1009, 1010, 1013, 200] {
            hours.add(hour);
        }
        assert_eq!((hours.count(), hours.longest_idle()), (5, 7));
    }
}
