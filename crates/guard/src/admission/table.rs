//! The table: every credential by the hash of its secret, every holder of limits.
//!
//! Accounts, keys and grants are put in as the ledger's fold has them, one by one as they change;
//! look-ups never wait for more than a short lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use record::{
    Account, AccountState, Amount, Budget, BudgetOwner, Grant, Id, Key, Plan, Time, id::kind,
};
use smallvec::SmallVec;

use super::meter::Meter;
use super::permit::{Denied, Permit, Want, check_live};
use super::purse::Purse;
use super::terms::{Bound, Terms};

/// What was spent of a budget before, as the ledger's books have it.
pub type Opening = Box<dyn Fn(Budget) -> Amount + Send + Sync>;

/// Who bears limits and budgets: an account, or a grant in place of it.
#[derive(Debug)]
pub struct Holder {
    owner: BudgetOwner,
    account: Id<kind::Account>,
    organization: Id<kind::Organization>,
    terms: ArcSwap<Terms>,
    meter: Meter,
    purse: Mutex<Option<Arc<Purse>>>,
}

impl Holder {
    fn new(owner: BudgetOwner, account: &Account, terms: Terms) -> Arc<Self> {
        Arc::new(Self {
            owner,
            account: account.id,
            organization: account.organization,
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

    /// That account's organisation.
    pub fn organization(&self) -> Id<kind::Organization> {
        self.organization
    }

    /// Requests at the same time, now.
    pub fn in_flight(&self) -> u32 {
        self.meter.in_flight()
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    fn settle_terms(&self, terms: Terms, opening: &Opening, now: Time) {
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
enum Secret {
    Key(Arc<Key>),
    Grant(Arc<Grant>),
}

/// One key or grant, and the holder that it opens.
#[derive(Debug)]
pub struct Credential {
    secret: Secret,
    holder: Arc<Holder>,
    purse: Mutex<Option<Arc<Purse>>>,
    revoked: AtomicBool,
}

impl Credential {
    fn new(secret: Secret, holder: Arc<Holder>) -> Arc<Self> {
        let revoked = match &secret {
            Secret::Key(key) => key.revoked.is_some(),
            Secret::Grant(grant) => grant.revoked.is_some(),
        };
        let revoked = AtomicBool::new(revoked);
        Arc::new(Self {
            secret,
            holder,
            purse: Mutex::new(None),
            revoked,
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
        match &self.secret {
            Secret::Key(key) => key.expires,
            Secret::Grant(grant) => Some(grant.terms.expires),
        }
    }

    /// Whether it was revoked, or its account closed: streams that it opened must end.
    pub fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// Whether it can't be used any more at `now`, and why.
    pub fn ended(&self, now: Time) -> Option<Denied> {
        check_live(self, now).err()
    }
}

/// What is known of one account: its holder and the secrets that open it.
#[derive(Debug)]
struct Seat {
    account: Arc<Account>,
    holder: Arc<Holder>,
    secrets: SmallVec<[[u8; 32]; 1]>,
}

/// The table that every request passes.
pub struct Table {
    secrets: RwLock<HashMap<[u8; 32], Arc<Credential>>>,
    seats: RwLock<HashMap<Id<kind::Account>, Seat>>,
    plans: RwLock<HashMap<String, Plan>>,
    opening: Opening,
}

impl Table {
    /// An empty table with these plans. `opening` says what was spent of a budget before.
    pub fn new(plans: Vec<Plan>, opening: Opening) -> Self {
        let plans = plans
            .into_iter()
            .map(|plan| (plan.name.clone(), plan))
            .collect();
        Self {
            secrets: RwLock::default(),
            seats: RwLock::default(),
            plans: RwLock::new(plans),
            opening,
        }
    }

    /// The credential whose secret has this BLAKE3 hash.
    pub fn find(&self, hash: &[u8; 32]) -> Option<Arc<Credential>> {
        self.secrets.read().get(hash).cloned()
    }

    /// Lets a request through, or says why not.
    ///
    /// # Errors
    /// The first limit that stands against it.
    pub fn admit(
        &self,
        credential: &Arc<Credential>,
        want: &Want<'_>,
        now: Time,
    ) -> Result<Permit, Denied> {
        Permit::grant(credential, want, now)
    }

    /// The purses that a request with this credential draws on: the holder's and the key's own.
    pub fn purses(&self, credential: &Credential, now: Time) -> SmallVec<[Arc<Purse>; 2]> {
        let mut purses = SmallVec::new();
        purses.extend(credential.holder.purse(&self.opening, now));
        if let Secret::Key(key) = &credential.secret
            && let Some(limit) = key.spend
        {
            let bound = Bound::of_spend(limit);
            let owner = BudgetOwner::Key(key.id);
            purses.push(lazily(&credential.purse, owner, bound, &self.opening, now));
        }
        purses
    }

    /// Puts in an account that is new or has changed.
    pub fn put_account(&self, account: Arc<Account>, now: Time) {
        let terms = self.terms_of(&account);
        let mut seats = self.seats.write();
        if let Some(seat) = seats.get_mut(&account.id) {
            seat.holder.settle_terms(terms, &self.opening, now);
            seat.account = account;
            self.follow_state(seat, now);
            return;
        }
        let holder = Holder::new(BudgetOwner::Account(account.id), &account, terms);
        seats.insert(
            account.id,
            Seat {
                account,
                holder,
                secrets: SmallVec::new(),
            },
        );
    }

    /// Puts in a key that is new or has changed. Its account must be in the table.
    pub fn put_key(&self, key: Arc<Key>) {
        let mut seats = self.seats.write();
        let Some(seat) = seats.get_mut(&key.account) else {
            return;
        };
        let mut secrets = self.secrets.write();
        if let Some(known) = secrets.get(&key.hash) {
            if key.revoked.is_some() {
                known.revoked.store(true, Ordering::Release);
            }
            return;
        }
        seat.secrets.push(key.hash);
        let credential = Credential::new(Secret::Key(Arc::clone(&key)), Arc::clone(&seat.holder));
        secrets.insert(key.hash, credential);
    }

    /// Puts in a grant that is new or has changed. Its account must be in the table.
    pub fn put_grant(&self, grant: Arc<Grant>, now: Time) {
        let mut seats = self.seats.write();
        let Some(seat) = seats.get_mut(&grant.account) else {
            return;
        };
        let terms = Terms::of_grant(&grant, &seat.account);
        let mut secrets = self.secrets.write();
        let hash = grant.hash;
        let holder = match secrets.get(&hash) {
            Some(known) if grant.revoked.is_some() => {
                known.revoked.store(true, Ordering::Release);
                return;
            }
            Some(known) => {
                known.holder.settle_terms(terms, &self.opening, now);
                Arc::clone(&known.holder)
            }
            None => {
                seat.secrets.push(hash);
                Holder::new(BudgetOwner::Grant(grant.id), &seat.account, terms)
            }
        };
        secrets.insert(hash, Credential::new(Secret::Grant(grant), holder));
    }

    /// Other plans from now on, for accounts that are known too.
    pub fn set_plans(&self, plans: Vec<Plan>, now: Time) {
        *self.plans.write() = plans
            .into_iter()
            .map(|plan| (plan.name.clone(), plan))
            .collect();
        for seat in self.seats.read().values() {
            seat.holder
                .settle_terms(self.terms_of(&seat.account), &self.opening, now);
        }
    }

    /// The plan of this name.
    pub fn plan(&self, name: &str) -> Option<Plan> {
        self.plans.read().get(name).cloned()
    }

    /// Every plan, by name.
    pub fn plans(&self) -> Vec<Plan> {
        let mut plans: Vec<Plan> = self.plans.read().values().cloned().collect();
        plans.sort_by(|a, b| a.name.cmp(&b.name));
        plans
    }

    fn terms_of(&self, account: &Account) -> Terms {
        Terms::of_account(account, self.plans.read().get(&account.plan))
    }

    /// A grant is refused while its account is closed.
    fn follow_state(&self, seat: &Seat, now: Time) {
        let secrets = self.secrets.read();
        for hash in &seat.secrets {
            let Some(credential) = secrets.get(hash) else {
                continue;
            };
            if let Secret::Grant(grant) = &credential.secret {
                let terms = Terms::of_grant(grant, &seat.account);
                credential.holder.settle_terms(terms, &self.opening, now);
            }
        }
    }
}

/// Whether an account may be used, for rooms that only have the table.
impl Table {
    /// The state of an account, where it is known.
    pub fn account_state(&self, account: Id<kind::Account>) -> Option<AccountState> {
        self.seats
            .read()
            .get(&account)
            .map(|seat| seat.account.state)
    }
}

#[cfg(test)]
mod tests;
