//! Makes worlds and reads them strictly: an unknown or missing field is a fault here.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sim::{Counts, Engine, Folder, World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountLine {
    pub(crate) id: String,
    pub(crate) created: jiff::Timestamp,
    pub(crate) plan: Plan,
    #[serde(deserialize_with = "there")]
    pub(crate) organization: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(crate) email_hash: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(crate) payment_hash: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(crate) phone_hash: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(crate) program: Option<Program>,
    #[serde(deserialize_with = "there")]
    pub(crate) country: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(crate) declared_use: Option<String>,
}

/// Null is a value; absence is a fault.
fn there<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Plan {
    Free,
    Payg,
    Team,
    Enterprise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Program {
    Education,
    Startup,
    Research,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Network {
    Hosting,
    Residential,
    Mobile,
    Corporate,
    Education,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourcePart {
    pub(crate) ip: std::net::IpAddr,
    pub(crate) asn: u32,
    pub(crate) network: Network,
    pub(crate) user_agent: String,
    pub(crate) header_order: String,
    #[serde(deserialize_with = "there")]
    pub(crate) ja4: Option<String>,
    pub(crate) accept_language: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "fields are read to see that they are there and of their type"
)]
pub(crate) struct ExchangeLine {
    pub(crate) id: String,
    pub(crate) time: jiff::Timestamp,
    pub(crate) duration_ms: u64,
    pub(crate) account: String,
    pub(crate) source: SourcePart,
    pub(crate) key: String,
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) cut: bool,
    pub(crate) endpoint: String,
    pub(crate) model: String,
    pub(crate) request: Value,
    pub(crate) status: u16,
    #[serde(deserialize_with = "there")]
    pub(crate) response: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventLine {
    pub(crate) time: jiff::Timestamp,
    pub(crate) event: String,
    pub(crate) model: Option<String>,
    pub(crate) account: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TruthLine {
    pub(crate) account: String,
    pub(crate) label: String,
    pub(crate) workload: String,
    #[serde(deserialize_with = "there")]
    pub(crate) campaign: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(crate) level: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExchangeTruthLine {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) campaign: String,
}

/// A traffic set in memory.
pub(crate) struct Set {
    pub(crate) counts: Counts,
    pub(crate) accounts: Vec<AccountLine>,
    pub(crate) exchanges: Vec<ExchangeLine>,
    pub(crate) events: Vec<EventLine>,
    pub(crate) truth: HashMap<String, TruthLine>,
    pub(crate) truth_exchanges: HashMap<String, ExchangeTruthLine>,
}

/// Writes a world into a folder.
pub(crate) fn write(world: &World, seed: u64, folder: &Path, zst: bool) -> Counts {
    let mut sink = Folder::create(folder, zst).unwrap();
    let engine = Engine::new(world, seed, None, &mut sink).unwrap();
    let counts = engine.run(&mut sink, &mut |_| {}).unwrap();
    sink.finish().unwrap();
    counts
}

fn lines<T: DeserializeOwned>(file: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| {
            serde_json::from_str(line)
                .unwrap_or_else(|err| panic!("{}: {err}: {line}", file.display()))
        })
        .collect()
}

/// Writes a world and reads it back.
pub(crate) fn make(world: &World, seed: u64) -> Set {
    let dir = tempfile::tempdir().unwrap();
    let counts = write(world, seed, dir.path(), false);
    let (mut exchanges, mut events) = (Vec::new(), Vec::new());
    let traffic = std::fs::read_to_string(dir.path().join("traffic.jsonl")).unwrap();
    for line in traffic.lines() {
        match line.contains("\"endpoint\":") {
            true => exchanges.push(
                serde_json::from_str::<ExchangeLine>(line)
                    .unwrap_or_else(|err| panic!("{err}: {line}")),
            ),
            false => events.push(serde_json::from_str::<EventLine>(line).unwrap()),
        }
    }
    let truth: Vec<TruthLine> = lines(&dir.path().join("truth.jsonl"));
    let per_exchange: Vec<ExchangeTruthLine> = lines(&dir.path().join("truth-exchanges.jsonl"));
    Set {
        counts,
        accounts: lines(&dir.path().join("accounts.jsonl")),
        exchanges,
        events,
        truth: truth
            .into_iter()
            .map(|line| (line.account.clone(), line))
            .collect(),
        truth_exchanges: per_exchange
            .into_iter()
            .map(|line| (line.id.clone(), line))
            .collect(),
    }
}

/// A preset.
pub(crate) fn preset(name: &str) -> World {
    World::preset(name).unwrap().unwrap()
}

/// A world that needs no data: the small one's honest accounts and this campaign.
pub(crate) fn with_campaign(campaign: &str) -> World {
    let text = format!(
        "about = 'test'\ndays = 3\nfamilies = ['builtin']\ntraces = 'builtin'\n\
         [honest]\nchat = 20\ndeveloper = 10\njudge-product = 4\n[[campaign]]\n{campaign}"
    );
    World::parse("test", &text).unwrap()
}

/// The text that a request newly brings: its last message, or its inputs.
pub(crate) fn new_text(exchange: &ExchangeLine) -> String {
    if let Some(input) = exchange.request["input"].as_array() {
        return input
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n");
    }
    let last = exchange.request["messages"]
        .as_array()
        .and_then(|messages| messages.last());
    last.and_then(|message| message["content"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// What was answered, first choice.
pub(crate) fn answer(exchange: &ExchangeLine) -> String {
    let Some(response) = &exchange.response else {
        return String::new();
    };
    let text = response["choices"][0]["message"]["content"].as_str();
    text.or_else(|| response["content"][0]["text"].as_str())
        .unwrap_or_default()
        .to_owned()
}
