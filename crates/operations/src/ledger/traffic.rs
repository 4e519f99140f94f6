//! Exchanges and refusals in the interchange format of the guard: `accounts.jsonl` and
//! `traffic.jsonl`, in order of the time when a request arrived.
//!
//! The ledger keeps no text, so that `request` and `response` hold only what is known without it:
//! model, streaming and usage. What this deployment can't see (the network of an address, TLS
//! prints) is left out rather than guessed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use ::ledger::Reader;
use ::ledger::facts::decode;
use record::id::kind;
use record::{
    Account, Change, Endpoint, Exchange, Fact, Id, Origin, Outcome, Refusal, Time, Usage,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::export::{Export, Exported, write_line};
use crate::error::{Error, Result};
use crate::shapes::made;

#[derive(Serialize)]
struct AccountLine {
    id: String,
    created: String,
    plan: &'static str,
    /// The plan's own name; the format's `plan` knows four only.
    plan_name: String,
    organization: String,
    email_hash: Option<String>,
    payment_hash: Option<String>,
    phone_hash: Option<String>,
    program: Option<String>,
    country: Option<String>,
    declared_use: Option<String>,
}

#[derive(Serialize)]
struct TrafficLine {
    id: String,
    time: String,
    duration_ms: u64,
    account: String,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    seq: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    endpoint: String,
    model: String,
    request: Value,
    status: u16,
    response: Option<Value>,
    /// Why it was refused, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<record::Reason>,
}

#[derive(Serialize)]
struct Source {
    ip: String,
    user_agent: String,
    header_order: String,
    ja4: Option<String>,
    accept_language: String,
}

/// A line that is written, by when its request arrived.
struct Place {
    arrived: Time,
    seq: u64,
    at: u64,
    bytes: usize,
}

/// Writes both files into a folder, which is made where it is missing.
pub(super) fn export(reader: &Reader, input: &Export, folder: &Path) -> Result<Exported> {
    let failed = |error: std::io::Error| Error::file(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let create = |name: &str| {
        let path = folder.join(name);
        File::create_new(&path).map_err(|error| Error::file(&path, &error))
    };
    // The ledger has exchanges in the order in which they ended; the lines are written as they
    // come and then brought into order by their places alone.
    let (accounts_file, sorted) = (create("accounts.jsonl")?, create("traffic.jsonl")?);
    let unsorted_path = folder.join("traffic.jsonl.unsorted");
    let unsorted = create("traffic.jsonl.unsorted")?;
    let mut walk = Walk {
        exported: Exported::default(),
        accounts: BTreeMap::new(),
        places: Vec::new(),
        out: BufWriter::new(unsorted),
        at: 0,
    };
    let walked = walk.all(reader, input);
    let done = walked.and_then(|()| {
        walk.out.flush().map_err(failed)?;
        sort(&mut walk.places, &unsorted_path, sorted).map_err(failed)?;
        write_accounts(&walk.accounts, accounts_file).map(|count| walk.exported.accounts = count)
    });
    std::fs::remove_file(&unsorted_path).map_err(failed)?;
    done.map(|()| walk.exported)
}

struct Walk {
    exported: Exported,
    accounts: BTreeMap<Id<kind::Account>, Account>,
    places: Vec<Place>,
    out: BufWriter<File>,
    at: u64,
}

impl Walk {
    /// Accounts are taken from the whole ledger, traffic from the part asked for.
    fn all(&mut self, reader: &Reader, input: &Export) -> Result<()> {
        let wanted = input.from.unwrap_or(1)..=input.until.unwrap_or(u64::MAX);
        for entry in reader.read(1..=*wanted.end()) {
            let entry = entry?;
            let seq = entry.header.seq;
            let Some(payload) = entry.payload() else {
                self.exported.gone += u64::from(wanted.contains(&seq));
                continue;
            };
            let fact = decode(entry.header.kind, entry.header.version, payload);
            let fact = fact.map_err(|error| Error::Internal {
                message: format!("entry {seq}: {error}"),
                hint: None,
            })?;
            match fact {
                Some(Fact::Changed { change, .. }) => self.change(*change),
                Some(Fact::Exchange(exchange)) if wanted.contains(&seq) => {
                    self.place(exchange.arrived, seq, &of_exchange(&exchange, seq))?;
                }
                Some(Fact::Refusal(refusal)) if wanted.contains(&seq) => {
                    match of_refusal(&refusal, seq) {
                        Some(line) => self.place(refusal.arrived, seq, &line)?,
                        None => self.exported.without_account += 1,
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::AccountCreated(account) => {
                self.accounts.insert(account.id, account);
            }
            Change::AccountPlan { account, plan } => {
                if let Some(known) = self.accounts.get_mut(&account) {
                    known.plan = plan;
                }
            }
            _ => {}
        }
    }

    fn place(&mut self, arrived: Time, seq: u64, line: &TrafficLine) -> Result<()> {
        let mut bytes = Vec::new();
        write_line(&mut bytes, line)?;
        write_raw(&mut self.out, &bytes)?;
        self.places.push(Place {
            arrived,
            seq,
            at: self.at,
            bytes: bytes.len(),
        });
        self.at += bytes.len() as u64;
        self.exported.lines += 1;
        Ok(())
    }
}

fn write_raw(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(|error| Error::Unavailable {
        message: format!("the export can't be written: {error}"),
        hint: None,
    })
}

fn sort(places: &mut [Place], from: &Path, to: File) -> std::io::Result<()> {
    places.sort_by_key(|place| (place.arrived, place.seq));
    let mut from = BufReader::new(File::open(from)?);
    let mut to = BufWriter::new(to);
    let mut line = Vec::new();
    let mut next = 0;
    for place in places {
        if place.at != next {
            from.seek(SeekFrom::Start(place.at))?;
        }
        line.resize(place.bytes, 0);
        from.read_exact(&mut line)?;
        to.write_all(&line)?;
        next = place.at + place.bytes as u64;
    }
    to.flush()
}

fn write_accounts(accounts: &BTreeMap<Id<kind::Account>, Account>, file: File) -> Result<u64> {
    let mut out = BufWriter::new(file);
    for account in accounts.values() {
        write_line(&mut out, &of_account(account))?;
    }
    write_raw(&mut out, &[])?;
    out.flush()
        .map_err(|error| Error::file(Path::new("accounts.jsonl"), &error))?;
    Ok(accounts.len() as u64)
}

fn of_account(account: &Account) -> AccountLine {
    // The format's plans say what is paid for; here every plan is paid by use unless it is named
    // as one of them.
    let plan = match account.plan.as_str() {
        "free" => "free",
        "team" => "team",
        "enterprise" => "enterprise",
        _ => "payg",
    };
    AccountLine {
        id: account.id.to_string(),
        created: millis(made(account.id)),
        plan,
        plan_name: account.plan.clone(),
        organization: account.organization.to_string(),
        email_hash: None,
        payment_hash: None,
        phone_hash: None,
        program: None,
        country: None,
        declared_use: None,
    }
}

fn of_exchange(exchange: &Exchange, seq: u64) -> TrafficLine {
    TrafficLine {
        id: exchange.id.to_string(),
        time: millis(exchange.arrived),
        duration_ms: exchange.duration_us / 1000,
        account: exchange.account.to_string(),
        source: source(&exchange.origin),
        key: exchange.key.map(|key| key.to_string()),
        seq,
        cut: exchange.outcome == Outcome::ClientLeft,
        endpoint: exchange.endpoint.path().to_owned(),
        model: exchange.model.clone(),
        request: json!({ "model": exchange.model, "stream": exchange.streamed }),
        status: exchange.status,
        response: exchange.usage.map(
            |used| json!({ "model": exchange.model, "usage": usage(&exchange.endpoint, &used) }),
        ),
        reason: None,
    }
}

fn of_refusal(refusal: &Refusal, seq: u64) -> Option<TrafficLine> {
    Some(TrafficLine {
        id: refusal.id.to_string(),
        time: millis(refusal.arrived),
        duration_ms: 0,
        account: refusal.account?.to_string(),
        source: source(&refusal.origin),
        key: refusal.key.map(|key| key.to_string()),
        seq,
        cut: false,
        endpoint: refusal.path.clone(),
        model: refusal.model.clone(),
        request: json!({ "model": refusal.model }),
        status: refusal.status,
        response: None,
        reason: Some(refusal.reason),
    })
}

/// Usage in the names of the endpoint's own API.
fn usage(endpoint: &Endpoint, usage: &Usage) -> Value {
    match endpoint {
        Endpoint::Messages | Endpoint::CountTokens => json!({
            "input_tokens": usage.input.saturating_sub(usage.cached_input),
            "cache_read_input_tokens": usage.cached_input,
            "output_tokens": usage.output,
        }),
        Endpoint::Responses => json!({
            "input_tokens": usage.input,
            "input_tokens_details": { "cached_tokens": usage.cached_input },
            "output_tokens": usage.output,
            "output_tokens_details": { "reasoning_tokens": usage.reasoning },
            "total_tokens": usage.input.saturating_add(usage.output),
        }),
        _ => json!({
            "prompt_tokens": usage.input,
            "prompt_tokens_details": { "cached_tokens": usage.cached_input },
            "completion_tokens": usage.output,
            "completion_tokens_details": { "reasoning_tokens": usage.reasoning },
            "total_tokens": usage.input.saturating_add(usage.output),
        }),
    }
}

fn source(origin: &Origin) -> Source {
    Source {
        ip: origin.address.clone(),
        user_agent: origin.user_agent.clone(),
        header_order: format!("{:016x}", origin.header_order),
        ja4: None,
        accept_language: origin.accept_language.clone(),
    }
}

/// RFC 3339 with milliseconds.
fn millis(time: Time) -> String {
    let text = time.rfc3339();
    match text.split_at_checked(text.len().saturating_sub(4)) {
        Some((kept, _)) => format!("{kept}Z"),
        None => text,
    }
}
