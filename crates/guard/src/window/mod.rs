//! The window test: whether some hundred exchanges of an account, a cluster or a stream hold a share
//! that benign exchanges of the same site or task do not. Benign exchanges are given as a reference;
//! nothing else is learned, no weight comes from elsewhere.
//!
//! Each exchange is placed among the reference's by how surprising it is in several views, and
//! binned by what it shows. A window's counts are compared with the reference's, sign by sign. What
//! benign windows show by chance is found by splitting the reference itself many times
//! (a permutation test; Fisher, 1935), so that the share of benign windows told wrongly is as asked
//! for whatever the task is, as long as benign exchanges of window and reference are alike.
//! `docs/decisions/0015-guard-evaluation.md` has the mathematics and the figures.
//!
//! It does no IO, reads no clock, and draws its splits from a fixed stream: the same reference and
//! window give the same verdict.

mod mark;
mod reference;
mod tally;

use std::ops::Range;

pub use self::mark::Mark;
use self::reference::{Model, Placed};
use self::tally::{NAMES, SIGNS, Tally};
use crate::digest::DIMENSIONS;
use crate::profile::mix;

/// Most exchanges of a reference; of more, take an even sample.
pub const MOST: usize = 4_096;
/// Fewest exchanges of a reference.
pub const FEWEST: usize = 64;
/// Splits of the reference.
const SPLITS: usize = 2_000;
/// The share of splits beyond which tails are taken as exponential.
const TAIL: f64 = 0.05;
/// By how much a window's chance is made larger: the splits are all of one reference, and what is
/// rare in it was drawn only once. Measured, benign windows are told twice as often as the splits
/// alone say; the rest is so that the rate asked for is kept with certainty (decision 15).
const CAUTION: f64 = 10.0;
/// Strongest signs that are added up.
const STRONGEST: usize = 3;

/// Why there is no test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The caller gave too little to compare with.
    #[error("a reference needs at least {FEWEST} benign exchanges, this one has {0}")]
    ShortReference(usize),
    /// The caller gave an empty window.
    #[error("a window needs at least one exchange")]
    EmptyWindow,
}

/// Benign exchanges of a site or a task.
#[derive(Debug)]
pub struct Reference {
    model: Model,
    blocks: Vec<Range<usize>>,
    placed: Vec<Placed>,
    whole: Tally,
    spread: [f64; DIMENSIONS],
}

/// An exchange placed among a reference's.
#[derive(Debug, Clone)]
pub struct Seen {
    mark: Mark,
    placed: Placed,
}

/// A test of windows of one length against one reference.
#[derive(Debug)]
pub struct Test<'r> {
    reference: &'r Reference,
    length: usize,
    /// As much of the reference as the splits compare with: where rare bins are added up, a window
    /// must not meet more, or they would not be as rare as theirs.
    benign: Tally,
    signs: Vec<Tail>,
    whole: Tail,
}

/// What comes of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The share of benign windows that would look as strange, as far as the splits tell.
    pub chance: f64,
    /// The strongest signs and the share of benign windows that show each so strongly.
    pub strongest: [(&'static str, f64); STRONGEST],
}

impl Reference {
    /// A reference of benign exchanges that have nothing to do with each other; of more than
    /// [`MOST`], an even sample.
    pub fn new(marks: Vec<Mark>) -> Result<Self, WindowError> {
        Self::of_blocks(marks.into_iter().map(|mark| vec![mark]).collect())
    }

    /// A reference of benign exchanges in blocks, within which they are alike: an account's, a
    /// day's. What benign windows show by chance is then found by drawing whole blocks, so that a
    /// window that is a block of its own, as a new day is, isn't told for that alone. What is
    /// rarer than one block of all is extrapolated: there should be twenty at least.
    pub fn of_blocks(blocks: Vec<Vec<Mark>>) -> Result<Self, WindowError> {
        let all: usize = blocks.iter().map(Vec::len).sum();
        if all < FEWEST {
            return Err(WindowError::ShortReference(all));
        }
        let mut marks = Vec::with_capacity(all.min(MOST));
        let mut ranges = Vec::with_capacity(blocks.len());
        let mut place = 0;
        for block in blocks {
            let start = marks.len();
            for mark in block {
                // Every so manieth of all.
                if all <= MOST || (place + 1) * MOST / all > place * MOST / all {
                    marks.push(mark);
                }
                place += 1;
            }
            if marks.len() > start {
                ranges.push(start..marks.len());
            }
        }
        let (model, placed) = Model::new(marks, &ranges);
        let mut whole = Tally::default();
        for (mark, placed) in model.marks().iter().zip(&placed) {
            whole.add(mark, placed);
        }
        let spread = spread(model.marks());
        Ok(Self {
            model,
            blocks: ranges,
            placed,
            whole,
            spread,
        })
    }

    /// Places an exchange; worth keeping where it is in several windows.
    pub fn see(&self, mark: &Mark) -> Seen {
        Seen {
            mark: mark.clone(),
            placed: self.model.place(mark),
        }
    }

    /// A test of windows of this length. Where it is more than half of the reference, some signs
    /// are looked for in a thinned out window.
    pub fn test(&self, length: usize) -> Result<Test<'_>, WindowError> {
        if length == 0 {
            return Err(WindowError::EmptyWindow);
        }
        let all = self.model.len();
        let length = length.min(all / 2);
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        let mut drawn = 0_u64;
        let mut found: Vec<[f64; SIGNS]> = Vec::with_capacity(SPLITS);
        let mut benign = Tally::default();
        for _ in 0..SPLITS {
            let mut part = Tally::default();
            for place in 0..order.len() {
                let left = length - part.count as usize;
                if left == 0 {
                    break;
                }
                drawn += 1;
                let rest = (order.len() - place) as u128;
                let pick = place + ((u128::from(mix(drawn)) * rest) >> 64) as usize;
                order.swap(place, pick);
                for one in self.blocks[order[place]].clone().take(left) {
                    part.add(&self.model.marks()[one], &self.placed[one]);
                }
            }
            benign = self.whole.without(&part);
            found.push(part.signs(&benign, &self.spread));
        }
        let signs: Vec<Tail> = (0..SIGNS)
            .map(|sign| {
                Tail::new(
                    found.iter().map(|all| all[sign]).collect(),
                    tally::least(sign),
                )
            })
            .collect();
        let strengths = found.iter().map(|all| strength(&signs, all)).collect();
        let whole = Tail::new(strengths, (0.0, 0.1));
        Ok(Test {
            reference: self,
            length,
            benign,
            signs,
            whole,
        })
    }
}

