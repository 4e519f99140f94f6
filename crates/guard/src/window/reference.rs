//! What benign exchanges look like, one by one: how surprising an exchange is among them, in seven
//! views. Every exchange of the reference is looked at as if it were not in it, so that it and a
//! new one can be compared. Nothing is decided here.

use std::collections::HashMap;
use std::ops::Range;

use super::mark::{BINS, FIELDS, FRAMES, Mark, SHAPES, SIZES};
use crate::digest::DIMENSIONS;
use crate::profile::mix;

/// What an exchange may be surprising in; the last takes the others together.
pub(super) const VIEWS: usize = 8;
/// Shares of the reference that exceed each level of surprise.
pub(super) const LEVELS: [f64; 7] = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005];
/// Exchanges that stand for regions of meaning.
pub(super) const CELLS: usize = 64;
/// Random features of a position (Rahimi, Recht, 2007).
pub(super) const FEATURES: usize = 128;
/// Nearest neighbours that are averaged.
const NEAREST: usize = 3;
/// What so many have counts as common.
const COMMON: u32 = 20;
/// Words and shingles are counted apart by bin of their sketch, and by 14 bits of their value.
const VALUES: usize = 1 << 14;

/// An exchange, placed among benign ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// The share of the reference at least as surprising.
    pub(super) shares: [f32; VIEWS],
    /// How many of the levels it exceeds.
    pub(super) levels: [u8; VIEWS],
    /// The same from the other end: how many of the levels it is more usual than.
    pub(super) usual: [u8; VIEWS],
    /// Random features of its position.
    pub(super) features: [f32; FEATURES],
    /// The nearest of the standing exchanges; [`CELLS`] for none.
    pub(super) cell: u8,
}

/// Counts over benign exchanges.
#[derive(Debug)]
pub(super) struct Model {
    marks: Vec<Mark>,
    pairs: Vec<u16>,
    shingles: Vec<u16>,
    frames: HashMap<(u8, u32), u32>,
    fields: Box<[[u32; BINS]; FIELDS]>,
    /// Directions and phases of the features.
    waves: Box<[([f32; DIMENSIONS], f32); FEATURES]>,
    /// By view, the surprise of each exchange, in order.
    sorted: [Vec<f32>; VIEWS],
}

impl Model {
    /// Counts, and where every exchange stands among those of the other blocks. Blocks are ranges
    /// of the marks, in order.
    pub(super) fn new(marks: Vec<Mark>, blocks: &[Range<usize>]) -> (Self, Vec<Placed>) {
        let mut model = Self {
            marks: Vec::new(),
            pairs: vec![0; 16 * VALUES],
            shingles: vec![0; 32 * VALUES],
            frames: HashMap::new(),
            fields: Box::new([[0; BINS]; FIELDS]),
            waves: waves(&marks),
            sorted: std::array::from_fn(|_| Vec::new()),
        };
        for mark in &marks {
            model.count(mark);
        }
        model.marks = marks;
        let mut surprises: Vec<[f32; VIEWS]> = Vec::with_capacity(model.marks.len());
        for block in blocks {
            let own = Own::new(&model.marks[block.clone()], block.clone());
            let mine = model.marks[block.clone()].iter();
            let mine: Vec<_> = mine.map(|mark| model.surprise(mark, Some(&own))).collect();
            surprises.extend(mine);
        }
        for view in 0..VIEWS - 1 {
            model.sort(view, &surprises);
        }
        for surprise in &mut surprises {
            surprise[VIEWS - 1] = model.together(surprise);
        }
        model.sort(VIEWS - 1, &surprises);
        let all = blocks.iter().flat_map(|block| {
            let places = block.clone();
            places.map(move |place| (place, block))
        });
        let placed = all
            .map(|(place, block)| {
                model.stand(&model.marks[place], &surprises[place], block.clone())
            })
            .collect();
        (model, placed)
    }

    /// Exchanges in it.
    pub(super) const fn len(&self) -> usize {
        self.marks.len()
    }

    /// The exchanges in it.
    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Where a new exchange stands.
    pub(super) fn place(&self, mark: &Mark) -> Placed {
        let mut surprise = self.surprise(mark, None);
        surprise[VIEWS - 1] = self.together(&surprise);
        self.stand(mark, &surprise, 0..0)
    }

