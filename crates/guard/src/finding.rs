//! What the guard tells: findings as they come, and what stands of accounts and clusters at a time.
//! Plain values; whoever folds knows the names behind the numbers. Nothing is decided here.

use std::borrow::Cow;

use record::Time;
use serde::{Deserialize, Serialize};

use crate::echo::AccountNumber;

/// What is proposed for a subject, from the mildest on. The guard proposes; a policy acts, and only
/// a person suspends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    None,
    /// Look closer; the account notices nothing.
    Observe,
    /// Refuse what harvesters need and few others do: log-probabilities, several answers, raw
    /// reasoning.
    Strip,
    /// Hold it to the pace of its plan.
    Pace,
    /// Ask who it is and what for, and offer a licence.
    StepUp,
    /// Mark answers, where the terms say so.
    Mark,
    /// Bring a case for suspension before a person.
    ProposeSuspend,
}

/// Every action, from the mildest on.
pub const ACTIONS: [Action; 7] = [
    Action::None,
    Action::Observe,
    Action::Strip,
    Action::Pace,
    Action::StepUp,
    Action::Mark,
    Action::ProposeSuspend,
];

impl Action {
    /// Its name in `formats/traffic.md`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Observe => "observe",
            Self::Strip => "strip",
            Self::Pace => "pace",
            Self::StepUp => "step_up",
            Self::Mark => "mark",
            Self::ProposeSuspend => "propose_suspend",
        }
    }
}

/// How sure the guard is, in the fixed words of its memos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Nothing speaks for it.
    Unremarkable,
    /// Worth a look.
    Unusual,
    /// More likely than not.
    Suspected,
    /// Beyond what honest accounts of the reference show.
    Likely,
    /// Far beyond it.
    AlmostCertain,
}

impl Band {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unremarkable => "unremarkable",
            Self::Unusual => "unusual",
            Self::Suspected => "suspected",
            Self::Likely => "likely",
            Self::AlmostCertain => "almost_certain",
        }
    }
}

/// Whom a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One account.
    Account(AccountNumber),
    /// Accounts that belong together.
    Cluster {
        /// The cluster's number.
        id: u32,
        /// Its members at that time.
        accounts: Vec<AccountNumber>,
    },
    /// A part of a cluster's traffic.
    Stream {
        /// The stream's number.
        id: u64,
        /// Its cluster's number.
        cluster: u32,
        /// Accounts that it went through.
        accounts: Vec<AccountNumber>,
    },
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The signal's name, as `B1.template_mass`.
    pub signal: &'static str,
    /// Log-likelihood ratio for distilling against its cohort, in tenths of powers of ten.
    pub decibans: i32,
    /// A plain sentence.
    pub text: Cow<'static, str>,
}

/// A change of band or of proposed action.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The end of the exchange that it rests on.
    pub time: Time,
    /// That exchange's number.
    pub exchange: u64,
    /// Whom it is about.
    pub subject: Subject,
    /// 0 to 1.
    pub risk: f64,
    /// How sure.
    pub band: Band,
    /// What is proposed.
    pub action: Action,
    /// The strongest evidence, for and against, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// What stands of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountStanding {
    /// The account.
    pub account: AccountNumber,
    /// Its exchanges.
    pub exchanges: u64,
    /// The larger of its own risk and its share of its cluster's or stream's, 0 to 1.
    pub risk: f64,
    /// The same in decibans.
    pub decibans: i32,
    /// Its cluster.
    pub cluster: Option<u32>,
    /// How many exchanges it had sent when each action was first proposed for it or for its whole
    /// cluster, by [`ACTIONS`].
    pub first: [Option<u64>; ACTIONS.len()],
    /// Its evidence, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// A link between two accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// One of them, the lower number.
    pub a: AccountNumber,
    /// The other.
    pub b: AccountNumber,
    /// The signal's name, as `C1.hand_off`.
    pub signal: &'static str,
    /// Log-likelihood ratio for one operator against two, in decibans.
    pub decibans: i32,
}

/// What stands of a stream inside a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStanding {
    /// Its number.
    pub id: u64,
    /// 0 to 1.
    pub risk: f64,
    /// Accounts that it went through.
    pub accounts: Vec<AccountNumber>,
    /// Its exchanges' numbers, in order.
    pub exchanges: Vec<u64>,
}

/// What stands of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterStanding {
    /// Its number.
    pub id: u32,
    /// Its members, in order.
    pub accounts: Vec<AccountNumber>,
    /// 0 to 1.
    pub risk: f64,
    /// Its strongest links.
    pub links: Vec<Link>,
    /// Streams inside it that are scored apart.
    pub streams: Vec<StreamStanding>,
}
