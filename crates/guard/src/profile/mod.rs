//! What many exchanges have in common: a sketch of digests that can be merged.
//!
//! Profiles are a commutative monoid: the empty profile changes nothing, and the same exchanges give
//! the same bytes in whatever order and grouping they were merged. So an account, a cluster, a stream
//! inside a router, a range of addresses and an organisation are read by the same signals, live and
//! replayed state are equal, and a cluster that is split is merged anew from its members.
//!
//! A [`Hot`] profile has 4 KiB, a [`Cold`] one 512 bytes. Cooling keeps the law: cooling a merged
//! profile is merging cooled ones, so hot and cold merge, to cold. Nothing here reads a clock, keeps
//! text or decides.

mod add;
mod bottom;
mod code;
mod course;
mod event;
mod parts;
mod windows;

pub use self::bottom::{Bottom, Model, Sample, Tally};
pub use self::code::{LONGEST, ProfileError};
pub use self::course::{Course, Release};
pub use self::event::{
    ANSWERED, ASKED, CLOCKS, Echoes, Event, FEATURES, NAMED, NAMED_MORE, SIZED, Sketcher, WAYS,
    Ways,
};
use self::parts::Part as _;
pub use self::parts::{Bins, Bits, Distinct, Greatest, Least, Small, Total, Vector};
pub use self::windows::{ActiveDays, ActiveHours, DAYS, Early, FIRST_DAYS, HOURS, Recent};
use crate::digest::DIMENSIONS;

macro_rules! profile {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            /// Takes in another profile, whose exchanges are others.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field.merge(&other.$field);)*
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut code::Reader<'_>) -> Option<Self> {
                Some(Self { $($field: parts::Part::read(from)?,)* })
            }
        }
    };
}

profile! {
    /// The profile of whoever is active. Hours are those of UTC, counted from the epoch where they
    /// are not of a week.
    Hot {
        /// Exchanges.
        exchanges: Total,
        /// The first one's hour (A1).
        oldest: Least,
        /// The last one's hour.
        newest: Greatest,
        /// Tokens of prompts, where they are known (A7).
        input: Total,
        /// Of these, cached ones.
        cached: Total,
        /// Tokens of answers.
        output: Total,
        /// Of these, reasoning.
        reasoning: Total,
        /// Bytes of text asked.
        asked_bytes: Total,
        /// Bytes of text answered.
        answered_bytes: Total,
        /// Milliseconds until the last byte, all together.
        duration_ms: Total,
        /// How exchanges ended: [`ANSWERED`] (A3, B7).
        answered: Bins<{ ANSWERED.len() }>,
        /// Exchanges by hour of the week, from Monday 0:00 UTC (A2).
        week: Bins<168>,
        /// Exchanges of the last days (A1).
        recent: Recent,
        /// Active hours of the last days (A2).
        hours: ActiveHours,
        /// Exchanges of the first days (A1).
        early: Early,
        /// Exchanges by twelfth of the hour: timers start on the hour (A3).
        minutes: Bins<12>,
        /// Distinct seconds, tens of seconds, minutes, tens of minutes with exchanges. Exchanges by
        /// distinct interval at each length is the burstiness at that length, and unlike gaps it
        /// does not need their order (A3).
        clocks: [Distinct<32>; CLOCKS],
        /// Parameters: [`ASKED`] (A5).
        asked: Bins<{ ASKED.len() }>,
        /// Sizes: [`SIZED`] (A4, A7).
        sized: Bins<{ SIZED.len() }>,
        /// Exchanges with phrases of each family, and more: [`NAMED`] (B4 to B8).
        named: Bins<NAMED>,
        /// Exchanges by hash of their template: the squares tell the mass of the largest (B1).
        templates: Bins<64>,
        /// An even sample of templates with exact counts (B1, C3).
        template_keys: Bottom<Tally, 16>,
        /// Models (A6, C8).
        models: Bottom<Model, 6>,
        /// An even sample of exchanges: pairs of it give the rate of near duplicates (B2).
        samples: Bottom<Sample, 16>,
        /// Templates by five minutes: the likeness of two such samples is synchrony (C5).
        moments: Bottom<Tally, 16>,
        /// Addresses (S1).
        addresses: Distinct<32>,
        /// Networks of addresses (S1).
        ranges: Distinct<32>,
        /// `User-Agent`s (A8).
        agents: Distinct<32>,
        /// Orders of header names, with the client's name and language (S2, S3).
        clients: Distinct<32>,
        /// TLS clients (S2).
        tls: Distinct<32>,
        /// Prompts, word for word (B2).
        prompts: Distinct<64>,
        /// Templates (B1).
        heads: Distinct<64>,
        /// System texts.
        systems: Distinct<32>,
        /// Sets of tools.
        toolsets: Distinct<32>,
        /// Conversations (C1).
        openings: Distinct<64>,
        /// Cells of the space of meaning that were asked about, of 1,024 (B3, B10).
        coverage: Bits<32>,
        /// Exchanges by cell, of 32 (B3).
        cells: Bins<32>,
        /// The sum of positions, in sixteenths.
        mean: Vector<DIMENSIONS>,
        /// The sum of random features of positions: their difference to a reference's is the
        /// maximum mean discrepancy (Rahimi, Recht, 2007; Gretton et al., 2012).
        features: Vector<FEATURES>,
        /// Echoes: [`Echoes`] (B9, C4).
        echoes: Bins<4>,
        /// Kinds of networks: hosting, residential, mobile, corporate, education, unknown.
        networks: Bins<6>,
        /// How exchanges stand to those before them: [`WAYS`] (A3, A4, B2, B5).
        ways: Bins<{ WAYS.len() }>,
        /// Answers: labels come again and again, harvests do not (A7).
        answers: Distinct<32>,
    }
}

