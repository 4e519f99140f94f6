//! Figures and times as people read them, each with its unit. Times are UTC, as in the ledger.

use maud::{Markup, html};
use record::Time;

const MINUTE_US: u64 = 60_000_000;
const HOUR_US: u64 = 60 * MINUTE_US;
const DAY_US: u64 = 24 * HOUR_US;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// What stands where nothing is known.
pub(crate) const NONE: &str = "–";

/// A whole number in groups of three: `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with three significant digits: `940`, `1.24 k`, `3.1 M`.
pub(crate) fn short(number: f64) -> String {
    let steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    for (size, letter) in steps {
        // 999.95 k would be written 1000 k.
        if number.abs() >= size * 0.99995 {
            return format!("{} {letter}", digits(number / size));
        }
    }
    digits(number)
}

fn digits(number: f64) -> String {
    let places = match number.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{number:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Dollars as a verb writes them (`1234.5678`), to cents, or to two significant digits below one.
pub(crate) fn dollars(amount: &str) -> String {
    let Ok(value) = amount.parse::<f64>() else {
        return amount.to_owned();
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    match whole.parse::<u64>() {
        Ok(0) if value > 0.0 && value < 0.01 => {
            let zeros = fraction.len() - fraction.trim_start_matches('0').len();
            format!("${value:.*}", (zeros + 2).min(9))
        }
        Ok(_) => {
            let text = format!("{value:.2}");
            let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
            format!("${}.{cents}", count(whole.parse().unwrap_or_default()))
        }
        Err(_) => amount.to_owned(),
    }
}

/// Bytes in powers of 1024: `1.2 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    let steps = [
        (1u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    for (size, unit) in steps {
        if number >= size {
            return format!("{} {unit}", digits(number as f64 / size as f64));
        }
    }
    format!("{number} B")
}

/// A span of microseconds: `840 µs`, `12.4 ms`, `3.2 s`, `4 min 10 s`.
pub(crate) fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", digits(micros as f64 / 1e3)),
        1_000_000..MINUTE_US => format!("{} s", digits(micros as f64 / 1e6)),
        MINUTE_US..HOUR_US => format!(
            "{} min {} s",
            micros / MINUTE_US,
            micros % MINUTE_US / 1_000_000
        ),
        HOUR_US..DAY_US => format!(
            "{} h {} min",
            micros / HOUR_US,
            micros % HOUR_US / MINUTE_US
        ),
        _ => format!("{} d {} h", micros / DAY_US, micros % DAY_US / HOUR_US),
    }
}

/// A share of a whole: `0.4%`; nothing is no share.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => NONE.to_owned(),
        _ => format!("{}%", digits(part as f64 * 100.0 / whole as f64)),
    }
}

/// One or many: `1 key`, `3 keys`.
pub(crate) fn many(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// A time as a verb writes it (RFC 3339), or a day, read back.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let stamp: jiff::Timestamp = match text.len() {
        10 => format!("{text}T00:00:00Z").parse().ok()?,
        _ => text.parse().ok()?,
    };
    u64::try_from(stamp.as_microsecond())
        .ok()
        .map(Time::from_micros)
}

/// For programs, to the second: `2026-11-25T14:32:07Z`.
fn machine(time: Time) -> String {
    let exact = time.rfc3339();
    format!("{}Z", exact.get(..19).unwrap_or_default())
}

/// `25 Nov 2026 14:32`.
pub(crate) fn time(text: &str) -> Markup {
    let Some(known) = parse(text) else {
        return html! { (text) };
    };
    html! { time datetime=(machine(known)) { (minute(known)) } }
}

/// `25 Nov 14:32:07`: for lists of what happened of late.
pub(crate) fn second(text: &str) -> Markup {
    let Some(known) = parse(text) else {
        return html! { (text) };
    };
    let exact = known.rfc3339();
    let clock = exact.get(11..19).unwrap_or_default();
    html! { time datetime=(machine(known)) { (short_day(known)) " " (clock) } }
}

