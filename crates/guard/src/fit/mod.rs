//! Fitting a card: from the signals of accounts whose label is known to what each value is worth, and
//! from the scores of honest accounts to the thresholds that hold a stated rate.
//!
//! Pure: the same rows give the same card, byte for byte, on one kind of machine.

mod bins;
mod boost;
mod gather;
mod interval;
mod rates;

pub use self::bins::{bin, edges};
pub use self::boost::{Growth, Table, grow};
pub use self::gather::{Gather, Label};
pub use self::interval::interval;
pub use self::rates::rates;
use crate::card::{Card, Made, Reference, Tree, VERSION, Worth};
use crate::finding::ACTIONS;
use crate::signal::{COUNT, SIGNALS};

/// What an account showed at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its signals.
    pub values: [f32; COUNT],
    /// What it truly is.
    pub distilling: bool,
    /// How much it counts; rows of one account share one.
    pub weight: f64,
    /// Its workload or recipe, so that a fit can leave one out. The fit itself does not read it.
    pub kind: u32,
    /// Its account, so that no account is both fitted on and measured on.
    pub account: u32,
}

/// By how much further than the end of the reference says a threshold lies that no account of it
/// reached: what is rarer than anything seen is guessed, and a wrong proposal to suspend costs most.
const CAUTION: f64 = 2.0;
/// How trees are grown: small, many, each from a third of the signals, so that no signal carries all.
const GROWTH: Growth = Growth {
    rounds: 400,
    depth: 4,
    rate: 0.05,
    leaf: 20.0,
    lambda: 5.0,
    one_in: 3,
};

/// Decibans in one natural unit of log-odds.
const PER_NAT: f64 = 4.342_944_819_032_518;
/// The false-positive rates that are stated for [`ACTIONS`].
pub const STATED: [f64; ACTIONS.len()] = [1.0, 0.01, 0.002, 0.0015, 0.001, 0.001, 0.0001];
/// So many accounts of the reference must lie beyond a threshold for it to stand on what was seen. A
/// wrong proposal to suspend costs most, and one account alone is chance.
const SEEN: [f64; ACTIONS.len()] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0];
/// Scores of the reference that a card keeps.
const KEPT: usize = 1024;

/// Fits what each signal is worth. The reference is empty: nothing is proposed yet.
pub fn fit(rows: &[Row], made: Made) -> Card {
    let mut columns = Vec::with_capacity(COUNT);
    let mut all_edges = Vec::with_capacity(COUNT);
    for place in 0..COUNT {
        let mut values: Vec<f32> = rows.iter().map(|row| row.values[place]).collect();
        let edges = edges(&mut values);
        columns.push(
            rows.iter()
                .map(|row| bin(&edges, row.values[place]))
                .collect(),
        );
        all_edges.push(edges);
    }
    let table = Table {
        columns,
        labels: rows.iter().map(|row| row.distilling).collect(),
        weights: rows.iter().map(|row| row.weight).collect(),
    };
    let weight = |label: bool| -> f64 {
        let of = rows.iter().filter(|row| row.distilling == label);
        of.map(|row| row.weight).sum::<f64>().max(1e-9)
    };
    let prior = (weight(true) / weight(false)).ln();
    let trees = grow(&table, &GROWTH, prior, 1);
    let mean: i32 = trees.iter().map(Tree::mean).sum();
    let signals = SIGNALS.iter().zip(all_edges);
    Card {
        version: VERSION,
        made,
        signals: signals
            .map(|(signal, edges)| Worth {
                name: signal.name.to_owned(),
                edges,
            })
            .collect(),
        trees,
        prior: ((prior * PER_NAT * 1000.0) as i32).saturating_add(mean),
        reference: Reference {
            from: [i32::MAX; ACTIONS.len()],
            ..Reference::default()
        },
    }
}

/// The reference of a card: `peaks` are the greatest evidence that each honest account ever showed.
/// The threshold of a rate is the least score that so few of them reach, one more counted for the
/// account that is judged (split conformal); where the reference is too small for a rate ([`SEEN`]), it
/// lies above its highest score by [`CAUTION`] times what honest scores differ at their end.
pub fn reference(mut peaks: Vec<i32>) -> Reference {
    peaks.sort_unstable_by(|one, other| other.cmp(one));
    let accounts = peaks.len() as u32;
    let tenth = |share: f64| peaks.get((share * f64::from(accounts)) as usize).copied();
    // Ten times rarer than the rarest that was seen: what one power of ten costs at the end.
    let decade = match (tenth(0.001), tenth(0.01)) {
        (Some(rare), Some(common)) => (rare - common).max(3),
        _ => 10,
    };
    let mut from = [i32::MIN; ACTIONS.len()];
    for ((from, stated), seen) in from.iter_mut().zip(STATED).zip(SEEN).skip(1) {
        let allowed = stated * (f64::from(accounts) + 1.0);
        *from = match peaks.first() {
            Some(_) if allowed >= seen => peaks[(allowed as usize - 1).min(peaks.len() - 1)] + 1,
            Some(highest) => {
                let beyond = CAUTION * f64::from(decade) * (seen / allowed).log10();
                highest + 1 + beyond.ceil() as i32
            }
            None => i32::MAX,
        };
    }
    for place in 1..from.len() {
        from[place] = from[place].max(from[place - 1]);
    }
    peaks.truncate(KEPT);
    Reference {
        accounts,
        highest: peaks,
        from,
        stated: STATED,
    }
}

/// The reference of a site that has no labels: its accounts' peaks, less those that the card at hand
/// already finds, since a new site's traffic has distillers in it. An account is put aside where
/// fewer than one in a thousand honest accounts of the card's own reference ever show as much, or none
/// of a smaller one. A few honest ones are put aside with them, so that the thresholds lie a little low
/// rather than so high that nobody is found.
pub fn reference_of_site(peaks: Vec<i32>, card: &Card) -> Reference {
    let rarest = 1.0 / (f64::from(card.reference.accounts) + 1.0);
    let kept = peaks
        .into_iter()
        .filter(|peak| card.p_value(*peak) > rarest.max(0.001));
    reference(kept.collect())
}
