//! The operations of [`Cuda`]: checks, then kernels. What each kernel takes stands in its file; calls that
//! need more than one, or tables, are in `calls.rs` and the files beside it.

use super::head::{self, Call};
use super::launch::{Arg, Grid};
use super::{Cuda, CudaBuffer, Precision, failed};
use crate::device::shape::{check_ids, check_targets, some};
use crate::device::{
    Adam, Attention, Device, Direction, Mat, MatMut, Packing, Product, Put, Store, Targets,
};
use crate::loss::{Loss, Outcome};
use crate::{Error, Result};

type Buffer = CudaBuffer;

/// Values of a piece of a sum of squares.
const PIECE: usize = 1 << 14;

impl Cuda {
    /// The kernel for this device's type of activations.
    pub(super) fn each(&self, name: &str) -> String {
        match self.precision {
            Precision::Exact => format!("{name}_f"),
            Precision::Mixed => format!("{name}_h"),
        }
    }

    pub(super) fn launch(&self, name: &str, grid: Grid, args: &[Arg]) -> Result<()> {
        self.kernels.launch(&self.stream, name, grid, args)
    }
}

impl Device for Cuda {
    type Buffer = CudaBuffer;

    fn name(&self) -> String {
        let how = match self.precision {
            Precision::Exact => "f32",
            Precision::Mixed => "bf16, sums in f32",
        };
        format!("{}, {how}", self.name)
    }

    fn available(&self) -> Option<u64> {
        let (free, _) = self.context.mem_get_info().ok()?;
        Some(free as u64)
    }

    fn value_bytes(&self, store: Store) -> usize {
        match (self.precision, store) {
            (Precision::Exact, _) | (_, Store::Exact) => 4,
            (Precision::Mixed, Store::Parameter) => 6,
            (Precision::Mixed, Store::Activation) => 2,
        }
    }

    fn zeros(&self, store: Store, length: usize) -> Result<Buffer> {
        let mixed = self.precision == Precision::Mixed;
        let wide = !(mixed && store == Store::Activation);
        let half = mixed && store != Store::Exact;
        Ok(CudaBuffer {
            store,
            length,
            wide: wide.then(|| self.scratch(length)).transpose()?,
            half: half.then(|| self.scratch(length)).transpose()?,
        })
    }

    fn length(&self, buffer: &Buffer) -> usize {
        buffer.length
    }

    fn write(&self, buffer: &mut Buffer, offset: usize, values: &[f32]) -> Result<()> {
        self.put(buffer, offset, values)
    }

    fn read(&self, buffer: &Buffer, offset: usize, values: &mut [f32]) -> Result<()> {
        self.fetch(buffer, offset, values)
    }

    fn clear(&self, buffer: &mut Buffer) -> Result<()> {
        if let Some(wide) = &mut buffer.wide {
            self.stream.memset_zeros(wide).map_err(failed)?;
        }
        if let Some(half) = &mut buffer.half {
            self.stream.memset_zeros(half).map_err(failed)?;
        }
        Ok(())
    }

    fn copy(&self, from: &Buffer, to: &mut Buffer, length: usize) -> Result<()> {
        self.duplicate(from, to, length)
    }

    fn multiply(
        &self,
        product: Product,
        a: Mat<'_, Buffer>,
        b: Mat<'_, Buffer>,
        c: MatMut<'_, Buffer>,
        put: Put,
    ) -> Result<()> {
        self.product(product, a, b, c, put)
    }

    // bias(bias, x, length, columns)
    fn add_bias(&self, bias: &Buffer, x: &mut Buffer, rows: usize) -> Result<()> {
        some(bias.length, "a bias")?;
        let (columns, length) = (bias.length, rows * bias.length);
        let args = [
            self.wide(bias, columns, "a bias")?,
            self.active(x, length, "the rows of a bias")?,
            Arg::Long(length as u64),
            Arg::word(columns)?,
        ];
        self.launch(&self.each("bias"), Grid::values(length)?, &args)
    }

