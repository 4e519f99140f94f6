//! Operations on one row at a time: RMSNorm, rotary positions, SiLU gates, and sums over columns.
//! Rows are shared out to the threads; sums over rows go by tiles of a fixed number of them.

use super::math::{dot, dot3, sigmoid};
use super::scratch::Scratch;
use crate::ops::{Level, LevelFn, multiply_add};
use rayon::prelude::*;

/// Rows in a tile.
const TILE: usize = 32;

/// `y = x s weight` with `s = 1 / sqrt(mean(x^2) + epsilon)`.
pub(super) fn rms_norm(level: Level, x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32]) {
    let tile = TILE * weight.len();
    let parts = y.par_chunks_mut(tile).zip(x.par_chunks(tile));
    parts.for_each(|(y, x)| {
        level.run(Norm {
            x,
            weight,
            epsilon,
            y,
        });
    });
}

struct Norm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    y: &'a mut [f32],
}

impl LevelFn<()> for Norm<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let width = self.weight.len();
        for (x, y) in self
            .x
            .chunks_exact(width)
            .zip(self.y.chunks_exact_mut(width))
        {
            let scale = scale::<FUSED>(x, self.epsilon);
            for ((y, x), w) in y.iter_mut().zip(x).zip(self.weight) {
                *y = x * scale * w;
            }
        }
    }
}

#[inline(always)]
fn scale<const FUSED: bool>(x: &[f32], epsilon: f32) -> f32 {
    let mean = dot::<FUSED>(x, x) / x.len() as f64;
    (1.0 / (mean + f64::from(epsilon)).sqrt()) as f32
}

/// Gradients of [`rms_norm`]: `dx +=`, and `dweight +=` where it is asked for.
pub(super) fn rms_norm_backward(
    (level, scratch): (Level, &Scratch),
    (x, weight, epsilon): (&[f32], &[f32], f32),
    dy: &[f32],
    dx: &mut [f32],
    dweight: Option<&mut [f32]>,
) {
    let width = weight.len();
    let tile = TILE * width;
    // Without `dweight` no tile has a part of it.
    let tiles = x.len().div_ceil(tile);
    let part = if dweight.is_some() { width } else { 0 };
    let mut parts = scratch.take(tiles * part);
    let mut slots: Vec<&mut [f32]> = match part {
        0 => (0..tiles).map(|_| <&mut [f32]>::default()).collect(),
        _ => parts[..tiles * part].chunks_exact_mut(part).collect(),
    };
    let rows = dx.par_chunks_mut(tile).zip(x.par_chunks(tile));
    let rows = rows.zip(dy.par_chunks(tile)).zip(slots.par_iter_mut());
    rows.for_each(|(((dx, x), dy), sums)| {
        sums.fill(0.0);
        level.run(NormBackward {
            x,
            weight,
            epsilon,
            dy,
            dx,
            sums,
        });
    });
    if let Some(dweight) = dweight {
        for part in parts[..tiles * part].chunks_exact(width) {
            dweight.iter_mut().zip(part).for_each(|(d, p)| *d += p);
        }
    }
    scratch.give(parts);
}

struct NormBackward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    dy: &'a [f32],
    dx: &'a mut [f32],
    /// Gradient of the weight, or empty.
    sums: &'a mut [f32],
}

impl LevelFn<()> for NormBackward<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let width = self.weight.len();
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        for ((x, dy), dx) in rows.zip(self.dx.chunks_exact_mut(width)) {
            let s = scale::<FUSED>(x, self.epsilon);
            let mean = dot3::<FUSED>(dy, self.weight, x) / width as f64;
            let cubed = (f64::from(s).powi(3) * mean) as f32;
            for (((dx, x), dy), w) in dx.iter_mut().zip(x).zip(dy).zip(self.weight) {
                *dx += multiply_add::<FUSED>(s * dy, *w, -(cubed * x));
            }
            for ((sum, x), dy) in self.sums.iter_mut().zip(x).zip(dy) {
                *sum = multiply_add::<FUSED>(dy * x, s, *sum);
            }
        }
    }
}

/// `y = silu(gate) up` for rows of gates, then ups.
pub(super) fn silu_mul(level: Level, x: &[f32], width: usize, y: &mut [f32]) {
    let parts = y.par_chunks_mut(TILE * width);
    parts
        .zip(x.par_chunks(2 * TILE * width))
        .for_each(|(y, x)| level.run(Gate { x, width, y }));
}

struct Gate<'a> {
    x: &'a [f32],
    width: usize,
    y: &'a mut [f32],
}

impl LevelFn<()> for Gate<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let rows = self.x.chunks_exact(2 * self.width);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(self.width)) {
            let (gate, up) = x.split_at(self.width);
            for ((y, &g), u) in y.iter_mut().zip(gate).zip(up) {
                *y = g * sigmoid::<FUSED>(g) * u;
            }
        }
    }
}

