//! What a language model's forward and backward pass asks of a processor: the trait [`Device`], a
//! dozen operations over opaque buffers, each with its backward. [`Cpu`] is the first device. No
//! device knows layers, parameters' names or files; no network knows where its numbers lie.
//!
//! # Conventions
//! * All matrices are row-major. A *row* is one token's position; a batch is the rows of all its
//!   documents, one after the other, without padding ([`Packing`]).
//! * A buffer may be longer than what an operation uses; the operation takes its first `rows`.
//! * `forward` names write their output; where an operation *adds* to it, its text says so. A
//!   backward takes the gradient of the loss with respect to the forward's output.
//! * Sizes that do not fit are the caller's fault and give [`Error::Invalid`](crate::Error::Invalid)
//!   before anything is written. [`Error::Device`](crate::Error::Device) is the device's own failure.
//! * The same calls with the same numbers give the same bytes on one type of device, whatever the
//!   number of threads.
//! * Queued devices may return before the work is done; whatever returns numbers waits for it.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod shape;

pub use cpu::{Cpu, CpuBuffer};
#[cfg(feature = "cuda")]
pub use cuda::{Cuda, CudaBuffer, Precision};
pub use shape::{
    Adam, Attention, Direction, Mat, MatMut, Matrix, Packing, Product, Put, Store, Targets,
};

use crate::Result;
use crate::loss::{Loss, Outcome};

/// One type of processor with its memory.
///
/// Sources: RMSNorm, Zhang and Sennrich 2019; rotary positions, Su et al. 2021; grouped queries,
/// Ainslie et al. 2023; softmax recomputed in the backward pass, Dao et al. 2022; SiLU gates, Shazeer
/// 2020; AdamW, Loshchilov and Hutter 2019.
pub trait Device: Sync {
    /// Memory on the device, of one [`Store`] and a fixed length.
    type Buffer: Send + Sync;

    /// A name for people: processor, instructions, threads.
    fn name(&self) -> String;

    /// Bytes of device memory that may still be taken, where the device can tell.
    fn available(&self) -> Option<u64>;

    /// Bytes that one value takes in this store.
    fn value_bytes(&self, store: Store) -> usize;

    // Buffers.

    /// `length` zeros.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) where they do not fit.
    fn zeros(&self, store: Store, length: usize) -> Result<Self::Buffer>;

    /// Number of values in a buffer.
    fn length(&self, buffer: &Self::Buffer) -> usize;

    /// Writes values from `offset` on.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) where they reach beyond the end.
    fn write(&self, buffer: &mut Self::Buffer, offset: usize, values: &[f32]) -> Result<()>;

    /// Reads values from `offset` on.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn read(&self, buffer: &Self::Buffer, offset: usize, values: &mut [f32]) -> Result<()>;

