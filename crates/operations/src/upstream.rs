//! Upstreams: `list`, `set`. They are written in the settings; the ledger says whether they and
//! their servers are switched on, and a running server how they are.

use ::ledger::facts::Thing;
use record::{Actor, Change};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;
use crate::model::Health;
use crate::verbs::Nothing;

/// An upstream as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// `openai`, `anthropic` or `local`.
    pub kind: String,
    /// Its servers, in the order of the settings; none for a model in process.
    pub servers: Vec<Server>,
    /// The models that it answers for.
    pub models: Vec<String>,
    /// How it is; `None` where no server runs.
    pub health: Option<Health>,
    /// How quick its servers were of late, taken together; `None` where no server of ours runs,
    /// and for a model in process.
    pub latency: Option<Latency>,
    /// Whether it is switched on.
    pub on: bool,
    /// The ledger's entry that switched it last; 0 where only the settings name it.
    pub revision: u64,
}

/// One server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Its base URL, without a slash at the end.
    pub url: String,
    /// Whether it answers, as far as is known: it is on, not out after failures, and the last
    /// probe, where there was one, reached it.
    pub ready: Option<bool>,
    /// Since when no probe has reached it and no request was answered; `None` while it can be
    /// reached, and where probes are off.
    pub unreachable_since: Option<String>,
    /// Requests in flight; `None` where no server of ours runs.
    pub in_flight: Option<usize>,
    /// How quick it was of late; `None` where no server of ours runs.
    pub latency: Option<Latency>,
    /// Whether it is switched on.
    pub on: bool,
    /// The ledger's entry that switched it last; 0 where only the settings name it.
    pub revision: u64,
}

/// How quick answers were in the last minutes. Only answers with a status of 2xx count. Times
/// are in microseconds, at most a quarter too high and never too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// How far back the figures reach, at most, in seconds.
    pub span_seconds: u64,
    /// Answers that came to their end.
    pub answers: u64,
    /// From the choice of the server to the first byte of the answer's body; `None` where none
    /// came.
    pub first_byte: Option<Percentiles>,
    /// Likewise to its last byte; `None` where none came.
    pub whole: Option<Percentiles>,
}

/// Percentiles of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Half of the answers were at least as quick, in microseconds.
    pub p50_us: u64,
    /// 95 of 100 answers were at least as quick, in microseconds.
    pub p95_us: u64,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// By name.
    pub upstreams: Vec<Upstream>,
}

/// What `set` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its name.
    pub upstream: String,
    /// The base URL of one of its servers; all of the upstream where nothing is said.
    #[serde(default)]
    pub server: Option<String>,
    /// Switches it on, or off: it gets no new request then, and answers that run go on.
    pub on: bool,
    /// Only if it, or the server that is named, is still at this revision.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Every upstream.
///
/// # Errors
/// None so far.
pub fn list(house: &House, _: &Actor, _: Nothing) -> Result<Listed> {
    let upstreams = all(house);
    Ok(Listed { upstreams })
}

/// Switches an upstream or one of its servers.
///
/// # Errors
/// An upstream or server that is not there; [`Error::Stale`]; the ledger's.
pub fn set(house: &House, by: &Actor, input: Set) -> Result<Upstream> {
    let known = find(house, &input.upstream)?;
    let server = match &input.server {
        Some(url) => Some(server(&known, url)?),
        None => None,
    };
    let thing = Thing::Upstream {
        upstream: known.name.clone(),
        server: server.clone(),
    };
    house.edit(by, &input.why, (thing, input.revision), |directory| {
        // What is so already needs no entry.
        let is_on = directory.upstream_is_on(&known.name, server.as_deref());
        let change = Change::UpstreamSwitched {
            upstream: known.name.clone(),
            server: server.clone(),
            on: input.on,
        };
        Ok(if is_on == input.on {
            vec![]
        } else {
            vec![change]
        })
    })?;
    find(house, &input.upstream)
}

fn all(house: &House) -> Vec<Upstream> {
    let (mut upstreams, models) = (house.serving.upstreams(), house.serving.models());
    let directory = house.facts.directory();
    for upstream in &mut upstreams {
        let name = upstream.name.clone();
        let thing = |server: Option<String>| Thing::Upstream {
            upstream: name.clone(),
            server,
        };
        upstream.on = directory.upstream_is_on(&name, None);
        upstream.revision = directory.revision(&thing(None));
        for server in &mut upstream.servers {
            server.on = directory.upstream_is_on(&name, Some(&server.url));
            server.revision = directory.revision(&thing(Some(server.url.clone())));
        }
        let served = models.iter().filter(|model| model.upstream == name);
        upstream.models = served.map(|model| model.name.clone()).collect();
    }
    upstreams
}

fn find(house: &House, name: &str) -> Result<Upstream> {
    let all = all(house);
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let hint = format!(
        "upstreams are in the settings file; there are: {}",
        names.join(", ")
    );
    let missing = || Error::missing(format!("there is no upstream `{name}`"), Some(hint));
    all.iter()
        .find(|one| one.name == name)
        .cloned()
        .ok_or_else(missing)
}

fn server(known: &Upstream, url: &str) -> Result<String> {
    let wanted = url.trim_end_matches('/');
    let urls: Vec<&str> = known
        .servers
        .iter()
        .map(|server| server.url.as_str())
        .collect();
    match urls.contains(&wanted) {
        true => Ok(wanted.to_owned()),
        false => Err(Error::missing(
            format!("`{}` has no server `{url}`", known.name),
            Some(match urls.is_empty() {
                true => "its model is in the server's own process; switch the upstream".to_owned(),
                false => format!("there are: {}", urls.join(", ")),
            }),
        )),
    }
}
