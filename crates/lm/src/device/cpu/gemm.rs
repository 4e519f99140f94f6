//! Matrix products of any size: the right matrix is packed into panels of 32 columns that all threads
//! share, the left one is read in place (or packed, where it is transposed), and tiles are shared
//! out. An element's sum is cut at the same `k` whatever the other sizes and the number of threads.
#![expect(
    unsafe_code,
    reason = "threads write disjoint tiles of one matrix; each block says why it is sound"
)]

use super::kernel::{Left, PANEL, ROWS, Shared, Store, tile, transpose_16};
use super::scratch::Scratch;
use crate::device::Product;
use crate::ops::Level;
use rayon::prelude::*;

/// Most of `k` in one go: a tile's row of the left matrix and its panel then stay in the first caches.
const DEPTH: usize = 640;
/// Most values of the right matrix that are packed at once: 4 MiB, within the last cache.
const PACKED: usize = 1 << 20;
/// Tiles of rows and panels that one task does.
const TASK_ROWS: usize = 8 * ROWS;
const TASK_PANELS: usize = 4;
/// Multiply-adds below which one thread does it all.
const SMALL: usize = 1 << 18;

/// A row-major matrix of given rows and columns.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// `c (+)= scale op(a, b)`; `(m, n, k)` are the sizes of the product. Slices were checked.
pub(super) fn multiply(
    (level, scratch): (Level, &Scratch),
    product: Product,
    (m, n, k): (usize, usize, usize),
    (a, b): (View<'_>, View<'_>),
    c: (&mut [f32], usize),
    store: Store,
) {
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        // A sum of nothing.
        let rows = c.0.chunks_mut(c.1).take(if store.add { 0 } else { m });
        rows.for_each(|row| row[..n].fill(0.0));
        return;
    }
    let depth = k.div_ceil(k.div_ceil(DEPTH));
    let width = (PACKED / depth / PANEL * PANEL).clamp(PANEL, n.next_multiple_of(PANEL));
    let out = Shared::new(c.0, c.1);
    let mut panels = scratch.take(width * depth);
    let packs_left = product == Product::Tn;
    // A transposed left matrix is packed as well, so many rows at once.
    let height = match packs_left {
        true => (PACKED / depth / TASK_ROWS * TASK_ROWS).min(m.next_multiple_of(ROWS)),
        false => m,
    };
    let mut left = scratch.take(if packs_left { height * depth } else { 0 });
    for first in (0..n).step_by(width) {
        let columns = (n - first).min(width);
        for start in (0..k).step_by(depth) {
            let depth = depth.min(k - start);
            let store = Store {
                scale: store.scale,
                add: store.add || start > 0,
            };
            let block = Block {
                level,
                sizes: (columns, depth),
                at: (start, first),
                small: m * columns * depth < SMALL,
            };
            block.pack_right(product, b, &mut panels);
            for row in (0..m).step_by(height) {
                let rows = (row, (m - row).min(height));
                if packs_left {
                    block.pack_left(a, rows, &mut left);
                }
                let packed = packs_left.then_some(&left[..]);
                block.tiles((a, packed), rows, &panels, out, store);
            }
        }
    }
    scratch.give(panels);
    scratch.give(left);
}

/// A part of a product: some columns, some of `k`.
struct Block {
    level: Level,
    /// Columns, depth.
    sizes: (usize, usize),
    /// First of `k`, first column.
    at: (usize, usize),
    /// One thread does it all.
    small: bool,
}

impl Block {
    /// Packs `[depth][columns]` of the right matrix to `[panel][depth][PANEL]`, padded with zeros.
    fn pack_right(&self, product: Product, b: View<'_>, panels: &mut [f32]) {
        let ((columns, depth), (start, first)) = (self.sizes, self.at);
        let one = |(panel, out): (usize, &mut [f32])| {
            let column = panel * PANEL;
            let columns = (columns - column).min(PANEL);
            match product {
                Product::Nt => {
                    let from = &b.values[(first + column) * b.stride + start..];
                    transpose(self.level, (from, b.stride), (columns, depth), out);
                }
                Product::Nn | Product::Tn => {
                    let from = &b.values[start * b.stride + first + column..];
                    copy_rows((from, b.stride), columns, out);
                }
            }
        };
        let used = columns.div_ceil(PANEL) * PANEL * depth;
        let parts = panels[..used].par_chunks_exact_mut(PANEL * depth);
        if self.small {
            panels[..used]
                .chunks_exact_mut(PANEL * depth)
                .enumerate()
                .for_each(one);
        } else {
            parts.enumerate().for_each(one);
        }
    }

