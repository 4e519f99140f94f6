//! One document's rows and one key head with the query heads that share it: how their keys and values
//! are packed, and the products of attention as tiles. Products read and write this task's own rows
//! and columns alone.
#![expect(
    unsafe_code,
    reason = "tasks write disjoint rows and columns of one buffer; each block says why it is sound"
)]

use super::attention::Context;
use super::gemm::{copy_rows, transpose};
use super::kernel::{Left, PANEL, ROWS, Shared, Store, tile};
use std::ops::Range;

/// Queries that are done together.
pub(super) const BLOCK: usize = 4 * ROWS;
const WRITE: Store = Store {
    scale: 1.0,
    add: false,
};
const ADD: Store = Store {
    scale: 1.0,
    add: true,
};

/// One document and one key head.
pub(super) struct Group<'a> {
    pub(super) context: Context<'a>,
    pub(super) qkv: &'a [f32],
    pub(super) rows: Range<usize>,
    pub(super) kept: usize,
}

/// Some queries of one head: first row within the document, number of rows.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) first: usize,
    pub(super) rows: usize,
}

impl Block {
    /// Tiles of rows: first within the block, number.
    pub(super) fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        let size = move |row| (row, ROWS.min(self.rows - row));
        (0..self.rows).step_by(ROWS).map(size)
    }

    /// Keys that its last row sees.
    pub(super) fn keys(self) -> usize {
        self.first + self.rows
    }
}

/// Takes `length` values off the front of a buffer.
pub(super) fn cut<'a>(rest: &mut &'a mut [f32], length: usize) -> &'a mut [f32] {
    let (front, back) = std::mem::take(rest).split_at_mut(length);
    *rest = back;
    front
}

impl Group<'_> {
    pub(super) fn length(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn width(&self) -> usize {
        self.context.shape.heads.width
    }

    /// Values of a column block of the head's own, from the document's row on.
    pub(super) fn values<'b>(
        &self,
        buffer: &'b [f32],
        stride: usize,
        row: usize,
        column: usize,
    ) -> &'b [f32] {
        &buffer[(self.rows.start + row) * stride + column..]
    }

    /// First column of the key head; its values' is as far behind as there are key heads.
    pub(super) fn key_column(&self) -> usize {
        self.context.shape.query_columns() + self.kept * self.width()
    }

    pub(super) fn value_column(&self) -> usize {
        self.key_column() + self.context.shape.heads.key_value * self.width()
    }

    pub(super) fn query_heads(&self) -> Range<usize> {
        let heads = self.context.shape.heads;
        let group = heads.query / heads.key_value;
        self.kept * group..(self.kept + 1) * group
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let length = self.length();
        (0..length).step_by(BLOCK).map(move |first| Block {
            first,
            rows: BLOCK.min(length - first),
        })
    }

    /// Length of a row of scores.
    pub(super) fn stride(&self) -> usize {
        self.length().next_multiple_of(PANEL)
    }

    /// Panels of 32 rows each, `[panel][width][PANEL]`, from a column of `qkv`.
    pub(super) fn pack_rows(&self, column: usize, out: &mut [f32]) {
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
    pub(super) fn pack_columns(
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
    pub(super) fn scores(
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
    pub(super) fn combine(
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
    pub(super) fn scatter(
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

    /// Zeros where gradients of keys and values will be added up.
    pub(super) fn clear(&self, dqkv: Shared<'_>) {
        let columns = self.context.shape.columns();
        for row in self.rows.clone() {
            for column in [self.key_column(), self.value_column()] {
                // SAFETY: these rows and this key head's columns are this task's own.
                unsafe { dqkv.slice(row * columns + column, self.width()).fill(0.0) };
            }
        }
    }
}
