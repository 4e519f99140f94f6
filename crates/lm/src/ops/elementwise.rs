//! Operations on rows: RMSNorm (Zhang and Sennrich 2019), SiLU times gate (Shazeer 2020), residual
//! addition. Rows are shared out to the threads where there are many of them.

use super::exp::exp;
use super::level::{Level, LevelFn};
use rayon::prelude::*;

/// Rows below this number are done by the calling thread: waking others costs more.
const MANY_ROWS: usize = 16;
/// Partial sums: one AVX-512 register.
const LANES: usize = 16;

/// `out[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight`, rows of `weight.len()` values.
pub(crate) fn rms_norm_rows(
    level: Level,
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    out: &mut Vec<f32>,
) {
    let width = weight.len();
    out.resize(x.len(), 0.0);
    let one = |(x, out): (&[f32], &mut [f32])| {
        level.run(Norm {
            x,
            weight,
            epsilon,
            out,
        });
    };
    if x.len() < MANY_ROWS * width {
        x.chunks_exact(width)
            .zip(out.chunks_exact_mut(width))
            .for_each(one);
    } else {
        x.par_chunks_exact(width)
            .zip(out.par_chunks_exact_mut(width))
            .with_min_len(MANY_ROWS / 4)
            .for_each(one);
    }
}

struct Norm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl LevelFn<()> for Norm<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        // Many sums in a fixed order: fast, and closer to the true sum than one.
        let mut sums = [0.0f32; LANES];
        let (lanes, rest) = self.x.as_chunks::<LANES>();
        for x in lanes {
            for i in 0..LANES {
                sums[i] += x[i] * x[i];
            }
        }
        for i in 0..rest.len() {
            sums[i] += rest[i] * rest[i];
        }
        let mut sum = 0.0;
        for s in sums {
            sum += s;
        }
        let mean = sum / self.weight.len() as f32;
        let scale = 1.0 / (mean + self.epsilon).sqrt();
        for ((o, &v), &w) in self.out.iter_mut().zip(self.x).zip(self.weight) {
            *o = v * scale * w;
        }
    }
}

/// `out[r][i] = silu(x[r][i]) * x[r][width + i]`; rows of `x` hold gate, then up.
pub(crate) fn silu_mul_rows(level: Level, x: &[f32], width: usize, out: &mut Vec<f32>) {
    out.resize(x.len() / 2, 0.0);
    let one = |(x, out): (&[f32], &mut [f32])| {
        let (gate, up) = x.split_at(width);
        level.run(Gate { gate, up, out });
    };
    if x.len() < MANY_ROWS * 2 * width {
        x.chunks_exact(2 * width)
            .zip(out.chunks_exact_mut(width))
            .for_each(one);
    } else {
        x.par_chunks_exact(2 * width)
            .zip(out.par_chunks_exact_mut(width))
            .with_min_len(MANY_ROWS / 4)
            .for_each(one);
    }
}

struct Gate<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
}

impl LevelFn<()> for Gate<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        for ((o, &g), &u) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            *o = g / (1.0 + exp::<FUSED>(-g)) * u;
        }
    }
}

/// `x += y`.
pub(crate) fn add_rows(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}
