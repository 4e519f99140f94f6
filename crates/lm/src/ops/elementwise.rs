//! Operations on rows: RMSNorm (Zhang and Sennrich 2019), SiLU times gate (Shazeer 2020), residual
//! addition. Rows are shared out to the threads where there are many of them.

use rayon::prelude::*;

/// Rows below this number are done by the calling thread: waking others costs more.
const MANY_ROWS: usize = 8;

/// `out[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight`, rows of `weight.len()` values.
pub(crate) fn rms_norm_rows(x: &[f32], weight: &[f32], epsilon: f32, out: &mut Vec<f32>) {
    let width = weight.len();
    out.resize(x.len(), 0.0);
    let one = |(x, out): (&[f32], &mut [f32])| {
        // Eight sums in a fixed order: fast, and closer to the true sum than one.
        let mut sums = [0.0f32; 8];
        for chunk in x.chunks(8) {
            sums.iter_mut().zip(chunk).for_each(|(s, v)| *s += v * v);
        }
        let mean = sums.iter().sum::<f32>() / width as f32;
        let scale = 1.0 / (mean + epsilon).sqrt();
        for ((o, &v), &w) in out.iter_mut().zip(x).zip(weight) {
            *o = v * scale * w;
        }
    };
    if x.len() < MANY_ROWS * width {
        x.chunks_exact(width)
            .zip(out.chunks_exact_mut(width))
            .for_each(one);
    } else {
        x.par_chunks_exact(width)
            .zip(out.par_chunks_exact_mut(width))
            .for_each(one);
    }
}

/// `out[r][i] = silu(x[r][i]) * x[r][width + i]`; rows of `x` hold gate, then up.
pub(crate) fn silu_mul_rows(x: &[f32], width: usize, out: &mut Vec<f32>) {
    out.resize(x.len() / 2, 0.0);
    let one = |(x, out): (&[f32], &mut [f32])| {
        let (gate, up) = x.split_at(width);
        for ((o, &g), &u) in out.iter_mut().zip(gate).zip(up) {
            *o = g / (1.0 + (-g).exp()) * u;
        }
    };
    if x.len() < MANY_ROWS * 2 * width {
        x.chunks_exact(2 * width)
            .zip(out.chunks_exact_mut(width))
            .for_each(one);
    } else {
        x.par_chunks_exact(2 * width)
            .zip(out.par_chunks_exact_mut(width))
            .for_each(one);
    }
}

/// `x += y`.
pub(crate) fn add_rows(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}
