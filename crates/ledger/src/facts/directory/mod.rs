//! Who there is: organisations, accounts, keys, grants, operators and their tokens, and what is
//! switched off, as a fold over the changes.
//!
//! A change is checked against the directory before it is written; when it is read back it is
//! applied as it stands, since facts are not argued with.

mod apply;
mod check;
mod index;
mod shelf;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use record::id::kind;
use record::{Account, Grant, Id, Key, Operator, Organization, Token};
use serde::{Deserialize, Serialize};

use self::index::Index;
use self::shelf::Shelf;
use crate::Seq;

pub use self::apply::Touched;
pub use self::check::Impossible;
pub(super) use self::stored::DirectoryV1;

/// What has a revision: the sequence number of the entry that changed it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// An organisation.
    Organization(Id<kind::Organization>),
    /// An account; its keys and grants have revisions of their own.
    Account(Id<kind::Account>),
    /// A key.
    Key(Id<kind::Key>),
    /// A grant.
    Grant(Id<kind::Grant>),
    /// An operator.
    Operator(Id<kind::Operator>),
    /// A token of an operator.
    Token(Id<kind::Token>),
    /// The switch of a model, by the model's name.
    Model(String),
    /// The switch of an upstream or of one of its servers.
    Upstream {
        /// The upstream's name.
        upstream: String,
        /// One of its servers; `None`: all of it.
        server: Option<String>,
    },
}

/// A switch that was turned at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Switch {
    on: bool,
    revision: Seq,
}

/// Everybody and everything that changes speak of. Ids sort by the time they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::Stored")]
pub struct Directory {
    organizations: Shelf<Id<kind::Organization>, Organization>,
    accounts: Shelf<Id<kind::Account>, Account>,
    keys: Shelf<Id<kind::Key>, Key>,
    grants: Shelf<Id<kind::Grant>, Grant>,
    operators: Shelf<Id<kind::Operator>, Operator>,
    tokens: Shelf<Id<kind::Token>, Token>,
    models: BTreeMap<String, Switch>,
    upstreams: BTreeMap<(String, Option<String>), Switch>,
    #[serde(skip)]
    index: Index,
}

macro_rules! listed {
    ($($(#[$doc:meta])* $name:ident: $item:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            &self,
        ) -> impl DoubleEndedIterator<Item = &Arc<$item>> + ExactSizeIterator {
            self.$name.values()
        }
    )*};
}

macro_rules! found {
    ($($(#[$doc:meta])* $name:ident in $shelf:ident: $kind:ty => $item:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, id: Id<$kind>) -> Option<&Arc<$item>> {
            self.$shelf.get(&id)
        }
    )*};
}

impl Directory {
    listed! {
        /// Every organisation, oldest first.
        organizations: Organization;
        /// Every account, oldest first.
        accounts: Account;
        /// Every key, oldest first.
        keys: Key;
        /// Every grant, oldest first.
        grants: Grant;
        /// Every operator, oldest first.
        operators: Operator;
        /// Every token, oldest first.
        tokens: Token;
    }

    found! {
        /// An organisation by its id.
        organization in organizations: kind::Organization => Organization;
        /// An account by its id.
        account in accounts: kind::Account => Account;
        /// A key by its id.
        key in keys: kind::Key => Key;
        /// A grant by its id.
        grant in grants: kind::Grant => Grant;
        /// An operator by their id.
        operator in operators: kind::Operator => Operator;
        /// A token by its id.
        token in tokens: kind::Token => Token;
    }

    /// The accounts of an organisation, oldest first.
    pub fn accounts_of(
        &self,
        organization: Id<kind::Organization>,
    ) -> impl DoubleEndedIterator<Item = &Arc<Account>> {
        let ids = self.index.accounts(organization);
        ids.filter_map(|id| self.accounts.get(&id))
    }

    /// The keys of an account, oldest first.
    pub fn keys_of(
        &self,
        account: Id<kind::Account>,
    ) -> impl DoubleEndedIterator<Item = &Arc<Key>> {
        let ids = self.index.keys(account);
        ids.filter_map(|id| self.keys.get(&id))
    }

    /// The grants of an account, oldest first.
    pub fn grants_of(
        &self,
        account: Id<kind::Account>,
    ) -> impl DoubleEndedIterator<Item = &Arc<Grant>> {
        let ids = self.index.grants(account);
        ids.filter_map(|id| self.grants.get(&id))
    }

    /// The tokens of an operator, oldest first.
    pub fn tokens_of(
        &self,
        operator: Id<kind::Operator>,
    ) -> impl DoubleEndedIterator<Item = &Arc<Token>> {
        let ids = self.index.tokens(operator);
        ids.filter_map(|id| self.tokens.get(&id))
    }

    /// The operator of a name, also a revoked one; the case of its letters does not matter.
    pub fn operator_named(&self, name: &str) -> Option<&Arc<Operator>> {
        self.operators.get(&self.index.named(name)?)
    }

    /// The token whose secret has this hash, also a revoked or expired one.
    pub fn token_by_hash(&self, hash: &[u8; 32]) -> Option<&Arc<Token>> {
        self.tokens.get(&self.index.by_secret(hash)?)
    }

    /// Whether a model may be asked; one that was never switched may.
    pub fn model_is_on(&self, model: &str) -> bool {
        self.models.get(model).is_none_or(|switch| switch.on)
    }

    /// Whether an upstream, or this server of it, is switched on; what was never switched is. A
    /// server gets requests only if it and its upstream both are.
    pub fn upstream_is_on(&self, upstream: &str, server: Option<&str>) -> bool {
        let key = (upstream.to_owned(), server.map(str::to_owned));
        self.upstreams.get(&key).is_none_or(|switch| switch.on)
    }

    /// The models that are switched off.
    pub fn models_off(&self) -> impl Iterator<Item = &str> {
        let off = self.models.iter().filter(|(_, switch)| !switch.on);
        off.map(|(model, _)| model.as_str())
    }

    /// The upstreams, and the servers of upstreams, that are switched off.
    pub fn upstreams_off(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let off = self.upstreams.iter().filter(|(_, switch)| !switch.on);
        off.map(|((upstream, server), _)| (upstream.as_str(), server.as_deref()))
    }

    /// The entry that changed a thing last; 0 where none did.
    pub fn revision(&self, thing: &Thing) -> Seq {
        match thing {
            Thing::Organization(id) => self.organizations.revision(id),
            Thing::Account(id) => self.accounts.revision(id),
            Thing::Key(id) => self.keys.revision(id),
            Thing::Grant(id) => self.grants.revision(id),
            Thing::Operator(id) => self.operators.revision(id),
            Thing::Token(id) => self.tokens.revision(id),
            Thing::Model(model) => self.models.get(model).map_or(0, |switch| switch.revision),
            Thing::Upstream { upstream, server } => {
                let key = (upstream.clone(), server.clone());
                self.upstreams.get(&key).map_or(0, |switch| switch.revision)
            }
        }
    }
}
