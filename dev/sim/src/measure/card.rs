//! Makes the card that is shipped: fitted on worlds whose truth is known, calibrated on the honest
//! accounts of another one. What it is measured on later stays unread here.

use std::path::Path;

use guard::card::{Card, Made};
use guard::digest::{self, Digest, HashKey};
use guard::echo::AccountNumber;
use guard::fit::{self, Gather, Label, Row};
use guard::watch::Folded;
use record::Time;

use super::fold::KEY;
use crate::draw::hash;
use crate::engine::Engine;
use crate::error::SimError;
use crate::feed::{About, Feed, Watcher};
use crate::identity::AccountRow;
use crate::out::Truth;
use crate::plain;
use crate::world::World;

/// Recipes that are fitted on; the others are left for tests.
const FITTED: [&str; 10] = [
    "self-instruct",
    "evol-instruct",
    "self-chat",
    "cot-harvest",
    "rubric-grading",
    "tool-harvest",
    "cot-cleaning",
    "technique-sweep",
    "logprob-harvest",
    "embedding-extraction",
];
const FIT_SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const FAMILY_SEEDS: [u64; 2] = [1, 2];
/// One world has four honest accounts in 0.2%: a threshold that stands on so few swings by its seed. Seed
/// 2 is left to those who work on the guard.
const CALIBRATE_SEEDS: [u64; 5] = [1, 3, 4, 5, 6];

/// The number of a workload or recipe.
pub(super) fn kind(workload: &str) -> u32 {
    hash(&[workload.as_bytes()]) as u32
}

/// A world under watch.
struct Watched(Gather);

impl Watcher for Watched {
    fn account(&mut self, about: digest::About, _: &AccountRow, truth: &Truth) {
        let label = match truth.label {
            "honest" => Label::Honest,
            "distilling" | "router" => Label::Distilling,
            _ => Label::Neither,
        };
        self.0.account(about, label, kind(truth.workload));
    }

    fn exchange(&mut self, about: &About<'_>, digest: &Digest) {
        self.0.exchange(&Folded {
            number: about.number,
            account: AccountNumber(about.account),
            arrived: about.arrived,
            ended: about.ended,
            digest,
        });
    }

    fn released(&mut self, time: Time, model: u32) {
        self.0.released(time, model);
    }

    fn suspended(&mut self, time: Time, account: u32) {
        self.0.suspended(time, AccountNumber(account));
    }
}

fn watched(card: Card) -> Watched {
    Watched(Gather::new(&HashKey::new(KEY), card))
}

/// A world watched under a card.
fn watch(world: &World, seed: u64, data: &Path, card: Card) -> Result<Gather, SimError> {
    watch_with(world, seed, data, watched(card).0)
}

/// The same with a watch at hand.
pub(super) fn watch_with(
    world: &World,
    seed: u64,
    data: &Path,
    gather: Gather,
) -> Result<Gather, SimError> {
    let mut feed = Feed::new(&HashKey::new(KEY), Watched(gather));
    Engine::new(world, seed, Some(data), &mut feed)?.run(&mut feed, &mut |_| {})?;
    Ok(feed.watcher.0)
}

pub(super) fn preset(name: &str, scale: f64) -> Result<World, SimError> {
    let mut world = World::preset(name)
        .ok_or_else(|| SimError::World(format!("no preset is called `{name}`")))??;
    if scale < 1.0 {
        world.scale(scale);
    }
    Ok(world)
}

/// What is fitted on: rows of all labelled worlds.
pub(super) fn rows(
    data: &Path,
    scale: f64,
    recipes: &[&str],
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, SimError> {
    let mut rows = Vec::new();
    let mut world = preset("fit", scale)?;
    let recipes: Vec<String> = recipes.iter().map(|name| (*name).to_owned()).collect();
    world.choose(&recipes, &[])?;
    let mut add = |place: u64, more: Vec<Row>| {
        // Accounts of different worlds are different ones.
        rows.extend(more.into_iter().map(|row| Row {
            account: row.account | (place as u32) << 24,
            ..row
        }));
    };
    for seed in FIT_SEEDS {
        tell(&format!("watching `fit`, seed {seed}"));
        add(seed, watch(&world, seed, data, Card::blank())?.rows());
    }
    for seed in FAMILY_SEEDS {
        tell(&format!("watching `families`, seed {seed}"));
        let mut feed = Feed::new(&HashKey::new(KEY), watched(Card::blank()));
        plain::run(seed, data, scale, &mut feed)?;
        add(128 + seed, feed.watcher.0.rows());
    }
    Ok(rows)
}

/// Makes the card. `tell` is told what is begun.
pub fn make(
    data: &Path,
    date: &str,
    scale: f64,
    tell: &mut dyn FnMut(&str),
) -> Result<Card, SimError> {
    let rows = rows(data, scale, &FITTED, tell)?;
    let accounts = |label: bool| {
        let of = rows.iter().filter(|row| row.distilling == label);
        of.map(|row| row.weight).sum::<f64>().round() as u32
    };
    let made = Made {
        date: date.to_owned(),
        fitted_on: vec![
            format!("sim fit, seeds {FIT_SEEDS:?}, {}", FITTED.join(", ")),
            format!("sim families, seeds {FAMILY_SEEDS:?}"),
        ],
        calibrated_on: vec![format!(
            "sim calibrate, seeds {CALIBRATE_SEEDS:?}, honest accounts"
        )],
        held_out: vec![
            "recipes ultra-chat and relay".to_owned(),
            "texts and wordings of `calibrate` and of the worlds to test on".to_owned(),
        ],
        accounts: [accounts(false), accounts(true)],
        rates: fit::rates(&rows),
    };
    tell("fitting");
    let mut card = fit::fit(&rows, made);
    let mut world = preset("calibrate", scale)?;
    world.campaigns.clear();
    let mut peaks = Vec::new();
    for seed in CALIBRATE_SEEDS {
        tell(&format!("watching `calibrate`, seed {seed}"));
        peaks.extend(watch(&world, seed, data, card.clone())?.peaks(Label::Honest));
    }
    card.reference = fit::reference(peaks);
    Ok(card)
}
