//! How attention's kernels are called: tiles, shared memory, and the three parts of the backward pass.

use super::launch::{Arg, Grid, whole};
use super::{Cuda, CudaBuffer as Buffer, Precision};
use crate::device::{Attention, Packing};
use crate::{Error, Result};

/// Threads of an attention's block, and rows of a tile: `BLOCK` and `TILE` of attention.cu.
const BLOCK: u32 = 128;
const TILE: usize = 32;
/// Values from one row of weights to the next: `WEIGHTS` of attention.cu.
const WEIGHTS: usize = 33;

impl Cuda {
    /// The tail of attention's arguments, and the kernel's ending.
    fn heads(&self, shape: &Attention) -> Result<([Arg; 4], String, usize)> {
        shape.check()?;
        let heads = shape.heads;
        if heads.width > 128 {
            let text = format!("attention of {heads:?}: heads are at most 128 wide on a GPU");
            return Err(Error::Invalid(text));
        }
        let columns = if heads.width <= 64 { 64 } else { 128 };
        let letter = match self.precision {
            Precision::Exact => 'f',
            Precision::Mixed => 'h',
        };
        let args = [
            Arg::word(heads.query)?,
            Arg::word(heads.key_value)?,
            Arg::word(heads.width)?,
            Arg::Real(1.0 / (heads.width as f32).sqrt()),
        ];
        Ok((args, format!("{letter}{columns}"), columns))
    }

    /// A block a tile and head, with room for so many tiles of `columns` and so many more values.
    fn tiled(
        &self,
        name: &str,
        (tiles, heads): (usize, usize),
        (rooms, columns, more): (usize, usize, usize),
    ) -> Result<Grid> {
        let shared = whole(4 * (rooms * TILE * (columns + 4) + more))?;
        self.kernels.share(name, shared)?;
        Ok(Grid {
            blocks: (whole(tiles)?, whole(heads)?),
            threads: BLOCK,
            shared,
        })
    }

    /// See [`crate::device::Device::attention`].
    // attention(tiles, qkv, out, norms, query, kept, width, scale)
    pub(super) fn attend(
        &self,
        shape: &Attention,
        packing: &Packing,
        qkv: &Buffer,
        (out, norms): (&mut Buffer, &mut Buffer),
    ) -> Result<()> {
        let rows = packing.rows();
        let (tail, ending, columns) = self.heads(shape)?;
        let tables = self.tables(packing)?;
        let args = [
            Arg::of(&self.stream, &tables.tiles),
            self.active(qkv, rows * shape.columns(), "queries, keys and values")?,
            self.active(out, rows * shape.query_columns(), "attention's rows")?,
            self.wide(norms, rows * shape.heads.query, "attention's norms")?,
        ];
        let name = format!("attention_{ending}");
        let room = (2, columns, TILE * WEIGHTS);
        let grid = self.tiled(&name, (tables.count, shape.heads.query), room)?;
        self.launch(&name, grid, &[&args[..], &tail].concat())
    }

    /// See [`crate::device::Device::attention_backward`].
    // delta(out, dout, deltas, count, width)
    // backward_queries and backward_keys(tiles, qkv, norms, deltas, dout, dqkv, query, kept, width, scale)
    pub(super) fn attend_backward(
        &self,
        shape: &Attention,
        packing: &Packing,
        (qkv, out, norms): (&Buffer, &Buffer, &Buffer),
        dout: &Buffer,
        dqkv: &mut Buffer,
    ) -> Result<()> {
        let (rows, heads) = (packing.rows(), shape.heads);
        let (columns, queries) = (rows * shape.columns(), rows * shape.query_columns());
        let (tail, ending, wide) = self.heads(shape)?;
        let tables = self.tables(packing)?;
        let count = rows * heads.query;
        let deltas = self.scratch::<f32>(count)?;
        let deltas = Arg::of(&self.stream, &deltas);
        let dout = self.active(dout, queries, "attention's slopes")?;
        let args = [
            Arg::of(&self.stream, &tables.tiles),
            self.active(qkv, columns, "queries, keys and values")?,
            self.wide(norms, count, "attention's norms")?,
            deltas,
            dout,
            self.active(dqkv, columns, "attention's gradient")?,
        ];
        let out = self.active(out, queries, "attention's rows")?;
        let sizes = [Arg::Long(count as u64), Arg::word(heads.width)?];
        // A warp each.
        let grid = Grid::values(count * 32)?;
        self.launch(
            &self.each("delta"),
            grid,
            &[out, dout, deltas, sizes[0], sizes[1]],
        )?;
        let args = [&args[..], &tail].concat();
        let name = format!("backward_queries_{ending}");
        let room = (4, wide, TILE * WEIGHTS);
        let grid = self.tiled(&name, (tables.count, heads.query), room)?;
        self.launch(&name, grid, &args)?;
        let name = format!("backward_keys_{ending}");
        let room = (4, wide, 2 * TILE * WEIGHTS + 2 * TILE);
        let grid = self.tiled(&name, (tables.count, heads.key_value), room)?;
        self.launch(&name, grid, &args)
    }
}
