//! Grants: `issue`, `list`, `show`, `narrow`, `revoke`. A grant's token is given once, when it is
//! issued. A grant is only ever made narrower: who needs more is given a new one.

mod list;

use ::ledger::facts::Thing;
use record::{
    Actor, Amount, BudgetOwner, Change, Grant as Kept, GrantBudget, GrantTerms, KeySecret, Limits,
    Money, Tier, Time,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{millionths, spent};
use crate::error::{Error, Result};
use crate::house::House;
use crate::key::account_name;
use crate::shapes::{Life, LimitsChange};
use crate::{find, shapes};

pub use list::{List, Listed, list};

/// A grant as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The first letters of its token.
    pub prefix: String,
    /// Its account's id.
    pub account: String,
    /// Its account's name.
    pub account_name: String,
    /// Whether it may be used.
    pub state: Life,
    /// The models that may be asked.
    pub teachers: Vec<String>,
    /// What it is for.
    pub purpose: String,
    /// How much it opens.
    pub tier: Tier,
    /// Its budget in dollars.
    pub budget_dollars: Option<String>,
    /// Its budget in tokens.
    pub budget_tokens: Option<u64>,
    /// What is spent of it.
    pub spent_dollars: String,
    /// Tokens spent of it.
    pub spent_tokens: u64,
    /// How much of its budget is gone, in percent, rounded down: of dollars or of tokens,
    /// whichever is nearer to its end.
    pub spent_percent: u64,
    /// Its rate.
    pub limits: Limits,
    /// When it was issued.
    pub created: String,
    /// From when on it is refused.
    pub expires: String,
    /// When it was revoked.
    pub revoked: Option<String>,
    /// The ledger's entry that changed it last.
    pub revision: u64,
}

/// A grant with its token: given once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issued {
    /// The token, used as the API key. It can't be shown again.
    pub token: String,
    /// The base URL that holds the token, for trainers that send no credential.
    pub base_url: String,
    /// The grant.
    pub grant: Grant,
}

/// What `issue` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// The account's id, or its name where that is unique.
    pub account: String,
    /// The models that may be asked.
    pub teachers: Vec<String>,
    /// What it is for.
    pub purpose: String,
    /// How much it opens.
    pub tier: Tier,
    /// Its budget in dollars; it or the budget in tokens is needed.
    #[serde(default)]
    pub budget_dollars: Option<String>,
    /// Its budget in tokens.
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// Its rate, in place of the plan's.
    #[serde(default)]
    pub limits: LimitsChange,
    /// From when on it is refused: a day, a time, or a span such as `90d`.
    pub expires: String,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `show` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Its id, or the first letters of its token.
    pub grant: String,
}

/// What `narrow` takes: what is left out stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrow {
    /// Its id, or the first letters of its token.
    pub grant: String,
    /// Fewer teachers.
    #[serde(default)]
    pub teachers: Option<Vec<String>>,
    /// A lower tier.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// A smaller budget in dollars.
    #[serde(default)]
    pub budget_dollars: Option<String>,
    /// A smaller budget in tokens.
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// Lower rates.
    #[serde(default)]
    pub limits: LimitsChange,
    /// An earlier end.
    #[serde(default)]
    pub expires: Option<String>,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `revoke` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Its id, or the first letters of its token.
    pub grant: String,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Issues a grant.
///
/// # Errors
/// An account or teacher that is not there, a value that can't be; the ledger's.
pub fn issue(house: &House, by: &Actor, input: Issue) -> Result<Issued> {
    let account = find::account(&house.facts.directory(), &input.account)?;
    let money = money("budget_dollars", input.budget_dollars.as_deref())?;
    let budget = GrantBudget::new(money, input.budget_tokens).ok_or_else(|| {
        Error::invalid(
            "budget_dollars",
            "a grant needs a budget, in dollars or in tokens",
        )
    })?;
    let terms = GrantTerms {
        teachers: teachers(house, input.teachers)?,
        purpose: shapes::name("purpose", &input.purpose)?,
        tier: input.tier,
        budget,
        limits: input.limits.on(&Limits::default()),
        expires: shapes::ahead("expires", &input.expires, house.now())?,
    };
    let token = KeySecret::new(KeySecret::GRANT, house.secret_bytes());
    let new = Kept {
        id: house.id(),
        account: account.id,
        terms,
        prefix: token.prefix().to_owned(),
        hash: *blake3::hash(token.reveal().as_bytes()).as_bytes(),
        revoked: None,
    };
    house.change(by, &input.why, Change::GrantIssued(new.clone()))?;
    Ok(Issued {
        token: token.reveal().to_owned(),
        base_url: format!("{}/g/{}/v1", house.public_url, token.reveal()),
        grant: view(house, &new),
    })
}

/// One grant.
///
/// # Errors
/// There is none.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Grant> {
    let grant = find::grant(&house.facts.directory(), &input.grant)?;
    Ok(view(house, &grant))
}

/// Makes a grant narrower.
///
/// # Errors
/// A grant that is not there or was revoked, terms that are wider; [`Error::Stale`]; the ledger's.
pub fn narrow(house: &House, by: &Actor, input: Narrow) -> Result<Grant> {
    let id = find::grant(&house.facts.directory(), &input.grant)?.id;
    let seen = (Thing::Grant(id), input.revision);
    house.edit(by, &input.why, seen, |directory| {
        let grant = find::grant(directory, &id.to_string())?;
        let terms = narrowed(house, &grant.terms, &input)?;
        if terms == grant.terms {
            let error = Error::invalid("grant", "there is nothing to change");
            return Err(error.with_hint("say what to narrow: teachers, tier, budget, rate or end"));
        }
        Ok(vec![Change::GrantChanged { grant: id, terms }])
    })?;
    let grant = find::grant(&house.facts.directory(), &id.to_string())?;
    Ok(view(house, &grant))
}

