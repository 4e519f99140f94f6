//! Budgets and the slices that are reserved from them.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::{Id, kind};

/// Whose spending a budget bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetOwner {
    /// An account's, by its plan or its own spend limit.
    Account(Id<kind::Account>),
    /// A key's own spend limit.
    Key(Id<kind::Key>),
    /// A grant's.
    Grant(Id<kind::Grant>),
}

/// One owner's budget for one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// Whose it is.
    pub owner: BudgetOwner,
    /// The first day of its span, counted from the epoch; 0 where it never starts anew.
    pub start_day: u32,
}

/// A part of a budget, reserved by one binding entry before any of it is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Its id.
    pub id: Id<kind::Slice>,
    /// The budget it is taken from.
    pub budget: Budget,
    /// How much is reserved.
    pub reserved: Amount,
}
