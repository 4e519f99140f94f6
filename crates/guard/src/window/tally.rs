//! Sums over the exchanges of a window, and in what a window exceeds benign ones.

use super::mark::{BINS, FIELDS, Mark, SHAPES, SIZES};
use super::reference::{CELLS, FEATURES, LEVELS, Placed, VIEWS};
use crate::digest::DIMENSIONS;

/// Bins of heads of templates, of tails, of system texts.
const HASHED: [usize; 3] = [512, 512, 64];
const HEADS: usize = 0;
const TAILS: usize = HASHED[0];
const SYSTEMS: usize = TAILS + HASHED[1];
const PLACES: usize = SYSTEMS + HASHED[2];
const BINNED: usize = PLACES + CELLS + 1;
const ALL: usize = BINNED + FIELDS * BINS;
/// Where each kind of bins begins and ends.
const KINDS: [(usize, usize); 7] = [
    (HEADS, TAILS),
    (TAILS, SYSTEMS),
    (SYSTEMS, PLACES),
    (PLACES, BINNED),
    (BINNED, BINNED + SIZES * BINS),
    (BINNED + SIZES * BINS, BINNED + (SIZES + SHAPES) * BINS),
    (BINNED + (SIZES + SHAPES) * BINS, ALL),
];

/// Signs that a window is looked at for: surprise by view, and the want of it; the greatest and the
/// whole excess by kind of bins; the shift of the mean in meaning, and of all its moments.
pub(super) const SIGNS: usize = 2 * VIEWS + 2 * KINDS.len() + 2;

/// Where a sign's tail begins and how long it is, at least.
pub(super) const fn least(sign: usize) -> (f64, f64) {
    if sign < 2 * VIEWS + KINDS.len() {
        (2.0, 0.4)
    } else if sign < SIGNS - 2 {
        (4.0, 2.0)
    } else {
        (0.0, 0.01)
    }
}

/// Whether a sign counts deviations so that it means the same whatever the two samples' sizes are.
/// The others add up bins that few exchanges are in.
pub(super) const fn is_free(sign: usize) -> bool {
    let kinds = 2 * VIEWS;
    let dense = sign >= kinds + 3 && sign < kinds + KINDS.len();
    sign < kinds || dense || sign >= SIGNS - 2
}

/// What they are called.
pub(super) const NAMES: [&str; SIGNS] = [
    "words that are new",
    "wording that is new",
    "subjects far from known ones",
    "sizes that are rare",
    "parameters that are rare",
    "templates that are new",
    "phrases that are rare",
    "rare in several ways",
    "words that are too usual",
    "wording that is too usual",
    "subjects close to known ones",
    "sizes that are too usual",
    "parameters that are too usual",
    "templates that are too usual",
    "phrases that are too usual",
    "usual in every way",
    "one beginning too often",
    "one ending too often",
    "one system text too often",
    "one subject too often",
    "one size too often",
    "one parameter too often",
    "one phrase too often",
    "other beginnings",
    "other endings",
    "other system texts",
    "other subjects",
    "other sizes",
    "other parameters",
    "other phrases",
    "another mean subject",
    "another spread of subjects",
];