impl Test<'_> {
    /// The verdict on a window.
    pub fn judge<'s>(
        &self,
        window: impl IntoIterator<Item = &'s Seen>,
    ) -> Result<Verdict, WindowError> {
        let window: Vec<&Seen> = window.into_iter().collect();
        if window.is_empty() {
            return Err(WindowError::EmptyWindow);
        }
        let tally = |most: usize| {
            let mut tally = Tally::default();
            for place in 0..most {
                let seen = window[place * window.len() / most];
                tally.add(&seen.mark, &seen.placed);
            }
            tally
        };
        let Reference { whole, spread, .. } = self.reference;
        let mut found = tally(window.len().min(self.length)).signs(&self.benign, spread);
        let whole = tally(window.len()).signs(whole, spread);
        for (sign, found) in found.iter_mut().enumerate() {
            if tally::is_free(sign) {
                *found = whole[sign];
            }
        }
        let mut strongest: Vec<(&'static str, f64)> = NAMES
            .into_iter()
            .zip(self.signs.iter().zip(found))
            .map(|(name, (tail, found))| (name, tail.chance(found)))
            .collect();
        strongest.sort_by(|a, b| a.1.total_cmp(&b.1));
        Ok(Verdict {
            chance: (CAUTION * self.whole.chance(strength(&self.signs, &found))).min(1.0),
            strongest: std::array::from_fn(|place| strongest[place]),
        })
    }
}

/// How strange a window is in all: the logarithms of its strongest signs' chances.
fn strength(signs: &[Tail], found: &[f64; SIGNS]) -> f64 {
    let chances = signs.iter().zip(found);
    let mut all: Vec<f64> = chances
        .map(|(tail, found)| -tail.chance(*found).ln())
        .collect();
    all.sort_by(|a, b| b.total_cmp(a));
    all.iter().take(STRONGEST).sum()
}

/// What benign windows show of one number: as the splits say in the bulk, exponential beyond.
#[derive(Debug)]
struct Tail {
    sorted: Vec<f64>,
    from: f64,
    mean: f64,
}

impl Tail {
    /// `least` is where the tail begins and how long it is at least: what never varied in the
    /// reference may vary a little without meaning anything.
    fn new(mut sorted: Vec<f64>, least: (f64, f64)) -> Self {
        sorted.sort_by(f64::total_cmp);
        let place = ((1.0 - TAIL) * sorted.len() as f64) as usize;
        let beyond = &sorted[place.min(sorted.len() - 1)..];
        let from = beyond[0];
        let mean = beyond.iter().map(|one| one - from).sum::<f64>() / beyond.len() as f64;
        Self {
            sorted,
            from: from.max(least.0),
            mean: mean.max(least.1),
        }
    }

    /// The share of benign windows that show as much, never 0.
    fn chance(&self, found: f64) -> f64 {
        if found > self.from {
            let beyond = (found - self.from) / self.mean;
            return (TAIL * (-beyond).exp()).max(f64::MIN_POSITIVE);
        }
        let below = self.sorted.partition_point(|one| *one < found);
        let share = (self.sorted.len() - below) as f64 / self.sorted.len() as f64;
        share.max(TAIL)
    }
}

/// Squared deviations of positions, by coordinate, at least 1.
fn spread(marks: &[Mark]) -> [f64; DIMENSIONS] {
    let count = marks.len() as f64;
    std::array::from_fn(|place| {
        let values = marks
            .iter()
            .map(|mark| f64::from(mark.position.coordinates()[place]));
        let mean = values.clone().sum::<f64>() / count;
        let squares = values.map(|value| (value - mean).powi(2));
        (squares.sum::<f64>() / count).max(1.0)
    })
}