    fn add_bias_backward(&self, dy: &Buffer, dbias: &mut Buffer, rows: usize) -> Result<()> {
        self.sum_columns(dy, dbias, rows)
    }

    // add(x, y, length)
    fn add(&self, x: &Buffer, y: &mut Buffer, length: usize) -> Result<()> {
        let args = [
            self.active(x, length, "a summand")?,
            self.active(y, length, "a sum")?,
            Arg::Long(length as u64),
        ];
        self.launch(&self.each("add"), Grid::values(length)?, &args)
    }

    // embed(table, ids, out, width)
    fn embed(&self, table: &Buffer, width: usize, ids: &[u32], out: &mut Buffer) -> Result<()> {
        some(width, "rows")?;
        check_ids(ids, table.length / width)?;
        if ids.is_empty() {
            return Ok(());
        }
        let table = self.active(table, table.length, "a table")?;
        let out = self.active(out, ids.len() * width, "embedded rows")?;
        let there = self.upload(ids)?;
        let args = [table, Arg::of(&self.stream, &there), out, Arg::word(width)?];
        self.launch(&self.each("embed"), Grid::blocks(ids.len())?, &args)
    }

    fn embed_backward(
        &self,
        dout: &Buffer,
        width: usize,
        ids: &[u32],
        dtable: &mut Buffer,
    ) -> Result<()> {
        self.scatter(dout, width, ids, dtable)
    }

    // norm(x, weight, epsilon, y, width)
    fn rms_norm(
        &self,
        x: &Buffer,
        weight: &Buffer,
        epsilon: f32,
        y: &mut Buffer,
        rows: usize,
    ) -> Result<()> {
        some(weight.length, "a norm")?;
        let width = weight.length;
        let args = [
            self.active(x, rows * width, "a norm's rows")?,
            self.wide(weight, width, "a norm's weights")?,
            Arg::Real(epsilon),
            self.active(y, rows * width, "normed rows")?,
            Arg::word(width)?,
        ];
        self.launch(&self.each("norm"), Grid::blocks(rows)?, &args)
    }

    fn rms_norm_backward(
        &self,
        (x, weight, epsilon): (&Buffer, &Buffer, f32),
        dy: &Buffer,
        dx: &mut Buffer,
        dweight: Option<&mut Buffer>,
        rows: usize,
    ) -> Result<()> {
        self.norm_backward((x, weight, epsilon), dy, dx, dweight, rows)
    }

    fn rope(
        &self,
        shape: &Attention,
        packing: &Packing,
        direction: Direction,
        qkv: &mut Buffer,
    ) -> Result<()> {
        self.turn(shape, packing, direction, qkv)
    }

    fn attention(
        &self,
        shape: &Attention,
        packing: &Packing,
        qkv: &Buffer,
        out: &mut Buffer,
        norms: &mut Buffer,
    ) -> Result<()> {
        self.attend(shape, packing, qkv, (out, norms))
    }

    fn attention_backward(
        &self,
        shape: &Attention,
        packing: &Packing,
        forward: (&Buffer, &Buffer, &Buffer),
        dout: &Buffer,
        dqkv: &mut Buffer,
    ) -> Result<()> {
        self.attend_backward(shape, packing, forward, dout, dqkv)
    }

    // gate(x, y, length, width)
    fn silu_mul(&self, x: &Buffer, width: usize, y: &mut Buffer, rows: usize) -> Result<()> {
        some(width, "gates")?;
        let length = rows * width;
        let args = [
            self.active(x, 2 * length, "gates and ups")?,
            self.active(y, length, "gated rows")?,
            Arg::Long(length as u64),
            Arg::word(width)?,
        ];
        self.launch(&self.each("gate"), Grid::values(length)?, &args)
    }

