//! The lines of the files that a replay writes, as the interchange format of the guard has them.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use guard::echo::AccountNumber;
use guard::finding::{ACTIONS, AccountStanding, Action, Band, ClusterStanding, Finding, Subject};
use serde::Serialize;

use crate::error::{Error, Result};

/// Links of a cluster that are written.
const LINKS: usize = 200;

/// A file of JSON lines.
pub(super) struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(|error| Error::file(&path, &error))?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 16, file),
            path,
        })
    }

    pub(super) fn put(&mut self, line: &impl Serialize) -> Result<()> {
        let written = serde_json::to_writer(&mut self.file, line).map_err(std::io::Error::from);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| Error::file(&self.path, &error))
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let flushed = self.file.flush();
        flushed.map_err(|error| Error::file(&self.path, &error))
    }
}

/// A cluster's name in the files.
pub(super) fn cluster_name(id: u32) -> String {
    format!("cluster-{id}")
}

pub(super) fn stream_name(id: u64) -> String {
    format!("stream-{id}")
}

/// The accounts' ids and numbers.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, AccountNumber>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// Takes in an account; its number is that of those before it.
    pub(super) fn add(&mut self, id: &str, number: AccountNumber) {
        let name: Arc<str> = id.into();
        self.numbers.insert(Arc::clone(&name), number);
        self.names.push(name);
    }

    pub(super) fn number(&self, id: &str) -> Option<AccountNumber> {
        self.numbers.get(id).copied()
    }

    /// The id of a number; empty where there is none.
    pub(super) fn name(&self, account: AccountNumber) -> &str {
        let name = self.names.get(account.0 as usize);
        name.map_or("", |name| name)
    }

    pub(super) fn all(&self, accounts: &[AccountNumber]) -> Vec<&str> {
        accounts.iter().map(|number| self.name(*number)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

#[derive(Serialize)]
pub(super) struct FindingLine<'a> {
    time: String,
    exchange: String,
    subject: SubjectLine<'a>,
    risk: f64,
    band: Band,
    action: Action,
    evidence: Vec<EvidenceLine<'a>>,
}

#[derive(Serialize)]
struct SubjectLine<'a> {
    kind: &'static str,
    id: String,
    accounts: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

#[derive(Serialize)]
struct EvidenceLine<'a> {
    signal: &'static str,
    decibans: i32,
    text: &'a str,
}

impl<'a> From<&'a guard::finding::Evidence> for EvidenceLine<'a> {
    fn from(evidence: &'a guard::finding::Evidence) -> Self {
        Self {
            signal: evidence.signal,
            decibans: evidence.decibans,
            text: &evidence.text,
        }
    }
}

#[derive(Serialize)]
pub(super) struct AccountLine<'a> {
    account: &'a str,
    exchanges: u64,
    risk: f64,
    log_odds: f64,
    cluster: Option<String>,
    first: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
pub(super) struct ClusterLine<'a> {
    cluster: String,
    accounts: Vec<&'a str>,
    risk: f64,
    links: Vec<LinkLine<'a>>,
    streams: Vec<StreamLine<'a>>,
}

#[derive(Serialize)]
struct LinkLine<'a> {
    a: &'a str,
    b: &'a str,
    signal: &'static str,
    decibans: i32,
}

#[derive(Serialize)]
struct StreamLine<'a> {
    id: String,
    risk: f64,
    accounts: Vec<&'a str>,
    exchanges: Vec<String>,
}

impl<'a> FindingLine<'a> {
    pub(super) fn of(finding: &'a Finding, exchange: String, names: &'a Names) -> Self {
        let (kind, id, accounts, cluster) = match &finding.subject {
            Subject::Account(number) => {
                let name = names.name(*number);
                ("account", name.to_owned(), vec![name], None)
            }
            Subject::Cluster { id, accounts } => {
                ("cluster", cluster_name(*id), names.all(accounts), None)
            }
            Subject::Stream {
                id,
                cluster,
                accounts,
            } => {
                let cluster = Some(cluster_name(*cluster));
                ("stream", stream_name(*id), names.all(accounts), cluster)
            }
        };
        Self {
            time: finding.time.rfc3339(),
            exchange,
            subject: SubjectLine {
                kind,
                id,
                accounts,
                cluster,
            },
            risk: finding.risk,
            band: finding.band,
            action: finding.action,
            evidence: finding.evidence.iter().map(EvidenceLine::from).collect(),
        }
    }
}

impl<'a> AccountLine<'a> {
    pub(super) fn of(account: &'a str, standing: &AccountStanding) -> Self {
        let first = ACTIONS.iter().zip(standing.first);
        Self {
            account,
            exchanges: standing.exchanges,
            risk: standing.risk,
            log_odds: f64::from(standing.decibans) * std::f64::consts::LN_10 / 10.0,
            cluster: standing.cluster.map(cluster_name),
            first: first
                .filter_map(|(action, first)| Some((action.name(), first?)))
                .collect(),
        }
    }
}

impl<'a> ClusterLine<'a> {
    /// A cluster, and the ids of each stream's exchanges.
    pub(super) fn of(
        cluster: &'a ClusterStanding,
        exchanges: Vec<Vec<String>>,
        names: &'a Names,
    ) -> Self {
        let links = cluster.links.iter().take(LINKS);
        let streams = cluster.streams.iter().zip(exchanges);
        Self {
            cluster: cluster_name(cluster.id),
            accounts: names.all(&cluster.accounts),
            risk: cluster.risk,
            links: links
                .map(|link| LinkLine {
                    a: names.name(link.a),
                    b: names.name(link.b),
                    signal: link.signal,
                    decibans: link.decibans,
                })
                .collect(),
            streams: streams
                .map(|(stream, exchanges)| StreamLine {
                    id: stream_name(stream.id),
                    risk: stream.risk,
                    accounts: names.all(&stream.accounts),
                    exchanges,
                })
                .collect(),
        }
    }
}
