//! The fold of a replay: exchanges in their order go through the guard, and what it says is written
//! as it is said. Accounts get their numbers in the order in which they are known.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guard::card::Card;
use guard::digest::{About, Digester, HashKey};
use guard::echo::AccountNumber;
use guard::finding::{Action, Band, ClusterStanding, Finding, Subject};
use guard::watch::{Folded, Options, Watch};
use record::{SeenAccount, Time};
use wire::traffic::{self, LineError};

use super::Observer;
use super::ids::Ids;
use super::input::{self, Input};
use super::order::Order;
use super::pipe::Taker;
use super::read::{Batch, Digested, Item, What};
use super::report::{self, Cluster, Evidence, FEW, Found, Stream};
use super::sources::Sources;
use super::summary::{BadLine, Counts};
use super::write::{
    AccountLine, ClusterLine, FindingLine, Lines, Names, cluster_name, stream_name,
};
use crate::error::{Error, Result};

/// Bad lines that are told one by one.
const TOLD: usize = 100;

/// The state of a replay.
pub(super) struct Fold {
    watch: Watch,
    digester: Digester,
    names: Names,
    order: Order,
    ids: Ids,
    out: PathBuf,
    findings: Lines,
    found: Vec<Finding>,
    said: Said,
    sources: Sources,
    counts: Counts,
    span: Option<(Time, Time)>,
    /// Lines before the next piece, by file.
    lines: Vec<u64>,
}

/// What was last said of each subject.
#[derive(Default)]
struct Said {
    accounts: Vec<Band>,
    clusters: BTreeMap<u32, (Band, Action, Vec<Evidence>)>,
}

impl Fold {
    pub(super) fn new(key: &HashKey, out: &Path, card: Card) -> Result<Self> {
        Ok(Self {
            watch: Watch::new(key, Options::with(card)),
            digester: Digester::new(key),
            names: Names::default(),
            order: Order::default(),
            ids: Ids::create(out)?,
            findings: Lines::create(out.join("findings.jsonl"))?,
            out: out.to_owned(),
            found: Vec::new(),
            said: Said::default(),
            sources: Sources::default(),
            counts: Counts::default(),
            span: None,
            lines: Vec::new(),
        })
    }

    /// What the guard judges by.
    pub(super) fn card(&self) -> &guard::card::Card {
        self.watch.card()
    }

