//! Keys and teams. LiteLLM keeps the SHA-256 of a key and never the key: such a key can go on
//! being used, for its hash is all that is needed to recognise it.

use std::collections::BTreeSet;

use record::Money;

use super::Error;
use super::rows::{self, Row, count, is_true, number, text, texts};

/// The span of a budget, as LiteLLM's duration comes nearest to without letting through more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
    /// All time.
    Total,
}

/// A budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most that may be spent in a span.
    pub amount: Money,
    /// The span.
    pub period: Period,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id there.
    pub id: String,
    /// Its name, or its id where it has none.
    pub name: String,
    /// The models that it may use; empty: every model.
    pub models: Vec<String>,
    /// Whether it is shut out.
    pub blocked: bool,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What is shown of it, such as `sk-...wxyz`.
    pub shown: String,
    /// Its name, or what is shown of it.
    pub name: String,
    /// Its team's id.
    pub team: Option<String>,
    /// The models that it may use, its team's where it names none; empty: every model.
    pub models: Vec<String>,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    pub concurrency: Option<u32>,
    /// Its budget.
    pub budget: Option<Budget>,
    /// When it ends, as it is written there.
    pub expires: Option<String>,
    /// Whether it, or its team, is shut out.
    pub blocked: bool,
}

/// Who may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Teams, in the file's order.
    pub teams: Vec<Team>,
    /// Keys, in the file's order.
    pub keys: Vec<Key>,
    /// What could not be carried over.
    pub notes: Vec<String>,
}

/// Reads keys and teams, each where it is given: the answers of `/key/list` (with
/// `return_full_object=true`) and `/team/list`, or the tables as JSON or CSV.
///
/// # Errors
/// What can't be read at all. A row that makes no sense is a note.
pub fn read_holders(keys: Option<&str>, teams: Option<&str>) -> Result<Holders, Error> {
    let mut holders = Holders::default();
    for row in teams.map_or(Ok(Vec::new()), |text| rows::read("teams", text))? {
        holders.team(&row);
    }
    for row in keys.map_or(Ok(Vec::new()), |text| rows::read("keys", text))? {
        holders.key(&row);
    }
    Ok(holders)
}

impl Holders {
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn team(&mut self, row: &Row) {
        let Some(id) = text(row, "team_id") else {
            return self.note("a team without team_id".into());
        };
        let name = text(row, "team_alias").unwrap_or(id);
        if self.teams.iter().any(|known| known.id == id) {
            return self.note(format!("the team `{id}` is there twice"));
        }
        for key in [
            "max_budget",
            "rpm_limit",
            "tpm_limit",
            "max_parallel_requests",
        ] {
            if number(row, key).is_some() {
                self.note(format!(
                    "team `{name}`: {key}: limits belong to accounts here, one for each key; set them there"
                ));
            }
        }
        self.teams.push(Team {
            id: id.to_owned(),
            name: name.to_owned(),
            models: every_or(texts(row, "models")),
            blocked: is_true(row, "blocked"),
        });
    }

    fn key(&mut self, row: &Row) {
        let shown = text(row, "key_name").unwrap_or("sk-...");
        let name = text(row, "key_alias").unwrap_or(shown).to_owned();
        let Some(hash) = text(row, "token").and_then(sha256) else {
            return self.note(format!("key `{name}`: `token` is no SHA-256"));
        };
        if self.keys.iter().any(|known| known.hash == hash) {
            return self.note(format!("key `{name}` is there twice"));
        }
        let team = text(row, "team_id").map(str::to_owned);
        let of = self.teams.iter().find(|one| Some(&one.id) == team.as_ref());
        let of = of.map(|team| (team.models.clone(), team.blocked));
        if let (Some(id), None) = (&team, &of) {
            self.note(format!(
                "the team `{id}` is not among the teams: whether it is blocked and which models it may use is not known, so its keys are not bound by it"
            ));
        }
        let (team_models, team_blocked) = of.unwrap_or_default();
        let own = texts(row, "models");
        let inherits = own.is_empty() || own.iter().any(|model| model == "all-team-models");
        let models = match inherits {
            true => team_models,
            false => every_or(own),
        };
        let budget = self.budget(&name, row);
        let small =
            |key: &str| count(row, key).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let (requests, concurrency) = (small("rpm_limit"), small("max_parallel_requests"));
        if number(row, "spend").is_some_and(|spent| spent > 0.0) {
            self.note("what was spent before: budgets begin anew here".into());
        }
        for key in [
            "soft_budget",
            "model_max_budget",
            "model_rpm_limit",
            "model_tpm_limit",
            "permissions",
            "aliases",
            "config",
            "allowed_routes",
            "object_permission",
            "router_settings",
        ] {
            if row.get(key).is_some_and(is_something) {
                self.note(format!("key `{name}`: {key}"));
            }
        }
        self.keys.push(Key {
            hash,
            shown: shown.to_owned(),
            name,
            team,
            models,
            requests_per_minute: requests,
            tokens_per_minute: count(row, "tpm_limit"),
            concurrency,
            budget,
            expires: text(row, "expires").map(str::to_owned),
            blocked: is_true(row, "blocked") || team_blocked,
        });
    }

