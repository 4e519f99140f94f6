//! What the card owes to what: fits that never saw a recipe, evidence without a family of signals, and
//! references with distillers hidden in them.

use std::path::Path;

use guard::card::{Card, Made};
use guard::digest::HashKey;
use guard::echo::AccountNumber;
use guard::finding::{ACTIONS, Action};
use guard::fit::{self, Gather, Label as Known, Row as Fit};
use guard::signal::{COUNT, FAMILIES};
use guard::watch::Watch;

use super::card;
use super::fold::{KEY, Label, Row, Scene};
use super::metrics::{Rate, above, area, threshold};
use super::table::{Cell, Table};
use crate::error::SimError;
use crate::recipe::Recipe;

type Values = [f32; COUNT];

/// What signals showed of an account at the end.
fn values(watch: &Watch, place: usize) -> Option<Values> {
    Some(watch.score(AccountNumber(place as u32))?.0)
}

fn is_single(scene: &Scene, row: &Row) -> bool {
    let group = row.campaign.and_then(|at| scene.campaigns.get(at));
    group.is_some_and(|group| group.accounts == 1)
}

/// Scores of the honest accounts, and of single ones for which something holds.
fn scores(
    scene: &Scene,
    score: impl Fn(&Values) -> i32,
    wanted: impl Fn(&Row) -> bool,
) -> (Vec<f64>, Vec<f64>) {
    let (mut honest, mut distilling) = (Vec::new(), Vec::new());
    for (place, row) in scene.rows.iter().enumerate() {
        let is = match row.label {
            Label::Honest => true,
            Label::Distilling => is_single(scene, row) && wanted(row),
            Label::Sanctioned => false,
        };
        if let Some(values) = is.then(|| values(&scene.watch, place)).flatten() {
            let score = f64::from(score(&values));
            match row.label {
                Label::Honest => honest.push(score),
                _ => distilling.push(score),
            }
        }
    }
    (honest, distilling)
}

fn cells(name: &str, (honest, distilling): (Vec<f64>, Vec<f64>)) -> [Cell; 5] {
    [
        name.into(),
        Cell::Count(distilling.len() as u64),
        area(&honest, &distilling).into(),
        above(&distilling, threshold(&honest, 0.01)).into(),
        above(&distilling, threshold(&honest, 0.001)).into(),
    ]
}

const HEAD: [&str; 5] = ["", "single accounts", "AUC", "at 1%", "at 0.1%"];

/// Each recipe found by a card that was fitted on all others.
pub(super) fn left_out(
    scene: &Scene,
    data: &Path,
    scale: f64,
    tell: &mut dyn FnMut(&str),
) -> Result<Table, SimError> {
    let names = Recipe::ALL.map(Recipe::name);
    let rows = card::rows(data, scale, &names, tell)?;
    let mut table = Table::new(
        "Leave one recipe out",
        "Each recipe on the world to test on, found by the evidence of a card that was fitted on all \
         other recipes (and on texts and wordings of another world). Clusters do not help here.",
        &HEAD,
    );
    for name in names {
        tell(&format!("fitting without {name}"));
        let kind = card::kind(name);
        let kept: Vec<Fit> = rows
            .iter()
            .filter(|row| row.kind != kind)
            .cloned()
            .collect();
        let card = fit::fit(&kept, Made::default());
        let score = |values: &Values| card.score(values, None).decibans;
        table.row(cells(
            name,
            scores(scene, score, |row| row.workload == name),
        ));
    }
    Ok(table)
}

/// The evidence without each family of signals, and each family alone.
pub(super) fn families(scene: &Scene, card: &Card) -> Table {
    let mut table = Table::new(
        "What each family of signals is worth",
        "The shipped card's evidence with one family left out, and with one alone; all twelve \
         recipes, relays left out.",
        &HEAD,
    );
    let wanted = |row: &Row| row.workload != "relay";
    let all = scores(scene, |values| card.score(values, None).decibans, wanted);
    table.row(cells("all", all));
    for (place, family) in FAMILIES.iter().enumerate() {
        let score = |values: &Values| card.score(values, Some(place)).decibans;
        let name = format!("without {}", family.name());
        table.row(cells(&name, scores(scene, score, wanted)));
    }
    for (place, family) in FAMILIES.iter().enumerate() {
        let score = |values: &Values| card.score(values, None).family(place) / 100;
        let name = format!("{} alone", family.name());
        table.row(cells(&name, scores(scene, score, wanted)));
    }
    table
}

/// Thresholds of references in which distillers are hidden, measured on another world.
pub(super) fn hidden(
    scene: &Scene,
    data: &Path,
    scale: f64,
    shipped: &Card,
) -> Result<Table, SimError> {
    let world = card::preset("calibrate", scale)?;
    let gather = Gather::new(&HashKey::new(KEY), shipped.clone());
    let seen = card::watch_with(&world, 3, data, gather)?;
    let (honest, distilling) = (seen.peaks(Known::Honest), seen.peaks(Known::Distilling));
    let mut table = Table::new(
        "References with distillers hidden in them",
        "Thresholds for a strip from a new site's own accounts (another seed of `calibrate`), of which \
         a part distils; stated for 0.2% of honest accounts. Blind: all are taken for honest. Aware: \
         those that the shipped card finds are put aside. Measured on the world to test on: honest \
         accounts wrongly struck, single distillers struck (relays left out).",
        &[
            "hidden",
            "how",
            "from, decibans",
            "wrongly struck",
            "struck",
        ],
    );
    let strip = ACTIONS.iter().position(|action| *action == Action::Strip);
    let strip = strip.unwrap_or_default();
    for percent in [0, 2, 5] {
        // Hidden ones come again where there are too few of them: scores repeat, ranks do not.
        let many = honest.len() * percent / (100 - percent);
        let mut mixed = honest.clone();
        mixed.extend(distilling.iter().cycle().take(many));
        let blind = fit::reference(mixed.clone());
        let aware = fit::reference_of_site(mixed, shipped);
        for (how, reference) in [("blind", blind), ("aware", aware)] {
            let from = reference.from[strip];
            let struck = |label: Label| {
                let rows = scene.rows.iter().enumerate();
                let of = rows.filter(move |(_, row)| {
                    row.exchanges > 0
                        && row.label == label
                        && (label == Label::Honest
                            || is_single(scene, row) && row.workload != "relay")
                });
                let peak = |place: usize| scene.watch.peak(AccountNumber(place as u32));
                Rate::count(of.map(|(place, _)| peak(place).is_some_and(|peak| peak >= from)))
            };
            table.row([
                format!("{percent}%").into(),
                how.into(),
                Cell::Number(f64::from(from), 0),
                struck(Label::Honest).into(),
                struck(Label::Distilling).into(),
            ]);
        }
    }
    Ok(table)
}
