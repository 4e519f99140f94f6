//! The settled terms of one holder: what its plan, its own limits or its grant come to.

use std::sync::Arc;

use record::{
    Account, AccountState, Amount, Budget, BudgetOwner, CapabilitySet, Grant, Limits, Plan,
    SpendLimit, SpendPeriod, Time,
};

/// A bound in each currency; `None`: not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) amount: Amount,
    pub(super) money: bool,
    pub(super) tokens: bool,
    pub(super) period: SpendPeriod,
}

impl Bound {
    /// A spend limit, which bounds money alone.
    pub(super) fn of_spend(limit: SpendLimit) -> Self {
        let amount = Amount {
            money: limit.amount,
            tokens: 0,
        };
        Self {
            amount,
            money: true,
            tokens: false,
            period: limit.period,
        }
    }

    fn of_grant(grant: &Grant) -> Self {
        let budget = grant.terms.budget;
        Self {
            amount: Amount {
                money: budget.money().unwrap_or_default(),
                tokens: budget.tokens().unwrap_or_default(),
            },
            money: budget.money().is_some(),
            tokens: budget.tokens().is_some(),
            period: SpendPeriod::Total,
        }
    }

    /// The parts of an amount that this bound counts.
    pub(super) fn counted(&self, amount: Amount) -> Amount {
        Amount {
            money: if self.money {
                amount.money
            } else {
                record::Money::ZERO
            },
            tokens: if self.tokens { amount.tokens } else { 0 },
        }
    }

    /// The budget that it bounds at `now`.
    pub(super) fn budget(&self, owner: BudgetOwner, now: Time) -> Budget {
        Budget {
            owner,
            start_day: self.period.start_day(now),
        }
    }
}

/// What a holder may do, settled from the plan and what is the holder's own.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Whether the account may be used at all.
    pub state: AccountState,
    /// Limits on use.
    pub limits: Limits,
    /// What requests may ask for.
    pub capabilities: CapabilitySet,
    /// The models that may be used; `None`: every model.
    pub models: Option<Arc<[String]>>,
    pub(super) bound: Option<Bound>,
}

impl Terms {
    /// The terms of an account on its plan. Without the plan (the settings no longer name it)
    /// nothing but the account's own limits holds, and no model may be used.
    pub(super) fn of_account(account: &Account, plan: Option<&Plan>) -> Self {
        let Some(plan) = plan else {
            return Self {
                state: account.state,
                limits: account.limits.clone(),
                capabilities: CapabilitySet::default(),
                models: Some(Arc::new([])),
                bound: account.spend.map(Bound::of_spend),
            };
        };
        Self {
            state: account.state,
            limits: account.limits.over(&plan.limits),
            capabilities: plan.capabilities,
            models: plan.models.as_deref().map(Arc::from),
            bound: account.spend.or(plan.spend).map(Bound::of_spend),
        }
    }

    /// The terms of a grant: its own budget and rate stand in place of the account's.
    pub(super) fn of_grant(grant: &Grant, account: &Account) -> Self {
        Self {
            state: account.state,
            limits: grant.terms.limits.clone(),
            capabilities: CapabilitySet::of_tier(grant.terms.tier),
            models: Some(grant.terms.teachers.as_slice().into()),
            bound: Some(Bound::of_grant(grant)),
        }
    }

    /// Whether the model may be used.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models
            .as_ref()
            .is_none_or(|models| models.iter().any(|name| name == model))
    }
}
