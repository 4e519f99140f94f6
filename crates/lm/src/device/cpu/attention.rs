//! Causal attention with grouped queries within each document, and its gradients. One task is one
//! document's rows and one key head with the query heads that share it; keys and values are packed once
//! for all of them. Products are the tiles of `kernel`, 48 queries at a time: a task needs memory in
//! proportion to its document's length, never to its square.
#![expect(
    unsafe_code,
    reason = "tasks write disjoint rows and columns of one buffer; each block says why it is sound"
)]

use super::group::{BLOCK, Block, Group, cut};
use super::kernel::{PANEL, Shared};
use super::math::{dot, exp, greatest, sum_exp};
use super::scratch::Scratch;
use crate::device::{Attention, Packing};
use crate::ops::{Level, LevelFn};
use rayon::prelude::*;
use std::ops::Range;

/// What the operations of this file have in common.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) level: Level,
    pub(super) scratch: &'a Scratch,
    pub(super) shape: &'a Attention,
}

/// Buffers that came out of the forward pass.
#[derive(Clone, Copy)]
pub(super) struct Forward<'a> {
    pub(super) qkv: &'a [f32],
    pub(super) out: &'a [f32],
    pub(super) norms: &'a [f32],
}

/// See [`crate::device::Device::attention`].
pub(super) fn forward(
    context: Context<'_>,
    packing: &Packing,
    qkv: &[f32],
    out: &mut [f32],
    norms: &mut [f32],
) {
    let shape = context.shape;
    let out = Shared::new(out, shape.query_columns());
    let norms = Shared::new(norms, shape.heads.query);
    groups(context, packing, qkv).for_each(|group| group.forward(out, norms));
}

/// See [`crate::device::Device::attention_backward`].
pub(super) fn backward(
    context: Context<'_>,
    packing: &Packing,
    forward: Forward<'_>,
    dout: &[f32],
    dqkv: &mut [f32],
) {
    let dqkv = Shared::new(dqkv, context.shape.columns());
    groups(context, packing, forward.qkv)
        .for_each(|group| group.backward((forward.out, forward.norms), dout, dqkv));
}

fn groups<'a>(
    context: Context<'a>,
    packing: &Packing,
    qkv: &'a [f32],
) -> impl IndexedParallelIterator<Item = Group<'a>> {
    let kept = context.shape.heads.key_value;
    let of = |rows: Range<usize>| {
        (0..kept).map(move |kept| Group {
            context,
            qkv,
            rows: rows.clone(),
            kept,
        })
    };
    let all: Vec<Group<'a>> = packing.documents().flat_map(of).collect();
    all.into_par_iter().with_max_len(1)
}

