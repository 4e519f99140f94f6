//! Causal attention with grouped queries (Ainslie et al. 2023), one query row at a time over the
//! cached keys and values. The order of additions is that of the positions, whatever else is in the
//! batch; positions after the row's own are never read.

use super::level::{Level, LevelFn, multiply_add};

/// Accumulators of a dot product: one AVX-512 register.
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

/// Cached keys and values of one layer, in blocks of positions.
pub(crate) trait Kept {
    /// Positions in a block.
    const BLOCK: usize;
    /// Keys of a head in a block, `[BLOCK][width]`.
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
        weights.clear();
        weights.resize(positions, 0.0);
        // Plain loops, no closures: a closure is compiled apart, without the level's instructions.
        for (block, weights) in weights.chunks_mut(K::BLOCK).enumerate() {
            let keys = kept.keys(block, kept_head).chunks_exact(heads.width);
            for (w, k) in weights.iter_mut().zip(keys) {
                *w = dot::<FUSED>(q, k) * scale;
            }
        }
        let mut most = f32::NEG_INFINITY;
        for &w in weights.iter() {
            most = most.max(w);
        }
        let mut sum = 0.0;
        for w in weights.iter_mut() {
            *w = (*w - most).exp();
            sum += *w;
        }
        out.fill(0.0);
        for (block, weights) in weights.chunks(K::BLOCK).enumerate() {
            let values = kept.values(block, kept_head).chunks_exact(heads.width);
            for (&w, v) in weights.iter().zip(values) {
                for (o, &v) in out.iter_mut().zip(v) {
                    *o = multiply_add::<FUSED>(w, v, *o);
                }
            }
        }
        let scale = 1.0 / sum;
        for o in out.iter_mut() {
            *o *= scale;
        }
    }
}

#[inline(always)]
fn dot<const FUSED: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (rest_a, rest_b) = (a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        for i in 0..LANES {
            sums[i] = multiply_add::<FUSED>(a[i], b[i], sums[i]);
        }
    }
    let mut rest = 0.0;
    for (a, b) in rest_a.iter().zip(rest_b) {
        rest += a * b;
    }
    // Halves onto halves: a short chain of dependent additions.
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0] + rest
}
