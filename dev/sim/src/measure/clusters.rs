//! Clusters and streams against the truth: which accounts of a campaign stand together, who stands
//! among them wrongly, and how much of the distilling traffic lies in streams that are mostly that.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use guard::digest::{About as Known, Digest, HashKey};
use guard::echo::{AccountNumber, Exchange, Memory, Options};
use guard::link::{Linked, Links};
use guard::profile::Sketcher;
use guard::stream::{self, Streams};
use record::Time;

use crate::feed::{About, Watcher};
use crate::identity::AccountRow;
use crate::out::Truth;

/// An hour of ledger time.
const HOUR_US: u64 = 3_600_000_000;

/// Folds a world into links and clusters, and keeps the truth beside.
#[derive(Debug)]
pub struct Measured {
    memory: Memory,
    links: Links,
    sketcher: Sketcher,
    streams: Streams,
    /// Of routers' exchanges, by number: whether they distill.
    labels: BTreeMap<u64, bool>,
    /// And whose they are.
    router_exchanges: Vec<(u64, u32)>,
    streaming: Duration,
    truth: Vec<Row>,
    hour: u64,
    exchanges: u64,
    took: Duration,
    boundaries: Duration,
    reversed: usize,
    active: Vec<bool>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    campaign: Option<String>,
    workload: String,
    level: Option<&'static str>,
}

/// Streams below so many exchanges are not counted.
const LEAST: usize = 10;

/// What streams hold of a recipe's traffic.
#[derive(Debug, Clone, Default)]
struct Found {
    streams: usize,
    mostly: usize,
    within: usize,
    size: usize,
    profiled: usize,
    all: usize,
}

/// What a campaign's best cluster holds.
#[derive(Debug, Clone)]
struct Best {
    recipe: String,
    level: &'static str,
    accounts: usize,
    recall: f64,
    purity: f64,
}

impl Measured {
    /// Folds digests made under this key.
    pub fn new(key: &HashKey) -> Self {
        Self {
            memory: Memory::new(Options::default()),
            links: Links::new(guard::link::Options::default()),
            sketcher: Sketcher::new(key),
            streams: Streams::new(stream::Options::default()),
            labels: BTreeMap::new(),
            router_exchanges: Vec::new(),
            streaming: Duration::ZERO,
            truth: Vec::new(),
            hour: 0,
            exchanges: 0,
            took: Duration::ZERO,
            boundaries: Duration::ZERO,
            reversed: 0,
            active: Vec::new(),
        }
    }
}

impl Watcher for Measured {
    fn account(&mut self, about: Known, _row: &AccountRow, truth: &Truth) {
        let number = AccountNumber(self.truth.len() as u32);
        self.links.account(number, &about);
        self.active.push(false);
        self.truth.push(Row {
            campaign: truth.campaign.as_deref().map(str::to_owned),
            workload: truth.workload.to_owned(),
            level: truth.level,
        });
    }

    fn exchange(&mut self, about: &About<'_>, digest: &Digest) {
        let account = AccountNumber(about.account);
        let hour = about.ended.micros() / HOUR_US;
        if hour > self.hour {
            self.hour = hour;
            self.boundary(about.ended);
        }
        let found = self.memory.observe(&Exchange {
            number: about.number,
            account,
            arrived: about.arrived,
            digest,
        });
        self.exchanges += 1;
        if let Some(active) = self.active.get_mut(about.account as usize) {
            *active = true;
        }
        if let Some(truth) = about.truth {
            self.router_exchanges.push((about.number, about.account));
            self.labels
                .insert(about.number, truth.label == "distilling");
        }
        let linked = Linked {
            number: about.number,
            account,
            arrived: about.arrived,
            digest,
            found: &found,
        };
        let began = Instant::now();
        self.links.exchange(&linked);
        self.took += began.elapsed();
        let echoes = found.echoes(digest);
        let event = self
            .sketcher
            .event(about.number, about.arrived, digest, echoes);
        let began = Instant::now();
        let cluster = self.links.cluster_of(account);
        self.streams.exchange(&linked, &event, cluster);
        self.streaming += began.elapsed();
    }

