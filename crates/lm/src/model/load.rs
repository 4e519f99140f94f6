//! From tensors, wherever they come from, to a [`Model`]: each is looked up by name, checked
//! against the shape that the configuration asks for, and packed. A file's tensors are read one
//! after the other: never two f32 copies of a model.

use super::net::{Machine, Net};
use super::{Config, Model, Options, Path, memory};
use crate::files::ModelFiles;
use crate::gguf::TensorType;
use crate::ops::{Kernel, Level, Rope};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::weights::{Tensors, Weights};
use crate::{Error, Result};
use rayon::prelude::*;
use std::sync::Arc;

/// Values that one task looks through.
const FINITE: usize = 1 << 16;

impl Model {
    /// Loads a GGUF file, or a folder of transformers (config.json, tokenizer.json, safetensors).
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Truncated`], [`Error::Malformed`], [`Error::Unsupported`] (by
    /// name), [`Error::Memory`] before anything large is allocated, [`Error::Threads`].
    pub fn load(path: &std::path::Path, options: &Options) -> Result<Self> {
        Self::from_files(&ModelFiles::open(path)?, options)
    }

    /// Loads a GGUF file that is already in memory.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Self> {
        Self::from_files(&ModelFiles::from_bytes(bytes)?, options)
    }

    /// Loads the weights of opened files, one tensor after the other.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_files(files: &ModelFiles<'_>, options: &Options) -> Result<Self> {
        let tokenizer = Arc::clone(files.tokenizer());
        let template = files.template().cloned();
        let kind = |name: &str| files.tensors().kind(name);
        let mut model = Self::empty(files.config(), tokenizer, template, options, &kind)?;
        model.fill(files.tensors())?;
        Ok(model)
    }

    /// A model of weights in memory. They are copied: packed, and quantised where the fast path is
    /// asked for. A student in training samples from [`Trainer::sampler`](crate::train::Trainer::sampler).
    ///
    /// # Errors
    /// [`Error::Invalid`] where tensors are missing or not finite, or the tokenizer is of another
    /// vocabulary; [`Error::Memory`], [`Error::Threads`].
    pub fn from_weights(
        weights: &Weights,
        tokenizer: Arc<Tokenizer>,
        template: Option<ChatTemplate>,
        options: &Options,
    ) -> Result<Self> {
        weights.check()?;
        let (got, want) = (tokenizer.vocabulary(), weights.config().vocabulary);
        if got != want {
            return Err(Error::Invalid(format!(
                "a tokenizer of {got} tokens for weights of {want}"
            )));
        }
        let kind = |_: &str| TensorType::F32;
        let mut model = Self::empty(weights.config(), tokenizer, template, options, &kind)?;
        model.fill(weights)?;
        Ok(model)
    }

    /// A model of zeros; memory is foreseen before it is taken.
    pub(crate) fn empty(
        config: &Config,
        tokenizer: Arc<Tokenizer>,
        template: Option<ChatTemplate>,
        options: &Options,
        kind: &dyn Fn(&str) -> TensorType,
    ) -> Result<Self> {
        memory::check(config, kind, options)?;
        let exact = options.weights.holds(Path::Exact);
        let context = options.context.unwrap_or(config.context);
        Ok(Self {
            rope: Rope::new(config.rope_layout(), config.rope_base, config.heads.width),
            context: context.min(config.context).max(1),
            tokenizer,
            template,
            held: options.weights,
            exact: exact.then(|| Net::zeros(config)),
            fast: None,
            machine: Machine {
                level: Level::best(),
                kernel: Kernel::best(),
            },
            pool: pool(options.threads)?,
            config: config.clone(),
        })
    }

    /// Sets the exact path's weights of one tensor, of the size that the shape asks for.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a value is not finite; then the tensor is as it was.
    pub(crate) fn set(&mut self, name: &str, values: &[f32]) -> Result<()> {
        // Without an early end, so that it is vectorised.
        let finite = |part: &[f32]| part.iter().fold(true, |all, v| all & v.is_finite());
        if !self.pool.install(|| values.par_chunks(FINITE).all(finite)) {
            let text = format!("tensor {name:?} has values that are not finite");
            return Err(Error::Invalid(text));
        }
        match &mut self.exact {
            Some(exact) => exact.set(&self.config, name, values, &self.pool),
            None => Ok(()),
        }
    }

    /// Sets every weight. The fast path's come first: they alone can fail where values are finite.
    fn fill(&mut self, tensors: &dyn Tensors) -> Result<()> {
        if self.held.holds(Path::Fast) {
            self.fast = Some(Net::quantised(&self.config, tensors)?);
        }
        match &mut self.exact {
            Some(exact) => exact.fill(&self.config, tensors, &self.pool),
            None => Ok(()),
        }
    }
}

/// The model's own threads. The number is always given: rayon would ask the environment for it.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = builder.thread_name(|i| format!("lm-{i}")).build();
    pool.map_err(|e| Error::Threads(e.to_string()))
}
