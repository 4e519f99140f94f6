//! Flags that several verbs share: limits and spend limits.

use clap::{Args, ValueEnum};
use operations::shapes::{LimitsChange, Spend};
use record::{Limits, SpendPeriod};

/// Limits on use.
#[derive(Debug, Args)]
pub(super) struct LimitFlags {
    /// Requests a minute; 0 takes the limit away.
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
    /// Tokens a minute, input and output together; 0 takes the limit away.
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<u64>,
    /// Requests at the same time; 0 takes the limit away.
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
}

impl From<LimitFlags> for LimitsChange {
    fn from(flags: LimitFlags) -> Self {
        Self {
            requests_per_minute: flags.requests_per_minute,
            tokens_per_minute: flags.tokens_per_minute,
            concurrency: flags.concurrency,
        }
    }
}

/// A spend limit.
#[derive(Debug, Args)]
pub(super) struct SpendFlags {
    /// The most that may be spent in each period.
    #[arg(long, value_name = "DOLLARS")]
    spend_dollars: Option<String>,
    /// The period, in UTC.
    #[arg(long, value_enum, default_value_t = Period::Month, requires = "spend_dollars")]
    spend_period: Period,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Period {
    Day,
    Month,
    Total,
}

impl From<SpendFlags> for Option<Spend> {
    fn from(flags: SpendFlags) -> Self {
        let period = match flags.spend_period {
            Period::Day => SpendPeriod::Day,
            Period::Month => SpendPeriod::Month,
            Period::Total => SpendPeriod::Total,
        };
        flags.spend_dollars.map(|dollars| Spend { dollars, period })
    }
}

/// Limits in words.
pub(super) fn limits(limits: &Limits) -> Option<String> {
    let parts = [
        limits
            .requests_per_minute
            .map(|n| format!("{n} requests/min")),
        limits.tokens_per_minute.map(|n| format!("{n} tokens/min")),
        limits.concurrency.map(|n| format!("{n} at a time")),
    ];
    let said: Vec<String> = parts.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// A spend limit in words.
pub(super) fn spend(spend: &Spend) -> String {
    match spend.period {
        SpendPeriod::Day => format!("${} a day", spend.dollars),
        SpendPeriod::Month => format!("${} a month", spend.dollars),
        SpendPeriod::Total => format!("${} in all", spend.dollars),
    }
}
