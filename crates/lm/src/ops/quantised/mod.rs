//! A linear layer of quantised weights, `y = x W^T + b`, for the fast path. Blocks of 32 inputs are
//! held as int8 with a scale (`w = d (u - 128)`), or as nibbles with a scale and a minimum
//! (`w = d u + m`), in panels of 16 outputs that a kernel reads in one stream. The file's own
//! blocks are kept where they are of these kinds; all others become int8. Activations are quantised
//! to int8 too: [`Activations`]. Never a sum whose order depends on the batch or the threads.

mod activation;
mod kernel;
mod pack;

pub(crate) use activation::{Activations, Fineness};
pub(crate) use kernel::Kernel;

use super::columns::Columns;
use super::level::Level;
use crate::gguf::TensorType;
use crate::{Error, Result};
use kernel::{Panel, TILE};
use rayon::prelude::*;

/// Values that share a scale.
const BLOCK: usize = 32;
/// Outputs in a panel: 32-bit lanes of an AVX-512 register.
const PANEL: usize = 16;
/// The unsigned byte that stands for 0 among int8 weights.
const BYTE_ZERO: i32 = 128;
/// Rows that are multiplied with all panels of a task before the next: they stay in the nearest
/// cache.
const NEAR_ROWS: usize = 4 * TILE;

/// Four bytes of 16 outputs, one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([u8; 64]);

/// Weights `[outputs][inputs]` of one tensor.
struct Part {
    first: usize,
    outputs: usize,
    nibbles: bool,
    /// `[panel][block][line]`.
    quants: Vec<Line>,
    /// Bits of f16, `[panel][block][scale, minimum][PANEL]`.
    scales: Vec<u16>,
}

/// Quantised weights of one or more tensors, their outputs one after the other.
pub(crate) struct Quantised {
    inputs: usize,
    outputs: usize,
    fineness: Fineness,
    parts: Vec<Part>,
    bias: Option<Vec<f32>>,
}

impl Quantised {
    /// A layer without outputs; tensors are then appended.
    pub(crate) fn new(inputs: usize, fineness: Fineness) -> Self {
        Self {
            inputs,
            fineness,
            outputs: 0,
            parts: Vec::new(),
            bias: None,
        }
    }

    /// Bytes that a tensor of such a type takes.
    pub(crate) fn memory(kind: TensorType, inputs: usize, outputs: usize) -> u64 {
        let blocks = inputs.div_ceil(BLOCK) as u64 * outputs.next_multiple_of(PANEL) as u64;
        blocks.saturating_mul(if pack::is_nibbles(kind) { 20 } else { 34 })
    }

    /// Appends a tensor in its file's own blocks, rows of `inputs` values.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where a weight is too large for a scale in 16 bits.
    pub(crate) fn push_blocks(&mut self, kind: TensorType, bytes: &[u8]) -> Result<()> {
        let row = self.inputs / kind.block_elements() * kind.block_bytes();
        let outputs = bytes.len() / row.max(1);
        let native = pack::native(kind).filter(|_| self.inputs.is_multiple_of(BLOCK));
        let Some(native) = native else {
            let mut values = vec![0.0; outputs * self.inputs];
            crate::gguf::dequantize(kind, bytes, &mut values)?;
            return self.push_values(&values);
        };
        let mut part = self.part(outputs, pack::is_nibbles(kind));
        for (output, row) in bytes.chunks_exact(row).enumerate() {
            for (block, bytes) in row.chunks_exact(kind.block_bytes()).enumerate() {
                let packed = native(bytes).ok_or_else(too_large)?;
                part.set(self.inputs, output, block, &packed);
            }
        }
        self.add(part);
        Ok(())
    }

    /// Appends a tensor of f32 values, rows of `inputs` values, as int8. No weight changes by more
    /// than 1/254 of the greatest magnitude in its block of 32, plus 2^-11 of it for the rounding
    /// of the scale.
    ///
    /// # Errors
    /// As [`push_blocks`](Self::push_blocks).
    pub(crate) fn push_values(&mut self, values: &[f32]) -> Result<()> {
        let mut part = self.part(values.len() / self.inputs, false);
        for (output, row) in values.chunks_exact(self.inputs).enumerate() {
            for (block, values) in row.chunks(BLOCK).enumerate() {
                let packed = pack::int8(values).ok_or_else(too_large)?;
                part.set(self.inputs, output, block, &packed);
            }
        }
        self.add(part);
        Ok(())
    }

    /// Adds a bias, one value an output.
    pub(crate) fn set_bias(&mut self, bias: Vec<f32>) {
        assert_eq!(bias.len(), self.outputs, "one bias an output");
        self.bias = Some(bias);
    }

    fn part(&self, outputs: usize, nibbles: bool) -> Part {
        let blocks = outputs.div_ceil(PANEL) * self.inputs.div_ceil(BLOCK);
        let (lines, zero, scales) = if nibbles { (4, 0, 2) } else { (8, 128, 1) };
        Part {
            first: self.outputs,
            outputs,
            nibbles,
            quants: vec![Line([zero; 64]); blocks * lines],
            scales: vec![0; blocks * scales * PANEL],
        }
    }

