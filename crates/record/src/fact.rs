//! The sum of all facts: what an entry of the ledger can say.
//!
//! These types are the stored form, version 1. A field is never added, removed or reordered here
//! once released, and a variant is only added at the end: a new shape is a new version beside the
//! old (golden files hold each).

use serde::{Deserialize, Serialize};

use crate::account::{Account, AccountState, Key, Limits, Organization, SpendLimit};
use crate::amount::Amount;
use crate::budget::Slice;
use crate::exchange::{Exchange, Refusal};
use crate::grant::{Grant, GrantTerms};
use crate::id::{Id, kind};
use crate::operator::{Invitation, Operator, Role, Token};
use crate::run::RunEvent;
use crate::time::Time;

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Stillhouse itself.
    House,
    /// A person or a program on the operator's side, such as `uid:1000` on the local socket.
    Operator(String),
}

/// A change that an operator makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A new organisation.
    OrganizationCreated(Organization),
    /// A new account.
    AccountCreated(Account),
    /// Another plan for an account.
    AccountPlan {
        /// The account.
        account: Id<kind::Account>,
        /// The name of the plan.
        plan: String,
    },
    /// An account is closed, or opened again.
    AccountState {
        /// The account.
        account: Id<kind::Account>,
        /// Its new state.
        state: AccountState,
    },
    /// An account's own limits, whole.
    AccountLimits {
        /// The account.
        account: Id<kind::Account>,
        /// Its limits.
        limits: Limits,
        /// Its spend limit.
        spend: Option<SpendLimit>,
    },
    /// The account's payloads are erased; the fold forgets what names a person.
    AccountErased {
        /// The account.
        account: Id<kind::Account>,
    },
    /// A new key.
    KeyCreated(Key),
    /// A key is refused from now on.
    KeyRevoked {
        /// The key.
        key: Id<kind::Key>,
    },
    /// A new grant.
    GrantIssued(Grant),
    /// New terms for a grant, whole.
    GrantChanged {
        /// The grant.
        grant: Id<kind::Grant>,
        /// Its new terms.
        terms: GrantTerms,
    },
    /// A grant is refused from now on.
    GrantRevoked {
        /// The grant.
        grant: Id<kind::Grant>,
    },
    /// A new operator.
    OperatorCreated(Operator),
    /// An operator's standing, whole.
    OperatorChanged {
        /// The operator.
        operator: Id<kind::Operator>,
        /// Their role.
        role: Role,
        /// Their password's hash; `None`: none is set.
        password: Option<String>,
        /// Their open invitation; `None`: there is none.
        invitation: Option<Invitation>,
    },
    /// An operator and all their tokens are refused from now on.
    OperatorRevoked {
        /// The operator.
        operator: Id<kind::Operator>,
    },
    /// A new token of an operator.
    TokenCreated(Token),
    /// A token is refused from now on.
    TokenRevoked {
        /// The token.
        token: Id<kind::Token>,
    },
    /// A model is switched off, or on again.
    ModelSwitched {
        /// The model, as the settings name it.
        model: String,
        /// Whether it may be asked from now on.
        on: bool,
    },
    /// An upstream, or one of its servers, is switched off, or on again.
    UpstreamSwitched {
        /// The upstream, as the settings name it.
        upstream: String,
        /// One of its servers; `None`: all of it.
        server: Option<String>,
        /// Whether it gets requests from now on.
        on: bool,
    },
    /// Somebody looked at the text of an exchange, or at a run's. Changes nothing; `by` and `why`
    /// are the point.
    TextViewed {
        /// The entry of the exchange, or the one that made the run.
        seq: u64,
    },
    /// The settings were read again while the server ran. Changes nothing in the ledger; `by` and
    /// `why` are the point.
    SettingsReloaded {
        /// Settings that are in force since then, by key.
        changed: Vec<String>,
        /// Settings that differ and wait for a restart, by key.
        waiting: Vec<String>,
    },
    /// Payloads of exchanges and refusals are about to be dropped by age; the ledger's own marker
    /// follows where there were any.
    PayloadsPruned {
        /// What was written before this goes.
        before: Time,
    },
}

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A server took the ledger's lease.
    ServerStarted {
        /// Its version.
        version: String,
    },
    /// A server gave the lease back in good order.
    ServerStopped,
    /// An operator changed something.
    Changed {
        /// Who.
        by: Actor,
        /// Why, in their words; may be empty.
        why: String,
        /// What.
        change: Box<Change>,
    },
    /// A part of a budget is reserved.
    SliceReserved(Slice),
    /// A slice is closed: `spent` of it is gone, the rest free again.
    SliceSettled {
        /// The slice.
        slice: Id<kind::Slice>,
        /// How much of the reserved amount was spent.
        spent: Amount,
        /// What the upstream charged beyond the worst case that was foreseen.
        overrun: Amount,
    },
    /// A request that was let through.
    Exchange(Box<Exchange>),
    /// A request that was not.
    Refusal(Box<Refusal>),
    /// Refusals without a credential that came too fast to be written one by one.
    RefusalsCounted {
        /// When the first of them came.
        from: Time,
        /// When the last of them came.
        until: Time,
        /// How many.
        count: u64,
    },
    /// Something about a distillation run.
    Run {
        /// The run.
        run: Id<kind::Run>,
        /// What.
        event: Box<RunEvent>,
    },
}
