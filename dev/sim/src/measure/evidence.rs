//! What the evidence rests on: without each family of signals, and fitted without each recipe. Both
//! score the signals that accounts showed at the end of a world, without clusters and streams.

use guard::card::{Card, Made};
use guard::echo::AccountNumber;
use guard::fit::{self, Row as Fitted};
use guard::signal::{COUNT, FAMILIES};

use super::accounts::{honest, is_single, of, size};
use super::fold::{Row, Scene};
use super::metrics::{above, area, threshold};
use super::table::{Cell, Table};
use crate::recipe::Recipe;

type Values = Vec<Option<[f32; COUNT]>>;

/// The signals of every account that is still kept in full.
fn values(scene: &Scene) -> Values {
    let numbers = (0..scene.rows.len() as u32).map(AccountNumber);
    numbers
        .map(|number| scene.watch.score(number).map(|(values, _)| values))
        .collect()
}

fn scores(card: &Card, values: &Values, without: Option<usize>) -> Vec<f64> {
    let all = values.iter();
    all.map(|values| {
        let score = values.as_ref().map(|values| card.score(values, without));
        score.map_or(f64::NEG_INFINITY, |score| f64::from(score.decibans))
    })
    .collect()
}

/// The evidence without each family of signals.
pub(super) fn families(title: &str, scene: &Scene) -> Table {
    let mut table = Table::new(
        title,
        "The additive evidence of each account's last state, all families and with one left out; \
         nothing is fitted anew. Relays left out.",
        &[
            "without",
            "AUC, single",
            "single at 1%",
            "single at 0.1%",
            "of ten at 1%",
        ],
    );
    let values = values(scene);
    let card = scene.watch.card();
    let mut add = |name: &str, without: Option<usize>| {
        let scores = scores(card, &values, without);
        let honest = honest(scene, &scores);
        let members = |wanted: &str| {
            of(scene, &scores, |row| {
                size(scene, row) == Some(wanted) && row.workload != "relay"
            })
        };
        let (single, ten) = (members("single"), members("ten"));
        table.row([
            Cell::from(name),
            area(&honest, &single).into(),
            above(&single, threshold(&honest, 0.01)).into(),
            above(&single, threshold(&honest, 0.001)).into(),
            above(&ten, threshold(&honest, 0.01)).into(),
        ]);
    };
    add("nothing", None);
    for family in FAMILIES {
        add(family.name(), Some(family as usize));
    }
    table
}

/// Single campaigns of each recipe, under evidence that was fitted on the eleven others.
pub(super) fn recipes(title: &str, scene: &Scene, rows: &[(Fitted, &'static str)]) -> Table {
    let mut table = Table::new(
        title,
        "For each recipe the evidence is fitted anew on the world to fit on (seed 1), with the eleven \
         other recipes, and tried on this world's accounts of that recipe: other texts, other \
         wordings, another recipe. Beside it the same with all twelve fitted on.",
        &[
            "recipe",
            "single",
            "AUC",
            "at 1%",
            "at 0.1%",
            "known, at 1%",
            "known, at 0.1%",
        ],
    );
    let values = values(scene);
    let refit = |without: Option<&str>| {
        let kept = rows.iter().filter(|(_, tag)| Some(*tag) != without);
        let kept: Vec<Fitted> = kept.map(|(row, _)| row.clone()).collect();
        scores(&fit::fit(&kept, Made::default()), &values, None)
    };
    let known = refit(None);
    for recipe in Recipe::ALL {
        let name = recipe.name();
        let mine = |row: &Row| is_single(scene, row) && row.workload == name;
        let count = scene.rows.iter().filter(|row| mine(row)).count();
        if count == 0 {
            continue;
        }
        let unseen = refit(Some(name));
        let honest_unseen = honest(scene, &unseen);
        let honest_known = honest(scene, &known);
        let (found, with) = (of(scene, &unseen, mine), of(scene, &known, mine));
        table.row([
            Cell::from(name),
            Cell::Count(count as u64),
            area(&honest_unseen, &found).into(),
            above(&found, threshold(&honest_unseen, 0.01)).into(),
            above(&found, threshold(&honest_unseen, 0.001)).into(),
            above(&with, threshold(&honest_known, 0.01)).into(),
            above(&with, threshold(&honest_known, 0.001)).into(),
        ]);
    }
    table
}
