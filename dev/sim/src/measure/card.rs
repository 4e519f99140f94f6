//! Makes the card that is shipped: fitted on worlds whose truth is known, calibrated on the honest
//! accounts of another one. What it is measured on later stays unread here.

use std::path::Path;

use guard::card::{Card, Made};
use guard::digest::{self, Digest, HashKey};
use guard::echo::AccountNumber;
use guard::finding::Finding;
use guard::fit::{self, Row};
use guard::signal::{self, View};
use guard::watch::{Folded, Options, Watch};

use super::fold::KEY;
use crate::engine::Engine;
use crate::error::SimError;
use crate::feed::{About, Feed, Watcher};
use crate::identity::AccountRow;
use crate::out::Truth;
use crate::plain;
use crate::world::World;

/// Exchanges at which an account's signals are looked at, beside its end.
const AT: [u64; 5] = [12, 25, 60, 150, 400];
/// Fewer say nothing.
const LEAST: u64 = 8;
/// Recipes that are fitted on; the others are left for tests.
const FITTED: [&str; 8] = [
    "self-instruct",
    "cot-harvest",
    "rubric-grading",
    "self-chat",
    "tool-harvest",
    "logprob-harvest",
    "evol-instruct",
    "technique-sweep",
];

const FIT_SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];
const FAMILY_SEEDS: [u64; 2] = [1, 2];

/// What an account is, for the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Honest,
    Distilling,
    Neither,
}

/// Watches a world and keeps what signals showed.
struct Gather {
    watch: Watch,
    labels: Vec<Label>,
    workloads: Vec<&'static str>,
    seen: Vec<(u32, Row)>,
    findings: Vec<Finding>,
}

impl Gather {
    fn new(card: Card) -> Self {
        Self {
            watch: Watch::new(&HashKey::new(KEY), Options::with(card)),
            labels: Vec::new(),
            workloads: Vec::new(),
            seen: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn look(&mut self, account: u32) {
        let known = &self.watch.accounts()[account as usize];
        let Some(hot) = known.hot() else { return };
        self.seen.push((
            account,
            Row {
                values: signal::values(&View::new(hot, &known.about)),
                distilling: self.labels[account as usize] == Label::Distilling,
                weight: 1.0,
            },
        ));
    }

    /// Rows of all accounts, each account with the weight of one.
    fn rows(self) -> Vec<Row> {
        let tagged = self.tagged().into_iter();
        tagged.map(|(row, _)| row).collect()
    }

    /// The same, with the workload or recipe of each row's account.
    fn tagged(mut self) -> Vec<(Row, &'static str)> {
        for account in 0..self.labels.len() as u32 {
            let sent = self.watch.accounts()[account as usize].exchanges();
            if sent >= LEAST
                && !AT.contains(&sent)
                && self.labels[account as usize] != Label::Neither
            {
                self.look(account);
            }
        }
        let mut of = vec![0_u32; self.labels.len()];
        for (account, _) in &self.seen {
            of[*account as usize] += 1;
        }
        let rows = self.seen.into_iter();
        rows.map(|(account, row)| {
            let weight = 1.0 / f64::from(of[account as usize]);
            (Row { weight, ..row }, self.workloads[account as usize])
        })
        .collect()
    }

    /// The greatest evidence of each honest account.
    fn peaks(&self) -> Vec<i32> {
        let honest = (0..)
            .zip(&self.labels)
            .filter(|(_, label)| **label == Label::Honest);
        honest
            .filter_map(|(account, _)| self.watch.peak(AccountNumber(account)))
            .collect()
    }
}

impl Watcher for Gather {
    fn account(&mut self, about: digest::About, _: &AccountRow, truth: &Truth) {
        self.watch.account(about);
        self.workloads.push(truth.workload);
        self.labels.push(match truth.label {
            "honest" => Label::Honest,
            "distilling" | "router" => Label::Distilling,
            _ => Label::Neither,
        });
    }

    fn exchange(&mut self, about: &About<'_>, digest: &Digest) {
        self.findings.clear();
        let folded = Folded {
            number: about.number,
            account: AccountNumber(about.account),
            arrived: about.arrived,
            ended: about.ended,
            digest,
        };
        self.watch.exchange(&folded, &mut self.findings);
        let Some(label) = self.labels.get(about.account as usize) else {
            return;
        };
        let sent = self.watch.accounts()[about.account as usize].exchanges();
        if *label != Label::Neither && AT.contains(&sent) {
            self.look(about.account);
        }
    }
}

/// A world watched under a card.
fn watch(world: &World, seed: u64, data: &Path, card: Card) -> Result<Gather, SimError> {
    let mut feed = Feed::new(&HashKey::new(KEY), Gather::new(card));
    Engine::new(world, seed, Some(data), &mut feed)?.run(&mut feed, &mut |_| {})?;
    Ok(feed.watcher)
}

fn preset(name: &str, scale: f64) -> Result<World, SimError> {
    let mut world = World::preset(name)
        .ok_or_else(|| SimError::World(format!("no preset is called `{name}`")))??;
    if scale < 1.0 {
        world.scale(scale);
    }
    Ok(world)
}

/// Rows of the world to fit on with all twelve recipes, and the recipe or workload of each.
pub(super) fn all_recipes(data: &Path, scale: f64) -> Result<Vec<(Row, &'static str)>, SimError> {
    let mut world = preset("fit", scale)?;
    let all = crate::Recipe::ALL.map(|recipe| recipe.name().to_owned());
    world.choose(&all, &[])?;
    Ok(watch(&world, 1, data, Card::blank())?.tagged())
}

/// Makes the card. `tell` is told what is begun.
pub fn make(
    data: &Path,
    date: &str,
    scale: f64,
    tell: &mut dyn FnMut(&str),
) -> Result<Card, SimError> {
    let mut rows = Vec::new();
    let mut world = preset("fit", scale)?;
    world.choose(&FITTED.map(str::to_owned), &[])?;
    for seed in FIT_SEEDS {
        tell(&format!("watching `fit`, seed {seed}"));
        rows.extend(watch(&world, seed, data, Card::blank())?.rows());
    }
    for seed in FAMILY_SEEDS {
        tell(&format!("watching `families`, seed {seed}"));
        let mut feed = Feed::new(&HashKey::new(KEY), Gather::new(Card::blank()));
        plain::run(seed, data, scale, &mut feed)?;
        rows.extend(feed.watcher.rows());
    }
    let accounts = |label: bool| {
        let of = rows.iter().filter(|row| row.distilling == label);
        of.map(|row| row.weight).sum::<f64>().round() as u32
    };
    let made = Made {
        date: date.to_owned(),
        fitted_on: vec![
            "sim fit, seed 1".to_owned(),
            "sim families, seed 1".to_owned(),
        ],
        calibrated_on: vec!["sim calibrate, seed 1, honest accounts".to_owned()],
        held_out: [
            "ultra-chat",
            "cot-cleaning",
            "embedding-extraction",
            "relay",
        ]
        .map(str::to_owned)
        .to_vec(),
        accounts: [accounts(false), accounts(true)],
        rates: Vec::new(),
    };
    tell("fitting");
    let mut card = fit::fit(&rows, made);
    tell("watching `calibrate`");
    let world = preset("calibrate", scale)?;
    card.reference = fit::reference(watch(&world, 1, data, card.clone())?.peaks());
    Ok(card)
}