/// Gradient of [`silu_mul`]: `x` becomes it, and `dy` becomes `y`.
pub(super) fn silu_mul_backward(level: Level, x: &mut [f32], width: usize, dy: &mut [f32]) {
    let parts = dy.par_chunks_mut(TILE * width);
    parts
        .zip(x.par_chunks_mut(2 * TILE * width))
        .for_each(|(dy, x)| level.run(GateBackward { x, width, dy }));
}

struct GateBackward<'a> {
    x: &'a mut [f32],
    width: usize,
    dy: &'a mut [f32],
}

impl LevelFn<()> for GateBackward<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let rows = self.x.chunks_exact_mut(2 * self.width);
        for (x, dy) in rows.zip(self.dy.chunks_exact_mut(self.width)) {
            let (gate, up) = x.split_at_mut(self.width);
            for ((dy, gate), up) in dy.iter_mut().zip(gate).zip(up) {
                let (g, u, d) = (*gate, *up, *dy);
                let s = sigmoid::<FUSED>(g);
                let silu = g * s;
                // silu' = s (1 + g (1 - s)).
                *gate = d * u * multiply_add::<FUSED>(silu, 1.0 - s, s);
                *up = d * silu;
                *dy = silu * u;
            }
        }
    }
}

/// Turns pairs of the first `turned` values of each row; `angles` has sine and cosine of each pair
/// for each row's position.
pub(super) struct Turn<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) columns: usize,
    pub(super) turned: usize,
    pub(super) width: usize,
    pub(super) interleaved: bool,
    /// Sines, then cosines, `[row][2][width / 2]`.
    pub(super) angles: &'a [f32],
    /// 1 forward, -1 backward.
    pub(super) sign: f32,
}

impl LevelFn<()> for Turn<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let half = self.width / 2;
        let rows = self.rows.chunks_exact_mut(self.columns);
        for (row, angles) in rows.zip(self.angles.chunks_exact(self.width)) {
            let (sin, cos) = angles.split_at(half);
            for head in row[..self.turned].chunks_exact_mut(self.width) {
                if self.interleaved {
                    for ((pair, s), c) in head.chunks_exact_mut(2).zip(sin).zip(cos) {
                        let (x, y, s) = (pair[0], pair[1], s * self.sign);
                        pair[0] = x * c - y * s;
                        pair[1] = x * s + y * c;
                    }
                } else {
                    let (left, right) = head.split_at_mut(half);
                    let pairs = left.iter_mut().zip(right);
                    for (((x, y), s), c) in pairs.zip(sin).zip(cos) {
                        let (a, b, s) = (*x, *y, s * self.sign);
                        *x = a * c - b * s;
                        *y = a * s + b * c;
                    }
                }
            }
        }
    }
}

/// Adds a row to each row.
pub(super) fn add_bias(bias: &[f32], x: &mut [f32]) {
    x.par_chunks_mut(TILE * bias.len()).for_each(|x| {
        for x in x.chunks_exact_mut(bias.len()) {
            x.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
        }
    });
}

/// Adds each row to one.
pub(super) fn sum_rows(scratch: &Scratch, dy: &[f32], sums: &mut [f32]) {
    let width = sums.len();
    let tiles = dy.len().div_ceil(TILE * width);
    let mut parts = scratch.take(tiles * width);
    let tiles = parts[..tiles * width].par_chunks_exact_mut(width);
    tiles
        .zip(dy.par_chunks(TILE * width))
        .for_each(|(part, dy)| {
            part.fill(0.0);
            for dy in dy.chunks_exact(width) {
                part.iter_mut().zip(dy).for_each(|(p, d)| *p += d);
            }
        });
    for part in parts
        .chunks_exact(width)
        .take(dy.len().div_ceil(TILE * width))
    {
        sums.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    scratch.give(parts);
}

/// `y (+)= x / (1 - p)` where a hash of `seed` and the value's number says so, else 0.
pub(super) fn dropout(first: usize, x: &[f32], y: &mut [f32], (p, seed): (f32, u64), add: bool) {
    let scale = 1.0 / (1.0 - p);
    // Dropped where the hash is below; `p < 1`.
    let bound = (f64::from(p) * 4_294_967_296.0) as u32;
    let (low, high) = (seed as u32, (seed >> 32) as u32);
    for (i, (y, x)) in y.iter_mut().zip(x).enumerate() {
        let i = (first + i) as u64;
        let hash = mix(mix(i as u32 ^ low) ^ (i >> 32) as u32 ^ high);
        let kept = if hash < bound { 0.0 } else { x * scale };
        *y = if add { *y + kept } else { kept };
    }
}

/// A permutation of 32 bits in which each bit depends on all (Wellons' `lowbias32`).
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}