    fn add(&mut self, part: Part) {
        self.outputs += part.outputs;
        self.parts.push(part);
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The weights of one output as f32, as an embedding table is read.
    pub(crate) fn row(&self, output: usize, out: &mut [f32]) {
        let own = |p: &&Part| (p.first..p.first + p.outputs).contains(&output);
        if let Some(part) = self.parts.iter().find(own) {
            part.row(self.inputs, output - part.first, out);
        }
    }

    /// `out[rows][outputs] = x[rows][inputs] W^T + b`; `room` takes the quantised rows.
    pub(crate) fn apply(
        &self,
        (level, kernel): (Level, Kernel),
        x: &[f32],
        room: &mut Activations,
        out: &mut Vec<f32>,
    ) {
        room.set(level, x, self.inputs, self.fineness);
        if room.terms == 1 {
            self.product(kernel, room, out);
        } else {
            let mut sums = std::mem::take(&mut room.sums);
            self.product(kernel, room, &mut sums);
            out.resize(sums.len() / 2, 0.0);
            let pairs = sums.chunks_exact(2 * self.outputs);
            for (out, pair) in out.chunks_exact_mut(self.outputs).zip(pairs) {
                let (first, second) = pair.split_at(self.outputs);
                for ((o, a), b) in out.iter_mut().zip(first).zip(second) {
                    *o = a + b;
                }
            }
            room.sums = sums;
        }
        if let Some(bias) = &self.bias {
            for out in out.chunks_exact_mut(self.outputs) {
                out.iter_mut().zip(bias).for_each(|(o, b)| *o += b);
            }
        }
    }

    /// The products of rows that are quantised.
    fn product(&self, kernel: Kernel, x: &Activations, out: &mut Vec<f32>) {
        let blocks = self.inputs.div_ceil(BLOCK);
        let rows = x.scales.len() / blocks;
        out.resize(rows * self.outputs, 0.0);
        let panels: usize = self.parts.iter().map(Part::panels).sum();
        // A few tasks a thread even out their speeds; more cost more than they win.
        let tasks = rayon::current_num_threads() * if rows > TILE { 4 } else { 1 };
        let group = panels.div_ceil(tasks);
        let columns = Columns::new(out, self.outputs);
        let work = |task: usize| {
            for first in (0..rows).step_by(NEAR_ROWS) {
                let count = NEAR_ROWS.min(rows - first);
                for panel in task * group..((task + 1) * group).min(panels) {
                    self.multiply(kernel, panel, x, (first, count), &columns);
                }
            }
        };
        (0..panels.div_ceil(group.max(1)))
            .into_par_iter()
            .for_each(work);
    }

    /// One panel, counted over all parts, with some rows. Each panel is one task's.
    #[expect(unsafe_code, reason = "threads write columns of one matrix")]
    fn multiply(
        &self,
        kernel: Kernel,
        mut panel: usize,
        x: &Activations,
        (first, count): (usize, usize),
        out: &Columns<'_>,
    ) {
        let mut parts = self.parts.iter();
        let Some(part) = parts.find(|part| {
            let found = panel < part.panels();
            if !found {
                panel -= part.panels();
            }
            found
        }) else {
            return;
        };
        let weights = part.panel(self.inputs, panel);
        let (column, width) = (panel * PANEL, PANEL.min(part.outputs - panel * PANEL));
        let mut tile = [0.0; TILE * PANEL];
        let end = first + count;
        for row in (first..end).step_by(TILE) {
            let rows = TILE.min(end - row);
            let tile = &mut tile[..rows * PANEL];
            if part.nibbles {
                kernel.multiply::<true>(weights, x, row, tile);
            } else {
                kernel.multiply::<false>(weights, x, row, tile);
            }
            for (row, values) in (row..).zip(tile.chunks_exact(PANEL)) {
                // SAFETY: a panel's columns are written by the one task that has the panel.
                unsafe { out.write(row, part.first + column, &values[..width]) };
            }
        }
    }
}

fn too_large() -> Error {
    Error::Unsupported("a weight that is not finite, or too large for a scale in 16 bits".into())
}

impl Part {
    fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// Lines and scales of a block.
    fn sizes(&self) -> (usize, usize) {
        if self.nibbles { (4, 2) } else { (8, 1) }
    }

    fn panel(&self, inputs: usize, panel: usize) -> Panel<'_> {
        let blocks = inputs.div_ceil(BLOCK);
        let (lines, scales) = self.sizes();
        let (lines, scales) = (blocks * lines, blocks * scales * PANEL);
        Panel {
            quants: &self.quants[panel * lines..][..lines],
            scales: &self.scales[panel * scales..][..scales],
        }
    }

    /// Puts one output's block in its place.
    fn set(&mut self, inputs: usize, output: usize, block: usize, packed: &pack::Block) {
        let (lines, count) = self.sizes();
        let (panel, lane) = (output / PANEL, output % PANEL);
        let at = panel * inputs.div_ceil(BLOCK) + block;
        for (i, &q) in packed.quants.iter().enumerate() {
            let (group, byte) = (i / 4, 4 * lane + i % 4);
            let line = &mut self.quants[at * lines + group % lines].0[byte];
            if self.nibbles && group >= lines {
                *line |= q << 4;
            } else {
                *line = q;
            }
        }
        let scales = &mut self.scales[at * count * PANEL..][..count * PANEL];
        scales[lane] = packed.scale.to_bits();
        if self.nibbles {
            scales[PANEL + lane] = packed.least.to_bits();
        }
    }

    fn row(&self, inputs: usize, output: usize, out: &mut [f32]) {
        let (lines, count) = self.sizes();
        let Panel { quants, scales } = self.panel(inputs, output / PANEL);
        let lane = output % PANEL;
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let scale = |i: usize| {
                let bits = scales[(block * count + i) * PANEL + lane];
                half::f16::from_bits(bits).to_f32()
            };
            for (i, out) in out.iter_mut().enumerate() {
                let (group, byte) = (i / 4, 4 * lane + i % 4);
                let q = quants[block * lines + group % lines].0[byte];
                *out = if self.nibbles {
                    let q = if group < lines { q & 15 } else { q >> 4 };
                    scale(0) * f32::from(q) + scale(1)
                } else {
                    scale(0) * (i32::from(q) - BYTE_ZERO) as f32
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
