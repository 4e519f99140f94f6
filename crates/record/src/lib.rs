//! The vocabulary of Stillhouse: plain data that every other room speaks.
//!
//! Here are ids, time, money, accounts, grants, operators, exchanges, runs and the facts that the
//! ledger keeps.
//! A value that exists is valid: rules hold on construction and again when it is read back.
//! Nothing here does IO, reads a clock, draws random numbers or is async, and this room imports
//! no other room.

pub mod account;
pub mod amount;
pub mod budget;
pub mod exchange;
pub mod fact;
pub mod grant;
pub mod id;
pub mod operator;
pub mod run;
pub mod seen;
pub mod time;

pub use account::{
    Account, AccountState, Capability, CapabilitySet, Key, KeySecret, Limits, Organization, Plan,
    ScoreAccess, SpendLimit, SpendPeriod,
};
pub use amount::{Amount, Money, Prices};
pub use budget::{Budget, BudgetOwner, Slice};
pub use exchange::{
    Edit, Endpoint, Exchange, Idempotency, Origin, Outcome, Reason, Refusal, Share, Usage,
    UsageSource,
};
pub use fact::{Actor, Change, Fact};
pub use grant::{Grant, GrantBudget, GrantTerms, Tier};
pub use id::Id;
pub use operator::{Invitation, Operator, Role, Token};
pub use run::{
    Alarm, Call, CallRole, Cause, Export, Interval, Measure, Metric, Paid, Quote, Real, RunCreated,
    RunEvent, Score, Scored, Stage,
};
pub use seen::{
    Form, Network, Parameters, Part, Piece, PlanKind, Program, SaidAnswer, SaidRequest, Seen,
    SeenAccount, Source, Speaker,
};
pub use time::Time;