    /// Packs `[depth][rows]` of the transposed left matrix to `[tile][depth][ROWS]`.
    fn pack_left(&self, a: View<'_>, (top, rows): (usize, usize), left: &mut [f32]) {
        let ((_, depth), (start, _)) = (self.sizes, self.at);
        let used = rows.div_ceil(ROWS) * ROWS * depth;
        left[..used]
            .par_chunks_exact_mut(ROWS * depth)
            .enumerate()
            .for_each(|(tile, out)| {
                let row = tile * ROWS;
                let rows = (rows - row).min(ROWS);
                let from = &a.values[start * a.stride + top + row..];
                for (out, from) in out.chunks_exact_mut(ROWS).zip(from.chunks(a.stride)) {
                    out[..rows].copy_from_slice(&from[..rows]);
                    out[rows..].fill(0.0);
                }
            });
    }

    /// All tiles of the block.
    fn tiles(
        &self,
        (a, packed): (View<'_>, Option<&[f32]>),
        (top, rows): (usize, usize),
        panels: &[f32],
        out: Shared<'_>,
        store: Store,
    ) {
        let ((columns, depth), (start, first)) = (self.sizes, self.at);
        let tasks = (
            rows.div_ceil(TASK_ROWS),
            columns.div_ceil(TASK_PANELS * PANEL),
        );
        let task = |index: usize| {
            let row = index / tasks.1 * TASK_ROWS;
            let column = index % tasks.1 * TASK_PANELS * PANEL;
            for row in (row..rows.min(row + TASK_ROWS)).step_by(ROWS) {
                let left = match packed {
                    Some(packed) => Left::Columns(&packed[row * depth..], ROWS),
                    None => Left::Rows(&a.values[(top + row) * a.stride + start..], a.stride),
                };
                for column in (column..columns.min(column + TASK_PANELS * PANEL)).step_by(PANEL) {
                    let sizes = (rows - row, columns - column);
                    let sizes = (sizes.0.min(ROWS), sizes.1.min(PANEL));
                    let panel = &panels[column * depth..];
                    // SAFETY: each task has rows and columns of its own.
                    unsafe {
                        let operands = (left, panel, depth);
                        tile(
                            self.level,
                            operands,
                            out,
                            (top + row, first + column),
                            sizes,
                            store,
                        );
                    }
                }
            }
        };
        if self.small {
            (0..tasks.0 * tasks.1).for_each(task);
        } else {
            (0..tasks.0 * tasks.1).into_par_iter().for_each(task);
        }
    }
}

/// Copies rows of `columns` values to rows of [`PANEL`], padded with zeros.
pub(super) fn copy_rows((from, stride): (&[f32], usize), columns: usize, out: &mut [f32]) {
    for (out, from) in out.chunks_exact_mut(PANEL).zip(from.chunks(stride)) {
        out[..columns].copy_from_slice(&from[..columns]);
        out[columns..].fill(0.0);
    }
}

/// `out[i][c] = from[c][i]` for `columns <= PANEL` rows of `from` and `depth` values of each; other
/// columns of `out` are 0.
pub(super) fn transpose(
    level: Level,
    (from, stride): (&[f32], usize),
    (columns, depth): (usize, usize),
    out: &mut [f32],
) {
    if columns < PANEL {
        out.fill(0.0);
    }
    // Sixteen values of each row at a time: a line of the cache is read once.
    for i in (0..depth).step_by(16) {
        let length = (depth - i).min(16);
        for first in (0..columns).step_by(16) {
            let from = &from[first * stride + i..];
            let out = &mut out[i * PANEL + first..];
            let count = (columns - first).min(16);
            if (length, count) == (16, 16) {
                transpose_16(level, from, stride, out);
                continue;
            }
            for c in 0..count {
                let column = out[c..].iter_mut().step_by(PANEL);
                column
                    .zip(&from[c * stride..][..length])
                    .for_each(|(o, &v)| *o = v);
            }
        }
    }
}
