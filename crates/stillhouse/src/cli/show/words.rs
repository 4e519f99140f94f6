//! Limits and money in words.

use operations::shapes::Spend;
use record::{Limits, SpendPeriod};

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
