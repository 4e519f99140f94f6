//! Money and tokens: whole numbers, so that sums are exact and merge in any order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::exchange::Usage;

/// Billionths of a dollar. 64 bits hold 18 billion dollars; sums saturate instead of wrapping.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many billionths of a dollar.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Billionths of a dollar.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The sum, at most the largest amount there is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Money {
    /// Dollars without trailing zeros, at least two decimals: `12.50`, `0.000075`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:09}", self.0 % 1_000_000_000);
        let kept = fraction.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / 1_000_000_000, &fraction[..kept])
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an amount of dollars: write digits with at most nine decimals, such as 12.50")]
pub struct ParseMoneyError;

impl FromStr for Money {
    type Err = ParseMoneyError;
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
            return Err(ParseMoneyError);
        }
        let dollars: u64 = whole.parse().map_err(|_| ParseMoneyError)?;
        let nanos: u64 = format!("{fraction:0<9}")
            .parse()
            .map_err(|_| ParseMoneyError)?;
        let all = dollars
            .checked_mul(1_000_000_000)
            .and_then(|d| d.checked_add(nanos));
        all.map(Self).ok_or(ParseMoneyError)
    }
}

/// What a request may cost or did cost, in both currencies that budgets are kept in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Amount {
    /// Price in money.
    pub money: Money,
    /// Input and output tokens together.
    pub tokens: u64,
}

impl Amount {
    /// Nothing of either.
    pub const ZERO: Self = Self {
        money: Money::ZERO,
        tokens: 0,
    };

    /// The sum of both parts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            money: self.money.plus(other.money),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }

    /// The difference of both parts, each at least nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            money: self.money.minus(other.money),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }

    /// The larger of each part.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            money: self.money.max(other.money),
            tokens: self.tokens.max(other.tokens),
        }
    }

    /// The smaller of each part.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            money: self.money.min(other.money),
            tokens: self.tokens.min(other.tokens),
        }
    }

    /// Whether each part is at most the other's.
    pub fn fits(self, room: Self) -> bool {
        self.money <= room.money && self.tokens <= room.tokens
    }
}

/// What a model's tokens cost, in billionths of a dollar a token
/// (1,000 = one dollar a million tokens).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// A token of input that was not cached.
    pub input: u64,
    /// A token of input that the upstream had cached.
    pub cached: u64,
    /// A token of the answer that the client sees.
    pub output: u64,
    /// A token of hidden reasoning.
    pub reasoning: u64,
}

impl Prices {
    /// What this usage costs. `reasoning` tokens are part of `output` in [`Usage`] and
    /// `cached_input` part of `input`, as the APIs count them.
    pub fn cost(&self, usage: &Usage) -> Amount {
        let cached = usage.cached_input.min(usage.input);
        let reasoning = usage.reasoning.min(usage.output);
        let parts = [
            (usage.input - cached, self.input),
            (cached, self.cached),
            (usage.output - reasoning, self.output),
            (reasoning, self.reasoning),
        ];
        let nanos = parts.iter().fold(0u64, |sum, (tokens, price)| {
            sum.saturating_add(tokens.saturating_mul(*price))
        });
        Amount {
            money: Money::from_nanos(nanos),
            tokens: usage.input.saturating_add(usage.output),
        }
    }

    /// The most that so many tokens of input and output can cost.
    pub fn worst(&self, input: u64, output: u64) -> Amount {
        let dearest_in = self.input.max(self.cached);
        let dearest_out = self.output.max(self.reasoning);
        let nanos = input
            .saturating_mul(dearest_in)
            .saturating_add(output.saturating_mul(dearest_out));
        Amount {
            money: Money::from_nanos(nanos),
            tokens: input.saturating_add(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::UsageSource;
    use proptest::prelude::*;

    #[test]
    fn money_reads_and_writes() {
        for (text, nanos) in [
            ("12.50", 12_500_000_000),
            ("0.000075", 75_000),
            ("3.00", 3_000_000_000),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.nanos(), nanos);
            assert_eq!(money.to_string(), text);
        }
        for bad in ["", "-1", "1.", ".5", "1e3", "1.0000000001", "99999999999"] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }

    #[test]
    fn cost_counts_each_kind_of_token_once() {
        let prices = Prices {
            input: 10,
            cached: 1,
            output: 100,
            reasoning: 1000,
        };
        let usage = Usage {
            input: 7,
            cached_input: 3,
            output: 5,
            reasoning: 2,
            source: UsageSource::Upstream,
        };
        let cost = prices.cost(&usage);
        assert_eq!(cost.money.nanos(), 4 * 10 + 3 + 3 * 100 + 2 * 1000);
        assert_eq!(cost.tokens, 12);
    }

    proptest! {
        #[test]
        fn worst_case_bounds_every_usage(
            input in 0u64..1 << 30, cached in 0u64..1 << 30, output in 0u64..1 << 30,
            reasoning in 0u64..1 << 30, p in prop::array::uniform4(0u64..1 << 20),
        ) {
            let prices = Prices { input: p[0], cached: p[1], output: p[2], reasoning: p[3] };
            let usage = Usage {
                input, cached_input: cached, output, reasoning, source: UsageSource::Counted,
            };
            prop_assert!(prices.cost(&usage).fits(prices.worst(input, output)));
        }
    }
}