/// How far a time lies back or ahead, with the exact time at hand.
pub(crate) fn ago(text: &str, now: Time) -> Markup {
    let Some(known) = parse(text) else {
        return html! { (text) };
    };
    html! { time datetime=(machine(known)) title={ (minute(known)) " UTC" } { (apart(known, now)) } }
}

/// `3 min ago`, `in 6 d`.
pub(crate) fn apart(time: Time, now: Time) -> String {
    let (micros, is_past) = match time <= now {
        true => (now.micros_since(time), true),
        false => (time.micros_since(now), false),
    };
    let size = match micros {
        0..MINUTE_US => format!("{} s", micros / 1_000_000),
        MINUTE_US..HOUR_US => format!("{} min", micros / MINUTE_US),
        HOUR_US..DAY_US => format!("{} h", micros / HOUR_US),
        _ => format!("{} d", micros / DAY_US),
    };
    if is_past {
        format!("{size} ago")
    } else {
        format!("in {size}")
    }
}

/// `25 Nov 2026 14:32`.
pub(crate) fn minute(time: Time) -> String {
    let exact = time.rfc3339();
    let (year, clock) = (exact.get(..4), exact.get(11..16));
    format!(
        "{} {} {}",
        short_day(time),
        year.unwrap_or_default(),
        clock.unwrap_or_default()
    )
}

/// `25 Nov`.
pub(crate) fn short_day(time: Time) -> String {
    let exact = time.rfc3339();
    let part = |range: std::ops::Range<usize>| {
        exact.get(range).and_then(|text| text.parse::<usize>().ok())
    };
    let month = part(5..7).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!(
        "{} {}",
        part(8..10).unwrap_or_default(),
        month.unwrap_or(&"")
    )
}

/// `Wed 25 Nov`.
pub(crate) fn weekday(time: Time) -> String {
    let name = WEEKDAYS.get(time.day() as usize % 7).unwrap_or(&"");
    format!("{name} {}", short_day(time))
}

/// The hour of the day, 0 to 23.
pub(crate) const fn hour(time: Time) -> u64 {
    time.micros() / HOUR_US % 24
}

/// A name of the code (`rate_limited`) in words, spelt as our texts are.
pub(crate) fn words(name: &str) -> String {
    let mut text = name
        .replace('_', " ")
        .replace("organization", "organisation");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(
            [0, 999, 1000, 1234567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        let shorts = [0.0, 0.5, 12.34, 999.0, 1240.0, 999_960.0, 3.1e6].map(short);
        assert_eq!(
            shorts,
            ["0", "0.5", "12.3", "999", "1.24 k", "1 M", "3.1 M"]
        );
        assert_eq!(
            ["0.00", "12.5", "1234567.891", "0.000075", "0.00049", "0.31"].map(dollars),
            [
                "$0.00",
                "$12.50",
                "$1,234,567.89",
                "$0.000075",
                "$0.00049",
                "$0.31"
            ]
        );
        assert_eq!(dollars("free"), "free");
        assert_eq!(
            [0, 1023, 1 << 20, 5 << 29].map(bytes),
            ["0 B", "1023 B", "1 MiB", "2.5 GiB"]
        );
        assert_eq!(share(4, 1000), "0.4%");
        assert_eq!(share(0, 0), NONE);
        assert_eq!(many(1, "key", "keys"), "1 key");
    }

    #[test]
    fn times() {
        let now = Time::from_micros(1_764_081_127_000_001);
        assert_eq!(minute(now), "25 Nov 2025 14:32");
        assert_eq!(weekday(now), "Tue 25 Nov");
        assert_eq!(parse(&now.rfc3339()), Some(now));
        assert_eq!(apart(now.plus_micros(6 * DAY_US + 1), now), "in 6 d");
        assert_eq!(apart(now, now.plus_micros(61_000_000)), "1 min ago");
        assert_eq!(
            [5, 12_400, 3_200_000, 250_000_000].map(span),
            ["5 µs", "12.4 ms", "3.2 s", "4 min 10 s"]
        );
        assert_eq!(time("<b>").into_string(), "&lt;b&gt;");
        assert_eq!(words("rate_limited"), "Rate limited");
    }
}
