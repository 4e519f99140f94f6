//! Personal data and secrets. Patterns with a check behind them where there is one, so that what
//! merely looks like a number does not make a row leave.

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Private {
    /// An address of mail.
    Email,
    /// A telephone number: international, or as North America writes it.
    Phone,
    /// A payment card's number whose last digit is right (Luhn).
    Card,
    /// A bank account's number whose check digits are right (ISO 7064).
    Iban,
    /// A key of an API in a known form, a private key, a JSON web token.
    Secret,
}

impl Private {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::Secret,
    ];

    /// As reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Secret => "secret",
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Self::Email => r"(?i)\b[a-z0-9._%+-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}\b",
            Self::Phone => {
                r"(?:^|[\s(:;,])\+[1-9][0-9 ().-]{7,20}[0-9]|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}\b|\b[0-9]{3}-[0-9]{3}-[0-9]{4}\b"
            }
            Self::Card => {
                r"\b[2-6][0-9]{12,18}\b|\b[2-6][0-9]{3}(?:[ -][0-9]{4}){2,3}(?:[ -][0-9]{1,4})?\b|\b3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5}\b"
            }
            Self::Iban => r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
            Self::Secret => {
                r"\b(?:sk|pk|rk)-(?:proj-|ant-|live-)?[A-Za-z0-9_-]{20,}|\b(?:sk|rk)_live_[A-Za-z0-9]{16,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}|\bhf_[A-Za-z0-9]{30,}|\bglpat-[A-Za-z0-9_-]{20,}|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
            }
        }
    }

    /// Whether what the pattern found is what it looks like.
    fn holds(self, found: &str) -> bool {
        match self {
            Self::Email | Self::Secret => true,
            Self::Phone => {
                let digits = found.bytes().filter(u8::is_ascii_digit).count();
                (8..=15).contains(&digits)
            }
            Self::Card => luhn(found),
            Self::Iban => iban(found),
        }
    }
}

/// The patterns, ready.
pub(super) struct Finder(Vec<(Private, Regex)>);

impl Finder {
    pub(super) fn new(wanted: &[Private]) -> Result<Self, regex::Error> {
        let ready = |kind: &Private| Ok((*kind, Regex::new(kind.pattern())?));
        wanted.iter().map(ready).collect::<Result<_, _>>().map(Self)
    }

    /// The first kind that is in the text.
    pub(super) fn find(&self, text: &str) -> Option<Private> {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let holds = |(kind, pattern): &&(Private, Regex)| {
            // Most texts have nothing of the kind, which is seen without the pattern.
            let possible = match kind {
                Private::Email => text.contains('@'),
                Private::Phone | Private::Iban => digits >= 8,
                Private::Card => digits >= 13,
                Private::Secret => true,
            };
            let mut found = pattern.find_iter(text);
            possible && found.any(|found| kind.holds(found.as_str()))
        };
        self.0.iter().find(holds).map(|(kind, _)| *kind)
    }
}

/// Luhn's check (ISO/IEC 7812-1) of 13 to 19 digits that are not all the same.
fn luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10) && varied
}

/// ISO 13616: the first four characters moved to the end, letters as 10 to 35, 1 modulo 97.
fn iban(text: &str) -> bool {
    let plain: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    let (15..=34, Some((head, tail))) = (plain.len(), plain.split_at_checked(4)) else {
        return false;
    };
    let rest = tail.iter().chain(head).try_fold(0_u32, |rest, c| {
        let value = c.to_digit(36)?;
        Some((rest * if value < 10 { 10 } else { 100 } + value) % 97)
    });
    rest == Some(1)
}