/// Refuses a grant from now on.
///
/// # Errors
/// A grant that is not there, or was revoked before; [`Error::Stale`]; the ledger's.
pub fn revoke(house: &House, by: &Actor, input: Revoke) -> Result<Grant> {
    let grant = find::grant(&house.facts.directory(), &input.grant)?;
    let seen = (Thing::Grant(grant.id), input.revision);
    let change = Change::GrantRevoked { grant: grant.id };
    house.edit(by, &input.why, seen, |_| Ok(vec![change.clone()]))?;
    let revoked = house
        .facts
        .directory()
        .grant(grant.id)
        .cloned()
        .unwrap_or(grant);
    Ok(view(house, &revoked))
}

fn narrowed(house: &House, old: &GrantTerms, input: &Narrow) -> Result<GrantTerms> {
    let teachers = input
        .teachers
        .clone()
        .unwrap_or_else(|| old.teachers.clone());
    if teachers.is_empty() || teachers.iter().any(|name| !old.teachers.contains(name)) {
        return Err(wider("teachers"));
    }
    let tier = input.tier.unwrap_or(old.tier);
    if tier > old.tier {
        return Err(wider("tier"));
    }
    let dollars = money("budget_dollars", input.budget_dollars.as_deref())?;
    let dollars = lower("budget_dollars", dollars, old.budget.money())?;
    let tokens = lower("budget_tokens", input.budget_tokens, old.budget.tokens())?;
    let budget = GrantBudget::new(dollars, tokens).unwrap_or(old.budget);
    let rate = &input.limits;
    let limits = Limits {
        requests_per_minute: lower(
            "limits",
            rate.requests_per_minute,
            old.limits.requests_per_minute,
        )?,
        tokens_per_minute: lower(
            "limits",
            rate.tokens_per_minute,
            old.limits.tokens_per_minute,
        )?,
        concurrency: lower("limits", rate.concurrency, old.limits.concurrency)?,
    };
    let expires = match &input.expires {
        None => old.expires,
        Some(text) => shapes::ahead("expires", text, house.now())?,
    };
    if expires > old.expires {
        return Err(wider("expires"));
    }
    let purpose = old.purpose.clone();
    Ok(GrantTerms {
        teachers,
        purpose,
        tier,
        budget,
        limits,
        expires,
    })
}

/// The new bound, which is not above the old one.
fn lower<T: Copy + Ord>(field: &str, new: Option<T>, old: Option<T>) -> Result<Option<T>> {
    match (new, old) {
        (Some(new), Some(old)) if new > old => Err(wider(field)),
        (new, old) => Ok(new.or(old)),
    }
}

fn wider(field: &str) -> Error {
    Error::invalid(field, "this is not within the grant as it is")
        .with_hint("a grant only gets narrower; issue a new one, and revoke this")
}

fn money(field: &str, text: Option<&str>) -> Result<Option<Money>> {
    text.map(|text| shapes::dollars(field, text)).transpose()
}

fn teachers(house: &House, teachers: Vec<String>) -> Result<Vec<String>> {
    let known: Vec<String> = house
        .serving
        .models()
        .into_iter()
        .map(|model| model.name)
        .collect();
    if let Some(unknown) = teachers.iter().find(|name| !known.contains(name)) {
        let hint = format!(
            "models are in the settings file; there are: {}",
            known.join(", ")
        );
        return Err(Error::missing(
            format!("there is no model `{unknown}`"),
            Some(hint),
        ));
    }
    match teachers.is_empty() {
        true => Err(Error::invalid(
            "teachers",
            "a grant names at least one model",
        )),
        false => Ok(teachers),
    }
}

/// How much of a budget is gone, in millionths: of the bound that is nearer to its end.
fn used(budget: &GrantBudget, gone: &Amount) -> u64 {
    let money = budget.money().map_or(0, Money::nanos);
    let tokens = budget.tokens().unwrap_or_default();
    millionths(gone.money.nanos(), money).max(millionths(gone.tokens, tokens))
}

fn view(house: &House, kept: &Kept) -> Grant {
    let spent = spent(house, BudgetOwner::Grant(kept.id), 0).gone;
    let terms = &kept.terms;
    let directory = house.facts.directory();
    Grant {
        id: kept.id.to_string(),
        prefix: kept.prefix.clone(),
        account: kept.account.to_string(),
        account_name: account_name(&directory, kept.account),
        state: Life::of(kept.revoked, Some(terms.expires), house.now()),
        teachers: terms.teachers.clone(),
        purpose: terms.purpose.clone(),
        tier: terms.tier,
        budget_dollars: terms.budget.money().map(|money| money.to_string()),
        budget_tokens: terms.budget.tokens(),
        spent_dollars: spent.money.to_string(),
        spent_tokens: spent.tokens,
        spent_percent: used(&terms.budget, &spent) / 10_000,
        limits: terms.limits.clone(),
        created: shapes::made(kept.id).rfc3339(),
        expires: terms.expires.rfc3339(),
        revoked: kept.revoked.map(Time::rfc3339),
        revision: directory.revision(&Thing::Grant(kept.id)),
    }
}