profile! {
    /// The profile of whoever was not active for a while: the coarser form of a [`Hot`] one.
    Cold {
        /// Exchanges.
        exchanges: Total,
        /// Tokens of prompts.
        input: Total,
        /// Tokens of answers.
        output: Total,
        /// The first exchange's hour.
        oldest: Least,
        /// The last one's hour.
        newest: Greatest,
        /// Active days of the last ones.
        days: ActiveDays,
        /// How exchanges ended.
        answered: Small<{ ANSWERED.len() }>,
        /// Exchanges by hour of the day.
        hours: Small<24>,
        /// The first 16 of [`ASKED`].
        asked: Small<16>,
        /// Sizes, every four bins of [`SIZED`] together.
        sized: Small<{ SIZED.len() / 4 }>,
        /// Every two of [`NAMED`] together.
        named: Small<{ NAMED.div_ceil(2) }>,
        /// Templates, every four bins together.
        templates: Small<16>,
        /// Templates with exact counts.
        template_keys: Bottom<Tally, 4>,
        /// An even sample of exchanges.
        samples: Bottom<Sample, 3>,
        /// Addresses.
        addresses: Distinct<16>,
        /// `User-Agent`s.
        agents: Distinct<16>,
        /// Prompts.
        prompts: Distinct<16>,
        /// Templates.
        heads: Distinct<16>,
        /// Conversations.
        openings: Distinct<16>,
        /// Cells of meaning, of 128.
        coverage: Bits<4>,
        /// The sum of the first 16 coordinates of positions, in sixteenths.
        mean: Vector<16>,
        /// Echoes.
        echoes: Small<4>,
    }
}

const _: () = assert!(size_of::<Hot>() <= 4096, "a hot profile has 4 KiB at most");
const _: () = assert!(
    size_of::<Cold>() <= 512,
    "a cold profile has 512 bytes at most"
);

impl Hot {
    /// The coarser form. Cooling a merged profile is merging cooled ones.
    pub fn cool(&self) -> Cold {
        Cold {
            exchanges: self.exchanges,
            input: self.input,
            output: self.output,
            oldest: self.oldest,
            newest: self.newest,
            days: self.recent.cool(),
            answered: self.answered.cool(|bin| bin),
            hours: self.week.cool(|bin| bin % 24),
            asked: self.asked.cool(|bin| bin),
            sized: self.sized.cool(|bin| bin / 4),
            named: self.named.cool(|bin| bin / 2),
            templates: self.templates.cool(|bin| bin % 16),
            template_keys: self.template_keys.cool(),
            samples: self.samples.cool(),
            addresses: self.addresses.cool(),
            agents: self.agents.cool(),
            prompts: self.prompts.cool(),
            heads: self.heads.cool(),
            openings: self.openings.cool(),
            coverage: self.coverage.cool(),
            mean: self.mean.cool(),
            echoes: self.echoes.cool(|bin| bin),
        }
    }

    /// Of all pairs of sampled exchanges, the share whose positions differ in at most 6 of 64 signs,
    /// in thousandths; `None` with fewer than two samples.
    pub fn near_duplicates(&self) -> Option<u32> {
        let samples = self.samples.entries();
        let (mut pairs, mut near) = (0_u32, 0_u32);
        for (place, one) in samples.iter().enumerate() {
            for other in &samples[place + 1..] {
                let signs = one.signs.iter().zip(other.signs);
                let apart: u32 = signs.map(|(a, b)| (a ^ b).count_ones()).sum();
                pairs += 1;
                near += u32::from(apart <= 6);
            }
        }
        (1000 * near).checked_div(pairs)
    }

    /// The probability that two exchanges have the same template, in thousandths: the sum of squared
    /// shares, less what 64 bins add to it; `None` with fewer than two exchanges.
    pub fn template_mass(&self) -> Option<u32> {
        let total = self.templates.total();
        let pairs = |count: u64| u128::from(count) * u128::from(count.saturating_sub(1));
        let same: u128 = self
            .templates
            .0
            .iter()
            .map(|count| pairs(u64::from(*count)))
            .sum();
        let raw = (1000 * same).checked_div(pairs(total))?;
        // Two different templates share a bin once in 64.
        let raw = u32::try_from(raw).unwrap_or(1000);
        Some((64 * raw).saturating_sub(1000) / 63)
    }
}

/// A profile in either form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// In full.
    Hot(Box<Hot>),
    /// Coarser.
    Cold(Box<Cold>),
}

impl Default for Profile {
    fn default() -> Self {
        Self::Hot(Box::default())
    }
}

impl Profile {
    /// Takes in another profile, whose exchanges are others. Of a hot and a cold one comes a cold
    /// one: what one of them does not know can't be known of both.
    pub fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Hot(mine), Self::Hot(theirs)) => mine.merge(theirs),
            (Self::Cold(mine), Self::Cold(theirs)) => mine.merge(theirs),
            (Self::Cold(mine), Self::Hot(theirs)) => mine.merge(&theirs.cool()),
            (Self::Hot(mine), Self::Cold(theirs)) => {
                let mut cold = mine.cool();
                cold.merge(theirs);
                *self = Self::Cold(Box::new(cold));
            }
        }
    }

    /// The coarser form.
    pub fn cool(&self) -> Cold {
        match self {
            Self::Hot(hot) => hot.cool(),
            Self::Cold(cold) => (**cold).clone(),
        }
    }
}

/// Spreads a number over all 64 bits (the finisher of SplitMix64: Steele, Lea, Flood, 2014).
pub(crate) const fn mix(number: u64) -> u64 {
    let mut word = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
