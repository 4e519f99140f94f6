//! What benign exchanges look like, one by one: how surprising an exchange is among them, in seven
//! views. Every exchange of the reference is looked at as if it were not in it, so that it and a
//! new one can be compared. Nothing is decided here.

use std::collections::HashMap;

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
    /// Counts, and where every exchange stands among the others.
    pub(super) fn new(marks: Vec<Mark>) -> (Self, Vec<Placed>) {
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
        let mut surprises: Vec<[f32; VIEWS]> = (0..model.marks.len())
            .map(|place| model.surprise(&model.marks[place], Some(place)))
            .collect();
        for view in 0..VIEWS - 1 {
            model.sort(view, &surprises);
        }
        for surprise in &mut surprises {
            surprise[VIEWS - 1] = model.together(surprise);
        }
        model.sort(VIEWS - 1, &surprises);
        let placed = model.marks.iter().zip(&surprises).enumerate();
        let placed = placed
            .map(|(place, (mark, surprise))| model.stand(mark, surprise, Some(place)))
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
        self.stand(mark, &surprise, None)
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

    /// Surprise by view, all but the last. `own` is the mark's place where it is one of ours: what
    /// it added itself is taken away.
    fn surprise(&self, mark: &Mark, own: Option<usize>) -> [f32; VIEWS] {
        let own_count = u32::from(own.is_some());
        let all = (self.marks.len() + 1) as f32;
        // The logarithm of how rare it is to be seen so often, smoothed by half a count. What no
        // other exchange has is as rare for one of ours as for a new one, to the last bit: else
        // all new ones would stand above all of ours.
        let rare = |count: u32| (all / (count.saturating_sub(own_count) as f32 + 0.5)).ln();
        let sketched = |values: &mut dyn Iterator<Item = (usize, u16)>, counts: &[u16]| {
            let (mut sum, mut number) = (0.0, 0);
            for (bin, value) in values {
                sum += rare(u32::from(counts[slot(bin, value)]));
                number += 1;
            }
            sum / (number.max(1) as f32)
        };
        let mut frames = 0.0;
        for (kind, frame) in (0..FRAMES as u8).zip(mark.frames) {
            frames += rare(self.frames.get(&(kind, frame)).copied().unwrap_or(0));
        }
        let binned = |fields: std::ops::Range<usize>| -> f32 {
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
                rare(bins[bin] + beside)
            });
            all.sum()
        };
        [
            sketched(&mut mark.pairs.values(), &self.pairs),
            sketched(&mut mark.shingles.values(), &self.shingles),
            self.distance(mark, own),
            binned(0..SIZES),
            binned(SIZES..SIZES + SHAPES),
            frames,
            binned(SIZES + SHAPES..FIELDS),
            0.0,
        ]
    }

    /// How far it is from its nearest neighbours in meaning, 0 to 2.
    fn distance(&self, mark: &Mark, own: Option<usize>) -> f32 {
        let mut nearest = [-1.0_f32; NEAREST];
        for (place, other) in self.marks.iter().enumerate() {
            if own == Some(place) {
                continue;
            }
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

    fn stand(&self, mark: &Mark, surprise: &[f32; VIEWS], own: Option<usize>) -> Placed {
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
            cell: self.cell(mark, own),
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

    /// The nearest of some exchanges that stand for regions; itself does not count.
    fn cell(&self, mark: &Mark, own: Option<usize>) -> u8 {
        if mark.position.is_nowhere() {
            return CELLS as u8;
        }
        let step = (self.marks.len() / CELLS).max(1);
        let mut best = (CELLS as u8, -2.0);
        for (cell, place) in (0..CELLS as u8).zip((0..self.marks.len()).step_by(step)) {
            let cosine = mark.cosine(&self.marks[place]);
            if own != Some(place) && cosine > best.1 {
                best = (cell, cosine);
            }
        }
        best.0
    }
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