    fn budget(&mut self, name: &str, row: &Row) -> Option<Budget> {
        let dollars = number(row, "max_budget")?;
        if !(0.0..9e9).contains(&dollars) {
            self.note(format!("key `{name}`: max_budget is no amount"));
            return None;
        }
        // Rounded to a millionth: a float holds no more of it for certain.
        let amount = Money::from_nanos((dollars * 1e6).round() as u64 * 1000);
        let (period, exact) = period(text(row, "budget_duration"));
        if !exact {
            let as_what = match period {
                Period::Day => "a calendar day",
                Period::Month => "a calendar month",
                Period::Total => "all time",
            };
            let duration = text(row, "budget_duration").unwrap_or_default();
            self.note(format!(
                "key `{name}`: its budget for `{duration}` becomes one for {as_what}"
            ));
        }
        Some(Budget { amount, period })
    }

    /// The distinct sets of models that keys are bound to, each sorted.
    pub fn model_sets(&self) -> BTreeSet<Vec<String>> {
        let bound = self.keys.iter().filter(|key| !key.models.is_empty());
        bound.map(|key| key.models.clone()).collect()
    }
}

/// No names where every model is meant; else sorted, each once.
fn every_or(mut models: Vec<String>) -> Vec<String> {
    const EVERY: [&str; 2] = ["all-proxy-models", "*"];
    if models.iter().any(|model| EVERY.contains(&model.as_str())) {
        models.clear();
    }
    models.sort();
    models.dedup();
    models
}

fn is_something(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => false,
        Value::Object(inner) => !inner.is_empty(),
        Value::Array(inner) => !inner.is_empty(),
        Value::String(text) => !text.is_empty() && text != "{}",
        _ => true,
    }
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(hash)
}

/// The span that a duration such as `30d` becomes, and whether it is the same. One that is not
/// becomes the next longer span that we have, so that no more can be spent than before.
fn period(duration: Option<&str>) -> (Period, bool) {
    let Some(duration) = duration else {
        return (Period::Total, true);
    };
    let letters = duration.trim_start_matches(|c: char| c.is_ascii_digit());
    let count: Option<u64> = duration[..duration.len() - letters.len()].parse().ok();
    let seconds = match letters {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "mo" => 30 * 86_400,
        _ => return (Period::Total, false),
    };
    match count.map(|count| count.saturating_mul(seconds)) {
        Some(86_400) => (Period::Day, true),
        Some(2_592_000 | 2_678_400) => (Period::Month, true),
        Some(..86_400) => (Period::Day, false),
        Some(..2_592_000) => (Period::Month, false),
        _ => (Period::Total, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_never_let_through_more() {
        for (duration, expected) in [
            ("1d", (Period::Day, true)),
            ("24h", (Period::Day, true)),
            ("30d", (Period::Month, true)),
            ("1mo", (Period::Month, true)),
            ("1h", (Period::Day, false)),
            ("7d", (Period::Month, false)),
            ("1w", (Period::Month, false)),
            ("90d", (Period::Total, false)),
            ("soon", (Period::Total, false)),
            ("99999999999999999999d", (Period::Total, false)),
        ] {
            assert_eq!(period(Some(duration)), expected, "{duration}");
        }
        assert_eq!(period(None), (Period::Total, true));
    }
}
