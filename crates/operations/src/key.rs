//! Keys: `create`, `list`, `revoke`. A key's secret is given once, when it is made.

use std::sync::Arc;

use ::ledger::facts::Directory;
use record::{Actor, BudgetOwner, Change, Key as Kept, KeySecret, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{spent, state};
use crate::error::Result;
use crate::house::House;
use crate::shapes::Spend;
use crate::{find, shapes};

/// A key as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The first letters of its secret.
    pub prefix: String,
    /// Its account's id.
    pub account: String,
    /// Its account's name.
    pub account_name: String,
    /// `live`, `expired` or `revoked`.
    pub state: String,
    /// When it was made.
    pub created: String,
    /// From when on it is refused.
    pub expires: Option<String>,
    /// When it was revoked.
    pub revoked: Option<String>,
    /// Its own spend limit.
    pub spend: Option<Spend>,
    /// What is spent of that in this period.
    pub spent_dollars: Option<String>,
}

/// A key with its secret: given once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The secret. It can't be shown again.
    pub secret: String,
    /// Where it is used.
    pub base_url: String,
    /// The key.
    pub key: Key,
}

/// What `create` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The account's id, or its name where that is unique.
    pub account: String,
    /// What its owner calls it.
    pub name: String,
    /// From when on it is refused: a day, a time, or a span such as `90d`.
    #[serde(default)]
    pub expires: Option<String>,
    /// A spend limit of its own, beside the account's.
    #[serde(default)]
    pub spend: Option<Spend>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Only those of this account.
    pub account: Option<String>,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Oldest first.
    pub keys: Vec<Key>,
}

/// What `revoke` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Its id, or the first letters of its secret.
    pub key: String,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Makes a key.
///
/// # Errors
/// An account that is not there, a value that can't be; the ledger's.
pub fn create(house: &House, by: &Actor, input: Create) -> Result<Created> {
    let account = find::account(&house.facts.directory(), &input.account)?;
    let now = house.now();
    let secret = KeySecret::new(KeySecret::KEY, house.secret_bytes());
    let new = Kept {
        id: house.id(),
        account: account.id,
        name: shapes::name("name", &input.name)?,
        prefix: secret.prefix().to_owned(),
        hash: *blake3::hash(secret.reveal().as_bytes()).as_bytes(),
        expires: input
            .expires
            .map(|text| shapes::ahead("expires", &text, now))
            .transpose()?,
        spend: input.spend.as_ref().map(Spend::settle).transpose()?,
        revoked: None,
    };
    house.change(by, &input.why, Change::KeyCreated(new.clone()))?;
    Ok(Created {
        secret: secret.reveal().to_owned(),
        base_url: format!("{}/v1", house.public_url),
        key: view(house, &new),
    })
}

/// Every key, or those of an account.
///
/// # Errors
/// An account that is not there.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let keys: Vec<Arc<Kept>> = {
        let directory = house.facts.directory();
        let of = input
            .account
            .map(|text| find::account(&directory, &text))
            .transpose()?;
        let wanted = |key: &&Arc<Kept>| of.as_ref().is_none_or(|account| key.account == account.id);
        directory.keys().filter(wanted).cloned().collect()
    };
    Ok(Listed {
        keys: keys.iter().map(|key| view(house, key)).collect(),
    })
}

/// Refuses a key from now on.
///
/// # Errors
/// A key that is not there, or was revoked before; the ledger's.
pub fn revoke(house: &House, by: &Actor, input: Revoke) -> Result<Key> {
    let key = find::key(&house.facts.directory(), &input.key)?;
    house.change(by, &input.why, Change::KeyRevoked { key: key.id })?;
    let revoked = house.facts.directory().key(key.id).cloned().unwrap_or(key);
    Ok(view(house, &revoked))
}

fn view(house: &House, kept: &Kept) -> Key {
    let now = house.now();
    let spent = kept.spend.map(|limit| {
        let start_day = limit.period.start_day(now);
        spent(house, BudgetOwner::Key(kept.id), start_day)
            .gone
            .money
            .to_string()
    });
    Key {
        id: kept.id.to_string(),
        name: kept.name.clone(),
        prefix: kept.prefix.clone(),
        account: kept.account.to_string(),
        account_name: account_name(&house.facts.directory(), kept.account),
        state: state(kept.revoked, kept.expires, now),
        created: shapes::made(kept.id).rfc3339(),
        expires: kept.expires.map(Time::rfc3339),
        revoked: kept.revoked.map(Time::rfc3339),
        spend: kept.spend.map(Spend::from),
        spent_dollars: spent,
    }
}

pub(crate) fn account_name(
    directory: &Directory,
    account: record::Id<record::id::kind::Account>,
) -> String {
    directory
        .account(account)
        .map(|account| account.name.clone())
        .unwrap_or_default()
}
