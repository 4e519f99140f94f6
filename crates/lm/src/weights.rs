//! Weights in memory, as f32 under their canonical names: GGUF's names, row-major
//! `[outputs][inputs]`, and GGUF's order of rows (Llama's query and key rows are permuted for
//! interleaved rotary pairs). What training reads and writes; never packed, never quantised.

use crate::files::ModelFiles;
use crate::gguf::TensorType;
use crate::model::{Misfit, check_shapes, expected_shape, expected_shapes};
use crate::{Config, Error, Result};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Where a model's tensors come from, by canonical name.
pub(crate) trait Tensors {
    /// The values of a tensor that the model's shape asks for, all finite. Names and sizes were
    /// checked when the source was opened.
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>>;

    /// The type that a tensor has there.
    fn kind(&self, _name: &str) -> TensorType {
        TensorType::F32
    }

    /// A quantised tensor's own blocks; none where its values are floating-point numbers.
    fn blocks(&self, _name: &str) -> Result<Option<(TensorType, Vec<u8>)>> {
        Ok(None)
    }
}

/// One tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor of these sizes, outermost first.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the number of values is another.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self> {
        let product = shape.iter().try_fold(1usize, |a, &n| a.checked_mul(n));
        if product != Some(data.len()) {
            let n = data.len();
            return Err(Error::Invalid(format!("{n} values for sizes {shape:?}")));
        }
        Ok(Self { shape, data })
    }

    /// Sizes, outermost (outputs) first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values, without a copy.
    #[must_use]
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// A model's weights and its shape. Every tensor in it is one that the shape asks for, of its
/// sizes; some may still be missing ([`check`](Self::check)).
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    config: Config,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// No weights yet, for a model of this shape.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            tensors: BTreeMap::new(),
        }
    }

    /// Reads a GGUF file, or a folder of transformers. `memory` is the most bytes that the weights may take; without it, what
    /// the system says is available.
    ///
    /// # Errors
    /// As [`crate::Model::load`].
    pub fn load(path: &Path, memory: Option<u64>) -> Result<Self> {
        Self::from_files(&ModelFiles::open(path)?, memory)
    }

    /// Reads a GGUF file that is already in memory.
    ///
    /// # Errors
    /// As [`crate::Model::load`].
    pub fn from_bytes(bytes: &[u8], memory: Option<u64>) -> Result<Self> {
        Self::from_files(&ModelFiles::from_bytes(bytes)?, memory)
    }

    /// Reads the weights of opened files.
    ///
    /// # Errors
    /// As [`crate::Model::load`].
    pub fn from_files(files: &ModelFiles<'_>, memory: Option<u64>) -> Result<Self> {
        crate::model::check_memory(files.config(), memory)?;
        let mut out = Self::new(files.config().clone());
        for (name, shape) in expected_shapes(files.config()) {
            let data = files.tensors().read(&name)?.into_owned();
            out.tensors.insert(name, Tensor { shape, data });
        }
        Ok(out)
    }

    /// The shape of the model.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Names and sizes of every tensor that a model of this shape has.
    #[must_use]
    pub fn expected_shapes(config: &Config) -> Vec<(String, Vec<usize>)> {
        expected_shapes(config)
    }

    /// A tensor by its canonical name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// A tensor by its canonical name, its values to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.tensors.get_mut(name)
    }

    /// The names of the tensors that are there, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensors that are there, by sorted name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, t)| (name.as_str(), t))
    }

    /// Puts a tensor in, in the place of one of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the model's shape has no such tensor or asks for other sizes.
    pub fn insert(&mut self, name: &str, tensor: Tensor) -> Result<()> {
        let want = expected_shape(&self.config, name)
            .ok_or_else(|| Error::Invalid(format!("the model has no tensor {name:?}")))?;
        if tensor.shape != want {
            let got = &tensor.shape;
            let text = format!("tensor {name:?} has sizes {got:?}, {want:?} are needed");
            return Err(Error::Invalid(text));
        }
        self.tensors.insert(name.to_owned(), tensor);
        Ok(())
    }

    /// Takes a tensor out, without a copy.
    pub fn take(&mut self, name: &str) -> Option<Tensor> {
        self.tensors.remove(name)
    }

    /// Number of weights that are there.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.tensors.values().map(|t| t.data.len()).sum()
    }

    /// An error where a tensor is missing or a value is not finite.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the tensor's name.
    pub fn check(&self) -> Result<()> {
        let shapes = self.tensors.iter();
        let shapes = shapes.map(|(name, t)| (name.as_str(), t.shape.clone()));
        check_shapes(&self.config, &shapes.collect()).map_err(|misfit| {
            let (Misfit::Wrong(text) | Misfit::Unknown(text)) = misfit;
            Error::Invalid(text)
        })?;
        let bad = self.tensors.iter().find(|(_, t)| !all_finite(&t.data));
        match bad {
            Some((name, _)) => Err(Error::Invalid(not_finite(name))),
            None => Ok(()),
        }
    }
}

impl Tensors for Weights {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let missing = || Error::Invalid(format!("tensor {name:?} is missing"));
        let tensor = self.get(name).ok_or_else(missing)?;
        Ok(Cow::Borrowed(&tensor.data))
    }
}

/// True where no value is infinite or NaN.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    // Without a branch a value, so that it is vectorised.
    let worst = values
        .iter()
        .fold(0, |worst: u32, v| worst.max(v.to_bits() & 0x7fff_ffff));
    worst < f32::INFINITY.to_bits()
}

/// The words for a tensor with a value that is not finite.
pub(crate) fn not_finite(name: &str) -> String {
    format!("tensor {name:?} has a value that is not finite")
}

#[cfg(test)]
mod tests;
