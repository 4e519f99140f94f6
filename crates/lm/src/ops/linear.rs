//! A frozen linear layer, `y = x W^T + b`, with its weights packed in panels of 32 outputs so that
//! the tile kernel reads them in one stream. Own kernels and not a general matrix library, because
//! a general one changes its order of additions with the number of rows.

use super::columns::Columns;
use super::level::Level;
use rayon::prelude::*;

/// Outputs in a panel.
pub(crate) const PANEL: usize = 32;
/// Inputs whose values of a panel are packed at once: 8 KiB.
const BLOCK: usize = 64;

/// Rows whose products with a panel are kept near before they are written out; a multiple of the
/// largest tile.
const NEAR_ROWS: usize = 48;

/// Weights `[outputs][inputs]`, packed.
pub(crate) struct Linear {
    inputs: usize,
    outputs: usize,
    /// `[panel][input][PANEL]`; outputs that fill the last panel up are zero.
    panels: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// An empty layer of zeros; rows are then set one by one.
    pub(crate) fn zeros(inputs: usize, outputs: usize) -> Self {
        let panels = vec![0.0; outputs.div_ceil(PANEL) * PANEL * inputs];
        Self {
            inputs,
            outputs,
            panels,
            bias: None,
        }
    }

    /// Sets the weights of outputs `first..`, from rows of `inputs` values; on the threads of the
    /// pool that it is called in.
    pub(crate) fn set_rows(&mut self, first: usize, rows: &[f32]) {
        let (inputs, end) = (self.inputs, first + rows.len() / self.inputs);
        assert!(end <= self.outputs, "rows within the outputs");
        let panels = self.panels.par_chunks_mut(PANEL * inputs).enumerate();
        let panels = panels.take(end.div_ceil(PANEL)).skip(first / PANEL);
        panels.for_each(|(number, panel)| {
            let start = (number * PANEL).max(first);
            let rows = &rows[(start - first) * inputs..];
            let outputs = start..end.min((number + 1) * PANEL);
            // All rows' values of some inputs, then of the next: what is written stays in the cache.
            for at in (0..inputs).step_by(BLOCK) {
                for (output, row) in outputs.clone().zip(rows.chunks_exact(inputs)) {
                    let column = panel[at * PANEL + output % PANEL..].iter_mut();
                    let values = &row[at..inputs.min(at + BLOCK)];
                    let slots = column.step_by(PANEL).zip(values);
                    slots.for_each(|(slot, &w)| *slot = w);
                }
            }
        });
    }

    /// Sets the biases of outputs `first..`; those never set are zero.
    pub(crate) fn set_bias(&mut self, first: usize, values: &[f32]) {
        let bias = self.bias.get_or_insert_with(|| vec![0.0; self.outputs]);
        bias[first..first + values.len()].copy_from_slice(values);
    }

    /// Copies the weights of one output, as an embedding table is read.
    pub(crate) fn row(&self, output: usize, out: &mut [f32]) {
        let panel = &self.panels[output / PANEL * PANEL * self.inputs..];
        let column = panel[output % PANEL..].iter().step_by(PANEL);
        out.iter_mut().zip(column).for_each(|(o, &w)| *o = w);
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// `out[rows][outputs] = x[rows][inputs] W^T + b`.
    pub(crate) fn apply(&self, level: Level, x: &[f32], out: &mut Vec<f32>) {
        let rows = x.len() / self.inputs;
        out.resize(rows * self.outputs, 0.0);
        if rows == 0 {
            return;
        }
        self.multiply(level, x, rows, out);
        if let Some(bias) = &self.bias {
            for out in out.chunks_exact_mut(self.outputs) {
                out.iter_mut().zip(bias).for_each(|(o, b)| *o += b);
            }
        }
    }

    fn panel_count(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// All panels, spread over the threads.
    #[expect(unsafe_code, reason = "threads write columns of one matrix")]
    fn multiply(&self, level: Level, x: &[f32], rows: usize, out: &mut [f32]) {
        // A few tasks a thread even out their speeds; more cost more than they win.
        let tasks = rayon::current_num_threads() * 4;
        let group = self.panel_count().div_ceil(tasks);
        let columns = Columns::new(out, self.outputs);
        let panels = self.panels.par_chunks(group * PANEL * self.inputs);
        panels.enumerate().for_each(|(task, panels)| {
            let mut tile = [0.0; NEAR_ROWS * PANEL];
            let panels = panels.chunks_exact(PANEL * self.inputs);
            for (panel, w) in (task * group..).zip(panels) {
                let column = panel * PANEL;
                let width = PANEL.min(self.outputs - column);
                for first in (0..rows).step_by(NEAR_ROWS) {
                    let count = NEAR_ROWS.min(rows - first);
                    let x = &x[first * self.inputs..][..count * self.inputs];
                    let tile = &mut tile[..count * PANEL];
                    level.multiply_panel(x, self.inputs, w, tile);
                    for (row, values) in (first..).zip(tile.chunks_exact(PANEL)) {
                        // SAFETY: a panel's columns are written by the one task that has it.
                        unsafe { columns.write(row, column, &values[..width]) };
                    }
                }
            }
        });
    }
}