    fn count(&mut self, mark: &Mark) {
        for (bin, value) in mark.pairs.values() {
            let count = &mut self.pairs[slot(bin, value)];
            *count = count.saturating_add(1);
        }
        for (bin, value) in mark.shingles.values() {
            let count = &mut self.shingles[slot(bin, value)];
            *count = count.saturating_add(1);
        }
        for (kind, frame) in (0..).zip(mark.frames) {
            *self.frames.entry((kind, frame)).or_default() += 1;
        }
        for (bins, field) in self.fields.iter_mut().zip(mark.fields) {
            bins[usize::from(field)] += 1;
        }
    }

    fn sort(&mut self, view: usize, surprises: &[[f32; VIEWS]]) {
        let mut sorted: Vec<f32> = surprises.iter().map(|all| all[view]).collect();
        sorted.sort_by(f32::total_cmp);
        self.sorted[view] = sorted;
    }

    /// Surprise by view, all but the last. What an exchange's own block added is taken away, so
    /// that ours and new ones are looked at alike.
    fn surprise(&self, mark: &Mark, own: Option<&Own>) -> [f32; VIEWS] {
        let all = (self.marks.len() + 1) as f32;
        // The logarithm of how rare it is to be seen so often, smoothed by half a count. What no
        // other exchange has is as rare for one of ours as for a new one, to the last bit: else
        // all new ones would stand above all of ours.
        let rare = |count: u32, key: u64| {
            let mine = match own {
                Some(own) => own.counts.get(&key).copied().unwrap_or(0),
                // What many have, a new one and ours must have as often, to the last bit again:
                // else all new ones that have it would stand below all of ours.
                None => u32::from(count >= COMMON),
            };
            (all / (count.saturating_sub(mine) as f32 + 0.5)).ln()
        };
        let sketched = |values: &mut dyn Iterator<Item = (usize, u16)>, counts: &[u16], kind| {
            let (mut sum, mut number) = (0.0, 0);
            for (bin, value) in values {
                let slot = slot(bin, value);
                sum += rare(u32::from(counts[slot]), key(kind, slot as u64));
                number += 1;
            }
            sum / (number.max(1) as f32)
        };
        let mut frames = 0.0;
        for (kind, frame) in (0..FRAMES as u8).zip(mark.frames) {
            let count = self.frames.get(&(kind, frame)).copied().unwrap_or(0);
            frames += rare(count, key(FRAME + u64::from(kind), u64::from(frame)));
        }
        let binned = |fields: Range<usize>| -> f32 {
            let all = fields.map(|field| {
                let bins = &self.fields[field];
                let bin = usize::from(mark.fields[field]);
                // A size's neighbours are nearly as usual as itself.
                let beside = match field < SIZES {
                    true => {
                        let below = bin.checked_sub(1).map_or(0, |bin| bins[bin]);
                        let above = bins.get(bin + 1).copied().unwrap_or(0);
                        (below + above) / 4
                    }
                    false => 0,
                };
                rare(bins[bin] + beside, key(FIELD, (field * BINS + bin) as u64))
            });
            all.sum()
        };
        [
            sketched(&mut mark.pairs.values(), &self.pairs, PAIR),
            sketched(&mut mark.shingles.values(), &self.shingles, SHINGLE),
            self.distance(mark, own),
            binned(0..SIZES),
            binned(SIZES..SIZES + SHAPES),
            frames,
            binned(SIZES + SHAPES..FIELDS),
            0.0,
        ]
    }

    /// How far it is from its nearest neighbours in meaning, 0 to 2.
    fn distance(&self, mark: &Mark, own: Option<&Own>) -> f32 {
        let own = own.map_or(0..0, |own| own.places.clone());
        let mut nearest = [-1.0_f32; NEAREST];
        let others = self.marks[..own.start].iter().chain(&self.marks[own.end..]);
        for other in others {
            let cosine = mark.cosine(other);
            if cosine > nearest[NEAREST - 1] {
                nearest[NEAREST - 1] = cosine;
                nearest.sort_by(|a, b| b.total_cmp(a));
            }
        }
        1.0 - nearest.iter().sum::<f32>() / NEAREST as f32
    }

    /// The views taken together, as if they were independent (Fisher, 1925).
    fn together(&self, surprise: &[f32; VIEWS]) -> f32 {
        let views = 0..VIEWS - 1;
        views
            .map(|view| -self.share(view, surprise[view]).ln())
            .sum()
    }

    /// The share of the reference that is at least as surprising, never 0.
    fn share(&self, view: usize, surprise: f32) -> f32 {
        let sorted = &self.sorted[view];
        let below = sorted.partition_point(|one| *one < surprise);
        (sorted.len() - below).max(1) as f32 / sorted.len().max(1) as f32
    }

