//! Measures the guard on worlds that it has never seen, beside baselines on the same traffic, and
//! writes one table. Worlds are made, digested and folded in process: nothing of them is kept.

mod accounts;
pub mod baselines;
pub mod card;
pub mod clusters;
pub mod fold;
mod groups;
pub mod metrics;
mod parts;
pub mod table;
pub mod window;

use std::path::Path;

use guard::card::Card;
use guard::digest::HashKey;
use guard::watch::{Options, Watch};

use self::baselines::{Fitted, Scores, Words};
use self::fold::{KEY, Scene, Setting};
use self::table::{Cell, Report, Table};
use crate::error::SimError;
use crate::world::World;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The folder of real texts and traces.
    pub data: Option<&'a Path>,
    /// Share of the worlds' accounts.
    pub scale: f64,
    /// Seed of every world.
    pub seed: u64,
    /// Leave the baselines and the window test out.
    pub guard_only: bool,
    /// Add campaigns of a thousand and of 20,000 accounts, and a month of 30,000 honest ones.
    pub long: bool,
    /// Measure on the world to calibrate on, with recipes that were fitted on and others: for whoever
    /// works on the guard. The worlds to test on stay unread.
    pub develop: bool,
    /// One world alone, without the baselines.
    pub world: Option<&'a str>,
    /// A card in place of the shipped one.
    pub card: Option<guard::card::Card>,
}

/// The worlds: preset, whether all twelve recipes run in place of the preset's, and what for.
const WORLDS: [(&str, bool, &str); 4] = [
    (
        "test-recipes",
        false,
        "four recipes of the world to test on",
    ),
    ("test-recipes", true, "all twelve recipes"),
    ("clusters-10", false, "campaigns of ten"),
    ("clusters-100", false, "campaigns of a hundred"),
];

/// Measures; `tell` is told what is begun.
pub fn evaluate(wanted: &Wanted<'_>, tell: &mut dyn FnMut(&str)) -> Result<Report, SimError> {
    let mut speed = speed();
    if let Some(world) = wanted.world {
        let mut tables = one(wanted, (world, world), &mut speed, tell)?;
        tables.push(speed);
        return wanted.report(tables);
    }
    let mut words = Words::default();
    let fitted = match wanted.guard_only {
        true => None,
        false => {
            tell("fitting the baselines on `fit`");
            let scene = wanted.fold("fit", false, Some(&mut words), true)?;
            Some(Fitted::new(&scene))
        }
    };
    let mut tables = Vec::new();
    let develop = [("calibrate", true, "to develop on")];
    let worlds = if wanted.develop {
        &develop[..]
    } else {
        &WORLDS[..]
    };
    for (world, all, what) in worlds.iter().copied() {
        tell(what);
        let words = fitted.is_some().then_some(&mut words);
        let scene = wanted.fold(world, all, words, false)?;
        let mut scores = vec![accounts::guard(&scene), accounts::evidence(&scene)];
        if let Some(fitted) = &fitted {
            scores.extend(fitted.scores(&scene));
        }
        tables.extend(of_world(what, &scene, &scores));
        speed.row(fast(what, &scene));
        if let (true, Some(data)) = (all, wanted.data) {
            let card = wanted.card()?;
            tables.push(parts::families(&scene, &card));
            tell("references with distillers hidden in them");
            tables.push(parts::hidden(&scene, data, wanted.scale, &card)?);
            if !wanted.guard_only {
                tables.push(parts::left_out(&scene, data, wanted.scale, tell)?);
            }
        }
    }
    if wanted.long {
        tables.extend(long(wanted, &mut speed, tell)?);
    }
    if let Some(data) = wanted.data.filter(|_| !wanted.guard_only) {
        tell("the window test");
        let window = window::Wanted {
            data,
            splits: (8.0 * wanted.scale).ceil() as u64,
            windows: 2,
            seed: wanted.seed,
        };
        tables.extend(window::measure(&window, &mut |_| {})?);
    }
    tables.push(speed);
    wanted.report(tables)
}

