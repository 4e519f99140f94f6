//! Organisations, accounts, keys, plans, and the limits that each may carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Money;
use crate::grant::Tier;
use crate::id::{Id, kind};
use crate::time::Time;

/// A customer: what accounts belong to. Accounts of one organisation may share what they own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: Id<kind::Organization>,
    /// Its name, as people call it; not unique.
    pub name: String,
}

/// What limits, budgets and standing belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: Id<kind::Account>,
    /// The organisation it belongs to.
    pub organization: Id<kind::Organization>,
    /// Its name, as people call it; not unique.
    pub name: String,
    /// The name of its plan, as the settings have it.
    pub plan: String,
    /// Whether it may be used.
    pub state: AccountState,
    /// Limits of its own, each in place of the plan's.
    pub limits: Limits,
    /// Spend limit of its own, in place of the plan's.
    pub spend: Option<SpendLimit>,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// It may.
    Active,
    /// Its operator has closed it; it can be opened again.
    Closed,
}

/// A credential of an account. The secret itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id.
    pub id: Id<kind::Key>,
    /// The account that it opens.
    pub account: Id<kind::Account>,
    /// What its owner calls it.
    pub name: String,
    /// The first letters of the secret, to recognise it by.
    pub prefix: String,
    /// BLAKE3 of the whole secret; SHA-256 of one that was brought from another gateway.
    pub hash: [u8; 32],
    /// From when on it is refused; `None`: never.
    pub expires: Option<Time>,
    /// Spend limit of this key alone, beside the account's.
    pub spend: Option<SpendLimit>,
    /// When it was revoked, if it was.
    pub revoked: Option<Time>,
}

/// The secret of a key, a grant or an operator's token: shown once, then only its hash is known.
///
/// `Debug` hides it, and it has no serialised form, so that it can't reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

impl KeySecret {
    /// The prefix of an account's key.
    pub const KEY: &'static str = "sk-sh-";
    /// The prefix of a grant's token.
    pub const GRANT: &'static str = "gt-sh-";
    /// The prefix of an operator's token.
    pub const TOKEN: &'static str = "ot-sh-";
    /// How many letters of a secret are kept to recognise it by.
    pub const SHOWN: usize = 12;

    /// A secret made of a prefix and 32 random bytes as lower-case base 32 (RFC 4648 letters).
    pub fn new(prefix: &str, random: [u8; 32]) -> Self {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut text = String::with_capacity(prefix.len() + 52);
        text.push_str(prefix);
        let (mut bits, mut held) = (0u32, 0u32);
        for byte in random {
            held = (held << 8) | u32::from(byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(LETTERS[(held >> bits) as usize & 31]));
            }
        }
        if bits > 0 {
            text.push(char::from(LETTERS[(held << (5 - bits)) as usize & 31]));
        }
        Self(text)
    }

    /// The secret as it is shown to its owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A text in which each secret is cut to what it is recognised by: for messages about what
    /// somebody wrote.
    pub fn hidden(text: &str) -> String {
        const MARK: &str = "-sh-";
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(MARK) {
            let (before, after) = rest.split_at(at + MARK.len());
            let end = after.find(|c: char| !c.is_ascii_alphanumeric());
            let (letters, left) = after.split_at(end.unwrap_or(after.len()));
            out.push_str(before);
            match letters.get(..Self::SHOWN - Self::GRANT.len()) {
                Some(shown) if shown.len() < letters.len() => {
                    out.push_str(shown);
                    out.push('…');
                }
                _ => out.push_str(letters),
            }
            rest = left;
        }
        out + rest
    }

    /// What is kept to recognise the secret by.
    pub fn prefix(&self) -> &str {
        self.0.get(..Self::SHOWN).unwrap_or(&self.0)
    }
}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySecret({}…)", self.prefix())
    }
}

/// Limits on use. `None` means that nothing is said here: for a plan no limit, for an account
/// the plan's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, input and output together.
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    pub concurrency: Option<u32>,
}

impl Limits {
    /// These limits, and the other's where these say nothing.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self {
            requests_per_minute: self.requests_per_minute.or(other.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.or(other.tokens_per_minute),
            concurrency: self.concurrency.or(other.concurrency),
        }
    }
}

/// How much may be spent in each span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendLimit {
    /// The most that may be spent in one span.
    pub amount: Money,
    /// The span, after which the count starts anew.
    pub period: SpendPeriod,
}

/// The span of a spend limit; days and months are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpendPeriod {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
    /// All time.
    Total,
}

impl SpendPeriod {
    /// The first day (counted from the epoch) of the span that `time` is in; 0 for all time.
    pub const fn start_day(self, time: Time) -> u32 {
        match self {
            Self::Day => time.day(),
            Self::Month => time.month_start_day(),
            Self::Total => 0,
        }
    }
}

/// Something that a request can ask for beyond plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Log-probabilities of the answer's tokens (`logprobs`, `top_logprobs`).
    LogProbabilities,
    /// Log-probabilities of the prompt's tokens (`echo` with `logprobs`, `prompt_logprobs`).
    PromptLogProbabilities,
    /// Several answers to one request (`n`, `best_of`).
    ManyAnswers,
    /// `logit_bias`.
    LogitBias,
    /// Reasoning text or summaries in the answer.
    Reasoning,
}

