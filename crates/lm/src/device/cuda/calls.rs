//! The longer calls of [`Cuda`]: those of several kernels, or that look something up.

use super::launch::{Arg, Grid, THREADS, whole};
use super::table::groups;
use super::{Cuda, CudaBuffer as Buffer, Precision};
use crate::device::shape::{check_ids, some};
use crate::device::{Adam, Attention, Direction, Packing, Store};
use crate::{Error, Result};

/// Rows that one thread adds up: `ROWS` of rows.cu.
const ROWS: usize = 64;

impl Cuda {
    /// `out[c] += ` the sums of the columns of `partial`, which holds so many pieces.
    fn fold(&self, partial: Arg, out: Arg, pieces: usize, columns: usize) -> Result<()> {
        let sizes = [Arg::word(pieces)?, Arg::word(columns)?];
        let args = [partial, out, sizes[0], sizes[1]];
        self.launch("fold", Grid::values(columns)?, &args)
    }

    /// See [`Device::add_bias_backward`].
    // column_sums(dy, partial, rows, columns)
    pub(super) fn sum_columns(&self, dy: &Buffer, dbias: &mut Buffer, rows: usize) -> Result<()> {
        some(dbias.length, "a bias")?;
        let columns = dbias.length;
        let pieces = rows.div_ceil(ROWS);
        let partial = self.scratch::<f32>(pieces * columns)?;
        let partial = Arg::of(&self.stream, &partial);
        let out = self.wide(dbias, columns, "a bias's gradient")?;
        let args = [
            self.active(dy, rows * columns, "the rows of a bias")?,
            partial,
            Arg::word(rows)?,
            Arg::word(columns)?,
        ];
        self.launch(&self.each("column_sums"), sums(columns, pieces)?, &args)?;
        self.fold(partial, out, pieces, columns)
    }

    /// See [`Device::embed_backward`].
    // scatter(dout, ids, starts, order, dtable, width)
    pub(super) fn scatter(
        &self,
        dout: &Buffer,
        width: usize,
        ids: &[u32],
        dtable: &mut Buffer,
    ) -> Result<()> {
        some(width, "rows")?;
        check_ids(ids, dtable.length / width)?;
        if ids.is_empty() {
            return Ok(());
        }
        let from = self.active(dout, ids.len() * width, "embedded rows")?;
        // A table's gradient is f32; rows of the network are activations.
        let (to, name) = match (self.precision, dtable.store) {
            (Precision::Exact, _) => (self.wide(dtable, 0, "a table")?, "scatter_ff"),
            (Precision::Mixed, Store::Activation) => {
                (self.active(dtable, 0, "a table")?, "scatter_hh")
            }
            (Precision::Mixed, Store::Exact) => (self.wide(dtable, 0, "a table")?, "scatter_hf"),
            (Precision::Mixed, Store::Parameter) => {
                return Err(Error::Invalid(
                    "gradients can not be added to weights".into(),
                ));
            }
        };
        whole(ids.len())?;
        let (different, starts, order) = groups(ids);
        let grid = Grid::blocks(different.len())?;
        let (different, starts, order) = (
            self.upload(&different)?,
            self.upload(&starts)?,
            self.upload(&order)?,
        );
        let args = [
            from,
            Arg::of(&self.stream, &different),
            Arg::of(&self.stream, &starts),
            Arg::of(&self.stream, &order),
            to,
            Arg::word(width)?,
        ];
        self.launch(name, grid, &args)
    }