    /// The values themselves, where they are in this process's memory as f32.
    fn view<'a>(&self, _buffer: &'a Self::Buffer) -> Option<&'a [f32]> {
        None
    }

    /// Sets all values to zero.
    ///
    /// # Errors
    /// The device's own.
    fn clear(&self, buffer: &mut Self::Buffer) -> Result<()>;

    /// Copies the first `length` values; both buffers have one store.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) where either is shorter.
    fn copy(&self, from: &Self::Buffer, to: &mut Self::Buffer, length: usize) -> Result<()>;

    // Operations on matrices.

    /// `c = scale op(a, b)` or `c += scale op(a, b)`, as `put` says; sums in f32. Its own backward is two
    /// products of the other kinds: with `y = x w^T` ([`Product::Nt`]), `dx = dy w`
    /// ([`Product::Nn`]) and `dw = dy^T x` ([`Product::Tn`]).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) where shapes disagree or reach beyond a buffer.
    fn multiply(
        &self,
        product: Product,
        a: Mat<'_, Self::Buffer>,
        b: Mat<'_, Self::Buffer>,
        c: MatMut<'_, Self::Buffer>,
        put: Put,
    ) -> Result<()>;

    /// Adds `bias` (`[columns]`) to each of `rows` rows of `x`. Its backward for `x` is the identity.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn add_bias(&self, bias: &Self::Buffer, x: &mut Self::Buffer, rows: usize) -> Result<()>;

    /// `dbias[c] += sum over r of dy[r][c]`.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn add_bias_backward(
        &self,
        dy: &Self::Buffer,
        dbias: &mut Self::Buffer,
        rows: usize,
    ) -> Result<()>;

    /// `y += x`, the first `length` values.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn add(&self, x: &Self::Buffer, y: &mut Self::Buffer, length: usize) -> Result<()>;

    /// `out[r] = table[ids[r]]`, rows of `width` values.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid), also for an id beyond the table.
    fn embed(
        &self,
        table: &Self::Buffer,
        width: usize,
        ids: &[u32],
        out: &mut Self::Buffer,
    ) -> Result<()>;

    /// `dtable[ids[r]] += dout[r]`, in the order of the rows.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    fn embed_backward(
        &self,
        dout: &Self::Buffer,
        width: usize,
        ids: &[u32],
        dtable: &mut Self::Buffer,
    ) -> Result<()>;

    /// `y[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight`; rows of `weight`'s length.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn rms_norm(
        &self,
        x: &Self::Buffer,
        weight: &Self::Buffer,
        epsilon: f32,
        y: &mut Self::Buffer,
        rows: usize,
    ) -> Result<()>;

    /// Gradients of [`rms_norm`](Self::rms_norm): `dx += ...`, and `dweight += ...` where it is asked
    /// for. With `s = 1 / sqrt(mean(x^2) + epsilon)` and `g = dy * weight`:
    /// `dx = s g - s^3 x mean(g x)`, `dweight = sum over rows of dy x s`.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn rms_norm_backward(
        &self,
        forward: (&Self::Buffer, &Self::Buffer, f32),
        dy: &Self::Buffer,
        dx: &mut Self::Buffer,
        dweight: Option<&mut Self::Buffer>,
        rows: usize,
    ) -> Result<()>;

    /// Turns queries and keys in `qkv` (rows of [`Attention::columns`] values: query heads, key heads,
    /// value heads) by the angle of each row's position in its document, in place.
    /// [`Direction::Backward`] turns gradients back: a rotation's transpose is its inverse.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn rope(
        &self,
        shape: &Attention,
        packing: &Packing,
        direction: Direction,
        qkv: &mut Self::Buffer,
    ) -> Result<()>;

    /// Causal attention with grouped queries, within each document: for query head `h`,
    /// `out[r][h] = sum over p <= r of softmax_p(q[r] . k[p] / sqrt(width)) v[p]`, where `p` runs over
    /// the rows of `r`'s own document. `out` has rows of `query heads * width` values, `norms`
    /// (`[rows][query heads]`, [`Store::Exact`]) takes the natural logarithm of each softmax's sum, from
    /// which the backward remakes the probabilities.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn attention(
        &self,
        shape: &Attention,
        packing: &Packing,
        qkv: &Self::Buffer,
        out: &mut Self::Buffer,
        norms: &mut Self::Buffer,
    ) -> Result<()>;

    /// Gradients of [`attention`](Self::attention) with respect to `qkv` (already turned by
    /// [`rope`](Self::rope)), written to `dqkv`. `forward` is `(qkv, out, norms)` as they came out of it.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn attention_backward(
        &self,
        shape: &Attention,
        packing: &Packing,
        forward: (&Self::Buffer, &Self::Buffer, &Self::Buffer),
        dout: &Self::Buffer,
        dqkv: &mut Self::Buffer,
    ) -> Result<()>;

    /// `y[r][i] = silu(x[r][i]) * x[r][width + i]`, `silu(g) = g / (1 + exp(-g))`; rows of `x` hold
    /// `width` gates, then `width` ups.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn silu_mul(
        &self,
        x: &Self::Buffer,
        width: usize,
        y: &mut Self::Buffer,
        rows: usize,
    ) -> Result<()>;

    /// Gradient of [`silu_mul`](Self::silu_mul): `x` is overwritten by the gradient with respect to
    /// it, and `dy` by `y`, which the gradient of the matrix behind it needs and nobody kept.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn silu_mul_backward(
        &self,
        x: &mut Self::Buffer,
        width: usize,
        dy: &mut Self::Buffer,
        rows: usize,
    ) -> Result<()>;

    /// `y[i] = x[i] / (1 - p)` with probability `1 - p`, else 0, for the first `length` values; which,
    /// is a function of `seed` and `i` alone. Its backward is itself, on the gradient. `add` adds to `y`.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless `0 <= p < 1`.
    fn dropout(
        &self,
        x: &Self::Buffer,
        y: &mut Self::Buffer,
        length: usize,
        noise: (f32, u64),
        add: bool,
    ) -> Result<()>;

    // The end of the network, and the optimiser.

    /// Values and gradients of the loss, row by row: `logits` (`[targets][vocabulary]`) is overwritten
    /// by `weights[r] * d value[r] / d logits[r]`; `rows` holds weights and room for values. Rows of weight 0 get a gradient of 0, and a value.
    /// The caller hands in chunks of rows, so that tokens x vocabulary is never in memory.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid), also for a target beyond the vocabulary.
    fn loss(
        &self,
        loss: &Loss,
        logits: &mut Self::Buffer,
        vocabulary: usize,
        targets: Targets<'_, Self::Buffer>,
        rows: (&[f32], &mut [Outcome]),
    ) -> Result<()>;

    /// `values[r] = ln softmax(logits[r])[ids[r]]`; `logits` is as in [`loss`](Self::loss).
    ///
    /// # Errors
    /// As [`loss`](Self::loss).
    fn score(
        &self,
        logits: &Self::Buffer,
        vocabulary: usize,
        ids: &[u32],
        values: &mut [f32],
    ) -> Result<()>;

    /// Sum of the squares of all values, in a fixed order, in f64.
    ///
    /// # Errors
    /// The device's own.
    fn square_sum(&self, x: &Self::Buffer) -> Result<f64>;

    /// One step of AdamW over a parameter with gradient `scale * gradient`, in one pass:
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    /// `w -= rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) + decay w)`.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) where lengths differ.
    fn adam(
        &self,
        adam: &Adam,
        parameter: &mut Self::Buffer,
        gradient: &Self::Buffer,
        moments: (&mut Self::Buffer, &mut Self::Buffer),
    ) -> Result<()>;
}

#[cfg(test)]
mod tests;
