//! Measures the guard on worlds that it has never seen, beside baselines on the same traffic, and
//! writes one table. Worlds are made, digested and folded in process: nothing of them is kept.

mod accounts;
pub mod baselines;
pub mod clusters;
pub mod fold;
pub mod metrics;
pub mod table;
pub mod window;

use std::path::Path;

use guard::digest::HashKey;
use guard::watch::Watch;

use self::baselines::{Fitted, Words};
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
    /// Leave the baselines out.
    pub guard_only: bool,
}

/// Measures; `tell` is told what is begun.
pub fn evaluate(wanted: &Wanted<'_>, tell: &mut dyn FnMut(&str)) -> Result<Report, SimError> {
    let mut words = Words::default();
    let fitted = match wanted.guard_only {
        true => None,
        false => {
            tell("fitting the baselines on `fit`");
            let scene = wanted.fold("fit", &[], Some(&mut words), true)?;
            Some(Fitted::new(&scene))
        }
    };
    let mut tables = Vec::new();
    let mut speed = Table::new(
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
    );
    for (world, recipes, what) in [
        ("test-recipes", &[][..], "recipes never fitted on"),
        ("test-recipes", &["all"][..], "all twelve recipes"),
        ("clusters-10", &[][..], "campaigns of ten"),
        ("clusters-100", &[][..], "campaigns of a hundred"),
    ] {
        tell(what);
        let words = fitted.is_some().then_some(&mut words);
        let scene = wanted.fold(world, recipes, words, false)?;
        let mut scores = vec![accounts::guard(&scene)];
        if let Some(fitted) = &fitted {
            scores.extend(fitted.scores(&scene));
        }
        let name = |part: &str| format!("{part}: {what}");
        tables.push(accounts::detectors(&name("Detectors"), &scene, &scores));
        tables.push(accounts::slices(&name("Parts"), &scene, &scores[0].scores));
        tables.push(accounts::steps(&name("Steps"), &scene));
        if what == "recipes never fitted on" {
            tables.push(accounts::leaks(&name("Leaks"), &scene));
            tables.push(accounts::workloads(&name("Honest workloads"), &scene));
        }
        if world.starts_with("clusters") {
            tables.push(accounts::routers(&name("Routers"), &scene, &scores));
        }
        speed.row(fast(what, &scene));
    }
    tables.push(speed);
    Ok(Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        card: "none yet".to_owned(),
        commands: vec!["sim evaluate --out bench/guard".to_owned()],
        seeds: vec![wanted.seed],
        scale: wanted.scale,
        tables,
    })
}

impl Wanted<'_> {
    fn fold(
        &self,
        name: &str,
        recipes: &[&str],
        words: Option<&mut Words>,
        learn: bool,
    ) -> Result<Scene, SimError> {
        let mut world = World::preset(name)
            .ok_or_else(|| SimError::World(format!("no preset is called `{name}`")))??;
        if recipes.contains(&"all") {
            let all = crate::Recipe::ALL.map(|recipe| recipe.name().to_owned());
            world.choose(&all, &[])?;
        }
        if self.scale < 1.0 {
            world.scale(self.scale);
        }
        fold::fold(
            &world,
            fresh(),
            Setting {
                data: self.data,
                seed: self.seed,
                extras: !self.guard_only,
                words,
                learn,
            },
        )
    }
}

/// A guard as it ships.
fn fresh() -> Watch {
    Watch::new(&HashKey::new(KEY), guard::echo::Options::default())
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
