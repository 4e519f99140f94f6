//! AdamW in one pass over a parameter, and sums of squares: pieces of a fixed number of values, shared
//! out to the threads.

use super::math::dot;
use crate::device::Adam;
use crate::ops::{Level, LevelFn, multiply_add};
use rayon::prelude::*;

/// Values in a piece.
const PIECE: usize = 1 << 14;

/// See [`crate::device::Device::adam`].
pub(super) fn adam(
    level: Level,
    adam: &Adam,
    parameter: &mut [f32],
    gradient: &[f32],
    (first, second): (&mut [f32], &mut [f32]),
) {
    let power = |beta: f32| 1.0 - f64::from(beta).powf(adam.step as f64);
    // Both corrections in two numbers: rate / c1, and 1 / sqrt(c2).
    let rate = (f64::from(adam.rate) / power(adam.beta1)) as f32;
    let root = (1.0 / power(adam.beta2).sqrt()) as f32;
    let pieces = parameter
        .par_chunks_mut(PIECE)
        .zip(gradient.par_chunks(PIECE));
    let moments = first
        .par_chunks_mut(PIECE)
        .zip(second.par_chunks_mut(PIECE));
    pieces.zip(moments).for_each(|((w, g), (m, v))| {
        level.run(Step {
            adam,
            rate,
            root,
            w,
            g,
            m,
            v,
        });
    });
}

struct Step<'a> {
    adam: &'a Adam,
    rate: f32,
    root: f32,
    w: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl LevelFn<()> for Step<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let Adam {
            rate,
            beta1,
            beta2,
            epsilon,
            decay,
            scale,
            ..
        } = *self.adam;
        let kept = 1.0 - rate * decay;
        let values = self.w.iter_mut().zip(self.g);
        for ((w, g), (m, v)) in values.zip(self.m.iter_mut().zip(self.v)) {
            let g = g * scale;
            *m = multiply_add::<FUSED>(beta1, *m, (1.0 - beta1) * g);
            *v = multiply_add::<FUSED>(beta2, *v, (1.0 - beta2) * g * g);
            let step = *m / multiply_add::<FUSED>(v.sqrt(), self.root, epsilon);
            *w = multiply_add::<FUSED>(-self.rate, step, *w * kept);
        }
    }
}

/// Sum of squares.
pub(super) fn square_sum(level: Level, x: &[f32]) -> f64 {
    let pieces = x.par_chunks(PIECE).map(|x| level.run(Squares(x)));
    // Collected first: a parallel sum's order would be the threads'.
    pieces.collect::<Vec<f64>>().into_iter().sum()
}

struct Squares<'a>(&'a [f32]);

impl LevelFn<f64> for Squares<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> f64 {
        dot::<FUSED>(self.0, self.0)
    }
}
