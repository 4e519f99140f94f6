//! Who there is: organisations, accounts, keys and grants, as a fold over the changes.
//!
//! A change is checked against the directory before it is written; when it is read back it is
//! applied as it stands, since facts are not argued with.

use std::collections::BTreeMap;
use std::sync::Arc;

use record::id::kind;
use record::{Account, AccountState, Change, Grant, Id, Key, Organization, Time};
use serde::{Deserialize, Serialize};

/// Why a change can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// It names something that is not there.
    #[error("there is no {what} {id}")]
    Missing {
        /// What it names.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It makes something whose id or secret is there already.
    #[error("{what} {id} exists already")]
    Exists {
        /// What it makes.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It revokes what was revoked before.
    #[error("{what} {id} was revoked before")]
    Revoked {
        /// What it names.
        what: &'static str,
        /// Its id.
        id: String,
    },
}

/// What a change made of the thing that it touched.
#[derive(Debug, Clone)]
pub enum Touched {
    /// An organisation is new.
    Organization(Arc<Organization>),
    /// An account is new or changed.
    Account(Arc<Account>),
    /// A key is new or changed.
    Key(Arc<Key>),
    /// A grant is new or changed.
    Grant(Arc<Grant>),
    /// The change names nothing that is there.
    Nothing,
}

/// Everybody and everything that changes speak of. Ids sort by the time they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    organizations: BTreeMap<Id<kind::Organization>, Arc<Organization>>,
    accounts: BTreeMap<Id<kind::Account>, Arc<Account>>,
    keys: BTreeMap<Id<kind::Key>, Arc<Key>>,
    grants: BTreeMap<Id<kind::Grant>, Arc<Grant>>,
}

impl Directory {
    /// Every organisation, oldest first.
    pub fn organizations(&self) -> impl Iterator<Item = &Arc<Organization>> {
        self.organizations.values()
    }

    /// Every account, oldest first.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }

    /// Every key, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// Every grant, oldest first.
    pub fn grants(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.grants.values()
    }

    /// An organisation by its id.
    pub fn organization(&self, id: Id<kind::Organization>) -> Option<&Arc<Organization>> {
        self.organizations.get(&id)
    }

    /// An account by its id.
    pub fn account(&self, id: Id<kind::Account>) -> Option<&Arc<Account>> {
        self.accounts.get(&id)
    }

    /// A key by its id.
    pub fn key(&self, id: Id<kind::Key>) -> Option<&Arc<Key>> {
        self.keys.get(&id)
    }

    /// A grant by its id.
    pub fn grant(&self, id: Id<kind::Grant>) -> Option<&Arc<Grant>> {
        self.grants.get(&id)
    }

