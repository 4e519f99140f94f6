//! The operations of [`Cpu`], each with its checks; the arithmetic is in the files beside.

use super::attention::{self, Context, Forward};
use super::rows;
use super::{Cpu, CpuBuffer, front, front_mut, head, optimiser, short, some};
use crate::device::shape::check_ids;
use crate::device::{
    Adam, Attention, Device, Direction, Mat, MatMut, Packing, Product, Put, Store, Targets,
};
use crate::loss::{Loss, Outcome};
use crate::ops::Kind;
use crate::{Error, Result};
use rayon::prelude::*;

type Buffer = CpuBuffer;

/// Values that one task of a simple loop does.
const PIECE: usize = 1 << 15;

impl Device for Cpu {
    type Buffer = CpuBuffer;

    fn name(&self) -> String {
        let kind = match self.level.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            Kind::Plain => "no vector instructions chosen",
        };
        format!(
            "processor, {kind}, {} threads",
            self.pool.current_num_threads()
        )
    }

    fn available(&self) -> Option<u64> {
        crate::model::available_memory()
    }

    fn value_bytes(&self, _store: Store) -> usize {
        size_of::<f32>()
    }

    fn zeros(&self, _store: Store, length: usize) -> Result<Buffer> {
        let mut values = Vec::<f32>::new();
        values
            .try_reserve_exact(length)
            .map_err(|_| Error::Memory {
                need: length as u64 * 4,
                available: self.available().unwrap_or(0),
            })?;
        drop(values);
        // Zeroed by the system: pages are taken when they are first written.
        Ok(CpuBuffer(vec![0.0; length]))
    }

    fn length(&self, buffer: &Buffer) -> usize {
        buffer.0.len()
    }

    fn view<'a>(&self, buffer: &'a Buffer) -> Option<&'a [f32]> {
        Some(&buffer.0)
    }

    fn write(&self, buffer: &mut Buffer, offset: usize, values: &[f32]) -> Result<()> {
        let have = buffer.0.len();
        let end = offset.saturating_add(values.len());
        let part = buffer.0.get_mut(offset..end);
        part.ok_or_else(|| short("a buffer", end, have))?
            .copy_from_slice(values);
        Ok(())
    }

    fn read(&self, buffer: &Buffer, offset: usize, values: &mut [f32]) -> Result<()> {
        let end = offset.saturating_add(values.len());
        let part = buffer.0.get(offset..end);
        values.copy_from_slice(part.ok_or_else(|| short("a buffer", end, buffer.0.len()))?);
        Ok(())
    }

    fn clear(&self, buffer: &mut Buffer) -> Result<()> {
        let parts = buffer.0.par_chunks_mut(PIECE);
        self.pool.install(|| parts.for_each(|part| part.fill(0.0)));
        Ok(())
    }

    fn copy(&self, from: &Buffer, to: &mut Buffer, length: usize) -> Result<()> {
        let (from, to) = (
            front(from, length, "a copy's source")?,
            front_mut(to, length, "a copy")?,
        );
        let parts = to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE));
        self.pool
            .install(|| parts.for_each(|(to, from)| to.copy_from_slice(from)));
        Ok(())
    }

    fn multiply(
        &self,
        product: Product,
        a: Mat<'_, Buffer>,
        b: Mat<'_, Buffer>,
        c: MatMut<'_, Buffer>,
        put: Put,
    ) -> Result<()> {
        self.product(product, (a, b), c, put)
    }

    fn add_bias(&self, bias: &Buffer, x: &mut Buffer, rows: usize) -> Result<()> {
        some(bias.0.len(), "a bias")?;
        let x = front_mut(x, rows * bias.0.len(), "the rows of a bias")?;
        self.pool.install(|| rows::add_bias(&bias.0, x));
        Ok(())
    }

    fn add_bias_backward(&self, dy: &Buffer, dbias: &mut Buffer, rows: usize) -> Result<()> {
        some(dbias.0.len(), "a bias")?;
        let dy = front(dy, rows * dbias.0.len(), "the rows of a bias")?;
        self.pool
            .install(|| rows::sum_rows(&self.scratch, dy, &mut dbias.0));
        Ok(())
    }

    fn add(&self, x: &Buffer, y: &mut Buffer, length: usize) -> Result<()> {
        let (x, y) = (
            front(x, length, "a summand")?,
            front_mut(y, length, "a sum")?,
        );
        let parts = y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE));
        self.pool.install(|| {
            parts.for_each(|(y, x)| y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
        });
        Ok(())
    }

    fn embed(&self, table: &Buffer, width: usize, ids: &[u32], out: &mut Buffer) -> Result<()> {
        some(width, "rows")?;
        check_ids(ids, table.0.len() / width)?;
        let out = front_mut(out, ids.len() * width, "embedded rows")?;
        let rows = out.par_chunks_exact_mut(width).zip(ids);
        self.pool.install(|| {
            rows.for_each(|(out, &id)| {
                out.copy_from_slice(&table.0[id as usize * width..][..width]);
            });
        });
        Ok(())
    }

    fn embed_backward(
        &self,
        dout: &Buffer,
        width: usize,
        ids: &[u32],
        dtable: &mut Buffer,
    ) -> Result<()> {
        some(width, "rows")?;
        check_ids(ids, dtable.0.len() / width)?;
        let dout = front(dout, ids.len() * width, "embedded rows")?;
        // One thread: rows of the table may be named twice, and the whole is a few rows' copy.
        for (dout, &id) in dout.chunks_exact(width).zip(ids) {
            let row = &mut dtable.0[id as usize * width..][..width];
            row.iter_mut().zip(dout).for_each(|(t, d)| *t += d);
        }
        Ok(())
    }

    fn rms_norm(
        &self,
        x: &Buffer,
        weight: &Buffer,
        epsilon: f32,
        y: &mut Buffer,
        rows: usize,
    ) -> Result<()> {
        some(weight.0.len(), "a norm")?;
        let length = rows * weight.0.len();
        let (x, y) = (
            front(x, length, "a norm's rows")?,
            front_mut(y, length, "normed rows")?,
        );
        self.pool
            .install(|| rows::rms_norm(self.level, x, &weight.0, epsilon, y));
        Ok(())
    }

    fn rms_norm_backward(
        &self,
        (x, weight, epsilon): (&Buffer, &Buffer, f32),
        dy: &Buffer,
        dx: &mut Buffer,
        dweight: Option<&mut Buffer>,
        rows: usize,
    ) -> Result<()> {
        some(weight.0.len(), "a norm")?;
        let length = rows * weight.0.len();
        let (x, dy) = (
            front(x, length, "a norm's rows")?,
            front(dy, length, "a norm's slopes")?,
        );
        let dx = front_mut(dx, length, "a norm's gradient")?;
        let dweight = dweight.map(|d| front_mut(d, weight.0.len(), "a norm's weights"));
        let dweight = dweight.transpose()?;
        let forward = (x, &weight.0[..], epsilon);
        let how = (self.level, &self.scratch);
        self.pool
            .install(|| rows::rms_norm_backward(how, forward, dy, dx, dweight));
        Ok(())
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
        shape.check()?;
        let rows = packing.rows();
        let qkv = front(qkv, rows * shape.columns(), "queries, keys and values")?;
        let out = front_mut(out, rows * shape.query_columns(), "attention's rows")?;
        let norms = front_mut(norms, rows * shape.heads.query, "attention's norms")?;
        let context = self.attend(shape);
        self.pool
            .install(|| attention::forward(context, packing, qkv, out, norms));
        Ok(())
    }

    fn attention_backward(
        &self,
        shape: &Attention,
        packing: &Packing,
        (qkv, out, norms): (&Buffer, &Buffer, &Buffer),
        dout: &Buffer,
        dqkv: &mut Buffer,
    ) -> Result<()> {
        shape.check()?;
        let rows = packing.rows();
        let (columns, queries) = (rows * shape.columns(), rows * shape.query_columns());
        let forward = Forward {
            qkv: front(qkv, columns, "queries, keys and values")?,
            out: front(out, queries, "attention's rows")?,
            norms: front(norms, rows * shape.heads.query, "attention's norms")?,
        };
        let dout = front(dout, queries, "attention's slopes")?;
        let dqkv = front_mut(dqkv, columns, "attention's gradient")?;
        let context = self.attend(shape);
        self.pool
            .install(|| attention::backward(context, packing, forward, dout, dqkv));
        Ok(())
    }

    fn silu_mul(&self, x: &Buffer, width: usize, y: &mut Buffer, rows: usize) -> Result<()> {
        some(width, "gates")?;
        let x = front(x, 2 * rows * width, "gates and ups")?;
        let y = front_mut(y, rows * width, "gated rows")?;
        self.pool
            .install(|| rows::silu_mul(self.level, x, width, y));
        Ok(())
    }

    fn silu_mul_backward(
        &self,
        x: &mut Buffer,
        width: usize,
        dy: &mut Buffer,
        rows: usize,
    ) -> Result<()> {
        some(width, "gates")?;
        let x = front_mut(x, 2 * rows * width, "gates and ups")?;
        let dy = front_mut(dy, rows * width, "gated rows' slopes")?;
        self.pool
            .install(|| rows::silu_mul_backward(self.level, x, width, dy));
        Ok(())
    }

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
        let (x, y) = (
            front(x, length, "dropout's rows")?,
            front_mut(y, length, "dropped rows")?,
        );
        let parts = y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).enumerate();
        self.pool.install(|| {
            parts.for_each(|(part, (y, x))| rows::dropout(part * PIECE, x, y, (p, seed), add));
        });
        Ok(())
    }

    fn loss(
        &self,
        loss: &Loss,
        logits: &mut Buffer,
        vocabulary: usize,
        targets: Targets<'_, Buffer>,
        rows: (&[f32], &mut [Outcome]),
    ) -> Result<()> {
        self.losses(loss, (logits, vocabulary), targets, rows)
    }

    fn score(
        &self,
        logits: &Buffer,
        vocabulary: usize,
        ids: &[u32],
        values: &mut [f32],
    ) -> Result<()> {
        some(vocabulary, "a vocabulary")?;
        check_ids(ids, vocabulary)?;
        let logits = front(logits, ids.len() * vocabulary, "logits")?;
        if values.len() != ids.len() {
            return Err(Error::Invalid("as many values as tokens are needed".into()));
        }
        let rows = logits.par_chunks_exact(vocabulary).zip(values).zip(ids);
        self.pool.install(|| {
            rows.for_each(|((logits, value), &id)| {
                let token = id as usize;
                *value = self.level.run(head::Score { logits, token });
            });
        });
        Ok(())
    }

    fn square_sum(&self, x: &Buffer) -> Result<f64> {
        Ok(self
            .pool
            .install(|| optimiser::square_sum(self.level, &x.0)))
    }

    fn adam(
        &self,
        adam: &Adam,
        parameter: &mut Buffer,
        gradient: &Buffer,
        (first, second): (&mut Buffer, &mut Buffer),
    ) -> Result<()> {
        let length = parameter.0.len();
        let gradient = front(gradient, length, "a gradient")?;
        let first = front_mut(first, length, "a moment")?;
        let second = front_mut(second, length, "a moment")?;
        let moments = (first, second);
        self.pool.install(|| {
            optimiser::adam(self.level, adam, &mut parameter.0, gradient, moments);
        });
        Ok(())
    }
}

impl Cpu {
    fn attend<'a>(&'a self, shape: &'a Attention) -> Context<'a> {
        Context {
            level: self.level,
            scratch: &self.scratch,
            shape,
        }
    }
}
