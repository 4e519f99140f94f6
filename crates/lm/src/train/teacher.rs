//! A teacher whose rows come from elsewhere: computed by a [`crate::Model`] that keeps its prompts'
//! keys and values, or at other positions than the student's. Of the teacher itself only the table
//! that makes logits of rows is on the device.

use super::network::{Goal, Hidden};
use crate::device::{Device, Mat, MatMut, Product, Put, Store};
use crate::{Error, ModelFiles, Result};

/// A teacher's table of the vocabulary, on the device.
pub struct Head<D: Device> {
    pub(super) vocabulary: usize,
    pub(super) width: usize,
    pub(super) table: D::Buffer,
}

impl<D: Device> std::fmt::Debug for Head<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("vocabulary", &self.vocabulary)
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

impl<D: Device> Head<D> {
    /// The table of a model's files; nothing else of them is read.
    ///
    /// # Errors
    /// Those of the files and of the device.
    pub fn open(device: &D, files: &ModelFiles<'_>) -> Result<Self> {
        let config = files.config();
        let name = match config.tied {
            true => "token_embd.weight",
            false => "output.weight",
        };
        let values = files.tensors().read(name)?;
        let mut table = device.zeros(Store::Parameter, values.len())?;
        device.write(&mut table, 0, &values)?;
        Ok(Self {
            vocabulary: config.vocabulary,
            width: config.width,
            table,
        })
    }

    /// Logits of some of a teacher's rows, from `first` on.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the rows are fewer or not as wide as the table; the device's own.
    pub fn logits(
        &self,
        device: &D,
        hidden: &Hidden<D>,
        (first, rows): (usize, usize),
    ) -> Result<Vec<f32>> {
        let values = device.length(&hidden.values);
        if values != hidden.rows * self.width || first + rows > hidden.rows {
            let text = "a teacher's rows are fewer, or not as wide as its table";
            return Err(Error::Invalid(text.into()));
        }
        let mut out = vec![0.0; rows * self.vocabulary];
        if rows > 0 {
            let mut made = device.zeros(Store::Activation, out.len())?;
            let x = Mat::new(&hidden.values, hidden.rows, self.width).rows(first, rows);
            let table = Mat::new(&self.table, self.vocabulary, self.width);
            let put = MatMut::new(&mut made, rows, self.vocabulary);
            device.multiply(Product::Nt, x, table, put, Put::Set(1.0))?;
            device.read(&made, 0, &mut out)?;
        }
        Ok(out)
    }
}

impl<D: Device> Hidden<D> {
    /// Rows of `width` values each, one for each learnt token of the batch that they are a goal of: the
    /// teacher's after its last norm, before that token.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the values are no whole number of rows; the device's own.
    pub fn of_rows(device: &D, width: usize, values: &[f32]) -> Result<Self> {
        if width == 0 || !values.len().is_multiple_of(width) {
            let length = values.len();
            return Err(Error::Invalid(format!(
                "{length} values in rows of {width}"
            )));
        }
        let mut out = device.zeros(Store::Activation, values.len())?;
        device.write(&mut out, 0, values)?;
        Ok(Self {
            rows: values.len() / width,
            values: out,
        })
    }
}

/// A teacher's rows, and what makes logits of them.
pub(super) struct Taught<'a, D: Device> {
    pub(super) hidden: &'a Hidden<D>,
    pub(super) table: &'a D::Buffer,
    pub(super) width: usize,
    pub(super) vocabulary: usize,
}

impl<D: Device> Goal<'_, D> {
    /// Of a teacher that gives its whole distribution.
    pub(super) fn taught(&self) -> Option<Taught<'_, D>> {
        match self {
            Goal::Teacher(hidden, network) => Some(Taught {
                hidden,
                table: network.table(),
                width: network.config().width,
                vocabulary: network.config().vocabulary,
            }),
            Goal::Hidden(hidden, head) => Some(Taught {
                hidden,
                table: &head.table,
                width: head.width,
                vocabulary: head.vocabulary,
            }),
            Goal::Next | Goal::Rows(_) | Goal::Spans(_) => None,
        }
    }
}