    /// Whether the change makes sense now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, change: &Change) -> Result<(), Impossible> {
        match change {
            Change::OrganizationCreated(new) => absent(&self.organizations, new.id, "organization"),
            Change::AccountCreated(new) => {
                present(&self.organizations, new.organization, "organization")?;
                absent(&self.accounts, new.id, "account")
            }
            Change::AccountPlan { account, .. }
            | Change::AccountState { account, .. }
            | Change::AccountLimits { account, .. }
            | Change::AccountErased { account } => {
                present(&self.accounts, *account, "account").map(drop)
            }
            Change::KeyCreated(new) => {
                present(&self.accounts, new.account, "account")?;
                absent(&self.keys, new.id, "key")
            }
            Change::KeyRevoked { key } => {
                let revoked = present(&self.keys, *key, "key")?.revoked;
                once(revoked, "key", key)
            }
            Change::GrantIssued(new) => {
                present(&self.accounts, new.account, "account")?;
                absent(&self.grants, new.id, "grant")
            }
            Change::GrantChanged { grant, .. } | Change::GrantRevoked { grant } => {
                let revoked = present(&self.grants, *grant, "grant")?.revoked;
                once(revoked, "grant", grant)
            }
        }
    }

    /// Applies a change that was written at `time`.
    pub fn apply(&mut self, change: &Change, time: Time) -> Touched {
        match change {
            Change::OrganizationCreated(new) => {
                let new = Arc::new(new.clone());
                self.organizations.insert(new.id, Arc::clone(&new));
                Touched::Organization(new)
            }
            Change::AccountCreated(new) => {
                let new = Arc::new(new.clone());
                self.accounts.insert(new.id, Arc::clone(&new));
                Touched::Account(new)
            }
            Change::AccountPlan { account, plan } => {
                self.edit_account(*account, |edited| edited.plan.clone_from(plan))
            }
            Change::AccountState { account, state } => {
                self.edit_account(*account, |edited| edited.state = *state)
            }
            Change::AccountLimits {
                account,
                limits,
                spend,
            } => self.edit_account(*account, |edited| {
                edited.limits = limits.clone();
                edited.spend = *spend;
            }),
            Change::AccountErased { account } => self.erase(*account, time),
            Change::KeyCreated(new) => {
                let new = Arc::new(new.clone());
                self.keys.insert(new.id, Arc::clone(&new));
                Touched::Key(new)
            }
            Change::KeyRevoked { key } => {
                edit(&mut self.keys, *key, |edited| edited.revoked = Some(time))
                    .map_or(Touched::Nothing, Touched::Key)
            }
            Change::GrantIssued(new) => {
                let new = Arc::new(new.clone());
                self.grants.insert(new.id, Arc::clone(&new));
                Touched::Grant(new)
            }
            Change::GrantChanged { grant, terms } => edit(&mut self.grants, *grant, |edited| {
                edited.terms = terms.clone()
            })
            .map_or(Touched::Nothing, Touched::Grant),
            Change::GrantRevoked { grant } => edit(&mut self.grants, *grant, |edited| {
                edited.revoked = Some(time)
            })
            .map_or(Touched::Nothing, Touched::Grant),
        }
    }

    fn edit_account(
        &mut self,
        id: Id<kind::Account>,
        change: impl FnOnce(&mut Account),
    ) -> Touched {
        edit(&mut self.accounts, id, change).map_or(Touched::Nothing, Touched::Account)
    }

    /// An erased account keeps its id, for the money; whatever names a person is gone.
    fn erase(&mut self, id: Id<kind::Account>, time: Time) -> Touched {
        for key in self.keys.values_mut().filter(|key| key.account == id) {
            let key = Arc::make_mut(key);
            key.name.clear();
            key.revoked.get_or_insert(time);
        }
        for grant in self.grants.values_mut().filter(|grant| grant.account == id) {
            let grant = Arc::make_mut(grant);
            grant.terms.purpose.clear();
            grant.revoked.get_or_insert(time);
        }
        self.edit_account(id, |account| {
            account.name.clear();
            account.state = AccountState::Closed;
        })
    }
}

fn edit<K: Ord, V: Clone>(
    map: &mut BTreeMap<K, Arc<V>>,
    id: K,
    change: impl FnOnce(&mut V),
) -> Option<Arc<V>> {
    let value = map.get_mut(&id)?;
    change(Arc::make_mut(value));
    Some(Arc::clone(value))
}

fn present<'a, K: Ord + std::fmt::Display, V>(
    map: &'a BTreeMap<K, Arc<V>>,
    id: K,
    what: &'static str,
) -> Result<&'a Arc<V>, Impossible> {
    map.get(&id).ok_or_else(|| Impossible::Missing {
        what,
        id: id.to_string(),
    })
}

fn absent<K: Ord + std::fmt::Display, V>(
    map: &BTreeMap<K, Arc<V>>,
    id: K,
    what: &'static str,
) -> Result<(), Impossible> {
    match map.contains_key(&id) {
        true => Err(Impossible::Exists {
            what,
            id: id.to_string(),
        }),
        false => Ok(()),
    }
}

fn once(revoked: Option<Time>, what: &'static str, id: impl ToString) -> Result<(), Impossible> {
    match revoked {
        Some(_) => Err(Impossible::Revoked {
            what,
            id: id.to_string(),
        }),
        None => Ok(()),
    }
}
