//! What is found without a walk: whose is whose, names, secrets. Made anew from the directory
//! when it is read back, and kept with every change; nothing is known here alone.

use std::collections::{BTreeMap, BTreeSet};

use record::id::kind;
use record::{Account, Grant, Id, Key, Operator, Token};

/// Pairs of an owner and what is its own, in order.
type Owned<O, T> = BTreeSet<(Id<O>, Id<T>)>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    accounts: Owned<kind::Organization, kind::Account>,
    keys: Owned<kind::Account, kind::Key>,
    grants: Owned<kind::Account, kind::Grant>,
    tokens: Owned<kind::Operator, kind::Token>,
    names: BTreeMap<String, Id<kind::Operator>>,
    secrets: BTreeMap<[u8; 32], Id<kind::Token>>,
}

impl Index {
    pub(super) fn add_account(&mut self, account: &Account) {
        self.accounts.insert((account.organization, account.id));
    }

    pub(super) fn add_key(&mut self, key: &Key) {
        self.keys.insert((key.account, key.id));
    }

    pub(super) fn add_grant(&mut self, grant: &Grant) {
        self.grants.insert((grant.account, grant.id));
    }

    pub(super) fn add_operator(&mut self, operator: &Operator) {
        self.names.insert(folded(&operator.name), operator.id);
    }

    pub(super) fn add_token(&mut self, token: &Token) {
        self.tokens.insert((token.operator, token.id));
        self.secrets.insert(token.hash, token.id);
    }

    pub(super) fn accounts(
        &self,
        organization: Id<kind::Organization>,
    ) -> impl DoubleEndedIterator<Item = Id<kind::Account>> {
        of(&self.accounts, organization)
    }

    pub(super) fn keys(
        &self,
        account: Id<kind::Account>,
    ) -> impl DoubleEndedIterator<Item = Id<kind::Key>> {
        of(&self.keys, account)
    }

    pub(super) fn grants(
        &self,
        account: Id<kind::Account>,
    ) -> impl DoubleEndedIterator<Item = Id<kind::Grant>> {
        of(&self.grants, account)
    }

    pub(super) fn tokens(
        &self,
        operator: Id<kind::Operator>,
    ) -> impl DoubleEndedIterator<Item = Id<kind::Token>> {
        of(&self.tokens, operator)
    }

    pub(super) fn named(&self, name: &str) -> Option<Id<kind::Operator>> {
        self.names.get(&folded(name)).copied()
    }

    pub(super) fn by_secret(&self, hash: &[u8; 32]) -> Option<Id<kind::Token>> {
        self.secrets.get(hash).copied()
    }
}

/// Names that differ in case only are one.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn of<O, T>(owned: &Owned<O, T>, owner: Id<O>) -> impl DoubleEndedIterator<Item = Id<T>> {
    let first = (owner, Id::from_bytes([0; 16]));
    let last = (owner, Id::from_bytes([u8::MAX; 16]));
    owned.range(first..=last).map(|(_, id)| *id)
}
