//! Grants: a leave with an end and a budget, for distilling and for what a plan does not give.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Limits;
use crate::amount::Money;
use crate::id::{Id, kind};
use crate::time::Time;

/// How much a grant opens; each tier includes those before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Answers as text.
    Text,
    /// Grading of a student's answers.
    Judge,
    /// Log-probabilities of the likeliest tokens.
    Topk,
    /// Log-probabilities of given tokens.
    Score,
    /// Training jobs.
    Train,
}

/// What a grant may use up: at least one of the two is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
pub struct GrantBudget {
    money: Option<Money>,
    tokens: Option<u64>,
}

/// A budget as it is read, before its rule is checked.
#[derive(Deserialize)]
struct Bounds {
    money: Option<Money>,
    tokens: Option<u64>,
}

impl TryFrom<Bounds> for GrantBudget {
    type Error = &'static str;
    fn try_from(bounds: Bounds) -> Result<Self, Self::Error> {
        Self::new(bounds.money, bounds.tokens).ok_or("a grant needs a budget in money or in tokens")
    }
}

impl GrantBudget {
    /// `None` if neither is bounded: a grant without a budget can't be.
    pub fn new(money: Option<Money>, tokens: Option<u64>) -> Option<Self> {
        (money.is_some() || tokens.is_some()).then_some(Self { money, tokens })
    }

    /// The bound in money, if any.
    pub const fn money(&self) -> Option<Money> {
        self.money
    }

    /// The bound in tokens, if any.
    pub const fn tokens(&self) -> Option<u64> {
        self.tokens
    }
}

/// What a grant allows. Every change of it is a new entry with the whole terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantTerms {
    /// The models that may be asked (the teachers).
    pub teachers: Vec<String>,
    /// What it is for, in its grantee's words.
    pub purpose: String,
    /// How much it opens.
    pub tier: Tier,
    /// What it may use up over its whole life.
    pub budget: GrantBudget,
    /// Its rate, in place of the account's plan.
    pub limits: Limits,
    /// From when on it is refused.
    pub expires: Time,
}

/// A leave given to one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: Id<kind::Grant>,
    /// The account it was given to.
    pub account: Id<kind::Account>,
    /// What it allows.
    pub terms: GrantTerms,
    /// The first letters of its token, to recognise it by.
    pub prefix: String,
    /// BLAKE3 of the whole token.
    pub hash: [u8; 32],
    /// When it was revoked, if it was.
    pub revoked: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_without_a_budget_cannot_be() {
        assert_eq!(GrantBudget::new(None, None), None);
        assert!(GrantBudget::new(None, Some(1)).is_some());
        let json = r#"{"money":null,"tokens":null}"#;
        assert!(serde_json::from_str::<GrantBudget>(json).is_err());
    }
}
