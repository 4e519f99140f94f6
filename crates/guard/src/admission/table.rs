//! The table: every credential by the hash of its secret, every holder of limits.
//!
//! Accounts, keys and grants are put in as the ledger's fold has them, one by one as they change;
//! look-ups never wait for more than a short lock.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;
use record::{Account, BudgetOwner, Grant, Id, Key, Plan, Time, id::kind};
use smallvec::SmallVec;

use super::credential::{Credential, Holder, Opening, Secret};
use super::denied::Denied;
use super::meter::Rates;
use super::permit::{self, Permit, Want};
use super::purse::Purse;
use super::terms::Terms;

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

    /// The credential whose secret has this hash: BLAKE3, or SHA-256 of a key that was brought from
    /// elsewhere.
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

    /// Counts a request whose answer is known already: against the requests a minute, and against
    /// nothing else.
    ///
    /// # Errors
    /// That limit is reached, or the credential has ended.
    pub fn repeat(&self, credential: &Credential, now: Time) -> Result<Rates, Denied> {
        permit::repeat(credential, now)
    }

    /// The purses that a request with this credential draws on: the holder's and the key's own.
    pub fn purses(&self, credential: &Credential, now: Time) -> SmallVec<[Arc<Purse>; 2]> {
        credential.purses(&self.opening, now)
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
                known.revoke();
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
        let credential = match secrets.get(&hash) {
            Some(known) if grant.revoked.is_some() => {
                known.revoke();
                return;
            }
            Some(known) => {
                known.holder().settle_terms(terms, &self.opening, now);
                known.with_grant(grant)
            }
            None => {
                seat.secrets.push(hash);
                let owner = BudgetOwner::Grant(grant.id);
                let holder = Holder::new(owner, &seat.account, terms);
                Credential::new(Secret::Grant(grant), holder)
            }
        };
        secrets.insert(hash, credential);
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
            if let Some(grant) = credential.granted() {
                let terms = Terms::of_grant(grant, &seat.account);
                credential.holder().settle_terms(terms, &self.opening, now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
