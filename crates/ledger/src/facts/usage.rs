//! What was used, read from the sums: by account, day and model, or of the whole house by model
//! and hour or day. All as of the last fold.

use std::collections::BTreeMap;

use record::Id;
use record::id::kind;

use super::front::Facts;
use super::rollup::{self, DAYS, HOURS, Tally};
use super::totals::{REFUSALS, SUMS, key, split};
use crate::Result;

/// What an account's use of a model cost on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The account.
    pub account: Id<kind::Account>,
    /// The day, counted from the epoch.
    pub day: u32,
    /// The model.
    pub model: String,
    /// Sums in the order of [`SUMS`].
    pub sums: [i64; 8],
}

/// How often an account was refused for a reason on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The day, counted from the epoch.
    pub day: u32,
    /// The reason, as [`record::Reason`] is written by `Debug`.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// What the whole house did with a model in an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The hour or the day, counted from the epoch (UTC).
    pub at: u32,
    /// The model; empty for refusals of requests that named none that there is.
    pub model: String,
    /// Its sums.
    pub tally: Tally,
}

impl Facts {
    /// What was used, by account, day and model; of all accounts or of one. Reads every row:
    /// for one account, or for a small house.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn costs(&self, account: Option<Id<kind::Account>>) -> Result<Vec<Cost>> {
        let prefix = account
            .map(|account| account.bytes().to_vec())
            .unwrap_or_default();
        collect(|name| self.ledger().totals(name, &prefix))
    }

    /// What one account used, by day and model, from a day on and before another.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn costs_between(
        &self,
        account: Id<kind::Account>,
        from_day: u32,
        until_day: u32,
    ) -> Result<Vec<Cost>> {
        let from = key(&account.bytes(), from_day, "");
        let until = key(&account.bytes(), until_day, "");
        collect(|name| self.ledger().totals_between(name, &from, &until))
    }

    /// How often one account was refused, by day and reason, from a day on and before another.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn refusals_between(
        &self,
        account: Id<kind::Account>,
        from_day: u32,
        until_day: u32,
    ) -> Result<Vec<Refused>> {
        let from = key(&account.bytes(), from_day, "");
        let until = key(&account.bytes(), until_day, "");
        let rows = self.ledger().totals_between(REFUSALS, &from, &until)?;
        let refused = |(key, sum): (Vec<u8>, i64)| {
            let (_, day, reason) = split(&key)?;
            let count = u64::try_from(sum).unwrap_or_default();
            Some(Refused { day, reason, count })
        };
        Ok(rows.into_iter().filter_map(refused).collect())
    }

    /// What the whole house did, by hour and model, from an hour on and before another, both
    /// counted from the epoch. Ascending; an hour without anything has no row.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn hours(&self, from_hour: u32, until_hour: u32) -> Result<Vec<Span>> {
        self.spans(HOURS, from_hour, until_hour)
    }

    /// The same by day.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn days(&self, from_day: u32, until_day: u32) -> Result<Vec<Span>> {
        self.spans(DAYS, from_day, until_day)
    }

    fn spans(&self, namespace: &str, from: u32, until: u32) -> Result<Vec<Span>> {
        let (from, until) = (from.to_be_bytes(), until.to_be_bytes());
        let mut spans = Vec::new();
        let mut models = BTreeMap::<String, Tally>::new();
        let mut now = 0;
        for (key, sum) in self.ledger().totals_between(namespace, &from, &until)? {
            let Some((at, model, part)) = rollup::read(&key, sum) else {
                continue;
            };
            if at != now {
                spans.extend(drained(now, &mut models));
                now = at;
            }
            match models.get_mut(model) {
                Some(tally) => tally.add(&part),
                None => {
                    models.insert(model.to_owned(), part);
                }
            }
        }
        spans.extend(drained(now, &mut models));
        Ok(spans)
    }
}

fn drained(at: u32, models: &mut BTreeMap<String, Tally>) -> impl Iterator<Item = Span> {
    let models = std::mem::take(models).into_iter();
    models.map(move |(model, tally)| Span { at, model, tally })
}

fn collect(rows: impl Fn(&'static str) -> Result<Vec<(Vec<u8>, i64)>>) -> Result<Vec<Cost>> {
    let mut costs = BTreeMap::<Vec<u8>, [i64; 8]>::new();
    for (index, name) in SUMS.into_iter().enumerate() {
        for (key, sum) in rows(name)? {
            costs.entry(key).or_default()[index] = sum;
        }
    }
    let cost = |(key, sums): (Vec<u8>, [i64; 8])| {
        let (account, day, model) = split(&key)?;
        Some(Cost {
            account: Id::from_bytes(account),
            day,
            model,
            sums,
        })
    };
    Ok(costs.into_iter().filter_map(cost).collect())
}