/// What takes an hour: large campaigns, and a month of honest accounts.
fn long(
    wanted: &Wanted<'_>,
    speed: &mut Table,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Table>, SimError> {
    let mut tables = Vec::new();
    for (world, what) in [
        ("clusters-1000", "campaigns of a thousand"),
        ("router-20000", "20,000 accounts behind one router"),
        ("honest-30000", "30,000 honest accounts over 30 days"),
    ] {
        tables.extend(one(wanted, (world, what), speed, tell)?);
    }
    Ok(tables)
}

/// The guard alone in one world.
fn one(
    wanted: &Wanted<'_>,
    (world, what): (&str, &str),
    speed: &mut Table,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Table>, SimError> {
    tell(what);
    let scene = wanted.fold(world, false, None, false)?;
    speed.row(fast(what, &scene));
    if scene.campaigns.is_empty() {
        return Ok(vec![
            accounts::steps(&format!("Steps: {what}"), &scene),
            accounts::workloads(&format!("Honest workloads: {what}"), &scene),
        ]);
    }
    let scores = [accounts::guard(&scene), accounts::evidence(&scene)];
    Ok(of_world(what, &scene, &scores))
}

/// The tables of a world.
fn of_world(what: &str, scene: &Scene, scores: &[Scores]) -> Vec<Table> {
    let name = |part: &str| format!("{part}: {what}");
    let mut tables = vec![
        accounts::detectors(&name("Detectors"), scene, scores),
        accounts::slices(&name("Parts"), scene, &scores[0].scores),
        accounts::steps(&name("Steps"), scene),
    ];
    if scene.campaigns.iter().any(|group| group.accounts == 1) {
        tables.push(accounts::leaks(&name("Leaks"), scene));
        tables.push(accounts::workloads(&name("Honest workloads"), scene));
    } else {
        tables.push(accounts::routers(&name("Routers"), scene, scores));
        tables.push(groups::clusters(&name("Clusters"), scene));
    }
    tables
}

fn speed() -> Table {
    Table::new(
        "Speed and size",
        "On the machine that wrote this, one thread; the fold alone, and with making and digesting \
         the traffic. The peak is of the whole process, worlds and baselines included.",
        &[
            "world",
            "accounts",
            "exchanges",
            "days",
            "fold, exchanges/s",
            "all, exchanges/s",
            "peak, MiB",
        ],
    )
}

impl Wanted<'_> {
    fn report(&self, tables: Vec<Table>) -> Result<Report, SimError> {
        Ok(Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            card: self.card()?.hash(),
            commands: vec![format!(
                "sim evaluate --out bench/guard{}",
                match (self.world, self.long) {
                    (Some(world), _) => format!(" --world {world}"),
                    (None, true) => " --long".to_owned(),
                    (None, false) => String::new(),
                }
            )],
            seeds: vec![self.seed],
            scale: self.scale,
            tables,
        })
    }

    fn card(&self) -> Result<Card, SimError> {
        match &self.card {
            Some(card) => Ok(card.clone()),
            None => Card::shipped().map_err(|err| SimError::World(err.to_string())),
        }
    }

    /// A guard that knows nothing yet.
    fn fresh(&self) -> Result<Watch, SimError> {
        Ok(Watch::new(&HashKey::new(KEY), Options::with(self.card()?)))
    }

    fn fold(
        &self,
        name: &str,
        all: bool,
        words: Option<&mut Words>,
        learn: bool,
    ) -> Result<Scene, SimError> {
        let mut world = World::preset(name)
            .ok_or_else(|| SimError::World(format!("no preset is called `{name}`")))??;
        if all {
            let all = crate::Recipe::ALL.map(|recipe| recipe.name().to_owned());
            world.choose(&all, &[])?;
        }
        if self.scale < 1.0 {
            world.scale(self.scale);
        }
        fold::fold(
            &world,
            self.fresh()?,
            Setting {
                data: self.data,
                seed: self.seed,
                extras: words.is_some(),
                words,
                learn,
            },
        )
    }
}

fn fast(what: &str, scene: &Scene) -> [Cell; 7] {
    let rate = |time: std::time::Duration| {
        Cell::Number(scene.exchanges as f64 / time.as_secs_f64().max(0.001), 0)
    };
    [
        what.into(),
        Cell::Count(scene.rows.len() as u64),
        Cell::Count(scene.exchanges),
        Cell::Number(scene.days, 0),
        rate(scene.folding),
        rate(scene.whole),
        fold::peak_memory().map_or(Cell::Nothing, Cell::Count),
    ]
}