/// What `/v1/score` tells of a text's tokens; each includes those before.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ScoreAccess {
    /// Nothing.
    #[default]
    None,
    /// The likeliest tokens of each position, and the given one where it is among them.
    Topk,
    /// Also the given token wherever it is, and any tokens asked for.
    Given,
}

/// What a plan or a grant lets a request ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CapabilitySet {
    /// The most alternatives a token that may be asked for; `None`: no log-probabilities at all.
    pub top_logprobs: Option<u32>,
    /// Whether log-probabilities of the prompt may be asked for.
    pub prompt_logprobs: bool,
    /// The most answers to one request, at least 1.
    pub max_n: u32,
    /// Whether `logit_bias` may be used.
    pub logit_bias: bool,
    /// Whether reasoning may be seen.
    pub reasoning: bool,
    /// What `/v1/score` tells.
    pub scores: ScoreAccess,
}

impl Default for CapabilitySet {
    /// What the public APIs give to everyone: all of it, at their own bounds. Scores are not among
    /// it: they are what distilling needs, and take a grant or a plan that names them.
    fn default() -> Self {
        Self {
            top_logprobs: Some(20),
            prompt_logprobs: true,
            max_n: 128,
            logit_bias: true,
            reasoning: true,
            scores: ScoreAccess::None,
        }
    }
}

impl CapabilitySet {
    /// What a grant of this tier lets a request ask for; each tier includes those before.
    pub fn of_tier(tier: Tier) -> Self {
        let text = Self {
            top_logprobs: None,
            prompt_logprobs: false,
            max_n: 1,
            logit_bias: false,
            reasoning: true,
            scores: ScoreAccess::None,
        };
        match tier {
            Tier::Text => Self { max_n: 16, ..text },
            Tier::Judge => Self {
                max_n: 16,
                logit_bias: true,
                ..text
            },
            Tier::Topk => Self {
                top_logprobs: Some(100),
                max_n: 128,
                logit_bias: true,
                scores: ScoreAccess::Topk,
                ..text
            },
            Tier::Score | Tier::Train => Self {
                top_logprobs: Some(1000),
                prompt_logprobs: true,
                max_n: 128,
                logit_bias: true,
                reasoning: true,
                scores: ScoreAccess::Given,
            },
        }
    }
}

/// A named set of limits, capabilities and models, written in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name, by which accounts refer to it.
    pub name: String,
    /// Limits on use.
    pub limits: Limits,
    /// Spend limit of each account on this plan.
    pub spend: Option<SpendLimit>,
    /// What requests may ask for.
    pub capabilities: CapabilitySet,
    /// The models that may be used; `None`: every model.
    pub models: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_random_and_hidden() {
        let secret = KeySecret::new(KeySecret::KEY, [0xff; 32]);
        assert_eq!(secret.reveal().len(), KeySecret::KEY.len() + 52);
        assert_eq!(secret.prefix(), "sk-sh-777777");
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        let other = KeySecret::new(KeySecret::KEY, [0; 32]);
        assert!(other.reveal().ends_with("aaaaaaaa"));
    }

    #[test]
    fn tiers_are_a_ladder() {
        let tiers = [
            Tier::Text,
            Tier::Judge,
            Tier::Topk,
            Tier::Score,
            Tier::Train,
        ];
        for pair in tiers.windows(2) {
            let (low, high) = (
                CapabilitySet::of_tier(pair[0]),
                CapabilitySet::of_tier(pair[1]),
            );
            assert!(pair[0] < pair[1]);
            assert!(low.top_logprobs <= high.top_logprobs);
            assert!(low.prompt_logprobs <= high.prompt_logprobs);
            assert!(low.max_n <= high.max_n);
            assert!(low.logit_bias <= high.logit_bias);
            assert!(low.reasoning <= high.reasoning);
            assert!(low.scores <= high.scores);
        }
    }

    #[test]
    fn an_accounts_limits_stand_before_the_plans() {
        let plan = Limits {
            requests_per_minute: Some(60),
            concurrency: Some(4),
            ..Limits::default()
        };
        let own = Limits {
            concurrency: Some(9),
            ..Limits::default()
        };
        let settled = own.over(&plan);
        assert_eq!(settled.requests_per_minute, Some(60));
        assert_eq!(settled.concurrency, Some(9));
        assert_eq!(settled.tokens_per_minute, None);
    }

    #[test]
    fn a_text_about_secrets_shows_their_first_letters_alone() {
        let secret = KeySecret::new(KeySecret::GRANT, [7; 32]);
        let text = format!("no grant `{}`, nor gt-sh-abcdef, é-sh-", secret.reveal());
        let shown = format!("no grant `{}…`, nor gt-sh-abcdef, é-sh-", secret.prefix());
        assert_eq!(KeySecret::hidden(&text), shown);
        assert_eq!(KeySecret::hidden(&shown), shown);
    }
}
