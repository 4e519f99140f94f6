//! Functions of one value that loops are vectorised over, and sums in a fixed order. Everything is
//! `#[inline(always)]`, so that it is compiled for the level of whoever calls it.

pub(super) use crate::ops::exp;
use crate::ops::multiply_add;

/// Partial sums of a reduction: one AVX-512 register.
pub(super) const LANES: usize = 16;
/// Values that are summed in f32 before the sum goes on in f64.
pub(super) const RUN: usize = 512;

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid<const FUSED: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FUSED>(-x))
}

/// Halves onto halves: a short chain of dependent additions.
#[inline(always)]
pub(super) fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// `sum a b`, lanes first, runs of [`RUN`] in f64.
#[inline(always)]
pub(super) fn dot<const FUSED: bool>(a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let mut lanes = [0.0f32; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for ((l, a), b) in lanes.iter_mut().zip(a.remainder()).zip(b.remainder()) {
            *l = a * b;
        }
        for (a, b) in a.zip(b) {
            for i in 0..LANES {
                lanes[i] = multiply_add::<FUSED>(a[i], b[i], lanes[i]);
            }
        }
        total += f64::from(fold(lanes));
    }
    total
}

/// `sum a b c`, as [`dot`].
#[inline(always)]
pub(super) fn dot3<const FUSED: bool>(a: &[f32], b: &[f32], c: &[f32]) -> f64 {
    let mut total = 0.0;
    for ((a, b), c) in a.chunks(RUN).zip(b.chunks(RUN)).zip(c.chunks(RUN)) {
        let mut lanes = [0.0f32; LANES];
        let (a, b, c) = (
            a.chunks_exact(LANES),
            b.chunks_exact(LANES),
            c.chunks_exact(LANES),
        );
        let rest = a.remainder().iter().zip(b.remainder()).zip(c.remainder());
        for (l, ((a, b), c)) in lanes.iter_mut().zip(rest) {
            *l = a * b * c;
        }
        for ((a, b), c) in a.zip(b).zip(c) {
            for i in 0..LANES {
                lanes[i] = multiply_add::<FUSED>(a[i] * b[i], c[i], lanes[i]);
            }
        }
        total += f64::from(fold(lanes));
    }
    total
}

/// `sum e^(scale (x - most))`, as [`dot`].
#[inline(always)]
pub(super) fn sum_exp<const FUSED: bool>(x: &[f32], most: f32, scale: f32) -> f64 {
    let mut total = 0.0;
    for x in x.chunks(RUN) {
        let mut lanes = [0.0f32; LANES];
        let x = x.chunks_exact(LANES);
        for (l, &x) in lanes.iter_mut().zip(x.remainder()) {
            *l = exp::<FUSED>((x - most) * scale);
        }
        for x in x {
            for i in 0..LANES {
                lanes[i] += exp::<FUSED>((x[i] - most) * scale);
            }
        }
        total += f64::from(fold(lanes));
    }
    total
}

/// The greatest value; NaN where one is NaN does not count.
#[inline(always)]
pub(super) fn greatest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let mut most = f32::NEG_INFINITY;
    for &v in chunks.remainder() {
        most = if v > most { v } else { most };
    }
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = if v > *lane { v } else { *lane };
        }
    }
    for v in lanes {
        most = if v > most { v } else { most };
    }
    most
}

/// True where no value is infinite or NaN.
#[inline(always)]
pub(super) fn all_finite(values: &[f32]) -> bool {
    let mut worst = 0u32;
    for v in values {
        worst = worst.max(v.to_bits() & 0x7fff_ffff);
    }
    worst < f32::INFINITY.to_bits()
}
