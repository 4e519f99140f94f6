//! The shapes that a [`Device`](super::Device)'s operations take: plain data, checked where they are
//! made or used, the same for every device.

use crate::loss::Target;
use crate::{Config, Error, Family, HeadCounts, Result};

/// What a buffer holds, from which a device chooses its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Weights: f32, beside which a device may keep a shorter copy for its products.
    Parameter,
    /// Gradients, moments of the optimiser, softmax norms: f32 on every device.
    Exact,
    /// What passes through the network: f32 on [`Cpu`](super::Cpu), bf16 where that is faster.
    Activation,
}

/// Which sides of a matrix product are transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// `c[m][n] = sum a[m][k] b[k][n]`.
    Nn,
    /// `c[m][n] = sum a[m][k] b[n][k]`.
    Nt,
    /// `c[m][n] = sum a[k][m] b[k][n]`.
    Tn,
}

/// What becomes of a product's result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Put {
    /// It is written, multiplied by this.
    Set(f32),
    /// It is added to what is there, multiplied by this.
    Add(f32),
}

/// A row-major matrix in a buffer, which is borrowed to be read ([`Mat`]) or to be written ([`MatMut`]).
#[derive(Debug, Clone, Copy)]
pub struct Matrix<R> {
    /// Where it lies.
    pub buffer: R,
    /// Values before its first.
    pub offset: usize,
    /// Values from one row to the next; at least `columns`.
    pub stride: usize,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
}

/// A matrix to be read.
pub type Mat<'a, B> = Matrix<&'a B>;
/// A matrix to be written.
pub type MatMut<'a, B> = Matrix<&'a mut B>;

impl<R> Matrix<R> {
    /// A matrix that fills the front of a buffer.
    pub fn new(buffer: R, rows: usize, columns: usize) -> Self {
        Self {
            buffer,
            offset: 0,
            stride: columns,
            rows,
            columns,
        }
    }

    /// Columns `first..first + columns` of this matrix.
    #[must_use]
    pub fn columns(self, first: usize, columns: usize) -> Self {
        Self {
            offset: self.offset + first,
            columns,
            ..self
        }
    }

    /// Rows `first..first + rows` of this matrix.
    #[must_use]
    pub fn rows(self, first: usize, rows: usize) -> Self {
        Self {
            offset: self.offset + first * self.stride,
            rows,
            ..self
        }
    }

    /// Values from the buffer's start to the matrix's end; none where its sizes are no matrix's.
    pub(crate) fn end(&self) -> Option<usize> {
        if self.columns > self.stride {
            return None;
        }
        // Without a row it has no value, wherever it begins.
        let Some(before) = self.rows.checked_sub(1) else {
            return Some(0);
        };
        let before = before.checked_mul(self.stride)?;
        before.checked_add(self.offset)?.checked_add(self.columns)
    }
}

/// Rows of a batch and the documents that they belong to. Each document starts at position 0 and sees
/// nothing of the others, so that packing changes no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// First row of each document, then the number of rows.
    starts: Vec<usize>,
}

impl Packing {
    /// Documents of these lengths, one after the other.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] where there is none, or one without tokens.
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Result<Self> {
        let mut starts = vec![0];
        for length in lengths {
            if length == 0 {
                return Err(Error::EmptyPrompt);
            }
            starts.push(starts[starts.len() - 1] + length);
        }
        if starts.len() == 1 {
            return Err(Error::EmptyPrompt);
        }
        Ok(Self { starts })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// The rows of each document.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = std::ops::Range<usize>> + '_ {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Length of the longest document.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.documents().map(|d| d.len()).max().unwrap_or(0)
    }
}

/// The shape of a layer's attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Heads and their width.
    pub heads: HeadCounts,
    /// True where pairs of a head are `(2i, 2i + 1)`, false where they are `(i, i + width / 2)`.
    pub interleaved: bool,
    /// Base of the rotary frequencies: pair `i` turns by `position * base^(-2i / width)` radians.
    pub rope_base: f32,
}

impl Attention {
    /// The attention of a model.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            heads: config.heads,
            interleaved: config.family == Family::Llama,
            rope_base: config.rope_base,
        }
    }

    /// An error where heads have no values or an odd number of them, or key heads do not divide query
    /// heads.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<()> {
        let HeadCounts {
            query,
            key_value,
            width,
        } = self.heads;
        let paired = width > 0 && width.is_multiple_of(2);
        if paired && key_value > 0 && query > 0 && query.is_multiple_of(key_value) {
            return Ok(());
        }
        let heads = self.heads;
        Err(Error::Invalid(format!("attention of {heads:?}")))
    }

    /// Values of all query heads in a row.
    #[must_use]
    pub fn query_columns(&self) -> usize {
        self.heads.query * self.heads.width
    }

    /// Values of all query, key and value heads in a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        (self.heads.query + 2 * self.heads.key_value) * self.heads.width
    }
}

/// Forward, or the gradient's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// By the angle.
    Forward,
    /// By its negative.
    Backward,
}

/// What the rows of a loss are compared with.
#[derive(Debug)]
pub enum Targets<'a, B> {
    /// One token a row.
    Tokens(&'a [u32]),
    /// Whatever [`crate::loss::Loss`] takes, from host memory, one a row.
    Rows(&'a [Target<'a, f32>]),
    /// A teacher's logits on the device, `[rows][vocabulary]`, so many rows.
    Logits(&'a B, usize),
}

impl<B> Targets<'_, B> {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Rows(rows) => rows.len(),
            Self::Logits(_, rows) => *rows,
        }
    }

    /// True where there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One step's settings of AdamW for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Learning rate of this step.
    pub rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay, multiplied by the rate.
    pub decay: f32,
    /// Number of this step, from 1.
    pub step: u64,
    /// The gradient is multiplied by it first (clipping).
    pub scale: f32,
}

/// [`Error::UnknownToken`] where an id lies beyond the vocabulary.
pub(super) fn check_ids(ids: &[u32], vocabulary: usize) -> Result<()> {
    match ids.iter().find(|&&id| id as usize >= vocabulary) {
        Some(&token) => Err(Error::UnknownToken { token, vocabulary }),
        None => Ok(()),
    }
}

/// An error unless there is a weight and room for a value for each target.
pub(super) fn check_targets(targets: usize, weights: usize, values: usize) -> Result<()> {
    if weights == targets && values == targets {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{weights} weights and {values} values for {targets} targets"
    )))
}

/// An error where a size is 0: nothing is made of rows without values.
pub(super) fn some(size: usize, what: &str) -> Result<()> {
    match size {
        0 => Err(Error::Invalid(format!("{what} of 0 values"))),
        _ => Ok(()),
    }
}
