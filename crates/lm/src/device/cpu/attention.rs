//! Causal attention with grouped queries within each document, and its gradients. One task is one
//! document's rows and one key head with the query heads that share it; keys and values are packed once
//! for all of them. Products are the tiles of `kernel`, 48 queries at a time: a task needs memory in
//! proportion to its document's length, never to its square.
#![expect(
    unsafe_code,
    reason = "tasks write disjoint rows and columns of one buffer; each block says why it is sound"
)]

use super::gemm::{copy_rows, transpose};
use super::kernel::{Left, PANEL, ROWS, Shared, Store, tile};
use super::math::{dot, exp, greatest, sum_exp};
use super::scratch::Scratch;
use crate::device::{Attention, Packing};
use crate::ops::{Level, LevelFn};
use rayon::prelude::*;
use std::ops::Range;

/// Queries that are done together.
const BLOCK: usize = 4 * ROWS;
const WRITE: Store = Store {
    scale: 1.0,
    add: false,
};
const ADD: Store = Store {
    scale: 1.0,
    add: true,
};

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

/// One document and one key head.
struct Group<'a> {
    context: Context<'a>,
    qkv: &'a [f32],
    rows: Range<usize>,
    kept: usize,
}

/// Some queries of one head: first row within the document, number of rows.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
}

impl Block {
    /// Tiles of rows: first within the block, number.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        let size = move |row| (row, ROWS.min(self.rows - row));
        (0..self.rows).step_by(ROWS).map(size)
    }

    /// Keys that its last row sees.
    fn keys(self) -> usize {
        self.first + self.rows
    }
}

/// Takes `length` values off the front of a buffer.
fn cut<'a>(rest: &mut &'a mut [f32], length: usize) -> &'a mut [f32] {
    let (front, back) = std::mem::take(rest).split_at_mut(length);
    *rest = back;
    front
}

impl Group<'_> {
    fn length(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.context.shape.heads.width
    }

    /// Values of a column block of the head's own, from the document's row on.
    fn values<'b>(&self, buffer: &'b [f32], stride: usize, row: usize, column: usize) -> &'b [f32] {
        &buffer[(self.rows.start + row) * stride + column..]
    }

    /// First column of the key head; its values' is as far behind as there are key heads.
    fn key_column(&self) -> usize {
        self.context.shape.query_columns() + self.kept * self.width()
    }

    fn value_column(&self) -> usize {
        self.key_column() + self.context.shape.heads.key_value * self.width()
    }

    fn query_heads(&self) -> Range<usize> {
        let heads = self.context.shape.heads;
        let group = heads.query / heads.key_value;
        self.kept * group..(self.kept + 1) * group
    }

    fn blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let length = self.length();
        (0..length).step_by(BLOCK).map(move |first| Block {
            first,
            rows: BLOCK.min(length - first),
        })
    }

    /// Length of a row of scores.
    fn stride(&self) -> usize {
        self.length().next_multiple_of(PANEL)
    }

    /// Panels of 32 rows each, `[panel][width][PANEL]`, from a column of `qkv`.
    fn pack_rows(&self, column: usize, out: &mut [f32]) {
        let stride = self.context.shape.columns();
        for (panel, out) in out.chunks_exact_mut(self.width() * PANEL).enumerate() {
            let row = panel * PANEL;
            let from = self.values(self.qkv, stride, row, column);
            let rows = PANEL.min(self.length() - row);
            transpose(
                self.context.level,
                (from, stride),
                (rows, self.width()),
                out,
            );
        }
    }

    /// Panels of 32 columns each, `[panel][rows][PANEL]`, from a column of a buffer.
    fn pack_columns(
        &self,
        (buffer, stride): (&[f32], usize),
        block: Block,
        column: usize,
        out: &mut [f32],
    ) {
        for (panel, out) in out.chunks_exact_mut(block.rows * PANEL).enumerate() {
            let columns = PANEL.min(self.width() - panel * PANEL);
            let from = self.values(buffer, stride, block.first, column + panel * PANEL);
            copy_rows((from, stride), columns, out);
        }
    }

    /// `scores[r][p] = from[r] . panel p`, where `p` is not after the tile's last row.
    fn scores(
        &self,
        (from, stride, column): (&[f32], usize, usize),
        panels: &[f32],
        block: Block,
        scale: f32,
        scores: &mut [f32],
    ) {
        let out = Shared::new(scores, self.stride());
        for (row, rows) in block.tiles() {
            let left = self.values(from, stride, block.first + row, column);
            let panels = panels.chunks_exact(self.width() * PANEL).enumerate();
            for (panel, values) in panels.take((block.first + row + rows).div_ceil(PANEL)) {
                let operands = (Left::Rows(left, stride), values, self.width());
                let store = Store { scale, add: false };
                // SAFETY: `scores` is this task's own.
                unsafe {
                    let at = (row, panel * PANEL);
                    tile(self.context.level, operands, out, at, (rows, PANEL), store);
                }
            }
        }
    }

    /// `c[r] = weights[r] panels` for the rows of a block, over the keys that each tile sees.
    fn combine(
        &self,
        weights: &[f32],
        panels: &[f32],
        block: Block,
        (c, column): (Shared<'_>, usize),
    ) {
        for (row, rows) in block.tiles() {
            let keys = block.first + row + rows;
            let left = Left::Rows(&weights[row * self.stride()..], self.stride());
            for (panel, values) in panels.chunks_exact(self.length() * PANEL).enumerate() {
                let columns = PANEL.min(self.width() - panel * PANEL);
                let at = (self.rows.start + block.first + row, column + panel * PANEL);
                // SAFETY: these rows and this query head's columns are this task's own.
                unsafe {
                    let operands = (left, values, keys);
                    tile(self.context.level, operands, c, at, (rows, columns), WRITE);
                }
            }
        }
    }

    /// `c[key] += sum over the block's rows of weights[row][key] panels[row]`.
    fn scatter(
        &self,
        weights: &[f32],
        panels: &[f32],
        block: Block,
        (c, column): (Shared<'_>, usize),
    ) {
        for key in (0..block.keys()).step_by(ROWS) {
            let rows = ROWS.min(block.keys() - key);
            let left = Left::Columns(&weights[key..], self.stride());
            for (panel, values) in panels.chunks_exact(block.rows * PANEL).enumerate() {
                let columns = PANEL.min(self.width() - panel * PANEL);
                let at = (self.rows.start + key, column + panel * PANEL);
                // SAFETY: these rows and this key head's columns are this task's own.
                unsafe {
                    let operands = (left, values, block.rows);
                    tile(self.context.level, operands, c, at, (rows, columns), ADD);
                }
            }
        }
    }

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

    /// Zeros where gradients of keys and values will be added up.
    fn clear(&self, dqkv: Shared<'_>) {
        let columns = self.context.shape.columns();
        for row in self.rows.clone() {
            for column in [self.key_column(), self.value_column()] {
                // SAFETY: these rows and this key head's columns are this task's own.
                unsafe { dqkv.slice(row * columns + column, self.width()).fill(0.0) };
            }
        }
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
