//! `usage show`: what was used over time, in even steps without holes, from the ledger's sums.

use std::collections::BTreeMap;
use std::time::Duration;

use ::ledger::facts::Tally;
use record::{Actor, Money, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;
use crate::{find, shapes};

/// The most points of one answer.
const MOST: u32 = 2_000;
/// The most accounts of an organisation that are summed.
const ACCOUNTS: usize = 2_000;
/// A page does not wait longer for the newest sums; what is missing then is said.
const FOLD_LIMIT: Duration = Duration::from_millis(200);

/// How long a point lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An hour (UTC); for the whole house or a model only.
    Hour,
    /// A day (UTC).
    #[default]
    Day,
}

impl Step {
    const fn micros(self) -> u64 {
        match self {
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    /// What is shown where nothing is said.
    const fn usual(self) -> u32 {
        match self {
            Self::Hour => 48,
            Self::Day => 30,
        }
    }

    /// The number of the step that a time is in.
    fn of(self, time: Time) -> u32 {
        u32::try_from(time.micros() / self.micros()).unwrap_or(u32::MAX)
    }

    fn start(self, number: u32) -> Time {
        Time::from_micros(u64::from(number).saturating_mul(self.micros()))
    }
}

/// What `show` takes: at most one of account and organisation; the whole house without both.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Show {
    /// Only this account: its id, or its name where that is unique.
    pub account: Option<String>,
    /// Only this organisation: its id, or its name where that is unique.
    pub organization: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// From the step on that this is in: a day, or a time (RFC 3339).
    pub from: Option<String>,
    /// Up to the step that this is in, and with it: a day, or a time. Now where nothing is said.
    pub until: Option<String>,
    /// How long a point lasts.
    pub step: Step,
}

/// What `show` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Used {
    /// How long a point lasts.
    pub step: Step,
    /// One for each step, oldest first; nothing used is a point too.
    pub points: Vec<Point>,
    /// All points together.
    pub sum: Point,
    /// Whether the newest entries are still missing in the sums.
    pub behind: bool,
}

/// What was used in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// When it begins.
    pub from: String,
    /// Requests that were let through.
    pub requests: u64,
    /// Requests that were not; `None` by model of an account or organisation.
    pub refusals: Option<u64>,
    /// Requests that failed by no fault of the client; `None` for an account or organisation.
    pub errors: Option<u64>,
    /// Requests whose tokens were estimated.
    pub estimated: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Of these, cached ones.
    pub cached_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Of these, hidden reasoning.
    pub reasoning_tokens: u64,
    /// Bytes of requests and answers.
    pub bytes: u64,
    /// What it cost.
    pub dollars: String,
}

/// What was used over time.
///
/// # Errors
/// Something that is not there, or too much at once; the ledger's.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Used> {
    let (from, until) = span(&input, house.now())?;
    let behind = !house.facts.ledger().flush(FOLD_LIMIT);
    let is_house = input.account.is_none() && input.organization.is_none();
    let tallies = match is_house {
        true => of_house(house, &input, from, until)?,
        false => of_accounts(house, &input, from, until)?,
    };
    let has = Has {
        refusals: is_house || input.model.is_none(),
        errors: is_house,
    };
    let mut sum = Tally::default();
    let points = (from..until).map(|number| {
        let tally = tallies.get(&number).copied().unwrap_or_default();
        sum.add(&tally);
        has.point(input.step.start(number), &tally)
    });
    let points = points.collect();
    Ok(Used {
        step: input.step,
        points,
        sum: has.point(input.step.start(from), &sum),
        behind,
    })
}

/// The first step, and the one after the last.
fn span(input: &Show, now: Time) -> Result<(u32, u32)> {
    let step = input.step;
    let at = |field: &str, text: &Option<String>| match text {
        Some(text) => shapes::time(field, text).map(|time| Some(step.of(time))),
        None => Ok(None),
    };
    let last = at("until", &input.until)?.unwrap_or(step.of(now));
    let usual = last.saturating_sub(step.usual() - 1);
    let first = at("from", &input.from)?.unwrap_or(usual);
    if first > last {
        return Err(Error::invalid("from", "it lies behind the end"));
    }
    if last - first >= MOST {
        let message = format!("this is more than {MOST} points");
        return Err(Error::invalid("from", message).with_hint("ask for less, or for longer steps"));
    }
    Ok((first, last.saturating_add(1)))
}

type Tallies = BTreeMap<u32, Tally>;

fn of_house(house: &House, input: &Show, from: u32, until: u32) -> Result<Tallies> {
    let spans = match input.step {
        Step::Hour => house.facts.hours(from, until)?,
        Step::Day => house.facts.days(from, until)?,
    };
    let wanted = |model: &str| input.model.as_ref().is_none_or(|wanted| model == wanted);
    let mut tallies = Tallies::new();
    for span in spans.iter().filter(|span| wanted(&span.model)) {
        tallies.entry(span.at).or_default().add(&span.tally);
    }
    Ok(tallies)
}

fn of_accounts(house: &House, input: &Show, from: u32, until: u32) -> Result<Tallies> {
    if input.step == Step::Hour {
        let error = Error::invalid("step", "hours are summed for the whole house and by model");
        return Err(error.with_hint("ask for days"));
    }
    let wanted = |model: &str| input.model.as_ref().is_none_or(|wanted| model == wanted);
    let mut tallies = Tallies::new();
    let accounts = accounts(house, input)?;
    let costs = house.facts.costs_between(&accounts, from, until)?;
    for cost in costs.iter().filter(|cost| wanted(&cost.model)) {
        tallies.entry(cost.day).or_default().add(&cost.tally);
    }
    // Refusals are counted by reason, not by model.
    if input.model.is_none() {
        for account in accounts {
            for refused in house.facts.refusals_between(account, from, until)? {
                let refusals = refused.count;
                let part = Tally {
                    refusals,
                    ..Tally::default()
                };
                tallies.entry(refused.day).or_default().add(&part);
            }
        }
    }
    Ok(tallies)
}

fn accounts(house: &House, input: &Show) -> Result<Vec<record::Id<record::id::kind::Account>>> {
    let directory = house.facts.directory();
    match (&input.account, &input.organization) {
        (Some(account), None) => Ok(vec![find::account(&directory, account)?.id]),
        (None, Some(organization)) => {
            let organization = find::organization(&directory, organization)?;
            let ids: Vec<_> = directory
                .accounts_of(organization.id)
                .map(|account| account.id)
                .take(ACCOUNTS + 1)
                .collect();
            if ids.len() > ACCOUNTS {
                let message = format!("it has more than {ACCOUNTS} accounts");
                let error = Error::invalid("organization", message);
                return Err(error.with_hint("ask for one account, or for the whole house"));
            }
            Ok(ids)
        }
        _ => Err(Error::invalid(
            "organization",
            "either an account or an organisation",
        )),
    }
}

/// What is counted for whom.
struct Has {
    refusals: bool,
    errors: bool,
}

impl Has {
    fn point(&self, from: Time, tally: &Tally) -> Point {
        Point {
            from: from.rfc3339(),
            requests: tally.requests,
            refusals: self.refusals.then_some(tally.refusals),
            errors: self.errors.then_some(tally.errors),
            estimated: tally.estimated,
            input_tokens: tally.input,
            cached_tokens: tally.cached_input,
            output_tokens: tally.output,
            reasoning_tokens: tally.reasoning,
            bytes: tally.bytes,
            dollars: Money::from_nanos(tally.nanos).to_string(),
        }
    }
}
