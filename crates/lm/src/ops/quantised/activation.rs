//! Activations as int8: blocks of 32 values along a row share a scale, the greatest magnitude over
//! 127. Rounding is to the nearest, ties to even. Every value depends on its own block alone.

use super::{BLOCK, BYTE_ZERO};
use crate::ops::level::{Level, LevelFn};

/// How finely rows are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fineness {
    /// Eight bits a value.
    Eight,
    /// Twice eight: what the first rounding lost is quantised again, as a row of its own. For
    /// products whose errors weigh most: attention's.
    Sixteen,
}

/// Rows of quantised values, and what the kernels need of each block.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    /// Rows that a row of values became: 1, or 2 whose products are to be added.
    pub(super) terms: usize,
    /// Blocks in a row.
    pub(super) blocks: usize,
    /// `[row][block][BLOCK]`; what fills the last block up is zero.
    pub(super) quants: Vec<i8>,
    /// `[row][block]`: what one step of a quant is worth.
    pub(super) scales: Vec<f32>,
    /// `[row][block]`: the sum of the quants times the scale.
    pub(super) masses: Vec<f32>,
    /// `[row][block]`: the sum of the quants times minus the zero of unsigned weights.
    pub(super) shifts: Vec<i32>,
    /// Room for products of rows that are to be added.
    pub(super) sums: Vec<f32>,
}

impl Activations {
    /// Takes rows of `width` values in the place of those it held.
    pub(crate) fn set(&mut self, level: Level, x: &[f32], width: usize, fineness: Fineness) {
        self.terms = if fineness == Fineness::Sixteen { 2 } else { 1 };
        let rows = x.len() / width * self.terms;
        self.blocks = width.div_ceil(BLOCK);
        let blocks = rows * self.blocks;
        self.quants.resize(blocks * BLOCK, 0);
        self.scales.resize(blocks, 0.0);
        self.masses.resize(blocks, 0.0);
        self.shifts.resize(blocks, 0);
        for (r, row) in x.chunks_exact(width).enumerate() {
            for (b, values) in row.chunks(BLOCK).enumerate() {
                let mut whole = [0.0; BLOCK];
                whole[..values.len()].copy_from_slice(values);
                for term in 0..self.terms {
                    let at = (r * self.terms + term) * self.blocks + b;
                    let quants = &mut self.quants[at * BLOCK..][..BLOCK];
                    let (scale, sum) = level.run(Quantise(&mut whole, quants));
                    self.scales[at] = scale;
                    // At most 32 * 127: exact.
                    self.masses[at] = scale * sum as f32;
                    self.shifts[at] = -BYTE_ZERO * sum;
                }
            }
        }
    }
}

/// One block to quants; gives its scale and the sum of the quants, and leaves what was lost.
struct Quantise<'a>(&'a mut [f32; BLOCK], &'a mut [i8]);

impl LevelFn<(f32, i32)> for Quantise<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> (f32, i32) {
        let Self(values, quants) = self;
        let mut lanes = [0.0f32; 16];
        for half in values.chunks_exact(16) {
            for (most, v) in lanes.iter_mut().zip(half) {
                *most = most.max(v.abs());
            }
        }
        let mut most = 0.0f32;
        for lane in lanes {
            most = most.max(lane);
        }
        let scale = most / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let mut sum = 0;
        for (q, v) in quants.iter_mut().zip(values.iter_mut()) {
            // NaN becomes 0, all else is within -127 to 127.
            let rounded = (*v * inverse).round_ties_even().clamp(-127.0, 127.0) as i32;
            *q = rounded as i8;
            sum += rounded;
            *v -= scale * rounded as f32;
        }
        (scale, sum)
    }
}