/// The sums of some exchanges.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) count: u32,
    /// By view, exchanges by how many levels they exceed.
    levels: [[u32; LEVELS.len() + 1]; VIEWS],
    usual: [[u32; LEVELS.len() + 1]; VIEWS],
    shares: [f64; VIEWS],
    bins: Vec<u32>,
    mean: [i64; DIMENSIONS],
    features: [f64; FEATURES],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            count: 0,
            levels: [[0; LEVELS.len() + 1]; VIEWS],
            usual: [[0; LEVELS.len() + 1]; VIEWS],
            shares: [0.0; VIEWS],
            bins: vec![0; ALL],
            mean: [0; DIMENSIONS],
            features: [0.0; FEATURES],
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, mark: &Mark, placed: &Placed) {
        self.count += 1;
        for view in 0..VIEWS {
            self.levels[view][usize::from(placed.levels[view])] += 1;
            self.usual[view][usize::from(placed.usual[view])] += 1;
            self.shares[view] += f64::from(placed.shares[view]);
        }
        let hashed = [mark.frames[0], mark.frames[3], mark.frames[5]];
        let starts = [HEADS, TAILS, SYSTEMS];
        for ((hash, size), start) in hashed.into_iter().zip(HASHED).zip(starts) {
            self.bins[start + hash as usize % size] += 1;
        }
        self.bins[PLACES + usize::from(placed.cell)] += 1;
        for (field, bin) in mark.fields.iter().enumerate() {
            self.bins[BINNED + field * BINS + usize::from(*bin)] += 1;
        }
        for (sum, one) in self.mean.iter_mut().zip(mark.position.coordinates()) {
            *sum += i64::from(*one);
        }
        for (sum, one) in self.features.iter_mut().zip(placed.features) {
            *sum += f64::from(one);
        }
    }

    /// What is left when a part is taken away.
    pub(super) fn without(&self, part: &Self) -> Self {
        let mut rest = self.clone();
        rest.count -= part.count;
        for view in 0..VIEWS {
            for (mine, theirs) in rest.levels[view].iter_mut().zip(part.levels[view]) {
                *mine -= theirs;
            }
            for (mine, theirs) in rest.usual[view].iter_mut().zip(part.usual[view]) {
                *mine -= theirs;
            }
            rest.shares[view] -= part.shares[view];
        }
        for (mine, theirs) in rest.bins.iter_mut().zip(&part.bins) {
            *mine -= theirs;
        }
        for (mine, theirs) in rest.mean.iter_mut().zip(part.mean) {
            *mine -= theirs;
        }
        for (mine, theirs) in rest.features.iter_mut().zip(part.features) {
            *mine -= theirs;
        }
        rest
    }

    /// In what these exchanges exceed others, sign by sign; each sign has a scale of its own.
    pub(super) fn signs(&self, benign: &Self, spread: &[f64; DIMENSIONS]) -> [f64; SIGNS] {
        let (mine, theirs) = (f64::from(self.count), f64::from(benign.count));
        let mut signs = [0.0_f64; SIGNS];
        for view in 0..VIEWS {
            let shift = benign.shares[view] / theirs - self.shares[view] / mine;
            let shift = shift / ((1.0 / mine + 1.0 / theirs) / 12.0).sqrt();
            let ends = [
                (&self.levels, &benign.levels, shift),
                (&self.usual, &benign.usual, -shift),
            ];
            for (end, (many, usual, shift)) in ends.into_iter().enumerate() {
                let tail = tail((&many[view], mine), (&usual[view], theirs));
                signs[end * VIEWS + view] = tail.max(shift);
            }
        }
        for (kind, (start, end)) in KINDS.into_iter().enumerate() {
            let (mut greatest, mut whole) = (0.0_f64, 0.0);
            for (many, usual) in self.bins[start..end].iter().zip(&benign.bins[start..end]) {
                if *many > 0 {
                    let excess = excess((*many, mine), (*usual, theirs)).max(0.0);
                    greatest = greatest.max(excess);
                    whole += excess * excess;
                }
            }
            signs[2 * VIEWS + kind] = greatest;
            signs[2 * VIEWS + KINDS.len() + kind] = whole;
        }
        let mut shift = 0.0;
        for ((mine_sum, their_sum), spread) in self.mean.iter().zip(benign.mean).zip(spread) {
            let apart = *mine_sum as f64 / mine - their_sum as f64 / theirs;
            shift += apart * apart / (spread * (1.0 / mine + 1.0 / theirs));
        }
        signs[SIGNS - 2] = shift;
        let features = self.features.iter().zip(benign.features);
        signs[SIGNS - 1] = features
            .map(|(one, other)| (one / mine - other / theirs).powi(2))
            .sum::<f64>()
            / (1.0 / mine + 1.0 / theirs);
        signs
    }
}

/// The greatest excess over all levels, from the outermost in.
fn tail(
    (levels, mine): (&[u32; LEVELS.len() + 1], f64),
    (benign, theirs): (&[u32; LEVELS.len() + 1], f64),
) -> f64 {
    let (mut many, mut usual, mut greatest) = (0, 0, 0.0_f64);
    for level in (1..=LEVELS.len()).rev() {
        many += levels[level];
        usual += benign[level];
        greatest = greatest.max(excess((many, mine), (usual, theirs)));
    }
    greatest
}

/// By how many deviations a count of one sample exceeds what another sample makes one expect: the
/// signed root of the deviance, which holds for small counts too.
fn excess((many, mine): (u32, f64), (usual, theirs): (u32, f64)) -> f64 {
    let many = f64::from(many);
    let share = (f64::from(usual) + 0.5) / (theirs + 1.0);
    let expected = mine * share;
    if many <= expected {
        return 0.0;
    }
    let deviance = 2.0 * (many * (many / expected).ln() - (many - expected));
    let inflation = (1.0 + mine / theirs) * (1.0 - share.min(0.95));
    (deviance.max(0.0) / inflation).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_is_counted_in_deviations() {
        // 100 of 1,000 where a long reference has 5%: seven deviations of 6.9, by normal counting.
        let many = excess((100, 1000.0), (50_000, 1e6));
        assert!((5.5..7.5).contains(&many), "{many}");
        assert!(excess((40, 1000.0), (50_000, 1e6)) == 0.0);
        // A short reference says less.
        assert!(excess((100, 1000.0), (50, 1000.0)) < many);
    }
}
