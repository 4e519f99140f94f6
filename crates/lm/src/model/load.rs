//! From tensors, wherever they come from, to a [`Model`]: each is looked up by name, checked
//! against the shape that the configuration asks for, and packed. A file's tensors are read one
//! after the other: never two f32 copies of a model.

use super::{Config, Family, Layer, Model, Options, memory};
use crate::files::ModelFiles;
use crate::ops::{Level, Linear, Rope};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::weights::{Tensors, Weights};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// Loads a GGUF file, or a folder of transformers (config.json, tokenizer.json, safetensors).
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Truncated`], [`Error::Malformed`], [`Error::Unsupported`] (by
    /// name), [`Error::Memory`] before anything large is allocated, [`Error::Threads`].
    pub fn load(path: &Path, options: &Options) -> Result<Self> {
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
        let mut model = Self::empty(files.config(), tokenizer, template, options)?;
        model.fill(files.tensors())?;
        Ok(model)
    }

    /// A model of weights in memory, on the exact path: a student in training. The weights are
    /// copied (packed); [`refresh`](Self::refresh) takes them over again after a step.
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
        let mut model = Self::empty(weights.config(), tokenizer, template, options)?;
        model.fill(weights)?;
        Ok(model)
    }

    /// Takes over the weights of the same shape, in place. Caches filled before hold what the old
    /// weights made: drop them. On an error the model is as it was.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the shape is another, or tensors are missing or not finite.
    pub fn refresh(&mut self, weights: &Weights) -> Result<()> {
        weights.check()?;
        if !self.config.same_shape(weights.config()) {
            return Err(Error::Invalid("the weights are of another shape".into()));
        }
        self.fill(weights)
    }

    /// A model of zeros; memory is foreseen before it is taken.
    fn empty(
        config: &Config,
        tokenizer: Arc<Tokenizer>,
        template: Option<ChatTemplate>,
        options: &Options,
    ) -> Result<Self> {
        memory::check(config, options.memory)?;
        let (width, vocabulary) = (config.width, config.vocabulary);
        let head = (!config.tied).then(|| Linear::zeros(width, vocabulary));
        let context = options.context.unwrap_or(config.context);
        Ok(Self {
            rope: Rope::new(config.rope_layout(), config.rope_base, config.heads.width),
            context: context.min(config.context).max(1),
            tokenizer,
            template,
            embedding: Linear::zeros(width, vocabulary),
            head,
            layers: (0..config.layers).map(|_| Layer::zeros(config)).collect(),
            norm: vec![0.0; width],
            level: Level::best(),
            pool: pool(options.threads)?,
            config: config.clone(),
        })
    }

    /// Sets every weight.
    fn fill(&mut self, tensors: &dyn Tensors) -> Result<()> {
        self.embedding
            .set_rows(0, &tensors.read("token_embd.weight")?);
        if let Some(head) = &mut self.head {
            head.set_rows(0, &tensors.read("output.weight")?);
        }
        self.norm
            .copy_from_slice(&tensors.read("output_norm.weight")?);
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.fill(&self.config, i, tensors)?;
        }
        Ok(())
    }
}

impl Layer {
    fn zeros(config: &Config) -> Self {
        let (query, qkv) = config.attention_widths();
        let (width, feed) = (config.width, config.feed_width);
        Self {
            attention_norm: vec![0.0; width],
            qkv: Linear::zeros(width, qkv),
            output: Linear::zeros(query, width),
            feed_norm: vec![0.0; width],
            gate_up: Linear::zeros(width, 2 * feed),
            down: Linear::zeros(feed, width),
        }
    }

    fn fill(&mut self, config: &Config, layer: usize, tensors: &dyn Tensors) -> Result<()> {
        let read = |part: &str| tensors.read(&format!("blk.{layer}.{part}"));
        let (query, qkv) = config.attention_widths();
        let kept = (qkv - query) / 2;
        self.attention_norm
            .copy_from_slice(&read("attn_norm.weight")?);
        self.feed_norm.copy_from_slice(&read("ffn_norm.weight")?);
        self.qkv.set_rows(0, &read("attn_q.weight")?);
        self.qkv.set_rows(query, &read("attn_k.weight")?);
        self.qkv.set_rows(query + kept, &read("attn_v.weight")?);
        if config.family == Family::Qwen2 {
            let mut bias = read("attn_q.bias")?.into_owned();
            bias.extend_from_slice(&read("attn_k.bias")?);
            bias.extend_from_slice(&read("attn_v.bias")?);
            self.qkv.set_bias(bias);
        }
        self.output.set_rows(0, &read("attn_output.weight")?);
        self.gate_up.set_rows(0, &read("ffn_gate.weight")?);
        let feed = config.feed_width;
        self.gate_up.set_rows(feed, &read("ffn_up.weight")?);
        self.down.set_rows(0, &read("ffn_down.weight")?);
        Ok(())
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
