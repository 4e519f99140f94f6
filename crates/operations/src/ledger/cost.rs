//! `cost`: what was used and what it cost, by account, model or day. The sums stay when payloads
//! are pruned.

use std::time::Duration;

use ::ledger::facts::Tally;
use record::time::day_text;
use record::{Actor, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::groups::{Group, Groups};
use crate::error::Result;
use crate::house::House;
use crate::page::{Asked, Key};
use crate::{find, shapes};

const SORTS: [&str; 8] = [
    "group",
    "account",
    "model",
    "day",
    "requests",
    "input_tokens",
    "output_tokens",
    "dollars",
];
/// Long enough for the fold to catch up on a slow disk; what is missing then is said.
const FOLD_LIMIT: Duration = Duration::from_secs(5);

/// The most sums that are held at once: a large house has more of them by account and day.
const MOST_PARTS: usize = 1_000_000;

/// What rows stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// An account each.
    Account,
    /// A model each.
    Model,
    /// A day each (UTC).
    Day,
}

/// What `cost` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// Only this account.
    pub account: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// From this day on.
    pub from: Option<String>,
    /// Up to this day, and with it.
    pub until: Option<String>,
    /// What a row stands for; model and day together where nothing is said.
    pub by: Vec<By>,
    /// The most rows on a page: 1 to 1000, 100 where nothing is said.
    pub limit: Option<u32>,
    /// Where to go on: the `next` of the page before, with the same order and filters.
    pub after: Option<String>,
    /// The field to order by, with `-` before it for the other way around.
    #[schemars(extend("x-sorts" = SORTS))]
    pub sort: Option<String>,
}

/// What `cost` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Costs {
    /// One for each group, in the order asked for.
    pub rows: Vec<Row>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many rows there are.
    pub total: u64,
    /// All rows together, those on other pages too.
    pub sum: Row,
    /// Whether the newest entries are still missing in the sums.
    pub behind: bool,
}

/// The sums of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The account's id, where rows are by account.
    pub account: Option<String>,
    /// Its name.
    pub account_name: Option<String>,
    /// The model, where rows are by model.
    pub model: Option<String>,
    /// The day, where rows are by day.
    pub day: Option<String>,
    /// Exchanges.
    pub requests: u64,
    /// Of these, those whose usage was estimated.
    pub estimated: u64,
    /// Tokens of input.
    pub input_tokens: u64,
    /// Of these, cached ones.
    pub cached_tokens: u64,
    /// Tokens of output.
    pub output_tokens: u64,
    /// Of these, hidden reasoning.
    pub reasoning_tokens: u64,
    /// Bytes of requests and answers.
    pub bytes: u64,
    /// What it cost.
    pub dollars: String,
}

/// What was used and what it cost.
///
/// # Errors
/// An account that is not there, a day that is none, too much at once; an order, a cursor or a size that
/// can't be;
/// the ledger's.
pub fn cost(house: &House, _: &Actor, input: Cost) -> Result<Costs> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let behind = !house.facts.ledger().flush(FOLD_LIMIT);
    let groups = groups(house, &input)?;
    let mut all = Tally::default();
    groups.iter().for_each(|(_, tally)| all.add(tally));
    let directory = house.facts.directory();
    let name = |account| directory.account(account).map_or("", |known| &known.name);
    let cut = asked.cut(groups.iter(), |((account, model, day), tally)| {
        let key = match asked.sort {
            "account" => Key::name(account.map_or("", name)),
            "model" => Key::name(model.as_deref().unwrap_or_default()),
            "day" => Key::Number(day.map_or(0, u64::from)),
            "requests" => Key::Number(tally.requests),
            "input_tokens" => Key::Number(tally.input),
            "output_tokens" => Key::Number(tally.output),
            "dollars" => Key::Number(tally.nanos),
            _ => Key::Number(0),
        };
        (key, (*account, model.clone(), *day))
    });
    let cut = cut.map(|((account, model, day), tally)| Row {
        account: account.map(|id| id.to_string()),
        account_name: account.map(|id| name(id).to_owned()),
        model: model.clone(),
        day: day.map(day_text),
        ..row(tally)
    });
    Ok(Costs {
        rows: cut.rows,
        next: cut.next,
        total: cut.total,
        sum: row(&all),
        behind,
    })
}

fn groups(house: &House, input: &Cost) -> Result<Vec<(Group, Tally)>> {
    let account = {
        let directory = house.facts.directory();
        input
            .account
            .as_deref()
            .map(|text| find::account(&directory, text))
            .transpose()?
            .map(|account| account.id)
    };
    let (from, until) = span(input)?;
    let by = |wanted: By| match input.by.is_empty() {
        true => wanted != By::Account,
        false => input.by.contains(&wanted),
    };
    let (by_account, by_model, by_day) = (by(By::Account), by(By::Model), by(By::Day));
    let mut groups = Groups::new(MOST_PARTS);
    let mut take = |account, model: &str, day, tally: &Tally| {
        let is_asked = input.model.as_deref().is_none_or(|asked| asked == model);
        // A day of the whole house may be of refusals alone, which cost nothing.
        if is_asked && tally.requests > 0 {
            groups.add(
                by_account.then_some(account).flatten(),
                by_model.then_some(model),
                by_day.then_some(day).flatten(),
                tally,
            );
        }
    };
    let facts = &house.facts;
    match account {
        Some(account) => {
            for cost in facts.costs_between(&[account], from, until)? {
                take(Some(account), &cost.model, Some(cost.day), &cost.tally);
            }
        }
        // Of the whole house there are sums by model and day: few rows, however many accounts.
        None if !by_account => {
            for span in facts.days(from, until)? {
                take(None, &span.model, Some(span.at), &span.tally);
            }
        }
        None if by_day => facts.each_cost(from, until, |day, account, model, tally| {
            take(Some(account), model, Some(day), tally);
        })?,
        None => {
            let by_model = by_model || input.model.is_some();
            facts.each_used(from, until, by_model, |account, model, tally| {
                take(Some(account), model, None, tally);
            })?;
        }
    }
    groups.finish()
}

/// The first day, and the one behind the last.
fn span(input: &Cost) -> Result<(u32, u32)> {
    let day = |field: &str, text: &Option<String>| {
        text.as_deref()
            .map(|text| shapes::day(field, text))
            .transpose()
    };
    let from = day("from", &input.from)?.unwrap_or_default();
    let until = day("until", &input.until)?;
    Ok((
        from,
        until.map_or(u32::MAX, |until| until.saturating_add(1)),
    ))
}

fn row(tally: &Tally) -> Row {
    Row {
        requests: tally.requests,
        estimated: tally.estimated,
        input_tokens: tally.input,
        cached_tokens: tally.cached_input,
        output_tokens: tally.output,
        reasoning_tokens: tally.reasoning,
        bytes: tally.bytes,
        dollars: Money::from_nanos(tally.nanos).to_string(),
        ..Row::default()
    }
}
