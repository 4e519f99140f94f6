//! Tokens, the credentials of operators' programs: `create`, `list`, `revoke`. A token may do what
//! its operator may. Its secret is given once, when it is made.

use std::sync::Arc;

use ::ledger::facts::{Directory, Thing};
use record::{Actor, Change, KeySecret, Time, Token as Kept};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::house::House;
use crate::page::{Asked, Key, Search};
use crate::shapes::Life;
use crate::{find, shapes};

const SORTS: [&str; 5] = ["created", "name", "operator", "state", "expires"];

/// A token as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The first letters of its secret.
    pub prefix: String,
    /// Its operator's id.
    pub operator: String,
    /// Its operator's name.
    pub operator_name: String,
    /// Whether it may be used.
    pub state: Life,
    /// When it was made.
    pub created: String,
    /// From when on it is refused.
    pub expires: Option<String>,
    /// When it was revoked.
    pub revoked: Option<String>,
    /// The ledger's entry that changed it last.
    pub revision: u64,
}

/// A token with its secret: given once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The secret. It can't be shown again.
    pub secret: String,
    /// Where it is used; `None` where the operator's port is off.
    pub base_url: Option<String>,
    /// The token.
    pub token: Token,
}

/// What `create` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Whose it is: a name or an id.
    pub operator: String,
    /// What its owner calls it.
    pub name: String,
    /// From when on it is refused: a day, a time, or a span such as `90d`.
    #[serde(default)]
    pub expires: Option<String>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Text in the name or in the first letters of the secret, or the whole id.
    pub search: Option<String>,
    /// Only those of this operator: a name or an id.
    pub operator: Option<String>,
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
    pub tokens: Vec<Token>,
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
    pub token: String,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Makes a token.
///
/// # Errors
/// An operator who is not there or was revoked, a value that can't be; the ledger's.
pub fn create(house: &House, by: &Actor, input: Create) -> Result<Created> {
    let operator = find::operator(&house.facts.directory(), &input.operator)?;
    let now = house.now();
    let secret = KeySecret::new(KeySecret::TOKEN, house.secret_bytes());
    let expires = input
        .expires
        .map(|text| shapes::ahead("expires", &text, now));
    let new = Kept {
        id: house.id(),
        operator: operator.id,
        name: shapes::name("name", &input.name)?,
        prefix: secret.prefix().to_owned(),
        hash: *blake3::hash(secret.reveal().as_bytes()).as_bytes(),
        expires: expires.transpose()?,
        revoked: None,
    };
    house.change(by, &input.why, Change::TokenCreated(new.clone()))?;
    let url = house.operator_url.as_ref();
    Ok(Created {
        secret: secret.reveal().to_owned(),
        base_url: url.map(|url| format!("{url}/api/v1")),
        token: view(&house.facts.directory(), &new, now),
    })
}

/// Tokens, a page at a time.
///
/// # Errors
/// An operator who is not there; an order, a cursor or a size that can't be.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let search = Search::new(&input.search);
    let now = house.now();
    let life = |token: &Kept| Life::of(token.revoked, token.expires, now);
    let directory = house.facts.directory();
    let operator = match &input.operator {
        Some(text) => Some(find::operator(&directory, text)?.id),
        None => None,
    };
    let wanted = |token: &&Arc<Kept>| {
        operator.is_none_or(|wanted| token.operator == wanted)
            && input.state.is_none_or(|wanted| life(token) == wanted)
            && search.finds(token.id, &[&token.name, &token.prefix])
    };
    let rows = directory.tokens().filter(wanted);
    let cut = asked.cut(rows, |token| {
        let key = match asked.sort {
            "name" => Key::name(&token.name),
            "operator" => Key::name(directory.operator(token.operator).map_or("", |of| &of.name)),
            "state" => Key::Number(life(token) as u64),
            "expires" => Key::Number(token.expires.map_or(u64::MAX, Time::micros)),
            _ => Key::Number(0),
        };
        (key, token.id)
    });
    let cut = cut.map(|token| view(&directory, token, now));
    Ok(Listed {
        tokens: cut.rows,
        next: cut.next,
        total: cut.total,
    })
}

/// Refuses a token from now on.
///
/// # Errors
/// A token that is not there or was revoked before; [`crate::Error::Stale`]; the ledger's.
pub fn revoke(house: &House, by: &Actor, input: Revoke) -> Result<Token> {
    let id = find::token(&house.facts.directory(), &input.token)?.id;
    let seen = (Thing::Token(id), input.revision);
    let change = Change::TokenRevoked { token: id };
    house.edit(by, &input.why, seen, |_| Ok(vec![change.clone()]))?;
    let directory = house.facts.directory();
    let token = find::token(&directory, &id.to_string())?;
    Ok(view(&directory, &token, house.now()))
}

fn view(directory: &Directory, kept: &Kept, now: Time) -> Token {
    let operator = directory.operator(kept.operator);
    Token {
        id: kept.id.to_string(),
        name: kept.name.clone(),
        prefix: kept.prefix.clone(),
        operator: kept.operator.to_string(),
        operator_name: operator.map(|known| known.name.clone()).unwrap_or_default(),
        state: Life::of(kept.revoked, kept.expires, now),
        created: shapes::made(kept.id).rfc3339(),
        expires: kept.expires.map(Time::rfc3339),
        revoked: kept.revoked.map(Time::rfc3339),
        revision: directory.revision(&Thing::Token(kept.id)),
    }
}