    /// Reads `accounts.jsonl`, where there is one.
    pub(super) fn read_accounts(&mut self, input: &Input) -> Result<()> {
        let Some(path) = &input.accounts else {
            return Ok(());
        };
        let failed = |error: std::io::Error| Error::file(path, &error);
        let mut file = BufReader::new(input::open(path, &Arc::default())?);
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            if file.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                return Ok(());
            }
            number += 1;
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let read = std::str::from_utf8(text).map_err(|_| LineError::NotUtf8);
            match read.and_then(traffic::account) {
                Ok(account) => {
                    let about = self.digester.account(&account.seen());
                    if self.names.number(&account.id).is_some() {
                        let again = LineError::Wrong {
                            field: "id",
                            expected: "new: an earlier line has it",
                        };
                        self.bad(&input::name(path), number, &again, &mut Nobody);
                    } else {
                        self.counts.accounts_described += 1;
                        self.add(&account.id, about);
                    }
                }
                Err(error) => self.bad(&input::name(path), number, &error, &mut Nobody),
            }
        }
    }

    fn add(&mut self, id: &str, about: About) -> AccountNumber {
        self.sources.account(&about);
        let number = self.watch.account(about);
        self.names.add(id, number);
        number
    }

    /// The account's number; who is not known yet becomes known.
    fn account(&mut self, id: &str, organization: &str) -> AccountNumber {
        if let Some(number) = self.names.number(id) {
            return number;
        }
        let about = self.digester.account(&SeenAccount {
            organization,
            ..SeenAccount::default()
        });
        self.add(id, about)
    }

    fn bad(&mut self, file: &str, line: u64, error: &LineError, observer: &mut dyn Observer) {
        if *error == LineError::Other {
            self.counts.passed_over += 1;
            return;
        }
        let count = self.counts.bad.entry(error.reason().to_owned());
        *count.or_default() += 1;
        if self.counts.bad_lines.len() < TOLD {
            let bad = BadLine {
                file: file.to_owned(),
                line,
                reason: error.reason().to_owned(),
                what: error.to_string(),
            };
            observer.bad_line(&bad);
            self.counts.bad_lines.push(bad);
        }
    }

    fn fold(&mut self, item: Item) -> Result<()> {
        match item.what {
            What::Released { model } => {
                self.counts.events += 1;
                self.watch.released(item.arrived, model);
            }
            What::Suspended { account } => {
                self.counts.events += 1;
                let number = self.account(&account, "");
                self.watch.suspended(item.arrived, number);
            }
            What::Exchange(exchange) => {
                self.exchange(&exchange, item.arrived, item.ended)?;
            }
        }
        Ok(())
    }

    fn exchange(&mut self, exchange: &Digested, arrived: Time, ended: Time) -> Result<()> {
        let account = self.account(&exchange.account, &exchange.organization);
        self.sources.exchange(&exchange.digest);
        self.ids.push(&exchange.id)?;
        let (from, until) = self.span.get_or_insert((arrived, ended));
        (*from, *until) = ((*from).min(arrived), (*until).max(ended));
        let mut found = std::mem::take(&mut self.found);
        self.watch.exchange(
            &Folded {
                number: self.counts.exchanges,
                account,
                arrived,
                ended,
                digest: &exchange.digest,
            },
            &mut found,
        );
        self.counts.exchanges += 1;
        for finding in found.drain(..) {
            self.tell(&finding)?;
        }
        self.found = found;
        Ok(())
    }

    fn tell(&mut self, finding: &Finding) -> Result<()> {
        self.counts.findings += 1;
        let exchange = self.ids.get(finding.exchange)?;
        match &finding.subject {
            Subject::Account(number) => {
                let place = number.0 as usize;
                if self.said.accounts.len() <= place {
                    self.said.accounts.resize(place + 1, Band::Unremarkable);
                }
                self.said.accounts[place] = finding.band;
            }
            Subject::Cluster { id, .. } => {
                let evidence = finding.evidence.iter().map(Evidence::from).collect();
                let said = (finding.band, finding.action, evidence);
                self.said.clusters.insert(*id, said);
            }
            Subject::Stream { .. } => {}
        }
        self.findings
            .put(&FindingLine::of(finding, exchange, &self.names))
    }

    /// Ends the fold and writes what stands; gives the counts and what a report tells.
    pub(super) fn finish(&mut self) -> Result<(Counts, Sources, Found)> {
        let mut found = std::mem::take(&mut self.found);
        self.watch.finish(&mut found);
        for finding in &found {
            self.tell(finding)?;
        }
        let mut told = Found::default();
        let clusters = self.watch.clusters();
        self.counts.clusters = clusters.len() as u64;
        self.write_accounts(&mut told)?;
        self.write_clusters(&clusters, &mut told)?;
        self.findings.flush()?;
        self.counts.accounts = self.names.len() as u64;
        self.counts.from = self.span.map(|(from, _)| report::seconds(from));
        self.counts.until = self.span.map(|(_, until)| report::seconds(until));
        let counts = std::mem::take(&mut self.counts);
        Ok((counts, self.sources.clone(), told))
    }

    fn write_accounts(&self, told: &mut Found) -> Result<()> {
        let mut out = Lines::create(self.out.join("accounts.jsonl"))?;
        for standing in self.watch.standings() {
            let id = self.names.name(standing.account);
            let own = self.said.accounts.get(standing.account.0 as usize);
            let cluster = standing.cluster.and_then(|id| self.said.clusters.get(&id));
            let band = own.copied().max(cluster.map(|said| said.0));
            told.account(id, &standing, band.unwrap_or(Band::Unremarkable));
            out.put(&AccountLine::of(id, &standing))?;
        }
        out.flush()
    }

    fn write_clusters(&mut self, clusters: &[ClusterStanding], told: &mut Found) -> Result<()> {
        let mut out = Lines::create(self.out.join("clusters.jsonl"))?;
        for cluster in clusters {
            let mut exchanges = Vec::new();
            for stream in &cluster.streams {
                exchanges.push(self.ids.all(&stream.exchanges)?);
            }
            out.put(&ClusterLine::of(cluster, exchanges, &self.names))?;
        }
        let mut by_risk: Vec<&ClusterStanding> = clusters.iter().collect();
        by_risk.sort_by(|one, other| other.risk.total_cmp(&one.risk).then(one.id.cmp(&other.id)));
        told.more_clusters = by_risk.len().saturating_sub(report::CLUSTERS) as u64;
        by_risk.truncate(report::CLUSTERS);
        told.clusters = by_risk.into_iter().map(|one| self.cluster(one)).collect();
        out.flush()
    }

    /// What a report tells of a cluster.
    fn cluster(&self, standing: &ClusterStanding) -> Cluster {
        let said = self.said.clusters.get(&standing.id).cloned();
        let (band, action, evidence) =
            said.unwrap_or((Band::Unremarkable, Action::None, Vec::new()));
        let mut links: BTreeMap<&str, (u64, i32)> = BTreeMap::new();
        for link in &standing.links {
            let kind = links.entry(link.signal).or_insert((0, i32::MIN));
            *kind = (kind.0 + 1, kind.1.max(link.decibans));
        }
        let some = |accounts: &[AccountNumber]| {
            let few = &accounts[..accounts.len().min(FEW)];
            few.iter()
                .map(|number| self.names.name(*number).to_owned())
                .collect()
        };
        let streams = standing.streams.iter().take(FEW);
        Cluster {
            id: cluster_name(standing.id),
            accounts: standing.accounts.len() as u64,
            some: some(&standing.accounts),
            risk: standing.risk,
            band,
            action,
            evidence,
            links: links
                .into_iter()
                .map(|(signal, (count, most))| (signal.to_owned(), count, most))
                .collect(),
            streams: streams
                .map(|stream| Stream {
                    id: stream_name(stream.id),
                    risk: stream.risk,
                    accounts: stream.accounts.len() as u64,
                    exchanges: stream.exchanges.len() as u64,
                })
                .collect(),
            all_streams: standing.streams.len() as u64,
        }
    }

    /// Takes away what only the fold itself needed.
    pub(super) fn clean_up(&mut self) {
        self.ids.remove();
    }
}

