//! The longer calls of [`Cpu`]: checks, and how work is cut; the arithmetic is in the files beside.

use super::rows::Turn;
use super::{Cpu, CpuBuffer, front, front_mut, gemm, head, kernel, some};
use crate::device::shape::check_targets;
use crate::device::{Attention, Direction, Mat, MatMut, Packing, Product, Put, Targets};
use crate::loss::{Loss, Outcome, Target};
use crate::{Error, Result};
use rayon::prelude::*;

type Buffer = CpuBuffer;

impl Cpu {
    /// See [`Device::multiply`].
    pub(super) fn product(
        &self,
        product: Product,
        (a, b): (Mat<'_, Buffer>, Mat<'_, Buffer>),
        c: MatMut<'_, Buffer>,
        put: Put,
    ) -> Result<()> {
        let (a_sizes, b_sizes) = ((a.rows, a.columns), (b.rows, b.columns));
        let ((m, k), (deep, n)) = match product {
            Product::Nn => (a_sizes, b_sizes),
            Product::Nt => (a_sizes, (b_sizes.1, b_sizes.0)),
            Product::Tn => ((a_sizes.1, a_sizes.0), b_sizes),
        };
        if deep != k || (c.rows, c.columns) != (m, n) {
            let sizes = (c.rows, c.columns);
            let text = format!("{product:?} of {a_sizes:?} and {b_sizes:?} to {sizes:?}");
            return Err(Error::Invalid(text));
        }
        let fit = |end: Option<usize>, buffer: &Buffer| end.is_some_and(|e| e <= buffer.0.len());
        if !fit(a.end(), a.buffer) || !fit(b.end(), b.buffer) || !fit(c.end(), c.buffer) {
            return Err(Error::Invalid(format!(
                "{product:?}: a matrix reaches beyond its buffer"
            )));
        }
        let a = gemm::View {
            values: &a.buffer.0[a.offset..],
            stride: a.stride,
        };
        let b = gemm::View {
            values: &b.buffer.0[b.offset..],
            stride: b.stride,
        };
        let out = (&mut c.buffer.0[c.offset..], c.stride);
        let (scale, add) = match put {
            Put::Set(scale) => (scale, false),
            Put::Add(scale) => (scale, true),
        };
        let store = kernel::Store { scale, add };
        let how = (self.level, &self.scratch);
        self.pool
            .install(|| gemm::multiply(how, product, (m, n, k), (a, b), out, store));
        Ok(())
    }

    /// See [`Device::rope`].
    pub(super) fn turn(
        &self,
        shape: &Attention,
        packing: &Packing,
        direction: Direction,
        qkv: &mut Buffer,
    ) -> Result<()> {
        shape.check()?;
        let (columns, width) = (shape.columns(), shape.heads.width);
        let qkv = front_mut(qkv, packing.rows() * columns, "queries, keys and values")?;
        let angles = self.angles(shape.rope_base, width, packing.longest());
        let mut pieces = Vec::new();
        let mut rest = qkv;
        // Pieces of 64 rows, none over the end of a document.
        for document in packing.documents() {
            for position in (0..document.len()).step_by(64) {
                let rows = (document.len() - position).min(64);
                let (piece, behind) = rest.split_at_mut(rows * columns);
                rest = behind;
                pieces.push((piece, &angles[position * width..(position + rows) * width]));
            }
        }
        let sign = match direction {
            Direction::Forward => 1.0,
            Direction::Backward => -1.0,
        };
        let turn = |(rows, angles)| {
            self.level.run(Turn {
                rows,
                columns,
                turned: shape.query_columns() + shape.heads.key_value * width,
                width,
                interleaved: shape.interleaved,
                angles,
                sign,
            });
        };
        self.pool.install(|| pieces.into_par_iter().for_each(turn));
        Ok(())
    }

    /// See [`Device::loss`].
    pub(super) fn losses(
        &self,
        loss: &Loss,
        (logits, vocabulary): (&mut Buffer, usize),
        targets: Targets<'_, Buffer>,
        (weights, values): (&[f32], &mut [Outcome]),
    ) -> Result<()> {
        some(vocabulary, "a vocabulary")?;
        let rows = targets.len();
        check_targets(rows, weights.len(), values.len())?;
        let logits = front_mut(logits, rows * vocabulary, "logits")?;
        let teacher = match targets {
            Targets::Logits(buffer, rows) => {
                front(buffer, rows * vocabulary, "a teacher's logits")?
            }
            Targets::Tokens(_) | Targets::Rows(_) => &[],
        };
        let target = |row: usize| match targets {
            Targets::Tokens(ids) => Target::Token(ids[row]),
            Targets::Rows(rows) => rows[row],
            Targets::Logits(..) => Target::Logits(&teacher[row * vocabulary..][..vocabulary]),
        };
        (0..rows).try_for_each(|row| loss.check(vocabulary, &target(row)))?;
        let parts = logits
            .par_chunks_exact_mut(vocabulary)
            .zip(values)
            .zip(weights);
        self.pool.install(|| {
            parts
                .enumerate()
                .for_each_init(Vec::new, |spare, (row, ((logits, value), weight))| {
                    *value = head::row(self.level, loss, (logits, &target(row)), *weight, spare);
                });
        });
        Ok(())
    }
}