    fn stand(&self, mark: &Mark, surprise: &[f32; VIEWS], own: Range<usize>) -> Placed {
        let mut shares = [1.0; VIEWS];
        let (mut levels, mut usual) = ([0; VIEWS], [0; VIEWS]);
        for view in 0..VIEWS {
            let share = self.share(view, surprise[view]);
            shares[view] = share;
            let exceeded = LEVELS.iter().filter(|level| f64::from(share) <= **level);
            levels[view] = exceeded.count() as u8;
            let under = LEVELS
                .iter()
                .filter(|level| f64::from(share) > 1.0 - **level);
            usual[view] = under.count() as u8;
        }
        Placed {
            shares,
            levels,
            usual,
            features: self.features(mark),
            cell: self.cell(mark, &own),
        }
    }

    fn features(&self, mark: &Mark) -> [f32; FEATURES] {
        let position = mark.position.coordinates().map(f32::from);
        let mut features = [0.0; FEATURES];
        for (feature, (row, phase)) in features.iter_mut().zip(self.waves.iter()) {
            let pairs = row.iter().zip(position);
            let dot: f32 = pairs.map(|(a, b)| a * b).sum();
            *feature = (dot + phase).cos();
        }
        features
    }

    /// The nearest of some exchanges that stand for regions; its own block's do not count.
    fn cell(&self, mark: &Mark, own: &Range<usize>) -> u8 {
        if mark.position.is_nowhere() {
            return CELLS as u8;
        }
        let step = (self.marks.len() / CELLS).max(1);
        let mut best = (CELLS as u8, -2.0);
        for (cell, place) in (0..CELLS as u8).zip((0..self.marks.len()).step_by(step)) {
            let cosine = mark.cosine(&self.marks[place]);
            if !own.contains(&place) && cosine > best.1 {
                best = (cell, cosine);
            }
        }
        best.0
    }
}

/// What one block added to the counts.
struct Own {
    places: Range<usize>,
    counts: HashMap<u64, u32>,
}

impl Own {
    fn new(marks: &[Mark], places: Range<usize>) -> Self {
        let mut counts = HashMap::new();
        let mut add = |key: u64| *counts.entry(key).or_default() += 1;
        for mark in marks {
            for (bin, value) in mark.pairs.values() {
                add(key(PAIR, slot(bin, value) as u64));
            }
            for (bin, value) in mark.shingles.values() {
                add(key(SHINGLE, slot(bin, value) as u64));
            }
            for (kind, frame) in (FRAME..).zip(mark.frames) {
                add(key(kind, u64::from(frame)));
            }
            for (field, bin) in mark.fields.iter().enumerate() {
                add(key(FIELD, (field * BINS + usize::from(*bin)) as u64));
            }
        }
        Self { places, counts }
    }
}

const PAIR: u64 = 0;
const SHINGLE: u64 = 1;
const FIELD: u64 = 2;
/// And one for each kind of frame behind it.
const FRAME: u64 = 3;

const fn key(kind: u64, number: u64) -> u64 {
    kind << 32 | number
}

/// Waves as wide as exchanges are apart.
fn waves(marks: &[Mark]) -> Box<[([f32; DIMENSIONS], f32); FEATURES]> {
    let mut apart: Vec<f32> = (0..500)
        .map(|pair| {
            let any = |number: u64| &marks[mix(number) as usize % marks.len()];
            let (one, other) = (any(2 * pair).position, any(2 * pair + 1).position);
            let pairs = one.coordinates().iter().zip(other.coordinates());
            let squares = pairs.map(|(a, b)| (f32::from(*a) - f32::from(*b)).powi(2));
            squares.sum::<f32>().sqrt()
        })
        .collect();
    apart.sort_by(f32::total_cmp);
    let width = apart[apart.len() / 2].max(1.0);
    let mut drawn = 1 << 32;
    let mut even = || {
        drawn += 1;
        (mix(drawn) >> 40) as f32 / (1 << 24) as f32
    };
    Box::new(std::array::from_fn(|_| {
        // Twelve even numbers add up to a normal one, nearly enough.
        let row = std::array::from_fn(|_| ((0..12).map(|_| even()).sum::<f32>() - 6.0) / width);
        (row, even() * std::f32::consts::TAU)
    }))
}

fn slot(bin: usize, value: u16) -> usize {
    // Values are the least of a bin's, so the low bits are the even ones.
    bin * VALUES + usize::from(value) % VALUES
}
