//! Keys: `create`, `list`, `revoke`. A key's secret is given once, when it is made.

use std::sync::Arc;

use ::ledger::facts::{Directory, Thing};
use record::{Actor, BudgetOwner, Change, Key as Kept, KeySecret, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::spent;
use crate::error::Result;
use crate::find::{self, Owner};
use crate::house::House;
use crate::page::{Asked, Key as Order, Search};
use crate::shapes;
use crate::shapes::{Life, Spend};

const SORTS: [&str; 5] = ["created", "name", "account", "state", "expires"];

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
    /// Whether it may be used.
    pub state: Life,
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
    /// The ledger's entry that changed it last.
    pub revision: u64,
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
    #[serde(default = "default_name")]
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

fn default_name() -> String {
    "key".into()
}

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Text in the name or in the first letters of the secret, or the whole id.
    pub search: Option<String>,
    /// Only those of this account: its id, or its name where that is unique.
    pub account: Option<String>,
    /// Only those of this organisation: its id, or its name where that is unique.
    pub organization: Option<String>,
    /// Only those in this state.
    pub state: Option<Life>,
    /// The most rows on a page: 1 to 1000, 100 where nothing is said.
    pub limit: Option<u32>,
    /// Where to go on: the `next` of the page before, with the same order and filters.
    pub after: Option<String>,
    /// The field to order by, with `-` before it for the other way around.
    #[schemars(extend("x-sorts" = SORTS))]
    pub sort: Option<String>,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// In the order asked for; oldest first where nothing is said.
    pub keys: Vec<Key>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many there are that pass the filters.
    pub total: u64,
}

/// What `revoke` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Its id, or the first letters of its secret.
    pub key: String,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
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

/// Keys, a page at a time.
///
/// # Errors
/// An account or organisation that is not there; an order, a cursor or a size that can't be.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let search = Search::new(&input.search);
    let now = house.now();
    let life = |key: &Kept| Life::of(key.revoked, key.expires, now);
    let cut = {
        let directory = house.facts.directory();
        let owner = Owner::new(&directory, &input.account, &input.organization)?;
        let wanted = |key: &&Arc<Kept>| {
            owner.is(key.account)
                && input.state.is_none_or(|wanted| life(key) == wanted)
                && search.finds(key.id, &[&key.name, &key.prefix])
        };
        let rows = directory.keys().filter(wanted);
        let cut = asked.cut(rows, |key| {
            let order = match asked.sort {
                "name" => Order::name(&key.name),
                "account" => Order::name(directory.account(key.account).map_or("", |of| &of.name)),
                "state" => Order::Number(life(key) as u64),
                "expires" => Order::Number(key.expires.map_or(u64::MAX, Time::micros)),
                _ => Order::Number(0),
            };
            (order, key.id)
        });
        cut.map(Arc::clone)
    };
    let cut = cut.map(|key| view(house, &key));
    Ok(Listed {
        keys: cut.rows,
        next: cut.next,
        total: cut.total,
    })
}

/// Refuses a key from now on.
///
/// # Errors
/// A key that is not there, or was revoked before; [`crate::Error::Stale`]; the ledger's.
pub fn revoke(house: &House, by: &Actor, input: Revoke) -> Result<Key> {
    let key = find::key(&house.facts.directory(), &input.key)?;
    let seen = (Thing::Key(key.id), input.revision);
    let change = Change::KeyRevoked { key: key.id };
    house.edit(by, &input.why, seen, |_| Ok(vec![change.clone()]))?;
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
    let directory = house.facts.directory();
    Key {
        id: kept.id.to_string(),
        name: kept.name.clone(),
        prefix: kept.prefix.clone(),
        account: kept.account.to_string(),
        account_name: account_name(&directory, kept.account),
        state: Life::of(kept.revoked, kept.expires, now),
        created: shapes::made(kept.id).rfc3339(),
        expires: kept.expires.map(Time::rfc3339),
        revoked: kept.revoked.map(Time::rfc3339),
        spend: kept.spend.map(Spend::from),
        spent_dollars: spent,
        revision: directory.revision(&Thing::Key(kept.id)),
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
