//! Causal attention with grouped queries (Ainslie et al. 2023), one query row at a time over the
//! cached keys and values. The order of additions is that of the positions, whatever else is in the
//! batch; positions after the row's own are never used.

use super::exp::exp;
use super::level::{Level, LevelFn, multiply_add};

/// Positions in a block of the cache.
pub(crate) const BLOCK: usize = 64;
/// Partial sums of the softmax: one AVX-512 register.
const LANES: usize = 16;

/// Shape of a layer's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Query heads; a multiple of `kept`.
    pub(crate) query: usize,
    /// Key and value heads.
    pub(crate) kept: usize,
    /// Values in a head.
    pub(crate) width: usize,
}

/// Cached keys and values of one layer, in blocks of [`BLOCK`] positions; what was not written yet
/// is any finite number.
pub(crate) trait Kept {
    /// Keys of a head in a block, `[width][BLOCK]`: the scores of neighbours are lanes.
    fn keys(&self, block: usize, head: usize) -> &[f32];
    /// Values of a head in a block, `[BLOCK][width]`.
    fn values(&self, block: usize, head: usize) -> &[f32];
}

/// `out = softmax(q . keys / sqrt(width)) values` over positions `0..positions`, for the query head
/// `head`; `q` and `out` hold `width` values, `weights` is room for the softmax.
pub(crate) fn attend<K: Kept>(
    level: Level,
    heads: Heads,
    query: (usize, &[f32]),
    kept: (&K, usize),
    weights: &mut Vec<f32>,
    out: &mut [f32],
) {
    level.run(Attend {
        heads,
        query,
        kept,
        weights,
        out,
    });
}

struct Attend<'a, K> {
    heads: Heads,
    query: (usize, &'a [f32]),
    kept: (&'a K, usize),
    weights: &'a mut Vec<f32>,
    out: &'a mut [f32],
}

// Plain loops, no closures: a closure is compiled apart, without the level's instructions.
impl<K: Kept> LevelFn<()> for Attend<'_, K> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let Self {
            heads,
            query: (head, q),
            kept: (kept, positions),
            weights,
            out,
        } = self;
        let kept_head = head / (heads.query / heads.kept);
        let scale = 1.0 / (heads.width as f32).sqrt();
        let blocks = positions.div_ceil(BLOCK);
        weights.resize(blocks * BLOCK, 0.0);
        let (scores, _) = weights.as_chunks_mut::<BLOCK>();
        for (block, scores) in scores.iter_mut().enumerate() {
            *scores = block_scores::<FUSED>(q, kept.keys(block, kept_head), scale);
        }
        weights.truncate(positions);
        let sum = softmax::<FUSED>(weights);
        if heads.width == 64 {
            // The usual width, with its sums in registers.
            weigh_64::<FUSED, K>(kept, kept_head, weights, out);
        } else {
            weigh::<FUSED, K>(kept, kept_head, weights, out);
        }
        let scale = 1.0 / sum;
        for o in out.iter_mut() {
            *o *= scale;
        }
    }
}

/// The scores of a whole block; those of positions that are not there yet are not used.
#[inline(always)]
fn block_scores<const FUSED: bool>(q: &[f32], keys: &[f32], scale: f32) -> [f32; BLOCK] {
    let mut sums = [0.0f32; BLOCK];
    let (keys, _) = keys.as_chunks::<BLOCK>();
    for (&q, k) in q.iter().zip(keys) {
        for i in 0..BLOCK {
            sums[i] = multiply_add::<FUSED>(q, k[i], sums[i]);
        }
    }
    for sum in &mut sums {
        *sum *= scale;
    }
    sums
}

/// `weights = e^(weights - most)`; gives their sum.
#[inline(always)]
fn softmax<const FUSED: bool>(weights: &mut [f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (lanes, rest) = weights.as_chunks::<LANES>();
    for w in lanes {
        for i in 0..LANES {
            most[i] = most[i].max(w[i]);
        }
    }
    let mut greatest = f32::NEG_INFINITY;
    for &w in most.iter().chain(rest) {
        greatest = greatest.max(w);
    }
    let mut sums = [0.0f32; LANES];
    let (lanes, rest) = weights.as_chunks_mut::<LANES>();
    for w in lanes {
        for i in 0..LANES {
            w[i] = exp::<FUSED>(w[i] - greatest);
            sums[i] += w[i];
        }
    }
    for i in 0..rest.len() {
        rest[i] = exp::<FUSED>(rest[i] - greatest);
        sums[i] += rest[i];
    }
    let mut sum = 0.0;
    for s in sums {
        sum += s;
    }
    sum
}

#[inline(always)]
fn weigh<const FUSED: bool, K: Kept>(kept: &K, head: usize, weights: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (block, weights) in weights.chunks(BLOCK).enumerate() {
        let values = kept.values(block, head).chunks_exact(out.len());
        for (&w, v) in weights.iter().zip(values) {
            for (o, &v) in out.iter_mut().zip(v) {
                *o = multiply_add::<FUSED>(w, v, *o);
            }
        }
    }
}

#[inline(always)]
fn weigh_64<const FUSED: bool, K: Kept>(kept: &K, head: usize, weights: &[f32], out: &mut [f32]) {
    let mut sums = [0.0f32; 64];
    for (block, weights) in weights.chunks(BLOCK).enumerate() {
        let (values, _) = kept.values(block, head).as_chunks::<64>();
        for (&w, v) in weights.iter().zip(values) {
            for i in 0..64 {
                sums[i] = multiply_add::<FUSED>(w, v[i], sums[i]);
            }
        }
    }
    out.copy_from_slice(&sums);
}