    fn released(&mut self, time: Time, model: u32) {
        self.links.released(time, model);
    }

    fn suspended(&mut self, time: Time, account: u32) {
        self.links.suspended(time, AccountNumber(account));
    }
}

impl Measured {
    fn boundary(&mut self, time: Time) {
        let began = Instant::now();
        let changes = self.links.boundary(time);
        self.streams.boundary(&changes, &self.links);
        self.reversed += changes.split.len();
        self.boundaries += began.elapsed();
    }

    /// Ends the world and reports.
    pub fn report(mut self) -> String {
        for _ in 0..4 {
            self.boundary(Time::from_micros((self.hour + 1) * HOUR_US));
        }
        let mut out = String::new();
        // Writing to a string never fails.
        let _ = self.tell(&mut out);
        out
    }

    fn tell(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "{} exchanges of {} accounts; links {:.2} µs an exchange, streams {:.2} µs, boundaries {:.2} s in all, {} MiB, {} pairs displaced, {} splits",
            self.exchanges,
            self.truth.len(),
            self.took.as_secs_f64() * 1e6 / (self.exchanges.max(1)) as f64,
            self.streaming.as_secs_f64() * 1e6 / (self.exchanges.max(1)) as f64,
            self.boundaries.as_secs_f64(),
            (self.links.bytes() + self.streams.bytes()) >> 20,
            self.links.displaced(),
            self.reversed,
        )?;
        self.tell_campaigns(out)?;
        self.tell_streams(out)?;
        self.tell_honest(out)?;
        self.tell_pairs(out)
    }

    fn tell_campaigns(&self, out: &mut String) -> std::fmt::Result {
        let mut campaigns: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, row) in self
            .truth
            .iter()
            .enumerate()
            .filter(|(place, _)| self.active[*place])
        {
            if let Some(campaign) = &row.campaign {
                campaigns.entry(campaign).or_default().push(place);
            }
        }
        let mut best: Vec<Best> = Vec::new();
        for accounts in campaigns.values().filter(|accounts| accounts.len() > 1) {
            let mut in_cluster: BTreeMap<u32, usize> = BTreeMap::new();
            for account in accounts {
                if let Some(id) = self.links.cluster_of(AccountNumber(*account as u32)) {
                    *in_cluster.entry(id).or_default() += 1;
                }
            }
            let (id, common) = in_cluster
                .into_iter()
                .max_by_key(|(_, count)| *count)
                .unwrap_or((u32::MAX, 0));
            let size = self.links.cluster(id).map_or(0, |one| one.accounts.len());
            let row = &self.truth[accounts[0]];
            best.push(Best {
                recipe: row.workload.clone(),
                level: row.level.unwrap_or("-"),
                accounts: accounts.len(),
                recall: common as f64 / accounts.len() as f64,
                purity: if size == 0 {
                    1.0
                } else {
                    common as f64 / size as f64
                },
            });
        }
        let mut by: BTreeMap<(String, &str), Vec<&Best>> = BTreeMap::new();
        for one in &best {
            by.entry((one.recipe.clone(), one.level))
                .or_default()
                .push(one);
            by.entry(("all".to_owned(), one.level))
                .or_default()
                .push(one);
        }
        for ((recipe, level), list) in by {
            let recall: Vec<f64> = list.iter().map(|one| one.recall).collect();
            let purity: Vec<f64> = list.iter().map(|one| one.purity).collect();
            let accounts = list.iter().map(|one| one.accounts).sum::<usize>() / list.len();
            writeln!(
                out,
                "{recipe:22} {level}  {:3} campaigns of about {accounts:5}: recall {}, purity {}",
                list.len(),
                mean(&recall),
                mean(&purity),
            )?;
        }
        Ok(())
    }

    /// Of each recipe: how much of the distilling traffic lies in streams of which most distills.
    fn tell_streams(&self, out: &mut String) -> std::fmt::Result {
        let mut of: BTreeMap<&str, Found> = BTreeMap::new();
        let streams = self.streams.all(&self.links);
        let recipe = |cluster: u32| {
            let accounts = self.links.cluster(cluster).into_iter();
            let mut rows = accounts
                .flat_map(|one| &one.accounts)
                .map(|one| &self.truth[one.0 as usize]);
            rows.find(|row| row.campaign.is_some())
                .map(|row| row.workload.as_str())
        };
        for stream in streams
            .iter()
            .filter(|stream| stream.exchanges.len() >= LEAST)
        {
            let Some(recipe) = recipe(stream.cluster) else {
                continue;
            };
            let labels = stream
                .exchanges
                .iter()
                .map(|number| self.labels.get(number));
            let distilling = labels.filter(|label| *label == Some(&true)).count();
            let found = of.entry(recipe).or_default();
            found.streams += 1;
            if distilling * 2 > stream.exchanges.len() {
                found.mostly += 1;
                found.within += distilling;
                found.size += stream.exchanges.len();
                found.profiled += stream.profile.exchanges.0 as usize;
            }
        }
        let mut of_account: BTreeMap<u64, &str> = BTreeMap::new();
        for (number, account) in &self.router_exchanges {
            of_account.insert(*number, self.truth[*account as usize].workload.as_str());
        }
        for (number, recipe) in of_account {
            of.entry(recipe).or_default().all +=
                usize::from(self.labels.get(&number) == Some(&true));
        }
        for (recipe, found) in of {
            writeln!(
                out,
                "{recipe:22} streams: {} of {} mostly distill; of {} distilling exchanges {:.1} % lie there, and make {:.1} % of them; {:.1} % profiled",
                found.mostly,
                found.streams,
                found.all,
                100.0 * found.within as f64 / found.all.max(1) as f64,
                100.0 * found.within as f64 / found.size.max(1) as f64,
                100.0 * found.profiled as f64 / found.size.max(1) as f64,
            )?;
        }
        Ok(())
    }

    fn tell_honest(&self, out: &mut String) -> std::fmt::Result {
        let (mut honest, mut clustered, mut among, mut worst) = (0, 0, 0, 0);
        let mut sizes: Vec<usize> = Vec::new();
        for cluster in self.links.clusters() {
            let campaign = cluster
                .accounts
                .iter()
                .filter(|one| self.truth[one.0 as usize].campaign.is_some())
                .count();
            let people = cluster.accounts.len() - campaign;
            clustered += people;
            if campaign * 2 > cluster.accounts.len() {
                among += people;
            }
            if campaign == 0 {
                sizes.push(people);
                worst = worst.max(people);
            }
        }
        for row in &self.truth {
            honest += usize::from(row.campaign.is_none());
        }
        writeln!(
            out,
            "honest: {honest} accounts, {clustered} in clusters, {among} ({:.3} %) in clusters that are mostly a campaign's; {} clusters of honest accounts only, the largest of {worst}",
            100.0 * among as f64 / honest.max(1) as f64,
            sizes.len(),
        )
    }

    fn tell_pairs(&self, out: &mut String) -> std::fmt::Result {
        // Of each family: pairs inside a campaign, between honest accounts, across.
        let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for link in self.links.pairs() {
            let (a, b) = (
                &self.truth[link.a.0 as usize],
                &self.truth[link.b.0 as usize],
            );
            let place = match (&a.campaign, &b.campaign) {
                (Some(one), Some(other)) if one == other => 0,
                (None, None) => 1,
                _ => 2,
            };
            counts.entry(link.signal).or_default()[place] += 1;
        }
        for (signal, [inside, honest, across]) in counts {
            writeln!(
                out,
                "{signal:20} {inside:8} pairs inside a campaign, {honest:6} honest, {across:6} across"
            )?;
        }
        Ok(())
    }
}

/// A mean with its 95% interval (normal), in percent.
fn mean(list: &[f64]) -> String {
    let count = list.len().max(1) as f64;
    let mean = list.iter().sum::<f64>() / count;
    let spread = list.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
    let half = if list.len() > 1 {
        1.96 * (spread / (count - 1.0)).sqrt() / count.sqrt()
    } else {
        0.0
    };
    format!("{:5.1} ± {:4.1} %", 100.0 * mean, 100.0 * half)
}