impl Taker for Fold {
    fn take(&mut self, batch: Batch, input: &Input, observer: &mut dyn Observer) -> Result<()> {
        self.lines.resize(input.files.len(), 0);
        let (before, file) = (self.lines[batch.file], &input.files[batch.file]);
        self.lines[batch.file] += batch.lines;
        self.counts.lines += batch.lines;
        for (line, error) in &batch.bad {
            self.bad(&input::name(file), before + line + 1, error, observer);
        }
        let mut ready = Vec::new();
        for mut item in batch.items {
            if let What::Exchange(exchange) = &mut item.what
                && exchange.id.is_empty()
            {
                // An exchange without an id is known by its place.
                let name = format!("{}:{}", input::name(file), before + item.line + 1);
                exchange.id = name.into();
            }
            self.order.push(item, |item| ready.push(item));
            for item in ready.drain(..) {
                self.fold(item)?;
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        let mut order = std::mem::take(&mut self.order);
        let mut done = Ok(());
        order.finish(|item| {
            if done.is_ok() {
                done = self.fold(item);
            }
        });
        self.counts.late = order.late();
        done
    }

    fn counted(&self) -> (u64, u64) {
        (self.counts.exchanges, self.counts.findings)
    }
}

/// Accounts are read before anybody is told anything.
struct Nobody;

impl Observer for Nobody {}
