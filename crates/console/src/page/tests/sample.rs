//! A house for tests: every verb answers with values made from the schema of its output, so that a
//! page that asks for a field that is not there is found out.

use std::collections::HashMap;
use std::sync::Mutex;

use operations::Error;
use record::Time;
use serde_json::{Map, Value, json};

use super::NOW;
use crate::page::visit::Verbs;

/// The id, and the name where names are addresses, of everything.
pub(super) const ID: &str = "00000000-0000-7000-8000-000000000007";
const DAY_US: u64 = 86_400_000_000;

/// What things are called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As people call them.
    Plain,
    /// As somebody would who wants to do harm.
    Markup,
}

pub(super) struct Sample {
    names: Names,
    rows: usize,
    calls: Mutex<HashMap<String, u64>>,
}

impl Sample {
    pub(super) fn new(names: Names, rows: usize) -> Self {
        Self {
            names,
            rows,
            calls: Mutex::default(),
        }
    }

    pub(super) fn calls(&self, noun: &str, verb: &str) -> u64 {
        let calls = self.calls.lock().unwrap();
        calls
            .get(&format!("{noun} {verb}"))
            .copied()
            .unwrap_or_default()
    }
}

impl Verbs for Sample {
    fn call(&self, noun: &str, verb: &str, input: Value) -> Result<Value, Error> {
        *self
            .calls
            .lock()
            .unwrap()
            .entry(format!("{noun} {verb}"))
            .or_default() += 1;
        if (noun, verb) == ("usage", "show") {
            return Ok(json!({ "points": points(&input) }));
        }
        let Some(known) = operations::verb(noun, verb) else {
            return Err(Error::missing("there is no such verb", None));
        };
        // Upstreams name their servers, models and upstreams are found by their names.
        let is_named = matches!(noun, "model" | "upstream" | "plan");
        let rows = match input.get("limit").and_then(Value::as_u64) {
            Some(limit) => self.rows.min(limit as usize),
            None if noun == "ledger" && verb == "cost" => self.rows,
            None => self.rows.min(24),
        };
        let make = Make {
            names: self.names,
            rows,
            is_named,
        };
        let mut said = make.value((known.output)().as_value(), "", 0);
        if (noun, verb) == ("server", "status") {
            said["backup"]["state"] = json!("old");
        }
        if noun == "ledger" && verb == "tail" {
            let from = input
                .get("from")
                .and_then(Value::as_u64)
                .unwrap_or(1_204_310);
            for (index, entry) in said["entries"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .enumerate()
            {
                entry["seq"] = json!(from + index as u64);
                entry["fact"] = fact(entry["kind"].as_str().unwrap_or_default(), self.names);
            }
        }
        if noun == "server" && self.rows == 0 {
            said["known"] = json!({ "organizations": 0, "accounts": 0, "keys": 0, "grants": 0 });
        }
        Ok(said)
    }

    fn check(&self) -> Value {
        let report = operations::verb("ledger", "verify").map(|verb| (verb.output)());
        let make = Make {
            names: self.names,
            rows: self.rows,
            is_named: false,
        };
        let report = report.map(|schema| make.value(schema.as_value(), "", 0));
        let time = NOW.rfc3339();
        let state = if self.rows > 50 { "done" } else { "running" };
        json!({
            "state": state, "by": make.text("by", 0), "started": time, "ended": time,
            "at": 804_233, "of": 1_204_310, "report": report, "error": null,
        })
    }

    fn start_check(&self) -> Result<(), Error> {
        *self
            .calls
            .lock()
            .unwrap()
            .entry("ledger verify".to_owned())
            .or_default() += 1;
        Ok(())
    }
}

fn fact(kind: &str, names: Names) -> Value {
    let name = match names {
        Names::Plain => "qwen3-8b",
        Names::Markup => "<script>alert(1)</script>",
    };
    match kind {
        "changed" => {
            json!({ "by": { "operator": name }, "why": name, "change": { "account_state": {} } })
        }
        "refusal" => json!({ "reason": "requests_per_minute", "model": name }),
        _ => json!({ "model": name, "outcome": "completed", "status": 200 }),
    }
}

/// A day as days are: little at night, most in the afternoon.
fn points(input: &Value) -> Vec<Value> {
    let is_hour = input.get("step").is_some_and(|step| step == "hour");
    let step = if is_hour { DAY_US / 24 } else { DAY_US };
    let from = input
        .get("from")
        .and_then(Value::as_str)
        .and_then(crate::page::part::text::parse);
    let from = from
        .unwrap_or(Time::from_micros(NOW.micros() - 30 * DAY_US))
        .micros();
    let count = (NOW.micros() - from) / step + 1;
    let point = |index: u64| {
        let at = from + index * step;
        let hour = (at / (DAY_US / 24) % 24) as f64;
        let wave = ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        let wave = if is_hour { 1.2 + wave } else { 1.2 };
        let noise = (index.wrapping_mul(2_654_435_761) >> 7) % 100;
        let requests = (wave * 4000.0 + noise as f64 * 22.0) as u64;
        json!({
            "from": Time::from_micros(at).rfc3339(), "requests": requests, "refusals": requests / 41 + noise,
            "errors": requests / 310 + u64::from(noise > 93) * 160, "input_tokens": requests * 812, "output_tokens": requests * 265,
            "dollars": format!("{:.6}", requests as f64 * 0.00154),
        })
    };
    (0..count).map(point).collect()
}

struct Make {
    names: Names,
    rows: usize,
    is_named: bool,
}

const PEOPLE: [&str; 8] = [
    "research",
    "support-bot",
    "nightly-eval",
    "search",
    "docs-assistant",
    "team-blue",
    "analytics",
    "code-review",
];
const ORGANIZATIONS: [&str; 5] = [
    "Northwind Labs",
    "Acme",
    "Fjord Data",
    "Contoso",
    "Umbra Health",
];
const MODELS: [&str; 4] = ["qwen3-8b", "llama-3.3-70b", "mistral-small", "gpt-oss-20b"];

impl Make {
    fn value(&self, schema: &Value, name: &str, index: usize) -> Value {
        if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
            return any
                .first()
                .map_or(Value::Null, |first| self.value(first, name, index));
        }
        if let Some(values) = schema.get("oneOf").and_then(Value::as_array) {
            return self.choice(values, index);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values[index % values.len()].clone();
        }
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return json!({}),
        };
        let is_nothing = matches!(
            name,
            "revoked" | "last_error" | "error" | "server" | "first_bad"
        );
        // Of servers the second can't be reached.
        let is_nothing = is_nothing || name == "unreachable_since" && index != 1;
        if kinds.contains(&"null") && is_nothing {
            return Value::Null;
        }
        match kinds.first().copied().unwrap_or_default() {
            "object" => self.object(schema, name, index),
            "array" => {
                let item = schema.get("items").unwrap_or(&Value::Null);
                let rows = if name == "teachers" || name == "models" && self.rows < 50 {
                    self.rows.min(4)
                } else {
                    self.rows
                };
                let rows = if name == "findings" { 0 } else { rows };
                (0..rows)
                    .map(|index| self.value(item, name, index))
                    .collect()
            }
            "boolean" => json!(name != "gone" && name != "behind"),
            "integer" => json!(self.number(name, index)),
            "number" => json!(1.5),
            _ => json!(self.text(name, index)),
        }
    }

    fn choice(&self, values: &[Value], index: usize) -> Value {
        // Most are as they should be.
        let index = if index % 5 == 3 { index / 5 } else { 0 };
        let value = &values[index % values.len()];
        match value.get("const") {
            Some(value) => value.clone(),
            None => self.value(value, "", index),
        }
    }

    fn object(&self, schema: &Value, _: &str, index: usize) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields = properties.map(|properties| {
            let field =
                |(name, schema): (&String, &Value)| (name.clone(), self.value(schema, name, index));
            properties.iter().map(field).collect::<Map<_, _>>()
        });
        let mut fields = fields.unwrap_or_default();
        if fields.contains_key("attested") && fields.contains_key("state") {
            fields.insert("state".to_owned(), json!("good"));
        }
        Value::Object(fields)
    }

    fn number(&self, name: &str, index: usize) -> u64 {
        let index = index as u64;
        match name {
            "status" => [200, 200, 200, 429, 200, 502][index as usize % 6],
            "servers" | "ready" => 2,
            "keys" | "grants" | "accounts" => 1 + index * 7 % 12,
            "total" => 104_233,
            "in_flight" => 3 + index * 5 % 17,
            "first_byte_us" | "latency_us" => 84_000 + index * 13_700,
            "duration_us" => 1_200_000 + index * 333_000,
            "requests_per_minute" => 600,
            "tokens_per_minute" => 200_000,
            "concurrency" => 16,
            "seq" => 1_204_310 - index,
            "appended" => 1_204_310,
            "folded" | "synced" => 1_204_298,
            "attested" => 1_204_102,
            "context_tokens" => 32_768,
            "budget_tokens" => 50_000_000,
            "spent_tokens" => 3_100_000 * (1 + index % 15),
            "spent_percent" => 99 - index % 60,
            "days" => 9,
            "more_findings" => 0,
            "version" => 1,
            _ => 1_234 + index * 977,
        }
    }

    fn text(&self, name: &str, index: usize) -> String {
        let time = |days: i64| {
            let micros = NOW.micros() as i64 + days * DAY_US as i64;
            Time::from_micros(micros as u64).rfc3339()
        };
        let step = index as i64;
        match name {
            "time" | "arrived" => {
                Time::from_micros(NOW.micros() - index as u64 * 1_370_000).rfc3339()
            }
            "created" | "since" | "unreachable_since" | "before" => time(-11 - step * 3),
            "expires" => time(3 + step * 6),
            "day" => time(-step).get(..10).unwrap_or_default().to_owned(),
            "dollars" => "250.00".to_owned(),
            "budget_dollars" => "200.00".to_owned(),
            "spent_dollars" => format!("{}.{:02}", (index * 37 + 18) % 245, index * 7 % 100),
            "reserved_dollars" => "4.20".to_owned(),
            "input" | "cached_input" | "output" | "reasoning" => format!("{}.20", index % 4),
            "hash" | "chain" => {
                "9f2c4e71aa03d7b65c18e0429b7d3f5081c6ae94d25b7f1360e8c4a79d02b3f6".to_owned()
            }
            "prefix" => "sk-sh-k7m2qx".to_owned(),
            "secret" | "token" => {
                "sk-sh-k7m2qxw4rtzn6v3yb5hjd8pf2gs7ace4m9uqxw4rtzn6v3yb5hjd".to_owned()
            }
            "base_url" | "public_url" | "url" => "http://127.0.0.1:8080/v1".to_owned(),
            "state" => ["live", "live", "live", "expired"][index % 4].to_owned(),
            "kind" => {
                ["exchange", "exchange", "changed", "exchange", "refusal"][index % 5].to_owned()
            }
            "id" | "account" | "organization" | "key" | "grant" => ID.to_owned(),
            "metric" => {
                ["kl", "entropy", "loss", "length", "cut", "repetition"][index % 6].to_owned()
            }
            "stage" => "on_policy".to_owned(),
            "how" => ["done", "skipped", "here"][index.min(2)].to_owned(),
            "name" if self.is_named => ID.to_owned(),
            _ if self.names == Names::Markup => {
                format!("<script>alert({index})</script>\" onload='x")
            }
            "organization_name" => ORGANIZATIONS[index % 5].to_owned(),
            "model" | "models" | "teachers" => MODELS[index % 4].to_owned(),
            "upstream" => "vllm-main".to_owned(),
            "plan" => ["default", "team", "research"][index % 3].to_owned(),
            "purpose" => format!("Distil the {} student", PEOPLE[index % 8]),
            "version" => "0.1.0".to_owned(),
            _ => PEOPLE[index % 8].to_owned(),
        }
    }
}
