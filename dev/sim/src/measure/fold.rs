//! A world folded by the guard, with the truth beside it: what it said of each account at the end,
//! and, where they are asked for, what the baselines need. The guard never sees the truth.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guard::digest::{About, DIMENSIONS, Digest, HashKey};
use guard::echo::AccountNumber;
use guard::finding::{ACTIONS, AccountStanding, Action};
use guard::watch::{Folded, Watch};
use record::Time;

use super::baselines::Words;
use crate::engine::Engine;
use crate::error::SimError;
use crate::feed::{self, Feed, Watcher};
use crate::identity::AccountRow;
use crate::out::{Event, Exchange, ExchangeTruth, Sink, Truth};
use crate::world::World;

/// The key of all measuring: what is measured must not depend on chance.
pub const KEY: [u8; 32] = [17; 32];
/// Exchanges that the windowed test looks back on.
pub const WINDOW: usize = 1_500;

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Honest, resellers of honest traffic included.
    Honest,
    /// Of a campaign, in whole or in part.
    Distilling,
    /// Distils with leave: neither right nor wrong to be found.
    Sanctioned,
}

/// An account, what it is and what was said of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub label: Label,
    /// Its workload or recipe.
    pub workload: &'static str,
    /// Attacker level, `L0` to `L5`.
    pub level: Option<&'static str>,
    /// Its campaign's place in [`Scene::campaigns`].
    pub campaign: Option<usize>,
    /// Its exchanges.
    pub exchanges: u64,
    /// Of these, the ones that served distillation.
    pub distilling: u64,
    /// Its place in the order of suspicion: equal risks have equal places.
    pub rank: f64,
    /// What the guard said.
    pub standing: AccountStanding,
}

impl Row {
    /// How many exchanges it had sent when an action, or a harder one, was first proposed.
    pub fn first(&self, action: Action) -> Option<u64> {
        let harder = ACTIONS.iter().zip(self.standing.first);
        harder
            .filter(|(other, _)| **other >= action)
            .filter_map(|(_, first)| first)
            .min()
    }
}

/// A campaign.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Its accounts, replacements included.
    pub accounts: u32,
    /// Exchanges of all of them.
    pub exchanges: u64,
    /// Of these, honest ones.
    pub honest: u64,
}

/// What the baselines need of an account.
#[derive(Debug, Default)]
pub struct Extra {
    /// Positions of its last exchanges.
    pub positions: Vec<[i8; DIMENSIONS]>,
    /// Sum of the text classifier's log-odds.
    pub words: f64,
    /// Exchanges with text.
    pub texts: u32,
}

/// A folded world.
#[derive(Debug)]
pub struct Scene {
    /// Its accounts.
    pub rows: Vec<Row>,
    /// Its campaigns.
    pub campaigns: Vec<Group>,
    /// Of mixed accounts' exchanges, by number, whether each served distillation.
    pub serves: Vec<bool>,
    /// What the baselines need, by account; empty where it was not asked for.
    pub extras: Vec<Extra>,
    /// The guard at the end.
    pub watch: Watch,
    /// Exchanges.
    pub exchanges: u64,
    /// Time inside the fold.
    pub folding: Duration,
    /// Time of all: making, digesting, folding.
    pub whole: Duration,
    /// Days of the world.
    pub days: f64,
}

/// How a world is folded.
pub struct Setting<'a> {
    /// The folder of real texts and traces.
    pub data: Option<&'a Path>,
    /// Seed of the world.
    pub seed: u64,
    /// Collect what the baselines need.
    pub extras: bool,
    /// The text classifier: learning where it is said so, else scoring.
    pub words: Option<&'a mut Words>,
    /// Whether the classifier learns.
    pub learn: bool,
}

/// Folds a world, from a guard that knows nothing.
pub fn fold(world: &World, watch: Watch, setting: Setting<'_>) -> Result<Scene, SimError> {
    let mut tee = Tee {
        feed: Feed::new(&HashKey::new(KEY), Fold::new(watch, setting.extras)),
        words: setting.words,
        learn: setting.learn,
        places: HashMap::new(),
    };
    let began = Instant::now();
    let engine = Engine::new(world, setting.seed, setting.data, &mut tee)?;
    let counts = engine.run(&mut tee, &mut |_| {})?;
    let mut fold = tee.feed.watcher;
    fold.watch.finish(&mut fold.findings);
    Ok(fold.scene(counts.exchanges, began.elapsed(), world.days))
}

struct Fold {
    watch: Watch,
    findings: Vec<guard::finding::Finding>,
    truths: Vec<Known>,
    names: HashMap<Arc<str>, usize>,
    serves: Vec<bool>,
    extras: Option<Vec<Extra>>,
    folding: Duration,
}

struct Known {
    label: Label,
    workload: &'static str,
    level: Option<&'static str>,
    campaign: Option<usize>,
    honest: u64,
}

impl Fold {
    fn new(watch: Watch, extras: bool) -> Self {
        Self {
            watch,
            findings: Vec::new(),
            truths: Vec::new(),
            names: HashMap::new(),
            serves: Vec::new(),
            extras: extras.then(Vec::new),
            folding: Duration::ZERO,
        }
    }