    /// See [`Device::rms_norm_backward`].
    // norm_backward(x, weight, epsilon, dy, dx, scales, width)
    // norm_weights(dy, x, scales, partial, rows, columns)
    pub(super) fn norm_backward(
        &self,
        (x, weight, epsilon): (&Buffer, &Buffer, f32),
        dy: &Buffer,
        dx: &mut Buffer,
        dweight: Option<&mut Buffer>,
        rows: usize,
    ) -> Result<()> {
        some(weight.length, "a norm")?;
        let (width, length) = (weight.length, rows * weight.length);
        let x = self.active(x, length, "a norm's rows")?;
        let dy = self.active(dy, length, "a norm's slopes")?;
        let dweight = dweight.map(|d| self.wide(d, width, "a norm's gradient"));
        let dweight = dweight.transpose()?;
        let scales = self.scratch::<f32>(rows)?;
        let scales = Arg::of(&self.stream, &scales);
        let args = [
            x,
            self.wide(weight, width, "a norm's weights")?,
            Arg::Real(epsilon),
            dy,
            self.active(dx, length, "a norm's gradient")?,
            scales,
            Arg::word(width)?,
        ];
        self.launch(&self.each("norm_backward"), Grid::blocks(rows)?, &args)?;
        let Some(dweight) = dweight else {
            return Ok(());
        };
        let pieces = rows.div_ceil(ROWS);
        let partial = self.scratch::<f32>(pieces * width)?;
        let partial = Arg::of(&self.stream, &partial);
        let args = [dy, x, scales, partial, Arg::word(rows)?, Arg::word(width)?];
        self.launch(&self.each("norm_weights"), sums(width, pieces)?, &args)?;
        self.fold(partial, dweight, pieces, width)
    }

    /// See [`Device::rope`].
    // rope(qkv, positions, angles, pairs, heads, width, columns, interleaved, sign)
    pub(super) fn turn(
        &self,
        shape: &Attention,
        packing: &Packing,
        direction: Direction,
        qkv: &mut Buffer,
    ) -> Result<()> {
        shape.check()?;
        let (columns, heads) = (shape.columns(), shape.heads);
        let turned = heads.query + heads.key_value;
        let pairs = packing.rows() * turned * (heads.width / 2);
        let qkv = self.active(qkv, packing.rows() * columns, "queries, keys and values")?;
        let tables = self.tables(packing)?;
        let angles = self.angles(shape, packing.longest())?;
        let sign = match direction {
            Direction::Forward => 1.0,
            Direction::Backward => -1.0,
        };
        let args = [
            qkv,
            Arg::of(&self.stream, &tables.positions),
            Arg::of(&self.stream, &angles),
            Arg::Long(pairs as u64),
            Arg::word(turned)?,
            Arg::word(heads.width)?,
            Arg::word(columns)?,
            Arg::Word(u32::from(shape.interleaved)),
            Arg::Real(sign),
        ];
        self.launch(&self.each("rope"), Grid::values(pairs)?, &args)
    }

    /// See [`Device::adam`].
    // adam(w, [copy,] g, m, v, length, scale, beta1, beta2, rate, root, epsilon, kept)
    pub(super) fn optimise(
        &self,
        adam: &Adam,
        parameter: &mut Buffer,
        gradient: &Buffer,
        (first, second): (&mut Buffer, &mut Buffer),
    ) -> Result<()> {
        let length = parameter.length;
        if [gradient.length, first.length, second.length] != [length; 3] {
            return Err(Error::Invalid(
                "a parameter and its moments differ in length".into(),
            ));
        }
        let power = |beta: f32| 1.0 - f64::from(beta).powf(adam.step as f64);
        let mut args = vec![self.wide(parameter, length, "a parameter")?];
        let name = match &parameter.half {
            Some(copy) => {
                args.push(Arg::of(&self.stream, copy));
                "adam_h"
            }
            None => "adam_f",
        };
        args.extend([
            self.wide(gradient, length, "a gradient")?,
            self.wide(first, length, "first moments")?,
            self.wide(second, length, "second moments")?,
            Arg::Long(length as u64),
            Arg::Real(adam.scale),
            Arg::Real(adam.beta1),
            Arg::Real(adam.beta2),
            // Both corrections in two numbers: rate / c1, and 1 / sqrt(c2).
            Arg::Real((f64::from(adam.rate) / power(adam.beta1)) as f32),
            Arg::Real((1.0 / power(adam.beta2).sqrt()) as f32),
            Arg::Real(adam.epsilon),
            Arg::Real(1.0 - adam.rate * adam.decay),
        ]);
        self.launch(name, Grid::values(length)?, &args)
    }
}

/// A thread a column and piece of rows.
fn sums(columns: usize, pieces: usize) -> Result<Grid> {
    let grid = Grid::blocks(columns.div_ceil(THREADS as usize))?;
    if pieces > 65_535 {
        let text = format!("{pieces} pieces of {ROWS} rows are too many for one call to a GPU");
        return Err(Error::Invalid(text));
    }
    Ok(Grid {
        blocks: (grid.blocks.0, whole(pieces)?),
        ..grid
    })
}