impl Group<'_> {
    fn forward(&self, out: Shared<'_>, norms: Shared<'_>) {
        let (length, stride) = (self.length(), self.stride());
        let (width, panels) = (self.width(), self.width().div_ceil(PANEL));
        let (keys, values) = (stride * width, panels * length * PANEL);
        let mut buffer = self.context.scratch.take(keys + values + BLOCK * stride);
        let mut rest = &mut buffer[..];
        let (keys, values) = (cut(&mut rest, keys), cut(&mut rest, values));
        let weights = cut(&mut rest, BLOCK * stride);
        let all = Block {
            first: 0,
            rows: length,
        };
        let columns = self.context.shape.columns();
        self.pack_rows(self.key_column(), keys);
        self.pack_columns((self.qkv, columns), all, self.value_column(), values);
        let scale = 1.0 / (width as f32).sqrt();
        for head in self.query_heads() {
            for block in self.blocks() {
                self.scores(
                    (self.qkv, columns, head * width),
                    keys,
                    block,
                    scale,
                    weights,
                );
                for (row, weights) in weights
                    .chunks_exact_mut(stride)
                    .take(block.rows)
                    .enumerate()
                {
                    let norm = self.context.level.run(Softmax {
                        row: &mut weights[..block.keys()],
                        seen: block.first + row + 1,
                    });
                    let at = (self.rows.start + block.first + row) * self.context.shape.heads.query;
                    // SAFETY: this row and head are this task's own.
                    unsafe { norms.slice(at + head, 1)[0] = norm };
                }
                self.combine(weights, values, block, (out, head * width));
            }
        }
        self.context.scratch.give(buffer);
    }

    fn backward(&self, (out, norms): (&[f32], &[f32]), dout: &[f32], dqkv: Shared<'_>) {
        let (length, stride) = (self.length(), self.stride());
        let (width, panels) = (self.width(), self.width().div_ceil(PANEL));
        let sizes = [
            stride * width,
            panels * length * PANEL,
            panels * BLOCK * PANEL,
            BLOCK * stride,
        ];
        let total = 2 * sizes[0] + sizes[1] + sizes[2] + 2 * sizes[3];
        let mut buffer = self.context.scratch.take(total);
        let mut rest = &mut buffer[..];
        let (keys, values) = (cut(&mut rest, sizes[0]), cut(&mut rest, sizes[0]));
        let (flat, rows) = (cut(&mut rest, sizes[1]), cut(&mut rest, sizes[2]));
        let (weights, slopes) = (cut(&mut rest, sizes[3]), cut(&mut rest, sizes[3]));
        let all = Block {
            first: 0,
            rows: length,
        };
        let (columns, queries) = (
            self.context.shape.columns(),
            self.context.shape.query_columns(),
        );
        self.pack_rows(self.key_column(), keys);
        self.pack_rows(self.value_column(), values);
        self.pack_columns((self.qkv, columns), all, self.key_column(), flat);
        self.clear(dqkv);
        let scale = 1.0 / (width as f32).sqrt();
        for head in self.query_heads() {
            let column = head * width;
            for block in self.blocks() {
                self.scores((self.qkv, columns, column), keys, block, scale, weights);
                self.scores((dout, queries, column), values, block, 1.0, slopes);
                let both = weights
                    .chunks_exact_mut(stride)
                    .zip(slopes.chunks_exact_mut(stride));
                for (row, (weights, slopes)) in both.take(block.rows).enumerate() {
                    let here = block.first + row;
                    self.context.level.run(Slopes {
                        weights: &mut weights[..block.keys()],
                        slopes: &mut slopes[..block.keys()],
                        seen: here + 1,
                        norm: norms
                            [(self.rows.start + here) * self.context.shape.heads.query + head],
                        out: &self.values(out, queries, here, column)[..width],
                        dout: &self.values(dout, queries, here, column)[..width],
                        scale,
                    });
                }
                self.combine(slopes, flat, block, (dqkv, column));
                let rows = &mut rows[..panels * block.rows * PANEL];
                self.pack_columns((dout, queries), block, column, rows);
                self.scatter(weights, rows, block, (dqkv, self.value_column()));
                self.pack_columns((self.qkv, columns), block, column, rows);
                self.scatter(slopes, rows, block, (dqkv, self.key_column()));
            }
        }
        self.context.scratch.give(buffer);
    }
}

/// Softmax of the first `seen` values, zeros behind them; gives the logarithm of the sum.
struct Softmax<'a> {
    row: &'a mut [f32],
    seen: usize,
}

impl LevelFn<f32> for Softmax<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> f32 {
        let (row, hidden) = self.row.split_at_mut(self.seen);
        hidden.fill(0.0);
        let most = greatest(row);
        let norm = most + sum_exp::<FUSED>(row, most, 1.0).ln() as f32;
        for w in row.iter_mut() {
            *w = exp::<FUSED>(*w - norm);
        }
        norm
    }
}

/// From scores to probabilities, and from their gradients to those of the scores.
struct Slopes<'a> {
    weights: &'a mut [f32],
    slopes: &'a mut [f32],
    seen: usize,
    norm: f32,
    out: &'a [f32],
    dout: &'a [f32],
    scale: f32,
}

impl LevelFn<()> for Slopes<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        let mean = dot::<FUSED>(self.out, self.dout) as f32;
        let (weights, hidden) = self.weights.split_at_mut(self.seen);
        hidden.fill(0.0);
        let (slopes, hidden) = self.slopes.split_at_mut(self.seen);
        hidden.fill(0.0);
        for (w, slope) in weights.iter_mut().zip(slopes) {
            *w = exp::<FUSED>(*w - self.norm);
            *slope = *w * (*slope - mean) * self.scale;
        }
    }
}