    fn scene(self, exchanges: u64, whole: Duration, days: f64) -> Scene {
        let mut campaigns = vec![Group::default(); self.names.len()];
        let standings: Vec<AccountStanding> = self.watch.standings().collect();
        let ranks = ranks(&standings);
        let rows = self.truths.into_iter().zip(standings).zip(ranks);
        let rows = rows
            .map(|((known, standing), rank)| {
                let exchanges = standing.exchanges;
                if let Some(group) = known.campaign.and_then(|at| campaigns.get_mut(at)) {
                    group.accounts += 1;
                    group.exchanges += exchanges;
                    group.honest += known.honest;
                }
                let distilling = match known.label {
                    Label::Distilling => exchanges.saturating_sub(known.honest),
                    _ => 0,
                };
                Row {
                    label: known.label,
                    workload: known.workload,
                    level: known.level,
                    campaign: known.campaign,
                    exchanges,
                    distilling,
                    rank,
                    standing,
                }
            })
            .collect();
        Scene {
            rows,
            campaigns,
            serves: self.serves,
            extras: self.extras.unwrap_or_default(),
            watch: self.watch,
            exchanges,
            folding: self.folding,
            whole,
            days,
        }
    }
}

/// Places in the order of suspicion, from 0: by risk, then by the evidence behind it.
fn ranks(standings: &[AccountStanding]) -> Vec<f64> {
    let by = |a: &usize, b: &usize| {
        let (a, b) = (&standings[*a], &standings[*b]);
        a.risk.total_cmp(&b.risk).then(a.decibans.cmp(&b.decibans))
    };
    let mut order: Vec<usize> = (0..standings.len()).collect();
    order.sort_by(by);
    let mut ranks = vec![0.0; standings.len()];
    let mut place = 0;
    for (at, one) in order.iter().enumerate() {
        if at > 0 && by(&order[at - 1], one).is_ne() {
            place += 1;
        }
        ranks[*one] = f64::from(place);
    }
    ranks
}

impl Watcher for Fold {
    fn account(&mut self, about: About, _: &AccountRow, truth: &Truth) {
        self.watch.account(about);
        let campaign = truth.campaign.as_ref().map(|name| {
            let next = self.names.len();
            *self.names.entry(name.clone()).or_insert(next)
        });
        self.truths.push(Known {
            label: match truth.label {
                "distilling" | "router" => Label::Distilling,
                "sanctioned" => Label::Sanctioned,
                _ => Label::Honest,
            },
            workload: truth.workload,
            level: truth.level,
            campaign,
            honest: 0,
        });
        if let Some(extras) = &mut self.extras {
            extras.push(Extra::default());
        }
    }

    fn exchange(&mut self, about: &feed::About<'_>, digest: &Digest) {
        let place = about.account as usize;
        let serves = about.truth.is_some_and(|truth| truth.label == "distilling");
        self.serves.push(serves);
        if let (Some(known), Some(truth)) = (self.truths.get_mut(place), about.truth) {
            known.honest += u64::from(truth.label == "honest");
        }
        if let Some(extra) = self.extras.as_mut().and_then(|all| all.get_mut(place))
            && !digest.ask.position.is_nowhere()
        {
            if extra.positions.len() == WINDOW {
                extra.positions.remove(0);
            }
            extra.positions.push(*digest.ask.position.coordinates());
        }
        let began = Instant::now();
        self.watch.exchange(
            &Folded {
                number: about.number,
                account: AccountNumber(about.account),
                arrived: about.arrived,
                ended: about.ended,
                digest,
            },
            &mut self.findings,
        );
        self.folding += began.elapsed();
        self.findings.clear();
    }

    fn released(&mut self, time: Time, model: u32) {
        self.watch.released(time, model);
    }

    fn suspended(&mut self, time: Time, account: u32) {
        self.watch.suspended(time, AccountNumber(account));
    }
}

/// The feed, and before it the text classifier, which alone reads words.
struct Tee<'a> {
    feed: Feed<Fold>,
    words: Option<&'a mut Words>,
    learn: bool,
    places: HashMap<Arc<str>, usize>,
}

impl Tee<'_> {
    fn read(&mut self, exchange: &Exchange<'_>, truth: Option<&ExchangeTruth<'_>>) {
        let Some(words) = self.words.as_mut() else {
            return;
        };
        let Some(place) = self.places.get(exchange.account).copied() else {
            return;
        };
        let text = exchange.request.newest();
        if text.is_empty() {
            return;
        }
        let fold = &mut self.feed.watcher;
        if self.learn {
            let Some(known) = fold.truths.get(place) else {
                return;
            };
            let distilling = match truth {
                Some(truth) => truth.label == "distilling",
                None => known.label == Label::Distilling,
            };
            if known.label != Label::Sanctioned {
                words.learn(&text, distilling);
            }
        } else if let Some(extra) = fold.extras.as_mut().and_then(|all| all.get_mut(place)) {
            extra.words += words.log_odds(&text);
            extra.texts += 1;
        }
    }
}

impl Sink for Tee<'_> {
    fn account(&mut self, row: &AccountRow, truth: &Truth) -> Result<(), SimError> {
        let place = self.places.len();
        self.places.insert(row.id.clone(), place);
        self.feed.account(row, truth)
    }

    fn exchange(
        &mut self,
        exchange: &Exchange<'_>,
        truth: Option<&ExchangeTruth<'_>>,
    ) -> Result<(), SimError> {
        self.read(exchange, truth);
        self.feed.exchange(exchange, truth)
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), SimError> {
        self.feed.event(event)
    }
}

/// The most memory that this process ever held, in MiB, where the system tells.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