    // gate_backward(x, dy, length, width)
    fn silu_mul_backward(
        &self,
        x: &mut Buffer,
        width: usize,
        dy: &mut Buffer,
        rows: usize,
    ) -> Result<()> {
        some(width, "gates")?;
        let length = rows * width;
        let args = [
            self.active(x, 2 * length, "gates and ups")?,
            self.active(dy, length, "gated rows' slopes")?,
            Arg::Long(length as u64),
            Arg::word(width)?,
        ];
        self.launch(&self.each("gate_backward"), Grid::values(length)?, &args)
    }

    // dropout(x, y, length, bound, scale, seed, adds)
    fn dropout(
        &self,
        x: &Buffer,
        y: &mut Buffer,
        length: usize,
        (p, seed): (f32, u64),
        add: bool,
    ) -> Result<()> {
        if !(0.0..1.0).contains(&p) {
            return Err(Error::Invalid(format!("dropout of {p} is not in 0 to 1")));
        }
        let args = [
            self.active(x, length, "dropout's rows")?,
            self.active(y, length, "dropped rows")?,
            Arg::Long(length as u64),
            Arg::Word((f64::from(p) * 4_294_967_296.0) as u32),
            Arg::Real(1.0 / (1.0 - p)),
            Arg::Long(seed),
            Arg::Word(u32::from(add)),
        ];
        self.launch(&self.each("dropout"), Grid::values(length)?, &args)
    }

    fn loss(
        &self,
        loss: &Loss,
        logits: &mut Buffer,
        vocabulary: usize,
        targets: Targets<'_, Buffer>,
        (weights, values): (&[f32], &mut [Outcome]),
    ) -> Result<()> {
        some(vocabulary, "a vocabulary")?;
        let rows = targets.len();
        check_targets(rows, weights.len(), values.len())?;
        head::check(loss, vocabulary, &targets)?;
        self.active(logits, rows * vocabulary, "logits")?;
        let call = Call {
            loss,
            vocabulary,
            weights,
        };
        self.losses(&call, logits, &targets, values)
    }

    // score(logits, ids, values, count)
    fn score(
        &self,
        logits: &Buffer,
        vocabulary: usize,
        ids: &[u32],
        values: &mut [f32],
    ) -> Result<()> {
        some(vocabulary, "a vocabulary")?;
        check_ids(ids, vocabulary)?;
        if values.len() != ids.len() {
            return Err(Error::Invalid("as many values as tokens are needed".into()));
        }
        if ids.is_empty() {
            return Ok(());
        }
        let logits = self.active(logits, ids.len() * vocabulary, "logits")?;
        let (there, out) = (self.upload(ids)?, self.scratch::<f32>(ids.len())?);
        let there = Arg::of(&self.stream, &there);
        let args = [
            logits,
            there,
            Arg::of(&self.stream, &out),
            Arg::word(vocabulary)?,
        ];
        self.launch(&self.each("score"), head::grid(ids.len())?, &args)?;
        self.stream.memcpy_dtoh(&out, values).map_err(failed)?;
        self.wait()
    }

    // squares(x, pieces, length, piece)
    fn square_sum(&self, x: &Buffer) -> Result<f64> {
        let pieces = x.length.div_ceil(PIECE);
        let out = self.scratch::<f64>(pieces)?;
        let (x_there, name) = match &x.wide {
            Some(_) => (self.wide(x, x.length, "squares")?, "squares_f"),
            None => (self.active(x, x.length, "squares")?, "squares_h"),
        };
        let args = [
            x_there,
            Arg::of(&self.stream, &out),
            Arg::Long(x.length as u64),
            Arg::word(PIECE)?,
        ];
        self.launch(name, Grid::blocks(pieces)?, &args)?;
        let sums = self.stream.clone_dtoh(&out).map_err(failed)?;
        self.wait()?;
        Ok(sums.into_iter().take(pieces).sum())
    }

    fn adam(
        &self,
        adam: &Adam,
        parameter: &mut Buffer,
        gradient: &Buffer,
        (first, second): (&mut Buffer, &mut Buffer),
    ) -> Result<()> {
        self.optimise(adam, parameter, gradient, (first, second))
    }
}
