//! The directory as snapshots hold it, and as those of the first format held it.

use std::collections::BTreeMap;
use std::sync::Arc;

use record::id::kind;
use record::{Account, Grant, Id, Key, Operator, Organization, Token};
use serde::Deserialize;

use super::shelf::Shelf;
use super::{Directory, Index, Switch};

/// What is stored: the directory without what is made anew.
#[derive(Deserialize)]
pub(super) struct Stored {
    organizations: Shelf<Id<kind::Organization>, Organization>,
    accounts: Shelf<Id<kind::Account>, Account>,
    keys: Shelf<Id<kind::Key>, Key>,
    grants: Shelf<Id<kind::Grant>, Grant>,
    operators: Shelf<Id<kind::Operator>, Operator>,
    tokens: Shelf<Id<kind::Token>, Token>,
    models: BTreeMap<String, Switch>,
    upstreams: BTreeMap<(String, Option<String>), Switch>,
}

impl From<Stored> for Directory {
    fn from(stored: Stored) -> Self {
        let mut index = Index::default();
        stored.accounts.values().for_each(|a| index.add_account(a));
        stored.keys.values().for_each(|k| index.add_key(k));
        stored.grants.values().for_each(|g| index.add_grant(g));
        stored
            .operators
            .values()
            .for_each(|o| index.add_operator(o));
        stored.tokens.values().for_each(|t| index.add_token(t));
        Self {
            organizations: stored.organizations,
            accounts: stored.accounts,
            keys: stored.keys,
            grants: stored.grants,
            operators: stored.operators,
            tokens: stored.tokens,
            models: stored.models,
            upstreams: stored.upstreams,
            index,
        }
    }
}

/// The first format: no operators, no switches, no revisions.
#[derive(Deserialize)]
pub(in crate::facts) struct DirectoryV1 {
    organizations: BTreeMap<Id<kind::Organization>, Arc<Organization>>,
    accounts: BTreeMap<Id<kind::Account>, Arc<Account>>,
    keys: BTreeMap<Id<kind::Key>, Arc<Key>>,
    grants: BTreeMap<Id<kind::Grant>, Arc<Grant>>,
}

impl From<DirectoryV1> for Directory {
    fn from(old: DirectoryV1) -> Self {
        Stored {
            organizations: old.organizations.into(),
            accounts: old.accounts.into(),
            keys: old.keys.into(),
            grants: old.grants.into(),
            operators: Shelf::default(),
            tokens: Shelf::default(),
            models: BTreeMap::new(),
            upstreams: BTreeMap::new(),
        }
        .into()
    }
}
