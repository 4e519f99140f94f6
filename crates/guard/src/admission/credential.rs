//! One key or grant, and the holder of limits and budgets that it opens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use record::{
    Account, AccountState, Amount, Budget, BudgetOwner, Grant, Id, Key, Reason, Time, id::kind,
};
use smallvec::SmallVec;

use super::denied::Denied;
use super::meter::Meter;
use super::purse::Purse;
use super::terms::{Bound, Terms};

/// What was spent of a budget before, as the ledger's books have it.
pub type Opening = Box<dyn Fn(Budget) -> Amount + Send + Sync>;

/// Who bears limits and budgets: an account, or a grant in place of it.
#[derive(Debug)]
pub struct Holder {
    owner: BudgetOwner,
    account: Id<kind::Account>,
    terms: ArcSwap<Terms>,
    meter: Meter,
    purse: Mutex<Option<Arc<Purse>>>,
}

impl Holder {
    pub(super) fn new(owner: BudgetOwner, account: &Account, terms: Terms) -> Arc<Self> {
        Arc::new(Self {
            owner,
            account: account.id,
            terms: ArcSwap::from_pointee(terms),
            meter: Meter::default(),
            purse: Mutex::new(None),
        })
    }

    /// Its settled terms now.
    pub fn terms(&self) -> arc_swap::Guard<Arc<Terms>> {
        self.terms.load()
    }

    /// The account that it is, or that the grant was given to.
    pub fn account(&self) -> Id<kind::Account> {
        self.account
    }

    /// Requests at the same time, now.
    pub fn in_flight(&self) -> u32 {
        self.meter.in_flight()
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn settle_terms(&self, terms: Terms, opening: &Opening, now: Time) {
        let mut purse = self.purse.lock();
        match (purse.as_ref(), terms.bound) {
            (Some(known), Some(bound)) => known.rebind(bound, opening, now),
            (Some(_), None) => *purse = None,
            (None, _) => {}
        }
        self.terms.store(Arc::new(terms));
    }

    fn purse(&self, opening: &Opening, now: Time) -> Option<Arc<Purse>> {
        let bound = self.terms.load().bound?;
        Some(lazily(&self.purse, self.owner, bound, opening, now))
    }
}

fn lazily(
    place: &Mutex<Option<Arc<Purse>>>,
    owner: BudgetOwner,
    bound: Bound,
    opening: &Opening,
    now: Time,
) -> Arc<Purse> {
    let mut purse = place.lock();
    let made = purse.get_or_insert_with(|| {
        Arc::new(Purse::new(
            owner,
            bound,
            opening(bound.budget(owner, now)),
            now,
        ))
    });
    Arc::clone(made)
}

#[derive(Debug)]
pub(super) enum Secret {
    Key(Arc<Key>),
    Grant(Arc<Grant>),
}

/// Until when a secret is good. A grant's new terms share it with the old, so that streams
/// opened under those end too.
#[derive(Debug)]
struct Life {
    revoked: AtomicBool,
    /// Microseconds since the epoch; the largest number: never.
    expires: AtomicU64,
}

/// One key or grant, and the holder that it opens.
#[derive(Debug)]
pub struct Credential {
    secret: Secret,
    holder: Arc<Holder>,
    purse: Mutex<Option<Arc<Purse>>>,
    life: Arc<Life>,
}

impl Credential {
    pub(super) fn new(secret: Secret, holder: Arc<Holder>) -> Arc<Self> {
        let (revoked, expires) = match &secret {
            Secret::Key(key) => (key.revoked, key.expires),
            Secret::Grant(grant) => (grant.revoked, Some(grant.terms.expires)),
        };
        let life = Arc::new(Life {
            revoked: AtomicBool::new(revoked.is_some()),
            expires: AtomicU64::new(expires.map_or(u64::MAX, Time::micros)),
        });
        Arc::new(Self {
            secret,
            holder,
            purse: Mutex::new(None),
            life,
        })
    }

    /// The same secret with a grant's new terms.
    pub(super) fn with_grant(&self, grant: Arc<Grant>) -> Arc<Self> {
        let expires = grant.terms.expires.micros();
        self.life.expires.store(expires, Ordering::Release);
        Arc::new(Self {
            secret: Secret::Grant(grant),
            holder: Arc::clone(&self.holder),
            purse: Mutex::new(None),
            life: Arc::clone(&self.life),
        })
    }

    /// The holder that it opens.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// The key, where it is one.
    pub fn key(&self) -> Option<Id<kind::Key>> {
        match &self.secret {
            Secret::Key(key) => Some(key.id),
            Secret::Grant(_) => None,
        }
    }

    /// The grant, where it is one.
    pub fn grant(&self) -> Option<Id<kind::Grant>> {
        match &self.secret {
            Secret::Key(_) => None,
            Secret::Grant(grant) => Some(grant.id),
        }
    }

    /// From when on it is refused.
    pub fn expires(&self) -> Option<Time> {
        let expires = self.life.expires.load(Ordering::Acquire);
        (expires != u64::MAX).then(|| Time::from_micros(expires))
    }

    /// The grant with its terms, where it is one.
    pub(super) fn granted(&self) -> Option<&Arc<Grant>> {
        match &self.secret {
            Secret::Key(_) => None,
            Secret::Grant(grant) => Some(grant),
        }
    }

    /// Whether it was revoked: streams that it opened must end.
    pub fn is_revoked(&self) -> bool {
        self.life.revoked.load(Ordering::Acquire)
    }

    pub(super) fn revoke(&self) {
        self.life.revoked.store(true, Ordering::Release);
    }

    /// Whether it can't be used any more at `now`, and why.
    pub fn ended(&self, now: Time) -> Option<Denied> {
        let reason = if self.is_revoked() {
            Reason::CredentialRevoked
        } else if self.expires().is_some_and(|end| now >= end) {
            Reason::CredentialExpired
        } else if self.holder.terms().state == AccountState::Closed {
            Reason::AccountClosed
        } else {
            return None;
        };
        Some(Denied::for_good(reason, None))
    }

    /// The purses that a request draws on: the holder's and the key's own.
    pub(super) fn purses(&self, opening: &Opening, now: Time) -> SmallVec<[Arc<Purse>; 2]> {
        let mut purses = SmallVec::new();
        purses.extend(self.holder.purse(opening, now));
        if let Secret::Key(key) = &self.secret
            && let Some(limit) = key.spend
        {
            let bound = Bound::of_spend(limit);
            let owner = BudgetOwner::Key(key.id);
            purses.push(lazily(&self.purse, owner, bound, opening, now));
        }
        purses
    }
}
