//! What was used, read from the sums: by account, day and model, or of the whole house by model
//! and hour or day. All as of the last fold.

use record::Id;
use record::id::kind;
use record::time::{first_day, month_of};

use super::front::Facts;
use super::rollup::{self, DAYS, HOURS, Tally};
use super::totals::{
    REFUSALS, USED, USED_ALL, USED_MONTHS, read_refused, read_used, refused_key, used_key,
};
use crate::Result;
use crate::store::prefix_end;

/// What an account's use of a model cost on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The account.
    pub account: Id<kind::Account>,
    /// The day, counted from the epoch.
    pub day: u32,
    /// The model.
    pub model: String,
    /// Its sums; refusals and errors are not among them.
    pub tally: Tally,
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
    /// Hands over what every account used, from a day on and before another, in parts that are to
    /// be added up: whole months are one part each, days another. A span of whole months, or one
    /// that ends behind the newest entry, is read much faster than another, and faster still
    /// where models need not be told apart; then months have an empty one.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn each_used(
        &self,
        from_day: u32,
        until_day: u32,
        by_model: bool,
        mut each: impl FnMut(Id<kind::Account>, &str, &Tally),
    ) -> Result<()> {
        // The first month that begins in the span, and the first that goes on behind it.
        let first = match first_day(month_of(from_day)) == from_day {
            true => month_of(from_day),
            false => month_of(from_day) + 1,
        };
        let last = match self.days_with_use(until_day, u32::MAX)?.is_empty() {
            // Nothing is: the last month is whole.
            true => month_of(until_day) + 1,
            false => month_of(until_day),
        };
        if first >= last {
            return self.each_run(USED, from_day, until_day, |_, account, model, tally| {
                each(account, model, tally);
            });
        }
        let mut each = |_, account, model: &str, tally: &Tally| each(account, model, tally);
        self.each_run(USED, from_day, first_day(first), &mut each)?;
        let months = if by_model { USED_MONTHS } else { USED_ALL };
        self.each_run(months, first, last, &mut each)?;
        self.each_run(USED, first_day(last), until_day, &mut each)
    }

    /// Hands over what every account used, by day, account and model, from a day on and before
    /// another: as many rows as that makes.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn each_cost(
        &self,
        from_day: u32,
        until_day: u32,
        each: impl FnMut(u32, Id<kind::Account>, &str, &Tally),
    ) -> Result<()> {
        self.each_run(USED, from_day, until_day, each)
    }

    fn each_run(
        &self,
        namespace: &str,
        from: u32,
        until: u32,
        mut each: impl FnMut(u32, Id<kind::Account>, &str, &Tally),
    ) -> Result<()> {
        let (from, until) = (from.to_be_bytes(), until.to_be_bytes());
        self.ledger()
            .each_total(namespace, &from, Some(&until), |key, sums| {
                if let Some((at, account, model)) = read_used(key) {
                    each(at, Id::from_bytes(account), model, &Tally::read(sums));
                }
            })
    }

    /// What these accounts used, by day and model, from a day on and before another: a look-up
    /// for each account and day.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn costs_between(
        &self,
        accounts: &[Id<kind::Account>],
        from_day: u32,
        until_day: u32,
    ) -> Result<Vec<Cost>> {
        let mut costs = Vec::new();
        let days = self.days_with_use(from_day, until_day)?;
        // Days outside: what is read together lies together.
        for (day, account) in days
            .iter()
            .flat_map(|day| accounts.iter().map(|one| (*day, *one)))
        {
            let prefix = used_key(day, &account.bytes(), "");
            let end = prefix_end(&prefix);
            self.ledger()
                .each_total(USED, &prefix, end.as_deref(), |key, sums| {
                    costs.extend(read_used(key).map(|(day, _, model)| Cost {
                        account,
                        day,
                        model: model.to_owned(),
                        tally: Tally::read(sums),
                    }));
                })?;
        }
        Ok(costs)
    }

    /// Days in which anybody used anything, ascending.
    fn days_with_use(&self, from_day: u32, until_day: u32) -> Result<Vec<u32>> {
        let mut days = Vec::new();
        let (from, until) = (from_day.to_be_bytes(), until_day.to_be_bytes());
        self.ledger()
            .each_total(DAYS, &from, Some(&until), |key, _| {
                days.extend(rollup::read_key(key).map(|(day, _)| day));
            })?;
        days.dedup();
        Ok(days)
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
        let from = refused_key(&account.bytes(), from_day, "");
        let until = refused_key(&account.bytes(), until_day, "");
        let mut refused = Vec::new();
        self.ledger()
            .each_total(REFUSALS, &from, Some(&until), |key, sums| {
                let count = sums.first().copied().unwrap_or_default();
                refused.extend(read_refused(key).map(|(_, day, reason)| Refused {
                    day,
                    reason: reason.to_owned(),
                    count: u64::try_from(count).unwrap_or_default(),
                }));
            })?;
        Ok(refused)
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
        self.ledger()
            .each_total(namespace, &from, Some(&until), |key, sums| {
                spans.extend(rollup::read_key(key).map(|(at, model)| Span {
                    at,
                    model: model.to_owned(),
                    tally: Tally::read(sums),
                }));
            })?;
        Ok(spans)
    }
}
