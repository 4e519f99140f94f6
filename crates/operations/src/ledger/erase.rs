//! `erase`: what names a person is gone for ever; the chain and the money stay.
//!
//! The order matters: first the account is closed and forgotten by the fold (a fact that stays),
//! then the payloads and bodies are erased, then the folds are stored anew, whereupon the ledger
//! deletes the older snapshots. A crash in between is mended by erasing again.

use std::collections::HashSet;

use ::ledger::facts::{Thing, decode};
use record::id::kind;
use record::{Actor, Change, Fact, Id};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::find;
use crate::house::House;

/// What `erase` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// The account's id, or its name where that is unique.
    pub account: String,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger; it stays, so that it should name nobody.
    #[serde(default)]
    pub why: String,
}

/// What `erase` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// The account's id.
    pub account: String,
    /// Entries whose payload was erased.
    pub entries: u64,
    /// Bodies that were removed.
    pub bodies: u64,
    /// The entry that marks it; `None` where nothing was left to erase.
    pub marker: Option<u64>,
}

/// Erases an account.
///
/// # Errors
/// An account that is not there; [`Error::Stale`]; the ledger's, after which it can be tried again.
pub fn erase(house: &House, by: &Actor, input: Erase) -> Result<Erased> {
    let account = find::account(&house.facts.directory(), &input.account)?;
    let id = account.id;
    let seen = (Thing::Account(id), input.revision);
    let change = Change::AccountErased { account: id };
    house.edit(by, &input.why, seen, |_| Ok(vec![change.clone()]))?;
    let found = collect(house, id)?;
    let ledger = house.facts.ledger();
    let bodies = match found.bodies.is_empty() {
        true => 0,
        false => ledger.vault().remove(&found.bodies)?,
    };
    let marker = match found.seqs.is_empty() {
        true => None,
        false => Some(ledger.erase(&found.seqs)?),
    };
    house.facts.snapshot(0)?;
    Ok(Erased {
        account: id.to_string(),
        entries: found.seqs.len() as u64,
        bodies,
        marker,
    })
}

#[derive(Default)]
struct Found {
    seqs: Vec<u64>,
    bodies: Vec<[u8; 32]>,
}

/// Every entry that tells something of the account beyond what it spent.
fn collect(house: &House, account: Id<kind::Account>) -> Result<Found> {
    let mut found = Found::default();
    let mut grants = HashSet::new();
    for entry in house.facts.ledger().read(1..) {
        let entry = entry?;
        let seq = entry.header.seq;
        let Some(payload) = entry.payload() else {
            continue;
        };
        let fact = decode(entry.header.kind, entry.header.version, payload);
        let fact = fact.map_err(|error| Error::Internal {
            message: format!("entry {seq}: {error}"),
            hint: Some("nothing was erased; upgrade this program first".into()),
        })?;
        let is_theirs = match fact {
            Some(Fact::Exchange(exchange)) if exchange.account == account => {
                found.bodies.extend(exchange.bodies.iter().flatten());
                found
                    .bodies
                    .extend(exchange.idempotency.map(|kept| kept.answer));
                true
            }
            Some(Fact::Refusal(refusal)) => refusal.account == Some(account),
            Some(Fact::Changed { change, .. }) => is_of(&change, account, &mut grants),
            _ => false,
        };
        if is_theirs {
            found.seqs.push(seq);
        }
    }
    Ok(found)
}

/// Changes that hold a name or a purpose. Those without (plan, state, limits, revocations) and
/// the erasure itself stay, and so does what was spent.
fn is_of(
    change: &Change,
    account: Id<kind::Account>,
    grants: &mut HashSet<Id<kind::Grant>>,
) -> bool {
    match change {
        Change::AccountCreated(new) => new.id == account,
        Change::KeyCreated(new) => new.account == account,
        Change::GrantIssued(new) if new.account == account => grants.insert(new.id),
        Change::GrantChanged { grant, .. } => grants.contains(grant),
        _ => false,
    }
}
